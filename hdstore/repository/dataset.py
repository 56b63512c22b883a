"""A dataset: a named family of versions and what people say of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from hdstore.errors import (
    AlreadyExistsError,
    AmbiguousNameError,
    InvalidInputError,
    NotFoundError,
    ReadOnlyError,
)
from hdstore.ids import named_id
from hdstore.model import (
    DatasetDocument,
    Metadata,
    Schema,
    Stats,
    Status,
    VersionDocument,
    VersionRecord,
    check_metadata,
    check_name,
    replace,
)
from hdstore.repository.core import Core, draft_ref, published_ref, tombstone
from hdstore.repository.joining import merge_dataset
from hdstore.repository.merging import merge_parents
from hdstore.repository.naming import clean_project, clean_tags, find_one
from hdstore.repository.saving import write_child
from hdstore.repository.version import DatasetVersion
from hdstore.store import RefUpdate, Writer
from hdstore.version import Batch, VersionState, overlay, write_commit, write_tree

__all__ = ["FIRST_VERSION", "Dataset", "write_root"]

FIRST_VERSION = "Current"
"""The name of the empty draft that every new dataset has (row 1)."""


def write_root(
    core: Core, writer: Writer, *, dataset_id: str, version_id: str, metadata: Metadata | None = None
) -> str:
    """Returns the first commit of a version without parents: no frames, an empty schema."""
    document = VersionDocument(
        created=core.now(), dataset_id=dataset_id, id=version_id, metadata=metadata or {}
    )
    tree = write_tree(writer, document=document, schema=Schema(), stats=Stats(), frames=None)
    return write_commit(
        writer,
        tree=tree,
        parents=(),
        author=core.author,
        time=core.now(),
        message="Begin",
    )


class Dataset:
    """A handle on a dataset; it always reads what the catalog says now."""

    def __init__(self, core: Core, dataset_id: str) -> None:
        self._core = core
        self.id = dataset_id

    def __repr__(self) -> str:
        document = self._core.catalog().datasets.get(self.id)
        return f"<Dataset {document.name if document else '?'!r} ({self.id})>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dataset) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def _document(self) -> DatasetDocument:
        return self._core.document(self.id)

    @property
    def name(self) -> str:
        """The name people gave it."""
        return self._document.name

    @property
    def project(self) -> str:
        """The project it belongs to, a path with slashes; "" at the top."""
        return self._document.project

    @property
    def description(self) -> str:
        """What people say of it."""
        return self._document.description

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags."""
        return self._document.tags

    @property
    def metadata(self) -> Metadata:
        """Its own metadata, apart from that of its versions."""
        return self._document.metadata

    @property
    def archived(self) -> bool:
        """Whether it is put away."""
        return self._document.archived

    @property
    def created(self) -> int:
        """When it was made, in seconds since 1970."""
        return self._document.created

    @property
    def updated(self) -> int:
        """When any of its versions was last saved, in seconds since 1970."""
        return max((version.updated for version in self.versions()), default=self.created)

    # Versions

    def versions(self, *, drafts: bool = True, published: bool = True) -> list[DatasetVersion]:
        """Returns its versions, latest updated first; costs nothing by the number of frames."""
        return sorted(
            self._handles(drafts=drafts, published=published),
            key=lambda version: (-version.updated, version.id),
        )

    def _handles(self, *, drafts: bool = True, published: bool = True) -> list[DatasetVersion]:
        """Returns handles on its versions in no order: nothing of them is read."""
        found: dict[str, bool] = {}
        for place, is_published in (("heads", False), ("tags", True)):
            base = f"refs/{place}/{self.id}/"
            # A tag goes before a branch of the same id: the version is published.
            found.update(
                dict.fromkeys((name.removeprefix(base) for name in self._core.refs.list(base)), is_published)
            )
        return [
            DatasetVersion(self._core, self, version_id)
            for version_id, is_published in found.items()
            if (published if is_published else drafts)
        ]

    def version(self, name: str) -> DatasetVersion:
        """Returns the version of this id or name; raises NotFoundError or AmbiguousNameError."""
        return find_one(name, self._handles(), "version", f"dataset {self.name!r}")

    def current(self) -> DatasetVersion:
        """Returns the one draft; with several, the one named Current; AmbiguousNameError where that does not decide."""
        drafts = self.versions(published=False)
        if len(drafts) > 1:
            named = [draft for draft in drafts if draft.name == FIRST_VERSION]
            if len(named) != 1:
                names = ", ".join(f"{draft.name!r} ({draft.id})" for draft in drafts)
                raise AmbiguousNameError(
                    f"Dataset {self.name!r} has {len(drafts)} drafts, say which: {names}",
                    candidates=tuple(draft.id for draft in drafts),
                )
            drafts = named
        if not drafts:
            raise NotFoundError(
                f"Dataset {self.name!r} has no draft; create a version from a published one to edit it."
            )
        return drafts[0]

    def create_version(
        self,
        name: str,
        *,
        parents: str | DatasetVersion | Iterable[str | DatasetVersion] = (),
        strategy: Literal["merge", "overlay"] = "merge",
        description: str = "",
        metadata: Metadata | None = None,
    ) -> DatasetVersion:
        """Makes a draft: empty without parents, with the parent's frames, or with those of several (row 152).

        Parents are published versions, by name or id or as handles. Several are merged one after another, three-way:
        what they changed differently becomes conflicts of the draft. With the strategy "overlay" the frames of later
        parents replace those of earlier ones. Raises AlreadyExistsError when a draft of this name is there.
        """
        check_name(name, "version")
        if metadata is not None:
            check_metadata(metadata, f"version {name!r}")
        named = (parents,) if isinstance(parents, str | DatasetVersion) else parents
        from_versions = list(dict.fromkeys(self._parent(parent) for parent in named))
        if strategy not in ("merge", "overlay"):
            raise InvalidInputError(f"Parents are joined by 'merge' or 'overlay', not by {strategy!r}.")
        version_id = named_id(name)
        merged = None
        if len(from_versions) > 1 and strategy == "merge":
            merged = VersionState(self._core.objects, merge_parents(self._core, from_versions, version_id))
        ref = draft_ref(self.id, version_id)
        with self._core.changing(f"Create version {name}", ref) as change:
            if any(draft.name == name for draft in self._handles(published=False)):
                raise AlreadyExistsError(
                    f"Dataset {self.name!r} has a draft named {name!r} already; edit that or choose another name."
                )
            if len(from_versions) > 1 and merged is None:
                commit = self._write_overlaid(change.writer, from_versions, version_id, name, metadata)
            elif from_versions:
                commit = write_child(
                    self._core,
                    change.writer,
                    from_versions[0].state() if merged is None else merged,
                    version_id=version_id,
                    parents=tuple(parent.id for parent in from_versions),
                    message=f"Create version {name} from {', '.join(parent.name for parent in from_versions)}",
                    metadata=metadata,
                )
            else:
                commit = write_root(
                    self._core, change.writer, dataset_id=self.id, version_id=version_id, metadata=metadata
                )
            change.moves.append(RefUpdate(ref, None, commit))
            change.put_version(self.id, version_id, VersionRecord(name=name, description=description))
        return DatasetVersion(self._core, self, version_id)

    def _parent(self, parent: str | DatasetVersion) -> DatasetVersion:
        version = self.version(parent) if isinstance(parent, str) else parent
        if version.dataset.id != self.id:
            raise InvalidInputError(
                f"A parent is a version of the same dataset, but {version.path} is one of another."
            )
        if version.is_draft:
            raise InvalidInputError(
                f"Children come from published versions only, and {version.path} is a draft; publish or snapshot it"
                " first."
            )
        return version

    def _write_overlaid(
        self,
        writer: Writer,
        parents: Sequence[DatasetVersion],
        version_id: str,
        name: str,
        metadata: Metadata | None,
    ) -> str:
        core = self._core
        states = [parent.state() for parent in parents]
        base = states[0]
        schema, merged = base.schema, dict(base.document.metadata)
        for state in states[1:]:
            masks = {**schema.mask_labels, **state.schema.mask_labels}
            schema = replace(schema.with_labels(*state.schema.labels), mask_labels=masks)
            merged.update(state.document.metadata)
        document = replace(
            base.document,
            id=version_id,
            created=core.now(),
            parents=tuple(parent.id for parent in parents),
            metadata=merged if metadata is None else metadata,
        )
        with Batch(core.layout.tmp) as batch:
            overlay(batch, base, states[1:])
            tree = batch.build(core.objects, writer, base, document=document, schema=schema).tree
        return write_commit(
            writer,
            tree=tree,
            parents=tuple(state.commit for state in states),
            author=core.author,
            time=core.now(),
            message=f"Create version {name} from {', '.join(parent.name for parent in parents)}",
        )

    merge = merge_dataset

    # What people say of it

    def _edit(self, message: str, **fields: object) -> None:
        with self._core.changing(message) as change:
            change.put(replace(change.document(self.id), **fields))

    def rename(self, name: str) -> None:
        """Gives it another name; raises AlreadyExistsError when another dataset carries it."""
        check_name(name, "dataset")
        with self._core.changing(f"Rename dataset {self.name} to {name}") as change:
            for other in change.datasets.values():
                if other.name == name and not other.deleted and other.id != self.id:
                    raise AlreadyExistsError(
                        f"There is a dataset {name!r} already ({other.id}); choose another name."
                    )
            change.put(replace(change.document(self.id), name=name))

    def describe(self, text: str) -> None:
        """Replaces its description."""
        self._edit(f"Describe dataset {self.name}", description=text)

    def move(self, project: str) -> None:
        """Moves it to another project."""
        self._edit(f"Move dataset {self.name}", project=clean_project(project))

    def archive(self, archived: bool = True) -> None:
        """Puts it away, or with False brings it back."""
        self._edit(f"{'Archive' if archived else 'Restore'} dataset {self.name}", archived=archived)

    def set_metadata(self, metadata: Metadata) -> None:
        """Replaces its metadata."""
        check_metadata(metadata, f"dataset {self.name!r}")
        self._edit(f"Set the metadata of dataset {self.name}", metadata=metadata)

    def set_tags(self, tags: str | Iterable[str]) -> None:
        """Replaces its tags; a string holds several with blanks between them."""
        self._edit(f"Tag dataset {self.name}", tags=clean_tags(tags))

    def add_tags(self, tags: str | Iterable[str]) -> None:
        """Adds tags it does not have."""
        new = clean_tags(tags)
        with self._core.changing(f"Tag dataset {self.name}") as change:
            document = change.document(self.id)
            change.put(replace(document, tags=tuple(dict.fromkeys((*document.tags, *new)))))

    def remove_tags(self, tags: str | Iterable[str]) -> None:
        """Takes tags away; those it does not have are passed over."""
        gone = clean_tags(tags)
        with self._core.changing(f"Tag dataset {self.name}") as change:
            document = change.document(self.id)
            change.put(replace(document, tags=tuple(tag for tag in document.tags if tag not in gone)))

    def delete(self, *, all_versions: bool = False, force: bool = False) -> None:
        """Deletes the dataset (row 10).

        One without frames goes at once; drafts with frames need ``all_versions``, published versions ``force``. Media
        stay until ``gc`` finds that nothing needs them.
        """
        while not self._delete(self.versions(), all_versions=all_versions, force=force):
            pass  # somebody made or deleted a version meanwhile

    def _delete(self, versions: list[DatasetVersion], *, all_versions: bool, force: bool) -> bool:
        """Deletes the dataset unless it has other versions than these; says whether it did."""
        refs = [make(self.id, v.id) for v in versions for make in (draft_ref, published_ref)]
        with self._core.changing(f"Delete dataset {self.name}", *refs) as change:
            if set(self.versions()) != set(versions):
                return False
            for version in versions:
                if version.status is Status.PUBLISHED and not force:
                    raise ReadOnlyError(
                        f"Dataset {self.name!r} has published versions ({version.name!r}); deleting it needs force."
                    )
                if len(version) and not (all_versions or force):
                    raise ReadOnlyError(
                        f"Dataset {self.name!r} has frames in {version.name!r}; say that all versions shall go."
                    )
            for ref in refs:
                oid = self._core.refs.get(ref)
                if oid is not None:
                    change.removals.append(RefUpdate(ref, oid, None))
            for version in versions:
                record = change.record(self.id, version.id)
                change.put_version(self.id, version.id, tombstone(self._core, self.id, version.id, record))
            change.put(replace(change.document(self.id), deleted=True))
        return True
