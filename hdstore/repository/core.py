"""What repository, dataset and version handles share: the open stores, the catalog, and the one way to change each."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING
from weakref import finalize

from hdstore.errors import NotFoundError, ReadOnlyError
from hdstore.media import Media, Roots
from hdstore.model import Author, DatasetDocument, Status, VersionRecord, ViewDocument, replace
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

if TYPE_CHECKING:
    from hdstore.blame import Histories
    from hdstore.index import Index
    from hdstore.repository.firstuse import FirstUse

_log = logging.getLogger(__name__)

__all__ = [
    "KEEP_REF",
    "SEEN_REF",
    "Core",
    "draft_ref",
    "keep_moves",
    "keep_ref",
    "published_ref",
    "tombstone",
]

SEEN_REF = "refs/hdstore/remotes/"
"""Below it stands what each remote had when it was last seen."""

KEEP_REF = "refs/tags/keep/"
"""Below it stand the commits that views pin; no dataset's id is "keep", for ids have a dot."""


def draft_ref(dataset_id: str, version_id: str) -> str:
    """Returns the branch of a draft."""
    return f"refs/heads/{dataset_id}/{version_id}"


def published_ref(dataset_id: str, version_id: str) -> str:
    """Returns the tag of a published version."""
    return f"refs/tags/{dataset_id}/{version_id}"


def keep_ref(commit: str) -> str:
    """Returns the ref that keeps a commit which a view pins."""
    return f"{KEEP_REF}{commit}"


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
        self.media.fetcher = self._fetch_medium
        self.histories: dict[str, Histories] = {}
        self._catalog: Catalog | None = None
        self._aside: finalize[..., Core] | None = None

    def close(self) -> None:
        """Lets go of open files, and of the index that goes with this handle."""
        first_use = self.__dict__.pop("first_use", None)
        if first_use is not None:
            first_use.close()
        self.media.close()
        if self._aside is not None:
            self._aside()
            self._aside = None
            self.__dict__.pop("index", None)

    @cached_property
    def first_use(self) -> FirstUse:
        """Fetches kept media that are used and not here."""
        # What reaches others is loaded by who needs a medium of theirs.
        from hdstore.repository.firstuse import FirstUse

        return FirstUse(self)

    def _fetch_medium(self, hash: str) -> bool:
        return bool(self.roots.noted_remotes()) and self.first_use(hash)

    @property
    def index_folder(self) -> Path:
        """The folder of the index over all versions."""
        return self.layout.index / "frames"

    @cached_property
    def kept_index(self) -> Index:
        """The index over all versions, in the repository."""
        from hdstore.index import Index  # numpy is loaded by whoever searches

        lock = self.layout.locks / "index.lock"
        return Index(self.index_folder, self.objects, tmp=self.layout.tmp, lock=lock)

    @cached_property
    def index(self) -> Index:
        """The index for searches; a repository that can not be written to gets one that goes with this handle."""
        from hdstore.index import Index

        if os.access(self.layout.index, os.W_OK):
            return self.kept_index
        _log.warning(
            "%s can not be written to: what the index lacks is built in a temporary folder.",
            self.layout.index,
        )
        aside = Path(mkdtemp(prefix="hdstore-index-"))
        # A handle that nobody closes takes it along when it goes.
        self._aside = finalize(self, rmtree, aside, ignore_errors=True)
        frames, lock = aside / "frames", aside / "lock"
        return Index(frames, self.objects, tmp=aside, lock=lock, beside=self.kept_index)

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
            self._catalog = Catalog(self.objects, tip, like=self._catalog)
        return self._catalog

    def document(self, dataset_id: str) -> DatasetDocument:
        """Returns a dataset's document; raises NotFoundError once it is deleted."""
        return _living(self.catalog().datasets, dataset_id)

    def view_document(self, view_id: str) -> ViewDocument:
        """Returns a stored view's document; raises NotFoundError once it is deleted."""
        return _living_view(self.catalog().views, view_id)

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
        self.after_save()

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


def _living_view(documents: Mapping[str, ViewDocument], view_id: str) -> ViewDocument:
    document = documents.get(view_id)
    if document is None or document.deleted:
        called = f"{document.name!r} ({view_id})" if document else repr(view_id)
        raise NotFoundError(f"There is no view {called} any more; it was deleted.")
    return document


class Change:
    """What one change of the catalog collects: documents, and moves of other refs before and after it.

    The refs of pinned commits follow from the views: nobody names them here.
    """

    def __init__(self, core: Core, writer: Writer, catalog: Catalog) -> None:
        self._core = core
        self._catalog = catalog
        self._documents: dict[str, DatasetDocument] = {}
        self._views: dict[str, ViewDocument] = {}
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

    @property
    def views(self) -> dict[str, ViewDocument]:
        """The documents of stored views as this change would leave them."""
        return {**self._catalog.views, **self._views}

    def view_document(self, view_id: str) -> ViewDocument:
        """Returns a stored view's document; raises NotFoundError once it is deleted."""
        return _living_view(self.views, view_id)

    def put_view(self, document: ViewDocument) -> None:
        """Adds a stored view or replaces the one of its id."""
        self._views[document.id] = document

    def finish(self, message: str) -> list[RefUpdate]:
        """Writes the catalog and returns the moves of all refs, in their order."""
        changed: list[DatasetDocument | ViewDocument] = [
            document
            for document in self._documents.values()
            if document != self._catalog.datasets.get(document.id)
        ]
        changed_views = [d for d in self._views.values() if d != self._catalog.views.get(d.id)]
        changed += changed_views
        if changed_views:
            self._keep_pinned()
        updates = list(self.moves)
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

    def _keep_pinned(self) -> None:
        """Moves the refs that keep what views pin: first those that are new, and last those nobody needs."""
        before = self._catalog.pinned
        after = frozenset(
            commit
            for document in self.views.values()
            if not document.deleted
            for commit in document.view.pins.values()
        )
        self.moves += keep_moves(self._core.refs, after - before, held=True)
        self.removals += keep_moves(self._core.refs, before - after, held=False)


def tombstone(core: Core, dataset_id: str, version_id: str, record: VersionRecord) -> VersionRecord:
    """Returns the record of a version that is deleted now: it names what was known of it, here and at the remotes.

    Work that somebody did elsewhere without being known here is not among it; it brings the version back.
    """
    version = f"{dataset_id}/{version_id}"
    known = {
        oid for name in (draft_ref, published_ref) if (oid := core.refs.get(name(dataset_id, version_id)))
    }
    for name, oid in core.refs.list(SEEN_REF).items():
        # refs/hdstore/remotes/<remote>/heads/<dataset>/<version>
        if name.removeprefix(SEEN_REF).split("/", 2)[2] == version:
            known.add(oid)
    return replace(record, deleted=True, last=tuple(sorted(known)))


def keep_moves(refs: Refs, commits: Iterable[str], *, held: bool) -> list[RefUpdate]:
    """Returns the moves after which these commits are kept, or are not."""
    moves = []
    for commit in sorted(commits):
        name = keep_ref(commit)
        now, then = refs.get(name), commit if held else None
        if now != then:
            moves.append(RefUpdate(name, now, then))
    return moves
