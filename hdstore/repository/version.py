"""One version of a dataset: reading it at its tip, and changing it while it is a draft."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hdstore.diff import Diff, diff
from hdstore.errors import ConflictError, ReadOnlyError
from hdstore.ids import named_id
from hdstore.model import (
    Changes,
    Commit,
    Edit,
    Frame,
    MaskLabel,
    Metadata,
    Progress,
    Schema,
    SetSchema,
    SetVersionMetadata,
    Stats,
    Status,
    VersionRecord,
    check_name,
    replace,
)
from hdstore.repository import blaming, finding, merging, resolving, restoring
from hdstore.repository.bulk import Bulk
from hdstore.repository.core import Change, Core, draft_ref, published_ref, tombstone
from hdstore.repository.indexing import rows_of
from hdstore.repository.naming import clean_tags
from hdstore.repository.saving import save_batch, save_edits, write_child, write_metadata
from hdstore.repository.searching import find, read_found, unknown_fields
from hdstore.store import RefUpdate, decode_commit, decode_tag, encode_tag
from hdstore.version import Batch, VersionState, commit_of, history

if TYPE_CHECKING:
    from hdstore.index import VersionRows
    from hdstore.query.found import Found
    from hdstore.repository.dataset import Dataset

__all__ = ["DatasetVersion"]


class DatasetVersion:
    """A handle on a version; it always reads what stands there now.

    ``state()`` gives an immutable view of one moment.
    """

    def __init__(self, core: Core, dataset: Dataset, version_id: str) -> None:
        self._core = core
        self.dataset = dataset
        self.id = version_id

    def __repr__(self) -> str:
        return f"<DatasetVersion {self._core.path_of(self.dataset.id, self.id)} ({self.id})>"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, DatasetVersion) and other.id == self.id and other.dataset.id == self.dataset.id
        )

    def __hash__(self) -> int:
        return hash((self.dataset.id, self.id))

    # What it is

    @property
    def _record(self) -> VersionRecord:
        found = self._core.document(self.dataset.id).versions.get(self.id)
        return found or VersionRecord(name=self.id)

    def _ref(self) -> tuple[str, str, Status]:
        return self._core.living_ref(self.dataset.id, self.id)

    @property
    def name(self) -> str:
        """The name people gave it; several versions may share one."""
        return self._record.name

    @property
    def path(self) -> str:
        """The path ``DATASET/VERSION`` by names, as the command line takes it."""
        return self._core.path_of(self.dataset.id, self.id)

    @property
    def status(self) -> Status:
        """Draft or published."""
        return self._ref()[2]

    @property
    def is_draft(self) -> bool:
        """Whether it can be edited."""
        return self.status is Status.DRAFT

    @property
    def commit(self) -> str:
        """The commit at its tip."""
        return commit_of(self._core.objects, self._ref()[1])

    @property
    def updated(self) -> int:
        """When it was last saved or published, in seconds since 1970."""
        _, oid, status = self._ref()
        if status is Status.PUBLISHED:
            kind, data = self._core.objects.read_any(oid)
            if kind == "tag":
                return decode_tag(data).time
        return decode_commit(self._core.objects.read(self.commit, "commit")).committed

    @property
    def created(self) -> int:
        """When it was made, in seconds since 1970."""
        return self.state().document.created

    @property
    def parents(self) -> tuple[str, ...]:
        """The ids of the versions it was made from."""
        return self.state().document.parents

    @property
    def continued_by(self) -> str:
        """The id of the draft that goes on from this snapshot, or ""."""
        return self._record.continued_by

    @property
    def description(self) -> str:
        """The comment people gave it."""
        return self._record.description

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags people gave it."""
        return self._record.tags

    @property
    def metadata(self) -> Metadata:
        """Its metadata; fixed once it is published."""
        return self.state().document.metadata

    # Reading

    def state(self) -> VersionState:
        """Returns an immutable view of what it holds now."""
        return VersionState(self._core.objects, self.commit)

    def stats(self) -> Stats:
        """Returns counts of frames, annotations and labels."""
        return self.state().stats

    def schema(self) -> Schema:
        """Returns its labels and mask labels."""
        return self.state().schema

    def __len__(self) -> int:
        return len(self.state())

    def __bool__(self) -> bool:
        return True  # a version without frames is still a version

    def __contains__(self, frame_id: object) -> bool:
        return frame_id in self.state()

    def frame(self, frame_id: str) -> Frame:
        """Returns one frame; raises NotFoundError when there is none of this id."""
        return self.state().frame(frame_id)

    def frames(self) -> Iterator[Frame]:
        """Streams all frames of this moment, in the order of their keys."""
        return self.state().frames()

    def frame_ids(self) -> Iterator[str]:
        """Streams the ids of all frames of this moment."""
        return self.state().frame_ids()

    def rows(self, *, state: VersionState | None = None, progress: Progress | None = None) -> VersionRows:
        """Returns the rows of the index that this version holds, now or at ``state``; builds those that are missing."""
        return rows_of(self._core, state or self.state(), progress)

    def find(self, text: str, *, rows: VersionRows | None = None, progress: Progress | None = None) -> Found:
        """Returns the frames that meet a Lucene query, now or among ``rows`` of this version.

        Raises:
            QuerySyntaxError: the text is no query; found out before the index is built.
        """
        return find(self._core, text, lambda: rows or self.rows(progress=progress), progress)

    def query(self, text: str) -> Iterator[Frame]:
        """Streams the frames that meet a Lucene query; raises QuerySyntaxError before the first."""
        return read_found(self._core, self.find(text))

    def count(self, text: str) -> int:
        """Returns how many frames meet a Lucene query."""
        return len(self.find(text))

    def ids(self, text: str) -> list[str]:
        """Returns the ids of the frames that meet a Lucene query, sorted."""
        return sorted(self.find(text).ids())

    def unknown_fields(self, text: str) -> list[str]:
        """Returns a sentence for each key of metadata that a query asks for and no frame has."""
        return unknown_fields(text, self.rows())

    # What is computed over its frames, or over those that meet a query

    statistics = finding.statistics
    distribution = finding.distribution
    ordered = finding.ordered
    group = finding.group
    nearest = finding.nearest
    last_updates = finding.last_updates

    def log(self) -> Iterator[Commit]:
        """Streams its commits and those before it, latest first."""
        return history(self._core.objects, self.commit)

    def diff(self, other: DatasetVersion) -> Diff:
        """Returns what was done from this version to ``other``."""
        return diff(self.state(), other.state())

    # Who did what to a frame

    blame = blaming.blame
    history = blaming.history

    # Editing

    def apply(self, *edits: Edit, message: str | None = None, base: str | None = None) -> Changes:
        """Applies edits as one commit and says what changed.

        ``base`` is the commit at which the edited frames were read; when somebody changed one of them since, nothing is
        saved and EditConflictError carries both sides. Raises ReadOnlyError on a published version.
        """
        return save_edits(self._core, self.dataset.id, self.id, edits, message=message, base=base)

    def add_frames(
        self,
        frames: Iterable[Frame],
        *,
        message: str | None = None,
        base: str | None = None,
        schema: Callable[[Schema], Schema] | None = None,
        metadata: Callable[[Metadata], Metadata] | None = None,
        progress: Progress | None = None,
    ) -> Changes:
        """Adds frames as one commit; a frame whose id is there is replaced, an equal one is left as it is.

        ``schema`` and ``metadata`` are given what the draft holds and return what it shall hold. Memory stays bounded
        whatever the number of frames. ``base`` is the commit at which the frames were read that are replaced; when
        somebody saved the draft since, nothing is saved and ConflictError says so.
        """
        self._core.draft_tip(self.dataset.id, self.id)
        with Batch(self._core.layout.tmp) as batch:
            batch.put_all(frames, progress, "Reading frames")
            return save_batch(
                self._core,
                self.dataset.id,
                self.id,
                batch,
                message=message or f"Add {len(batch)} frame{'' if len(batch) == 1 else 's'}",
                schema=schema,
                metadata=metadata,
                base=base,
                progress=progress,
            )

    def delete_frames(
        self, frame_ids: Iterable[str], *, message: str | None = None, progress: Progress | None = None
    ) -> Changes:
        """Removes frames as one commit; ids that are not there are passed over."""
        self._core.draft_tip(self.dataset.id, self.id)
        with Batch(self._core.layout.tmp) as batch:
            for frame_id in frame_ids:
                batch.remove(frame_id)
            return save_batch(
                self._core,
                self.dataset.id,
                self.id,
                batch,
                message=message or f"Delete {len(batch)} frame{'' if len(batch) == 1 else 's'}",
                progress=progress,
            )

    def bulk(self, *, flush_threshold: int | None = None) -> Bulk:
        """Returns a context in which frames are added, updated and deleted one by one and saved together (row 58)."""
        return Bulk(self._core, self.dataset.id, self.id, flush_threshold=flush_threshold)

    def set_schema(self, schema: Schema) -> Changes:
        """Replaces the labels and mask labels."""
        return self.apply(SetSchema(schema=schema))

    def set_mask_labels(self, mask_labels: dict[str, tuple[MaskLabel, ...]]) -> Changes:
        """Replaces what the pixel values of masks mean (row 85)."""
        return self.apply(SetSchema(schema=replace(self.schema(), mask_labels=mask_labels)))

    def set_metadata(self, metadata: Metadata) -> Changes:
        """Replaces the metadata; it never merges (row 28)."""
        return self.apply(SetVersionMetadata(metadata=metadata))

    # Joining what others did, and going back

    merge = merging.merge
    conflicts = resolving.conflicts
    waiting = resolving.waiting
    side_commits = resolving.side_commits
    resolve = resolving.resolve
    restore = restoring.restore

    # What people say of it

    def _edit_record(self, message: str, **fields: object) -> None:
        with self._core.changing(message) as change:
            self._ref()
            record = change.record(self.dataset.id, self.id)
            change.put_version(self.dataset.id, self.id, replace(record, **fields))

    def rename(self, name: str) -> None:
        """Gives it another name; allowed after publishing too."""
        check_name(name, "version")
        self._edit_record(f"Rename version {self.name} to {name}", name=name)

    def describe(self, text: str) -> None:
        """Replaces its comment."""
        self._edit_record(f"Describe version {self.name}", description=text)

    def set_tags(self, tags: str | Iterable[str]) -> None:
        """Replaces its tags; a string holds several with blanks between them."""
        self._edit_record(f"Tag version {self.name}", tags=clean_tags(tags))

    # Its life

    def publish(self, *, comment: str | None = None) -> None:
        """Makes it read-only for ever, under the id it has."""
        ref = draft_ref(self.dataset.id, self.id)
        with self._core.changing(f"Publish version {self.name}", ref) as change:
            tip = self._draft_tip()
            self._tag(change, tip, comment, tip=tip)
            if comment:
                record = change.record(self.dataset.id, self.id)
                change.put_version(self.dataset.id, self.id, replace(record, description=comment))

    def snapshot(
        self,
        *,
        name: str | None = None,
        comment: str | None = None,
        metadata: Metadata | None = None,
        child_name: str | None = None,
        child_comment: str | None = None,
        child_metadata: Metadata | None = None,
    ) -> tuple[DatasetVersion, DatasetVersion]:
        """Publishes the draft in place and makes a draft child that goes on; returns both.

        The published version keeps its id, is called ``name`` ("snapshot" and the time unless given); the child keeps
        the name and the tags the draft had (rows 21-23).
        """
        core, dataset_id = self._core, self.dataset.id
        when = datetime.fromtimestamp(core.clock(), UTC)
        name = name or f"snapshot {when.strftime('%Y-%m-%dT%H:%M:%S.%f')}"
        comment = comment or f"published at {when.strftime('%Y-%m-%d %H:%M:%S')} by {core.author.name}"
        check_name(name, "version")
        if child_name is not None:
            check_name(child_name, "version")
        child_id = named_id(child_name or self.name)
        refs = (draft_ref(dataset_id, self.id), draft_ref(dataset_id, child_id))
        with core.changing(f"Snapshot version {self.name} as {name}", *refs) as change:
            record = change.record(dataset_id, self.id)
            tip = self._draft_tip()
            state = VersionState(core.objects, tip)
            commit = tip
            if metadata is not None:
                commit = write_metadata(core, change.writer, state, metadata)
            self._tag(change, commit, comment, tip=tip)
            child = write_child(
                core,
                change.writer,
                state,
                version_id=child_id,
                parents=(self.id,),
                message=f"Go on from {name}",
                commit=commit,
                metadata=metadata if child_metadata is None else child_metadata,
            )
            change.moves.append(RefUpdate(refs[1], None, child))
            published = replace(record, name=name, description=comment, continued_by=child_id)
            change.put_version(dataset_id, self.id, published)
            goes_on = replace(record, name=child_name or record.name, description=child_comment or "")
            change.put_version(dataset_id, child_id, goes_on)
        return self, DatasetVersion(core, self.dataset, child_id)

    def delete(self, *, force: bool = False) -> None:
        """Deletes the version: a draft, or with ``force`` a published one; its children keep their frames (row 30)."""
        core, dataset_id = self._core, self.dataset.id
        refs = (draft_ref(dataset_id, self.id), published_ref(dataset_id, self.id))
        with core.changing(f"Delete version {self.name}", *refs) as change:
            ref, oid, status = self._ref()
            if status is Status.PUBLISHED and not force:
                raise ReadOnlyError(f"Version {self.path} is published; deleting it needs force.")
            change.removals.append(RefUpdate(ref, oid, None))
            record = change.record(dataset_id, self.id)
            change.put_version(dataset_id, self.id, tombstone(core, dataset_id, self.id, record))

    def _draft_tip(self) -> str:
        """Returns the commit of this draft, which is to be published."""
        _, tip, status = self._ref()
        if status is Status.PUBLISHED:
            raise ReadOnlyError(f"Version {self.path} is published already; create a child version to go on.")
        return tip

    def _tag(self, change: Change, commit: str, comment: str | None, *, tip: str) -> None:
        """Adds to ``change`` what publishes ``commit``, the tip of this draft or a commit made on it."""
        core, dataset_id = self._core, self.dataset.id
        if VersionState(core.objects, tip).has_conflicts():
            waiting = len(self.conflicts())
            raise ConflictError(
                f"Version {self.path} holds {waiting} conflict{'' if waiting == 1 else 's'} of a merge, so it can not"
                f" be published; see them with 'hdstore conflicts {self.path}' and resolve them with 'hdstore resolve'."
            )
        tag = encode_tag(
            target=commit,
            name=f"{dataset_id}/{self.id}",
            author=core.author,
            time=core.now(),
            message=(comment or f"Publish {self.name}") + "\n",
        )
        change.moves.append(
            RefUpdate(published_ref(dataset_id, self.id), None, change.writer.write("tag", tag))
        )
        change.removals.append(RefUpdate(draft_ref(dataset_id, self.id), tip, None))
