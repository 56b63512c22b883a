"""Judging what a remote sent, before any ref of ours says that it is good: a stranger may have made every byte of it.

Looked at is what is not known here yet: commits that no ref of ours reaches, each by what it changes. Git has made
sure that objects have their hashes and that none is missing; here they must mean what they should: versions in
canonical form, statistics that are true, documents that belong to the ids of their refs. The rules are those for
bundles, and those of fsck, so that what was pulled is never found to be damaged later.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from heapq import heappop, heappush
from pathlib import Path

from hdstore.errors import DamagedError, InvalidInputError, ReadOnlyError
from hdstore.ids import NAMED_ID_PATTERN
from hdstore.merge import id_apart
from hdstore.model import Progress
from hdstore.store import (
    BLOB_MODE,
    CATALOG_REF,
    FORMAT,
    TREE_MODE,
    Catalog,
    Objects,
    decode_commit,
    decode_tag,
    decode_tree,
)
from hdstore.sync.bundles.frames import VersionChecker
from hdstore.sync.bundles.strict import object_problems
from hdstore.version import VersionState, commit_of, stands_for

__all__ = ["check_outcome", "judge"]

_CATALOG = CATALOG_REF.removeprefix("refs/")
_ID = NAMED_ID_PATTERN.pattern
_VERSION = re.compile(rf"(heads|tags)/({_ID}/{_ID})")
_KEEP = "tags/keep/"
_BESIDE = re.compile(r"(?!\.*$|\.git$|\.gitmodules$|git~)[^/\\\0-\x1f\x7f]{1,255}", re.IGNORECASE)
"""Names beside the documents of a catalog: what git hosts and people put there, and no file system misunderstands."""
_WRONG = (DamagedError, InvalidInputError)


def judge(
    objects: Objects,
    hds: Path,
    sent: Mapping[str, str],
    *,
    known: Mapping[str, str],
    trusted: Iterable[str],
    source: str,
    progress: Progress | None = None,
) -> None:
    """Raises DamagedError that names the version where refs with their objects are not what they should be.

    ``sent`` and ``known`` are refs without their first part; those that are the same in both are not looked at.
    ``trusted`` are all objects that refs of ours name: what they reach was judged when it came, or was made here.
    Raises ReadOnlyError for a catalog of another format, unless nothing is here yet.
    """
    if all(known.get(name) == oid for name, oid in sent.items()):
        return
    _Judge(objects, hds, sent, known, source, progress).run(trusted)


class _Strict(Objects):
    """Objects of which trees, commits and tags must be as git and hdstore write them."""

    def __init__(self, objects: Objects, hds: Path) -> None:
        super().__init__(hds)
        self._behind = objects
        self._right: set[bytes] = set()

    def read_any(self, oid: str) -> tuple[str, bytes]:
        """Returns an object's kind and bytes."""
        kind, data = self._behind.read_any(oid)
        raw = bytes.fromhex(oid)
        if kind != "blob" and raw not in self._right:
            for problem in object_problems(kind, data):
                raise DamagedError(f"The {kind} {oid} is not in order: {problem}.")
            self._right.add(raw)
        return kind, data


