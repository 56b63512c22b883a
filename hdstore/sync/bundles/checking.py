"""Checking a bundle wholly before anything of it is used: every byte comes from a stranger."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hdstore.errors import DamagedError
from hdstore.ids import NAMED_ID_PATTERN
from hdstore.media import Media
from hdstore.merge import id_apart
from hdstore.model import Progress, ViewDocument
from hdstore.store import (
    CATALOG_REF,
    FORMAT,
    TREE_MODE,
    Catalog,
    Objects,
    Refs,
    decode_commit,
    decode_tag,
    decode_tree,
)
from hdstore.sync.bundles.container import BundleReader
from hdstore.sync.bundles.frames import WRONG, VersionChecker
from hdstore.sync.bundles.objectstream import ObjectUnpacker
from hdstore.sync.bundles.quarantine import Quarantine
from hdstore.sync.bundles.selecting import reached_by_trees
from hdstore.sync.bundles.strict import object_problems
from hdstore.version import Problem, VersionState, commit_of, stands_for

__all__ = ["BundleReport", "Here", "check_bundle", "is_bundle_ref", "missing_commits"]

_KEEP = "refs/tags/keep/"
_VERSION_REF = re.compile(rf"refs/(heads|tags)/({NAMED_ID_PATTERN.pattern})/({NAMED_ID_PATTERN.pattern})")
_KEEP_REF = re.compile(rf"{_KEEP}([0-9a-f]{{40}})")
_CATALOG_ENTRIES = {"README.md", "format", "datasets", "views"}
_MOST_PROBLEMS = 1000


@dataclass(frozen=True, slots=True)
class Here:
    """The repository that a bundle is checked for."""

    objects: Objects
    refs: Refs
    media: Media


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleReport:
    """What is in a bundle, and what is wrong with it; sizes are bytes.

    ``refs`` and ``needs`` (prerequisites: commit to the version it is of) are as the bundle names them, ``missing`` are
    the prerequisites that are not here, ``lacking`` media that were wanted but not kept where it was made.
    """

    name: str
    hash: str
    size: int
    created: int
    refs: dict[str, str]
    needs: dict[str, str]
    missing: tuple[str, ...]
    lacking: tuple[str, ...]
    objects: int
    media: int
    media_bytes: int
    problems: tuple[Problem, ...] = ()


def is_bundle_ref(name: str) -> bool:
    """Says whether a bundle may carry a ref of this name: the catalog, a version, or a commit that a view pins."""
    return name == CATALOG_REF or bool(_VERSION_REF.fullmatch(name) or _KEEP_REF.fullmatch(name))


def missing_commits(objects: Objects, refs: Refs, wanted: set[str]) -> set[str]:
    """Returns those of the commits that no ref reaches: what only lies about here may be collected at any time."""
    left = set(wanted)
    seen: set[str] = set()
    waiting: list[str] = []
    if left:
        for oid in set(refs.list("refs/").values()):
            try:
                waiting.append(commit_of(objects, oid))
            except DamagedError:
                continue  # a damaged ref reaches nothing
    while left and waiting:
        oid = waiting.pop()
        if oid in seen:
            continue
        seen.add(oid)
        left.discard(oid)
        waiting += decode_commit(objects.read(oid, "commit")).parents
    return left


def check_bundle(
    bundle: BundleReader,
    quarantine: Quarantine,
    here: Here | None,
    *,
    keep: bool = False,
    progress: Progress | None = None,
) -> BundleReport:
    """Reads a bundle to its end into the quarantine and returns what is in it and what is wrong.

    With ``keep``, media that are not kept here are written too, else only their hashes are verified. Raises
    DamagedError where the file can not be read on, and StorageError when the disk has no room for what is in it.
    """
    return _Check(bundle, quarantine, here, keep, progress).run()


class _Check:
    def __init__(
        self,
        bundle: BundleReader,
        quarantine: Quarantine,
        here: Here | None,
        keep: bool,
        progress: Progress | None,
    ) -> None:
        self._bundle = bundle
        self._quarantine = quarantine
        self._here = here
        self._keep = keep
        self._progress = progress
        self._problems: list[Problem] = []
        self._missing: set[str] = set()
        self._reached: set[bytes] = set()
        self._behind: dict[bytes, str] | None = None

    def run(self) -> BundleReport:
        bundle, header = self._bundle, self._bundle.header
        self._quarantine.check_room(header.object_bytes + header.media_bytes)
        self._check_names()
        self._find_needs()
        self._read_objects()
        if not self._problems:
            self._check_reach()
        if not self._problems:
            self._check_values()
        self._read_media()
        bundle.finish()
        return BundleReport(
            name=bundle.name,
            hash=bundle.hash,
            size=bundle.size,
            created=header.created,
            refs=bundle.refs,
            needs=bundle.needs,
            missing=tuple(sorted(self._missing)),
            lacking=bundle.lacking,
            objects=header.objects,
            media=header.media,
            media_bytes=header.media_bytes,
            problems=tuple(self._problems),
        )

    def _add(self, where: str, message: str) -> None:
        if len(self._problems) < _MOST_PROBLEMS:
            self._problems.append(Problem(where, message))

    def _say(self, what: str, done: int, total: int | None = None) -> None:
        if self._progress is not None:
            self._progress(what, done, total)

    def _check_names(self) -> None:
        for name in self._bundle.refs:
            if not is_bundle_ref(name):
                self._add(f"ref {name}", "a bundle carries no such ref")
        if CATALOG_REF not in self._bundle.refs:
            self._add(f"ref {CATALOG_REF}", "the bundle carries no catalog")
        if self._bundle.header.format > FORMAT:
            self._add("format", f"it is from a repository of the newer format {self._bundle.header.format}")

    def _find_needs(self) -> None:
        needs = set(self._bundle.needs)
        if self._here is None:
            self._missing = needs
            return
        self._missing = missing_commits(self._here.objects, self._here.refs, needs)
        if not self._missing:
            self._behind = reached_by_trees(self._here.objects, sorted(needs))

    def _read_objects(self) -> None:
        header = self._bundle.header
        unpacker = ObjectUnpacker(header.objects, header.object_bytes)
        brought = self._quarantine.brought
        with self._quarantine.unpacking() as writer:
            for batch in self._bundle.objects():
                for kind, data in unpacker.feed(batch):
                    oid = writer.write(kind, data)
                    raw = bytes.fromhex(oid)
                    if raw in brought:
                        raise DamagedError(f"The bundle holds the object {oid} twice; make it again.")
                    brought[raw] = kind
                    for problem in object_problems(kind, data):
                        self._add(f"{kind} {oid}", problem)
                self._say("Reading the bundle", self._bundle.position, self._bundle.size)
            unpacker.finish()

    # What hangs together

    def _check_reach(self) -> None:
        """Checks that all that refs need is here, and that nothing is here which they do not need."""
        for name, oid in self._bundle.refs.items():
            self._check_tip(name, oid)
        waiting = [oid for oid in map(self._commit_of, self._bundle.refs.values()) if oid]
        while waiting:
            oid = waiting.pop()
            if not self._meet(oid, "commit", "a ref or a commit"):
                continue
            commit = decode_commit(self._quarantine.read(oid, "commit"))
            waiting += commit.parents
            self._walk(oid, commit.tree)
        # Where something is missing, what lies behind it is not met either.
        if not self._problems:
            for raw in self._quarantine.brought.keys() - self._reached:
                self._add(f"object {raw.hex()}", "no ref of the bundle needs it")

    def _check_tip(self, name: str, oid: str) -> None:
        kind = self._quarantine.brought.get(bytes.fromhex(oid))
        if _VERSION_REF.fullmatch(name) and name.startswith("refs/tags/"):
            if kind != "tag":
                self._add(f"ref {name}", f"it names {oid}, which is not an annotated tag in the bundle")
                return
            self._reached.add(bytes.fromhex(oid))
        elif kind not in ("commit", None):
            self._add(f"ref {name}", f"it names {oid}, which is a {kind}")
        elif name.startswith(_KEEP) and name != _KEEP + oid:
            self._add(f"ref {name}", f"it keeps the commit {oid}")

    def _commit_of(self, oid: str) -> str:
        kind = self._quarantine.brought.get(bytes.fromhex(oid))
        if kind != "tag":
            return oid if kind in ("commit", None) else ""
        return decode_tag(self._quarantine.read(oid, "tag")).target

    def _meet(self, oid: str, kind: str, where: str) -> bool:
        """Says whether an object of the bundle is met for the first time; notes what is wrong with any other."""
        raw = bytes.fromhex(oid)
        found = self._quarantine.brought.get(raw)
        if found is None:
            found = self._kind_behind(raw, kind)
            if found != kind:
                self._add(
                    f"{kind} {oid}",
                    f"{where} names it, but it is neither in the bundle nor in what the bundle builds on",
                )
            return False
        if found != kind:
            self._add(f"object {oid}", f"{where} names it as a {kind}, but it is a {found}")
            return False
        if raw in self._reached:
            return False
        self._reached.add(raw)
        return True

    def _kind_behind(self, raw: bytes, kind: str) -> str | None:
        """Returns what an object is that the bundle builds on; where that is not here, it is what it should be."""
        if kind == "commit":
            return "commit" if raw.hex() in self._bundle.needs else None
        if self._behind is None:
            return kind if self._missing else None
        return self._behind.get(raw)

    def _walk(self, commit: str, tree: str) -> None:
        waiting = [(tree, "tree", f"the commit {commit}")]
        self._say("Verifying objects", len(self._reached), len(self._quarantine.brought))
        while waiting:
            oid, kind, where = waiting.pop()
            if not self._meet(oid, kind, where) or kind == "blob":
                continue
            for entry in decode_tree(self._quarantine.read(oid, "tree")):
                below = "tree" if entry.mode == TREE_MODE else "blob"
                waiting.append((entry.oid, below, f"the tree {oid}"))

    # What objects say

    def _check_values(self) -> None:
        """Checks catalog and versions; what stands on prerequisites that are missing can not be checked."""
        checker = VersionChecker(self._quarantine, self._progress)
        if not self._missing:
            self._check_catalog(self._bundle.refs[CATALOG_REF])
            tips = [oid for name, oid in self._bundle.refs.items() if name != CATALOG_REF]
            for oid in self._history(map(self._commit_of, tips)):
                for problem in checker.commit(oid):
                    self._add(problem.where, problem.message)
            for name, oid in self._bundle.refs.items():
                self._check_identity(name, oid)

    def _history(self, tips: Iterator[str]) -> Iterator[str]:
        """Yields the commits of the bundle behind some tips, parents before those that were made from them."""
        seen: set[str] = set()
        for tip in tips:
            waiting = [(tip, False)]
            while waiting:
                oid, parents_done = waiting.pop()
                if parents_done:
                    yield oid
                elif oid not in seen and bytes.fromhex(oid) in self._quarantine.brought:
                    seen.add(oid)
                    waiting.append((oid, True))
                    parents = decode_commit(self._quarantine.read(oid, "commit")).parents
                    waiting += [(parent, False) for parent in parents]

    def _check_identity(self, name: str, oid: str) -> None:
        """Checks that the version a ref names is the one that its name, and its tag, say."""
        match = _VERSION_REF.fullmatch(name)
        if not match or self._problems:
            return
        try:
            document = VersionState(self._quarantine, self._commit_of(oid)).document
            called = f"{document.dataset_id}/{document.id}"
            tag = decode_tag(self._quarantine.read(oid, "tag")).name if match[1] == "tags" else called
        except WRONG as error:
            self._add(f"ref {name}", str(error))
            return
        if not stands_for(document, f"{match[2]}/{match[3]}", oid) or tag != called:
            self._add(f"ref {name}", f"it names the version {called}")

    def _check_catalog(self, tip: str) -> None:
        catalog: Catalog | None = None
        canonical: set[str] = set()
        try:
            views = Catalog(self._quarantine, tip).views
        except WRONG as error:
            self._add(f"catalog {tip}", str(error))
            return
        for oid in self._history(iter((tip,))):
            try:
                catalog = Catalog(self._quarantine, oid, like=catalog)
                tree = decode_commit(self._quarantine.read(oid, "commit")).tree
                for entry in decode_tree(self._quarantine.read(tree, "tree")):
                    if entry.name not in _CATALOG_ENTRIES:
                        self._add(f"catalog {oid}", f"it holds {entry.name!r}, which belongs in none")
                if catalog.format != self._bundle.header.format:
                    self._add(f"catalog {oid}", f"it is of the format {catalog.format}")
                for path in catalog.not_canonical(canonical):
                    self._add(f"catalog {oid}, {path}", "the document is not in canonical form")
                self._check_published_views(oid, catalog, views)
            except WRONG as error:
                self._add(f"catalog {oid}", str(error))

    def _check_published_views(self, commit: str, catalog: Catalog, views: dict[str, ViewDocument]) -> None:
        """Checks that what a commit of the catalog publishes still is, under its id or kept apart by a merge."""
        for document in catalog.views.values():
            now = views.get(document.id)
            is_still = now is not None and now.published and now.view == document.view
            if document.published and not is_still and id_apart(document, views.get) not in views:
                self._add(
                    f"view {document.id}", f"it was published in commit {commit}, and is not what it was"
                )

    # Media

    def _read_media(self) -> None:
        media = self._here.media if self._here else None
        for hash, size, chunks in self._bundle.media():
            keep = self._keep and not (media is not None and media.renew(hash, size=size))
            if not self._quarantine.write_medium(hash, self._counted(chunks), keep=keep):
                self._add(f"medium {hash}", "its bytes do not have this hash")

    def _counted(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._say("Reading the bundle", self._bundle.position, self._bundle.size)
            yield chunk
