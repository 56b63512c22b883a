"""What repository, dataset and version handles share: the open stores, the catalog, and the one way to change each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hdstore.errors import NotFoundError, ReadOnlyError
from hdstore.media import Media, Roots
from hdstore.model import Author, DatasetDocument, Status, VersionRecord, replace
from hdstore.repository.naming import quote_name
from hdstore.store import (
    CATALOG_REF,
    Catalog,
    Layout,
    Objects,
    Refs,
    RefUpdate,
    Writer,
    maybe_pack_in_background,
    write_catalog,
)

__all__ = ["Core", "draft_ref", "published_ref"]


def draft_ref(dataset_id: str, version_id: str) -> str:
    """Returns the branch of a draft."""
    return f"refs/heads/{dataset_id}/{version_id}"


def published_ref(dataset_id: str, version_id: str) -> str:
    """Returns the tag of a published version."""
    return f"refs/tags/{dataset_id}/{version_id}"


class Core:
    """An open repository without its public face."""

    def __init__(self, layout: Layout, author: Author, clock: Callable[[], float]) -> None:
        self.layout = layout
        self.author = author
        self.clock = clock
        self.objects = Objects(layout.hds)
        self.refs = Refs(layout.hds)
        self.roots = Roots(layout.local)
        self.media = Media(layout.media, self.roots, layout.tmp, cache=layout.index)
        self._catalog: Catalog | None = None

    def recover(self) -> None:
        """Finishes what a killed process left between two steps."""
        self.refs.recover()

    def after_save(self) -> None:
        """Packs loose objects in the background once many have gathered."""
        maybe_pack_in_background(self.layout.hds)

    @property
    def folder(self) -> Path:
        """The folder that holds .hds."""
        return self.layout.folder

    def now(self) -> int:
        """Returns the time in whole seconds since 1970."""
        return int(self.clock())

    def catalog(self) -> Catalog:
        """Returns the catalog as it stands now."""
        tip = self.refs.get(CATALOG_REF)
        if tip is None:
            raise NotFoundError(
                f"The repository in {self.folder} has no catalog: it was not finished. Run init again."
            )
        if self._catalog is None or self._catalog.commit != tip:
            self._catalog = Catalog(self.objects, tip)
        return self._catalog

    def document(self, dataset_id: str) -> DatasetDocument:
        """Returns a dataset's document; raises NotFoundError once it is deleted."""
        return _living(self.catalog().datasets, dataset_id)

    def path_of(self, dataset_id: str, version_id: str) -> str:
        """Returns what people call a version, ``DATASET/VERSION``; the id stands for a name that is not known."""
        document = self.catalog().datasets.get(dataset_id)
        record = document.versions.get(version_id) if document else None
        names = (document.name if document else dataset_id, record.name if record else version_id)
        return "/".join(map(quote_name, names))

    def check_writable(self) -> None:
        """Raises ReadOnlyError when the repository is written in a newer format than this program knows."""
        if self.refs.get(CATALOG_REF) is not None:
            self.catalog().check_writable()

    @contextmanager
    def changing(self, message: str, *refs: str) -> Iterator[Change]:
        """Opens a change of the catalog and of ``refs``, all locked; what is collected moves when the block ends.

        All refs move or none does, whatever happens to the process. An exception leaves everything as it was.
        """
        with self.refs.lock(CATALOG_REF, *refs):
            self.catalog().check_writable()
            # The objects are durable when the inner block ends; only then may refs name them.
            with self.objects.pack() as writer:
                change = Change(self, writer, self.catalog())
                yield change
                updates = change.finish(message)
            self.refs.transaction(updates)

    def ref_of(self, dataset_id: str, version_id: str) -> tuple[str, str, Status] | None:
        """Returns name, value and status of a version's ref, or None; a tag goes before a branch of the same id."""
        name = published_ref(dataset_id, version_id)
        oid = self.refs.get(name)
        if oid is not None:
            return name, oid, Status.PUBLISHED
        name = draft_ref(dataset_id, version_id)
        oid = self.refs.get(name)
        return (name, oid, Status.DRAFT) if oid is not None else None

    def living_ref(self, dataset_id: str, version_id: str) -> tuple[str, str, Status]:
        """Returns name, value and status of a version's ref; raises NotFoundError once it is deleted."""
        found = self.ref_of(dataset_id, version_id)
        if found is None:
            path = self.path_of(dataset_id, version_id)
            raise NotFoundError(f"There is no version {path} ({version_id}) any more; it was deleted.")
        return found

    def draft_tip(self, dataset_id: str, version_id: str) -> str:
        """Returns the commit of a draft that is to be edited; raises ReadOnlyError for a published version."""
        _, oid, status = self.living_ref(dataset_id, version_id)
        if status is Status.PUBLISHED:
            raise ReadOnlyError(
                f"Version {self.path_of(dataset_id, version_id)} is published and can not be changed; create a child"
                " version of it and edit that."
            )
        self.catalog().check_writable()
        return oid


def _living(documents: Mapping[str, DatasetDocument], dataset_id: str) -> DatasetDocument:
    document = documents.get(dataset_id)
    if document is None or document.deleted:
        called = f"{document.name!r} ({dataset_id})" if document else repr(dataset_id)
        raise NotFoundError(f"There is no dataset {called} any more; it was deleted.")
    return document


class Change:
    """What one change of the catalog collects: documents, and moves of other refs before and after it."""

    def __init__(self, core: Core, writer: Writer, catalog: Catalog) -> None:
        self._core = core
        self._catalog = catalog
        self._documents: dict[str, DatasetDocument] = {}
        self.writer = writer
        self.moves: list[RefUpdate] = []
        self.removals: list[RefUpdate] = []

    @property
    def datasets(self) -> dict[str, DatasetDocument]:
        """The documents as this change would leave them."""
        return {**self._catalog.datasets, **self._documents}

    def document(self, dataset_id: str) -> DatasetDocument:
        """Returns a dataset's document; raises NotFoundError once it is deleted."""
        return _living(self.datasets, dataset_id)

    def put(self, document: DatasetDocument) -> None:
        """Adds a document or replaces the one of its id."""
        self._documents[document.id] = document

    def put_version(self, dataset_id: str, version_id: str, record: VersionRecord) -> None:
        """Adds a version's record to its dataset or replaces it."""
        document = self.document(dataset_id)
        self.put(replace(document, versions={**document.versions, version_id: record}))

    def record(self, dataset_id: str, version_id: str) -> VersionRecord:
        """Returns a version's record; one that a pull brought without its name is called by its id."""
        found = self.document(dataset_id).versions.get(version_id)
        return found or VersionRecord(name=version_id)

    def finish(self, message: str) -> list[RefUpdate]:
        """Writes the catalog and returns the moves of all refs, in their order."""
        updates = list(self.moves)
        changed = [
            document
            for document in self._documents.values()
            if document != self._catalog.datasets.get(document.id)
        ]
        if changed:
            commit = write_catalog(
                self.writer,
                self._catalog,
                changed,
                author=self._core.author,
                time=self._core.now(),
                message=message,
            )
            updates.append(RefUpdate(CATALOG_REF, self._catalog.commit, commit))
        return updates + self.removals