class _Judge:
    def __init__(
        self,
        objects: Objects,
        hds: Path,
        sent: Mapping[str, str],
        known: Mapping[str, str],
        source: str,
        progress: Progress | None,
    ) -> None:
        self._objects = objects
        self._strict = _Strict(objects, hds)
        self._sent = sent
        self._known = known
        self._source = source
        self._progress = progress
        self._beside: set[str] = set()

    def run(self, trusted: Iterable[str]) -> None:
        if self._is_of_another_format():
            return  # nothing is here: it can be cloned and read, and what is in it is not ours to judge
        tips: dict[str, str] = {}
        for name, oid in self._sent.items():
            if self._known.get(name) != oid:
                tips[name] = self._tip(name, oid)
        new = new_commits(self._objects, tips.values(), trusted)
        if _CATALOG in tips:
            self._catalog(tips[_CATALOG], new)
        checker = VersionChecker(self._strict, self._progress)
        seen: set[str] = set()
        for name, tip in tips.items():
            if name == _CATALOG:
                continue
            for oid in _parents_first(self._objects, tip, new, seen):
                for problem in checker.commit(oid):
                    raise self._damaged(name, f"{problem.where}: {problem.message}")
            self._identity(name, self._sent[name], tip)

    def _damaged(self, name: str, found: str) -> DamagedError:
        called = "the catalog" if name == _CATALOG else f"the version {self._called(name)}"
        return DamagedError(
            f"What {self._source!r} sent of {called} is damaged or forged, and nothing was moved"
            f" ({found.rstrip('.')}); ask those who keep that repository to run 'hdstore fsck' there."
        )

    def _called(self, name: str) -> str:
        """Returns what the sender calls a version, and where it stands."""
        match = _VERSION.fullmatch(name)
        path = match[2] if match else name
        try:
            dataset_id, _, version_id = path.partition("/")
            document = Catalog(self._objects, self._sent[_CATALOG]).dataset(dataset_id)
            record = document.versions.get(version_id) if document else None
        except (*_WRONG, KeyError):
            return path
        return f"{document.name}/{record.name} ({path})" if document and record else path

    def _is_of_another_format(self) -> bool:
        theirs, ours = self._sent.get(_CATALOG), self._known.get(_CATALOG)
        if theirs is None or theirs == ours:
            return False
        try:
            format = Catalog(self._objects, theirs).format
        except _WRONG as error:
            raise self._damaged(_CATALOG, str(error)) from error
        if ours is None or format <= FORMAT:
            return format > FORMAT
        formats = sorted({format, Catalog(self._objects, ours).format})
        raise ReadOnlyError(
            f"The two repositories are written in the formats {' and '.join(map(str, formats))}; nothing was"
            " moved. Bring both to one format with the newer hdstore first."
        )

    def _tip(self, name: str, oid: str) -> str:
        """Returns the commit that a ref names or tags; drafts are commits, publications annotated tags of one."""
        if name.startswith(_KEEP) and name != _KEEP + oid:
            raise DamagedError(
                f"The ref {name} keeps the commit {oid}; nothing was moved. Check the other repository."
            )
        try:
            kind, data = self._objects.read_any(oid)
            if name.startswith("tags/") and not name.startswith(_KEEP):
                tag = decode_tag(data) if kind == "tag" else None
                if tag is None or tag.kind != "commit":
                    raise DamagedError(f"its ref names {oid}, which is no annotated tag of a commit.")
                self._strict.read_any(oid)
                oid, kind = tag.target, self._objects.read_any(tag.target)[0]
            if kind != "commit":
                raise DamagedError(f"its ref names {oid}, which is a {kind}.")
        except _WRONG as error:
            raise self._damaged(name, str(error)) from error
        return oid

    def _identity(self, name: str, oid: str, tip: str) -> None:
        """Checks that the version a ref names is the one that its name, and its tag, say."""
        match = _VERSION.fullmatch(name)
        if match is None:
            return
        try:
            document = VersionState(self._objects, tip).document
            called = f"{document.dataset_id}/{document.id}"
            tag = decode_tag(self._objects.read(oid, "tag")).name if match[1] == "tags" else called
        except _WRONG as error:
            raise self._damaged(name, str(error)) from error
        if not stands_for(document, match[2], oid) or tag != called:
            raise self._damaged(name, f"its ref names the version {called if tag == called else tag}")

    # The catalog

    def _catalog(self, tip: str, new: set[str]) -> None:
        try:
            last = Catalog(self._objects, tip)
            views = last.views
            catalog: Catalog | None = None
            canonical: set[str] = set()
            for oid in _parents_first(self._objects, tip, new, set()):
                catalog = Catalog(self._objects, oid, like=catalog)
                self._catalog_objects(catalog)
                if catalog.format > last.format:
                    raise DamagedError(f"commit {oid} is of the format {catalog.format}.")
                for path in catalog.not_canonical(canonical):
                    raise DamagedError(f"{path} of commit {oid} is not in canonical form.")
                for view in catalog.views.values():
                    now = views.get(view.id)
                    is_still = now is not None and now.published and now.view == view.view
                    if view.published and not is_still and id_apart(view, views.get) not in views:
                        raise DamagedError(
                            f"the view {view.id} was published in commit {oid} and is not what it was."
                        )
        except _WRONG as error:
            raise self._damaged(_CATALOG, str(error)) from error

    def _catalog_objects(self, catalog: Catalog) -> None:
        """Checks a commit of the catalog and its trees; beside the documents there may be files of any kind."""
        for problem in object_problems("commit", self._objects.read(catalog.commit, "commit")):
            raise DamagedError(f"the commit {catalog.commit} is not in order: {problem}.")
        waiting = [catalog.tree]
        while waiting:
            oid = waiting.pop()
            if oid in self._beside:
                continue
            self._beside.add(oid)
            names: set[str] = set()
            for entry in decode_tree(self._objects.read(oid, "tree")):
                if not _BESIDE.fullmatch(entry.name) or entry.name in names:
                    raise DamagedError(f"its tree {oid} has the entry {entry.name!r}, which none may have.")
                if entry.mode not in (TREE_MODE, BLOB_MODE, 0o100755):
                    raise DamagedError(f"its entry {entry.name!r} is neither a file nor a folder.")
                names.add(entry.name)
                if entry.mode == TREE_MODE:
                    waiting.append(entry.oid)


