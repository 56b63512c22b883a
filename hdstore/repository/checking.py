"""fsck: verifies all that a repository stores and names what is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from hdstore.errors import HdstoreError
from hdstore.merge import id_apart, read_conflicts
from hdstore.model import DatasetDocument, Progress, ViewDocument
from hdstore.repository.core import KEEP_REF, Core, draft_ref, keep_ref, published_ref
from hdstore.repository.indexing import index_damage
from hdstore.repository.reports import Finding
from hdstore.store import CATALOG_REF, FORMAT, Catalog, decode_commit, is_foreign_ref, verify_files
from hdstore.sync import INCOMING_REF, Remotes
from hdstore.sync.absent import absent
from hdstore.sync.mediaplace import may_keep_media
from hdstore.version import VersionState, VersionVerifier, commit_of, stands_for

__all__ = ["check_repository"]


def check_repository(core: Core, *, progress: Progress | None = None) -> list[Finding]:
    """Returns what is damaged: object files, refs, catalog, versions with their frames, kept media, index."""
    return list(_Check(core, progress).run())


_KEEP = KEEP_REF.removeprefix("refs/tags/")


class _Check:
    def __init__(self, core: Core, progress: Progress | None) -> None:
        self._core = core
        self._progress = progress
        self._names: dict[str, str] = {}
        self._views: dict[str, ViewDocument] | None = None
        self._verifier = VersionVerifier(core.objects)
        self._unfinished: list[Finding] = []
        self._media_needed: dict[str, str] = {}
        self._known_conflicts: set[str] = set()

    def run(self) -> Iterator[Finding]:
        found = False
        for part in (self._files, self._catalog, self._versions, self._media):
            for finding in part():
                found = True
                yield finding
        if found:
            # Where all is there they are litter; where something is missing it may lie in them.
            yield from self._unfinished
        yield from self._index()

    def _say(self, what: str, done: int, total: int | None = None) -> None:
        if self._progress is not None:
            self._progress(what, done, total)

    def _files(self) -> Iterator[Finding]:
        read = 0

        def count(size: int) -> None:
            nonlocal read
            read += size
            self._say("Verifying objects", read)

        for damage in verify_files(self._core.layout.hds, count):
            lost = ""
            if damage.objects:
                lost = f"; hurt objects: {', '.join(damage.objects[:20])}"
            finding = Finding("file", damage.path, damage.message + lost)
            if damage.unfinished:
                self._unfinished.append(finding)
            else:
                yield finding

    def _catalog(self) -> Iterator[Finding]:
        try:
            tip = self._core.refs.get(CATALOG_REF)
        except HdstoreError as error:
            yield Finding("ref", CATALOG_REF, str(error))
            return
        if tip is None:
            yield Finding("ref", CATALOG_REF, "the catalog is missing")
            return
        waiting, seen = [tip], {tip}
        catalog: Catalog | None = None
        canonical: set[str] = set()
        while waiting:
            oid = waiting.pop()
            try:
                catalog = Catalog(self._core.objects, oid, like=catalog)
                if catalog.format > FORMAT:
                    yield Finding("catalog", oid, f"it is written in the newer format {catalog.format}")
                    return
                odd = catalog.not_canonical(canonical)
                parents = decode_commit(self._core.objects.read(oid, "commit")).parents
            except HdstoreError as error:
                yield Finding("catalog", f"commit {oid}", str(error))
                continue
            for path in odd:
                yield Finding("catalog", f"commit {oid}, {path}", "the document is not in canonical form")
            if oid == tip:
                self._views = catalog.views
            yield from self._published_views(oid, catalog.views)
            if oid == tip:
                yield from self._named_versions(catalog.datasets)
                yield from self._pins(catalog.views)
            for parent in parents:
                if parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)

    def _named_versions(self, datasets: dict[str, DatasetDocument]) -> Iterator[Finding]:
        """Notes what versions are called; those that the catalog names must be there."""
        held = set(self._ref_names())
        never_came = absent(self._core.refs)
        for dataset in datasets.values():
            for version_id, record in dataset.versions.items():
                path = f"{dataset.id}/{version_id}"
                self._names[path] = f"{dataset.name}/{record.name}"
                refs = (draft_ref(dataset.id, version_id), published_ref(dataset.id, version_id))
                gone = held.isdisjoint(refs) and path not in never_came
                if gone and not (record.deleted or dataset.deleted):
                    called = f"{self._names[path]} ({path})"
                    yield Finding("version", called, "the catalog names it, but it has no branch and no tag")

    def _published_views(self, commit: str, views: dict[str, ViewDocument]) -> Iterator[Finding]:
        """Checks that what any commit of the catalog publishes still is, under its id or kept apart by a merge."""
        if self._views is None:
            return
        for document in views.values():
            if not document.published:
                continue
            now = self._views.get(document.id)
            if now is not None and now.published and now.view == document.view:
                continue
            if id_apart(document, self._views.get) not in self._views:
                where = f"{document.name} ({document.id})"
                yield Finding(
                    "view", where, f"it is published, but was not always what it is; see commit {commit}"
                )

    def _pins(self, views: dict[str, ViewDocument]) -> Iterator[Finding]:
        """Checks that what living views pin is there, is what they say, and is kept; part of it may never have come."""
        never_came = absent(self._core.refs)
        for document in views.values():
            if document.deleted:
                continue
            called = f"{document.name} ({document.id})"
            datasets = {query.version: query.dataset for query in document.view.queries}
            for version_id, commit in document.view.pins.items():
                if f"keep/{commit}" in never_came and not self._core.objects.exists(commit):
                    continue
                try:
                    held = VersionState(self._core.objects, commit).document
                    kept = self._core.refs.get(keep_ref(commit))
                except HdstoreError as error:
                    yield Finding("view", called, f"it pins version {version_id} to commit {commit}: {error}")
                    continue
                if (held.dataset_id, held.id) != (datasets.get(version_id, held.dataset_id), version_id):
                    found = f"{held.dataset_id}/{held.id}"
                    yield Finding(
                        "view", called, f"it pins version {version_id} to commit {commit} of {found}"
                    )
                if kept is None:
                    yield Finding(
                        "view", called, f"nothing keeps commit {commit}, which it pins; gc mends that"
                    )

    def _ref_names(self) -> Iterator[str]:
        refs = self._core.refs
        for prefix in ("refs/heads/", "refs/tags/", "refs/hdstore/"):
            yield from refs.loose_names(prefix)
        with suppress(HdstoreError):
            yield from refs.packed_names()

    def _versions(self) -> Iterator[Finding]:
        core = self._core
        try:
            core.refs.packed_names()
        except HdstoreError as error:
            yield Finding("ref", "packed-refs", str(error))
        tips: dict[str, str] = {}
        for name in sorted(set(self._ref_names())):
            if name == CATALOG_REF or name.endswith("/heads/hdstore") or is_foreign_ref(name):
                continue
            try:
                oid = core.refs.get(name)
                if oid is not None:
                    tips[name] = commit_of(core.objects, oid)
                    yield from self._identity(name, oid, tips[name])
            except HdstoreError as error:
                yield Finding("ref", name, str(error))
        seen: set[str] = set()
        here = {name: tip for name, tip in tips.items() if not name.startswith(INCOMING_REF)}
        yield from self._histories(here, seen)
        # The media of what was only fetched come when it is pulled.
        self._media_needed = dict(self._verifier.media)
        yield from self._histories({name: tip for name, tip in tips.items() if name not in here}, seen)

    def _identity(self, name: str, oid: str, commit: str) -> Iterator[Finding]:
        """Checks that what a ref names says that it is this version, or the commit that a view pins."""
        path = name.partition("/heads/")[2] or name.partition("/tags/")[2]
        if path.startswith(_KEEP):
            if path != _KEEP + commit:
                yield Finding("ref", name, f"it keeps the commit {commit}")
            return
        try:
            document = VersionState(self._core.objects, commit).document
        except HdstoreError:
            return  # found when the version is verified
        if path and not stands_for(document, path, oid):
            where = f"{self._names[path]} ({name})" if path in self._names else name
            yield Finding("ref", where, f"it names the version {document.dataset_id}/{document.id}")

    def _histories(self, tips: dict[str, str], seen: set[str]) -> Iterator[Finding]:
        core = self._core
        for name, tip in tips.items():
            path = name.partition("/heads/")[2] or name.partition("/tags/")[2]
            called = self._names.get(path, name)
            waiting = [tip]
            while waiting:
                oid = waiting.pop()
                if oid in seen:
                    continue
                seen.add(oid)
                for problem in self._verifier.commit(oid):
                    yield Finding("version", f"{called}, {problem.where}", problem.message)
                yield from self._conflicts(called, oid)
                self._say("Verifying frames", self._verifier.frames)
                try:
                    waiting += decode_commit(core.objects.read(oid, "commit")).parents
                except HdstoreError as error:
                    yield Finding("version", f"{called}, commit {oid}", str(error))

    def _conflicts(self, called: str, commit: str) -> Iterator[Finding]:
        """Checks that the conflicts a version holds can be read, and are in canonical form."""
        state = VersionState(self._core.objects, commit)
        try:
            tree = state.oid("conflicts")
            if tree is not None and tree not in self._known_conflicts:
                self._known_conflicts.add(tree)
                for _ in read_conflicts(self._core.objects, state):
                    pass
        except HdstoreError as error:
            yield Finding("version", f"{called}, conflicts of commit {commit}", str(error))

    def _index(self) -> Iterator[Finding]:
        self._say("Verifying the index", 0)
        for sentence in index_damage(self._core):
            yield Finding(
                "index",
                str(self._core.index_folder),
                f"{sentence} Searches may go wrong, but nothing is lost: remove it with 'hdstore index drop', and the"
                " next search builds it anew.",
            )

    def _may_be_elsewhere(self) -> bool:
        """Says whether a remote may keep the media that are not kept here."""
        remotes = Remotes(self._core.layout, self._core.refs)
        return any(may_keep_media(remotes.media_place(name)) for name in remotes.list())

    def _media(self) -> Iterator[Finding]:
        media = self._core.media
        kept = list(media.hashes())
        for done, name in enumerate(kept):
            self._say("Verifying media", done, len(kept))
            if not media.verify(name):
                yield Finding("media", name, "the kept bytes are not what their hash says")
        if self._may_be_elsewhere():
            # What only a remote has is no damage: it comes when it is used. ``media status`` says where it is.
            return
        held = set(kept)
        for name, commit in sorted(self._media_needed.items()):
            if name not in held:
                yield Finding("media", name, f"a frame of commit {commit} names it, but it is not kept here")
