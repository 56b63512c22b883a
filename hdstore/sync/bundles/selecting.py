"""Which objects a bundle holds: what its refs reach and its prerequisites do not; nothing is read twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

from hdstore.errors import DamagedError
from hdstore.model import Progress
from hdstore.store import TREE_MODE, CommitObject, Objects, decode_commit, decode_tag, decode_tree

__all__ = ["Piece", "Selection", "reached_by_trees", "select"]

_PROGRESS_EVERY = 256


class Piece(NamedTuple):
    """An object that goes into a bundle: dataset and path of what it is a version of, its turn there, and itself."""

    group: str
    path: str
    turn: int
    kind: str
    oid: str


@dataclass(slots=True)
class Selection:
    """What goes into a bundle, in the order in which it stands there, and the commits it builds on."""

    pieces: list[Piece] = field(default_factory=list)
    needs: set[str] = field(default_factory=set)


def reached_by_trees(objects: Objects, commits: Iterable[str]) -> dict[bytes, str]:
    """Returns the ids of all trees and blobs of these commits, not of those before them, and which of both each is.

    Blobs are not read.
    """
    seen: dict[bytes, str] = {}
    for commit in commits:
        tree = decode_commit(objects.read(commit, "commit")).tree
        if bytes.fromhex(tree) in seen:
            continue
        seen[bytes.fromhex(tree)] = "tree"
        waiting = [tree]
        while waiting:
            for entry in decode_tree(objects.read(waiting.pop(), "tree")):
                raw = bytes.fromhex(entry.oid)
                if raw not in seen:
                    seen[raw] = "tree" if entry.mode == TREE_MODE else "blob"
                    if entry.mode == TREE_MODE:
                        waiting.append(entry.oid)
    return seen


def select(
    objects: Objects, refs: Mapping[str, str], since: Iterable[str], *, progress: Progress | None = None
) -> Selection:
    """Returns what a bundle of ``refs`` (full name to object id) holds for who has the commits ``since``."""
    return _Selector(objects, progress).run(refs, since)


class _Selector:
    def __init__(self, objects: Objects, progress: Progress | None) -> None:
        self._objects = objects
        self._progress = progress
        self._selection = Selection()
        self._commits: list[tuple[str, str, CommitObject]] = []
        self._tags: set[str] = set()

    def run(self, refs: Mapping[str, str], since: Iterable[str]) -> Selection:
        excluded = self._ancestors(since)
        self._walk_commits(self._tips(refs), excluded)
        seen = set(reached_by_trees(self._objects, sorted(self._selection.needs)))
        for turn, (group, oid, commit) in enumerate(self._commits):
            self._add(group, "", turn, "commit", oid)
            self._walk_trees(group, turn, commit.tree, seen)
        self._selection.pieces.sort()
        return self._selection

    def _add(self, group: str, path: str, turn: int, kind: str, oid: str) -> None:
        pieces = self._selection.pieces
        pieces.append(Piece(group, path, turn, kind, oid))
        if self._progress is not None and len(pieces) % _PROGRESS_EVERY == 0:
            self._progress("Finding objects", len(pieces), None)

    def _ancestors(self, since: Iterable[str]) -> set[str]:
        seen = set(since)
        waiting = [*seen]
        while waiting:
            for parent in decode_commit(self._objects.read(waiting.pop(), "commit")).parents:
                if parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
        return seen

    def _tips(self, refs: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Yields dataset and commit of each ref; annotated tags are always taken along, for they are small."""
        for name, oid in sorted(refs.items()):
            group = name.split("/")[2]
            kind, data = self._objects.read_any(oid)
            if kind == "tag":
                if oid not in self._tags:
                    self._tags.add(oid)
                    self._add(group, "", -1, "tag", oid)
                oid = decode_tag(data).target
            elif kind != "commit":
                raise DamagedError(f"The ref {name} points to a {kind}; run a check of the repository.")
            yield group, oid

    def _walk_commits(self, tips: Iterable[tuple[str, str]], excluded: set[str]) -> None:
        """Finds the commits to take along, the latest first, and those that the receiver must have."""
        waiting: list[tuple[int, int, str, str, CommitObject]] = []
        met: set[str] = set()

        def meet(group: str, oid: str) -> None:
            if oid in met:
                return
            met.add(oid)
            if oid in excluded:
                self._selection.needs.add(oid)
                return
            commit = decode_commit(self._objects.read(oid, "commit"))
            heappush(waiting, (-commit.committed, len(met), group, oid, commit))

        for group, oid in tips:
            meet(group, oid)
        while waiting:
            _, _, group, oid, commit = heappop(waiting)
            self._commits.append((group, oid, commit))
            for parent in commit.parents:
                meet(group, parent)

    def _walk_trees(self, group: str, turn: int, tree: str, seen: set[bytes]) -> None:
        waiting = [("", "tree", tree)]
        while waiting:
            path, kind, oid = waiting.pop()
            raw = bytes.fromhex(oid)
            if raw in seen:
                continue
            seen.add(raw)
            self._add(group, path, turn, kind, oid)
            if kind == "tree":
                for entry in decode_tree(self._objects.read(oid, "tree")):
                    below = "tree" if entry.mode == TREE_MODE else "blob"
                    waiting.append((f"{path}/{entry.name}", below, entry.oid))
