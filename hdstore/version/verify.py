"""Verifying versions: the rules of the trie, frames that decode and are canonical, statistics that are true.

Subtrees that several versions share are verified once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from hdstore.codec import (
    decode_frame,
    decode_schema,
    decode_stats,
    decode_version,
    encode_schema,
    encode_stats,
    encode_version,
    is_canonical_frame,
    join_leaf,
    split_leaf,
)
from hdstore.errors import HdstoreError
from hdstore.ids import frame_key
from hdstore.model import Stats
from hdstore.store import ROOT_LEAF, TREE_MODE, Objects, decode_commit, decode_tree, fits
from hdstore.version.counting import Tally, merge_counts
from hdstore.version.media import kept_media

__all__ = ["Problem", "VersionVerifier", "document_problems"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong inside a version: where in its tree, and what."""

    where: str
    message: str


@dataclass(frozen=True, slots=True)
class _Sum:
    """What a group of keys holds."""

    stats: Stats
    size: int
    media: frozenset[str]


_NOTHING = _Sum(Stats(), 0, frozenset())


_DOCUMENTS: dict[str, Callable[[bytes], bytes]] = {
    "version": lambda data: encode_version(decode_version(data)),
    "schema": lambda data: encode_schema(decode_schema(data)),
    "stats": lambda data: encode_stats(decode_stats(data)),
}
"""The documents of a version by name, with what gives their canonical bytes."""


def document_problems(
    objects: Objects,
    commit: str,
    entries: Mapping[str, str],
    seen: set[str],
    wrong: tuple[type[HdstoreError], ...] = (HdstoreError,),
) -> Iterator[Problem]:
    """Verifies the documents of a commit that are not in ``seen``, which they join; ``entries`` are its tree's.

    Errors that are ``wrong`` are the documents' fault, others are raised.
    """
    for name, canonical in _DOCUMENTS.items():
        oid = entries[name]
        if oid in seen:
            continue
        seen.add(oid)
        where = f"{name} of commit {commit}"
        try:
            data = objects.read(oid, "blob")
            if canonical(data) != data:
                yield Problem(where, "the document is not in canonical form")
        except wrong as error:
            yield Problem(where, str(error))