def check_outcome(objects: Objects, refs: Mapping[str, str], source: str) -> None:
    """Raises DamagedError unless each commit that a view pins is of the version it says.

    ``refs`` are what a repository would hold, without the first part of their names. What the catalog names and has no
    ref may come later, as after a bundle of some versions (see ``absent``).
    """
    if _CATALOG not in refs:
        return
    catalog = Catalog(objects, refs[_CATALOG])
    for view in catalog.views.values():
        datasets = {query.version: query.dataset for query in view.view.queries}
        for version_id, commit in () if view.deleted else view.view.pins.items():
            if _KEEP + commit not in refs:
                continue
            held = VersionState(objects, commit).document
            found = f"{held.dataset_id}/{held.id}"
            if found != f"{datasets.get(version_id, held.dataset_id)}/{version_id}":
                raise DamagedError(
                    f"The view {view.name!r} ({view.id}) that {source!r} sent pins the version {version_id} to the"
                    f" commit {commit}, which is of {found}; nothing was moved. Who pushed it last is to push again."
                )


def new_commits(objects: Objects, tips: Iterable[str], trusted: Iterable[str]) -> set[str]:
    """Returns the commits behind ``tips`` that none of the trusted objects reaches.

    The latest are looked at first, and the search ends when all that is left is trusted. Where clocks are wrong, some
    commits may be returned that are trusted after all.
    """
    is_known = dict.fromkeys(tips, False)
    for oid in trusted:
        with suppress(DamagedError):  # a damaged ref vouches for nothing
            is_known[commit_of(objects, oid)] = True
    read: dict[str, tuple[int, tuple[str, ...]]] = {}

    def push(oid: str) -> None:
        if oid not in read:
            try:
                commit = decode_commit(objects.read(oid, "commit"))
                read[oid] = (commit.committed, commit.parents)
            except DamagedError:
                if not is_known[oid]:
                    raise
                read[oid] = (0, ())  # what is damaged here is no reason to take nothing from others
        heappush(waiting, (-read[oid][0], oid))

    waiting: list[tuple[int, str]] = []
    for oid in is_known:
        push(oid)
    left = {oid for oid, known in is_known.items() if not known}
    while left:
        _, oid = heappop(waiting)
        known = is_known[oid]
        left.discard(oid)
        for parent in read[oid][1]:
            if parent not in is_known or (known and not is_known[parent]):
                is_known[parent] = known
                if known:
                    left.discard(parent)
                else:
                    left.add(parent)
                push(parent)
    return {oid for oid, known in is_known.items() if not known}


def _parents_first(objects: Objects, tip: str, among: set[str], seen: set[str]) -> Iterator[str]:
    """Yields those commits ``among`` some that led to ``tip`` and were not seen, each after its parents."""
    waiting = [(tip, False)]
    while waiting:
        oid, parents_done = waiting.pop()
        if parents_done:
            yield oid
        elif oid not in seen and oid in among:
            seen.add(oid)
            waiting.append((oid, True))
            waiting += [(parent, False) for parent in decode_commit(objects.read(oid, "commit")).parents]