class VersionVerifier:
    """Verifies commits of versions one after the other; ``media`` gathers the hashes of kept media they name."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._known: dict[tuple[str, str], _Sum | None] = {}
        self._places: dict[str, str] = {}
        self._done: set[str] = set()
        self.media: dict[str, str] = {}
        self.frames = 0

    def commit(self, oid: str) -> Iterator[Problem]:
        """Streams what is wrong in the version that a commit holds; its parents are not looked at."""
        try:
            tree = decode_commit(self._objects.read(oid, "commit")).tree
            entries = {e.name: e for e in decode_tree(self._objects.read(tree, "tree"))}
        except HdstoreError as error:
            yield Problem(f"commit {oid}", str(error))
            return
        for name in ("version", "schema", "stats", "frames"):
            if name not in entries:
                yield Problem(f"commit {oid}", f"the version holds no {name}")
                return
        yield from document_problems(
            self._objects, oid, {name: entry.oid for name, entry in entries.items()}, self._done
        )
        stats_oid, frames = entries["stats"].oid, entries["frames"].oid
        problems: list[Problem] = []
        found = self._tree(frames, "", problems)
        yield from problems
        if found is None:
            return
        for name in found.media:
            self.media.setdefault(name, oid)
        try:
            stated = self._objects.read(stats_oid, "blob")
        except HdstoreError:
            return
        if stated != encode_stats(found.stats):
            yield Problem(f"stats of commit {oid}", "the statistics are not those of the frames")

    def _tree(self, oid: str, prefix: str, problems: list[Problem]) -> _Sum | None:
        """Returns what one git tree of the trie holds, or None when something in it is damaged."""
        key = (oid, prefix)
        if key in self._known:
            return self._known[key]
        # No set of frames has a tree twice, and trees that name each other so would never be walked to an end.
        if self._places.setdefault(oid, prefix) != prefix:
            problems.append(
                Problem(f"frames {prefix}", f"the tree {oid} stands at {self._places[oid] or 'root'} too")
            )
            return None
        self._known[key] = found = self._tree_once(oid, prefix, problems)
        return found

    def _tree_once(self, oid: str, prefix: str, problems: list[Problem]) -> _Sum | None:
        where = f"frames {prefix or 'root'}"
        try:
            entries = decode_tree(self._objects.read(oid, "tree"))
        except HdstoreError as error:
            problems.append(Problem(where, str(error)))
            return None
        if not prefix and [entry.name for entry in entries] == [ROOT_LEAF]:
            return self._leaf(entries[0].oid, "", problems)
        groups: dict[str, tuple[_Sum, bool]] = {}
        whole = True
        for entry in entries:
            is_tree = entry.mode == TREE_MODE
            bits = entry.name
            right = 1 <= len(bits) <= 4 and not bits.strip("01") and (len(bits) == 4 or not is_tree)
            if not right or len(prefix) + len(bits) > 256:
                problems.append(Problem(where, f"the entry {bits!r} does not belong in the trie"))
                whole = False
                continue
            child = prefix + bits
            held = (
                self._tree(entry.oid, child, problems) if is_tree else self._leaf(entry.oid, child, problems)
            )
            if held is None:
                whole = False
            else:
                groups[bits] = (held, is_tree)
        if not whole:
            return None
        total = self._shape(groups, prefix, problems)
        if prefix and groups and fits(total.stats.frames, total.size):
            problems.append(Problem(where, "frames that fit one leaf are split over a tree"))
        return total

    def _shape(self, groups: dict[str, tuple[_Sum, bool]], prefix: str, problems: list[Problem]) -> _Sum:
        """Checks that every group inside one git tree is split exactly where it does not fit a leaf."""

        def total(bits: str) -> _Sum:
            if bits in groups:
                return groups[bits][0]
            if len(bits) >= 4:
                return _NOTHING
            left, right = total(bits + "0"), total(bits + "1")
            whole = _Sum(
                merge_counts(left.stats, right.stats), left.size + right.size, left.media | right.media
            )
            inside = any(name.startswith(bits) for name in groups)
            if inside and (bits or not prefix) and fits(whole.stats.frames, whole.size):
                problems.append(
                    Problem(f"frames {prefix + bits or 'root'}", "frames that fit one leaf are split")
                )
            return whole

        problems += [
            Problem(f"frames {prefix + name}", "two groups of frames overlap")
            for name in groups
            if any(name != other and other.startswith(name) for other in groups)
        ]
        return total("")

    def _leaf(self, oid: str, prefix: str, problems: list[Problem]) -> _Sum | None:
        key = (oid, prefix)
        if key not in self._known:
            self._known[key] = self._leaf_once(oid, prefix, problems)
        return self._known[key]

    def _leaf_once(self, oid: str, prefix: str, problems: list[Problem]) -> _Sum | None:
        where = f"frames {prefix or 'root'}"
        try:
            data = self._objects.read(oid, "blob")
            raws = split_leaf(data)
        except HdstoreError as error:
            problems.append(Problem(where, str(error)))
            return None
        tally, size = Tally(), 0
        keys: list[bytes] = []
        media: set[str] = set()
        before = len(problems)
        for raw in raws:
            try:
                frame = decode_frame(raw)
            except HdstoreError as error:
                problems.append(Problem(where, str(error)))
                continue
            self.frames += 1
            if not is_canonical_frame(raw, frame):
                problems.append(Problem(f"frame {frame.id!r}", "the frame is not in canonical form"))
            keys.append(frame_key(frame.id))
            size += len(raw)
            tally.add(frame)
            media.update(kept_media(frame))
        if keys != sorted(set(keys)):
            problems.append(Problem(where, "the frames of a leaf are not in the order of their keys"))
        if any(not f"{int.from_bytes(key, 'big'):0256b}".startswith(prefix) for key in keys):
            problems.append(Problem(where, "a leaf holds frames of another place"))
        if not keys or not fits(len(keys), size):
            problems.append(Problem(where, f"a leaf holds {len(keys)} frames of {size} bytes"))
        if data != join_leaf(raws):
            problems.append(Problem(where, "the leaf is not in canonical form"))
        return _Sum(tally.stats(), size, frozenset(media)) if len(problems) == before else None
