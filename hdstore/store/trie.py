"""The Merkle trie of frames: equal sets of frames have the equal tree id, whatever their history.

A frame's key is BLAKE3 of its id. A group of keys that share a bit prefix is one leaf if it fits (at most 32 frames
and 256 KiB, or a single frame), else it splits at the next bit. Four bits make one git tree, whose entries are named by
their bits; a group of the whole set that fits is the leaf "root". ``docs/format.md`` gives the rule with an example.

Writing goes bottom up and reads only what the changes touch; an untouched subtree is passed on by its id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from hdstore.codec import frame_id_of, join_leaf, leaf_count, split_leaf
from hdstore.errors import DamagedError
from hdstore.ids import frame_key
from hdstore.store.changes import ChangeSource, MemoryChanges
from hdstore.store.gitobjects import BLOB_MODE, TREE_MODE, Entry, decode_tree, encode_tree
from hdstore.store.objects import Objects, Writer

__all__ = [
    "KEY_BITS",
    "LEVEL_BITS",
    "MAX_LEAF_BYTES",
    "MAX_LEAF_FRAMES",
    "ROOT_LEAF",
    "Group",
    "Item",
    "Items",
    "Leaf",
    "Split",
    "Subtree",
    "Trie",
    "check_once",
    "children",
    "fits",
    "halves",
    "items_of",
    "read_entries",
    "update",
]

MAX_LEAF_FRAMES = 32
MAX_LEAF_BYTES = 256 * 1024
ROOT_LEAF = "root"
LEVEL_BITS = 4
"""Bits of a key that one git tree spans."""
KEY_BITS = 256

Item: TypeAlias = tuple[bytes, bytes]
"""A frame in a leaf: its key and its encoded bytes."""

Entries: TypeAlias = dict[str, tuple[int, str]]
"""The entries of one git tree of the trie by their bits: mode and object id."""


def fits(count: int, size: int) -> bool:
    """Says whether this many frames of this many bytes in all make one leaf."""
    return count <= 1 or (count <= MAX_LEAF_FRAMES and size <= MAX_LEAF_BYTES)


def items_of(leaf: bytes) -> list[Item]:
    """Returns the frames of a leaf with their keys, in order."""
    return [(frame_key(frame_id_of(raw)), raw) for raw in split_leaf(leaf)]


# What stands at one group of keys: nothing, a stored leaf, frames in memory, the entries of a split group inside the
# current git tree, or a stored subtree (only where a git tree ends).


@dataclass(frozen=True, slots=True)
class Leaf:
    """A stored leaf."""

    oid: str


@dataclass(frozen=True, slots=True)
class Items:
    """Frames in memory, in the order of their keys, and their bytes in all."""

    items: list[Item]
    size: int


@dataclass(frozen=True, slots=True)
class Split:
    """A group that is split inside its git tree."""

    entries: Entries


@dataclass(frozen=True, slots=True)
class Subtree:
    """A stored git tree; it stands only where the tree above ends."""

    oid: str


Group: TypeAlias = Leaf | Items | Split | Subtree | None

OnChange: TypeAlias = Callable[[bytes, bytes | None, bytes | None], None]
"""Called with key, old bytes and new bytes for every change, also where both are equal."""


def update(
    objects: Objects, writer: Writer, base: str | None, changes: ChangeSource, on_change: OnChange
) -> str:
    """Returns the id of the tree that has ``changes`` made to the tree ``base`` (None: the empty one).

    New leaves and trees go to ``writer``. The result depends on the resulting set of frames alone.
    """
    return _Update(objects, writer, on_change).run(base, changes)


class _Update:
    """One pass of changes over one trie."""

    def __init__(self, objects: Objects, writer: Writer, on_change: OnChange) -> None:
        self._objects = objects
        self._writer = writer
        self._on_change = on_change

    def run(self, base: str | None, changes: ChangeSource) -> str:
        entries = read_entries(self._objects, base) if base else {}
        if not len(changes) and base:
            return base
        group: Group
        if ROOT_LEAF in entries:
            group = Leaf(entries[ROOT_LEAF][1])
        else:
            group = Split(entries) if entries else None
        result = self._node(0, "", group, changes)
        if result is None:
            return self._write_tree({})
        if isinstance(result, Split):
            return self._write_tree(result.entries)
        return self._write_tree({ROOT_LEAF: self._leaf_entry(result)})

    def _node(self, depth: int, bits: str, group: Group, changes: ChangeSource) -> Group:
        """Returns what the group of prefix ``depth`` bits becomes; ``bits`` is the part inside the current git tree."""
        if not len(changes):
            if isinstance(group, Items):
                return self._build(depth, bits, group.items, group.size)
            return group
        if isinstance(group, Subtree):
            check_level(depth // LEVEL_BITS)
            group = Split(read_entries(self._objects, group.oid))
            return self._level(depth, group, changes)
        if len(bits) == LEVEL_BITS and not (isinstance(group, Leaf | Items) or group is None):
            raise DamagedError("A tree of frames names more than four bits.")
        loaded = changes.load()
        left: Group
        right: Group
        if group is None or isinstance(group, Leaf | Items):
            items = self._load(group)
            if loaded is not None:
                merged = self._merge(items, loaded)
                return self._build(depth, bits, merged, _size(merged))
            if len(bits) == LEVEL_BITS:
                return self._level(depth, Items(items, _size(items)) if items else None, changes)
            left, right = halves(items, depth)
        else:
            left, right = children(group.entries, bits)
        zero, one = (changes if loaded is None else loaded).split(depth)
        return self._join(
            bits,
            self._node(depth + 1, bits + "0", left, zero),
            self._node(depth + 1, bits + "1", right, one),
        )

    def _level(self, depth: int, group: Group, changes: ChangeSource) -> Group:
        """Works on the group that begins a new git tree; a split result becomes that tree."""
        result = self._node(depth, "", group, changes)
        return Subtree(self._write_tree(result.entries)) if isinstance(result, Split) else result

    def _build(self, depth: int, bits: str, items: list[Item], size: int) -> Group:
        """Returns the group of these frames, written as far as it does not fit one leaf."""
        if not items:
            return None
        if fits(len(items), size):
            return Items(items, size)
        if depth >= KEY_BITS:
            raise DamagedError("Two frames have the same key.")
        if len(bits) == LEVEL_BITS:
            split = self._build(depth, "", items, size)
            assert isinstance(split, Split)
            return Subtree(self._write_tree(split.entries))
        left, right = halves(items, depth)
        return self._join(
            bits,
            self._build(depth + 1, bits + "0", left.items, left.size) if left else None,
            self._build(depth + 1, bits + "1", right.items, right.size) if right else None,
        )

    def _join(self, bits: str, left: Group, right: Group) -> Group:
        """Returns the group of two halves: one leaf where both fit together, else their entries."""
        if left is None and right is None:
            return None
        whole = self._collapse(left, right)
        if whole is not None:
            return whole
        entries: Entries = {}
        for half, name in ((left, bits + "0"), (right, bits + "1")):
            if isinstance(half, Split):
                entries.update(half.entries)
            elif isinstance(half, Subtree):
                entries[name] = (TREE_MODE, half.oid)
            elif half is not None:
                entries[name] = self._leaf_entry(half)
        return Split(entries)

    def _collapse(self, left: Group, right: Group) -> Group:
        """Returns both halves as one leaf if they fit, else None; a stored leaf is read only where it decides."""
        if isinstance(left, Split | Subtree) or isinstance(right, Split | Subtree):
            return None
        if left is None:
            return right
        if right is None:
            return left
        count = size = 0
        for half in (left, right):
            if isinstance(half, Items):
                count += len(half.items)
                size += half.size
            else:
                stored = self._objects.read(half.oid, "blob")
                count += leaf_count(stored)
                size += len(stored)
        if count > MAX_LEAF_FRAMES:
            return None
        if size > MAX_LEAF_BYTES + 10:  # a stored leaf is counted with its header of at most 5 bytes
            return None
        items = self._load(left) + self._load(right)
        size = _size(items)
        return Items(items, size) if fits(len(items), size) else None

    def _merge(self, items: list[Item], changes: MemoryChanges) -> list[Item]:
        """Returns the items with the changes made, in key order."""
        merged = dict(items)
        for key, new in changes.items():
            self._on_change(key, merged.get(key), new)
            if new is None:
                merged.pop(key, None)
            else:
                merged[key] = new
        return sorted(merged.items())

    def _load(self, group: Leaf | Items | None) -> list[Item]:
        if group is None:
            return []
        if isinstance(group, Items):
            return group.items
        return items_of(self._objects.read(group.oid, "blob"))

    def _leaf_entry(self, group: Leaf | Items | Subtree) -> tuple[int, str]:
        if isinstance(group, Items):
            return BLOB_MODE, self._writer.write("blob", join_leaf([raw for _, raw in group.items]))
        if isinstance(group, Subtree):
            raise DamagedError("A tree of frames stands where a leaf must.")
        return BLOB_MODE, group.oid

    def _write_tree(self, entries: Entries) -> str:
        listed = [Entry(mode, name, oid) for name, (mode, oid) in entries.items()]
        return self._writer.write("tree", encode_tree(listed))


def _size(items: list[Item]) -> int:
    return sum(len(raw) for _, raw in items)


def halves(items: list[Item], depth: int) -> tuple[Items | None, Items | None]:
    """Returns the items with 0, and those with 1, at bit ``depth``."""
    byte, mask = depth >> 3, 0x80 >> (depth & 7)
    lo, hi = 0, len(items)
    while lo < hi:
        middle = (lo + hi) >> 1
        if items[middle][0][byte] & mask:
            hi = middle
        else:
            lo = middle + 1
    left, right = items[:lo], items[lo:]
    return (
        Items(left, _size(left)) if left else None,
        Items(right, _size(right)) if right else None,
    )


def children(entries: Entries, bits: str) -> tuple[Group, Group]:
    """Returns the two halves of the split group of prefix ``bits`` inside one git tree."""
    return _child(entries, bits + "0"), _child(entries, bits + "1")


def _child(entries: Entries, bits: str) -> Group:
    entry = entries.get(bits)
    if entry is not None:
        mode, oid = entry
        return Subtree(oid) if mode == TREE_MODE else Leaf(oid)
    inside = {name: entry for name, entry in entries.items() if name.startswith(bits)}
    return Split(inside) if inside else None


def read_entries(objects: Objects, oid: str) -> Entries:
    """Returns the entries of one git tree of the trie by their bits."""
    return {entry.name: (entry.mode, entry.oid) for entry in decode_tree(objects.read(oid, "tree"))}


def check_level(level: int) -> None:
    """Refuses a git tree so deep that no key could lie in it."""
    if level > KEY_BITS // LEVEL_BITS:
        raise DamagedError("A tree of frames is deeper than its keys are long.")


def check_once(tree: str, seen: set[str]) -> None:
    """Refuses a tree that stands at two places: no set of frames has one, and a few of them make endless leaves."""
    if tree in seen:
        raise DamagedError(f"The tree {tree} stands at two places in one tree of frames.")
    seen.add(tree)


class Trie:
    """Read access to one tree of frames."""

    def __init__(self, objects: Objects, tree: str) -> None:
        self._objects = objects
        self._trees: dict[str, Entries] = {}
        self.tree = tree

    def find(self, key: bytes) -> bytes | None:
        """Returns the encoded frame of this key, or None."""
        leaf = self._leaf_of(key)
        if leaf is None:
            return None
        for found, raw in items_of(self._objects.read(leaf, "blob")):
            if found == key:
                return raw
        return None

    def _leaf_of(self, key: bytes) -> str | None:
        oid = self.tree
        for level in range(KEY_BITS // LEVEL_BITS):
            entries = self._entries(oid)
            nibble = key[level >> 1] >> (0 if level & 1 else 4) & 0x0F
            name = f"{nibble:04b}"
            if level == 0 and ROOT_LEAF in entries:
                return entries[ROOT_LEAF][1]
            for length in range(1, LEVEL_BITS + 1):
                entry = entries.get(name[:length])
                if entry is not None:
                    mode, oid = entry
                    if mode == BLOB_MODE:
                        return oid
                    break
            else:
                return None
        raise DamagedError("A tree of frames is deeper than its keys are long.")

    def _entries(self, oid: str) -> Entries:
        # A million frames have some four thousand trees: all of them fit, and a look-up then reads one leaf.
        entries = self._trees.get(oid)
        if entries is None:
            entries = self._trees[oid] = read_entries(self._objects, oid)
        return entries

    def leaves(self) -> Iterator[str]:
        """Returns the ids of all leaves, in key order; reads trees only."""
        yield from self._leaves(self.tree, 0, set())

    def _leaves(self, oid: str, level: int, seen: set[str]) -> Iterator[str]:
        check_level(level)
        check_once(oid, seen)
        entries = read_entries(self._objects, oid)
        # Names are prefix-free bits, so their text order is the order of the keys.
        for name in sorted(entries):
            mode, child = entries[name]
            if mode == TREE_MODE:
                yield from self._leaves(child, level + 1, seen)
            else:
                yield child

    def new_leaves(self, seen: set[str]) -> Iterator[str]:
        """Returns the ids of the leaves that are not in ``seen``, and adds all trees and leaves to it.

        Asked for one version after another with the same set, it reads what differs between them.
        """
        waiting = [(self.tree, 0)]
        while waiting:
            tree, level = waiting.pop()
            if tree in seen:
                continue
            check_level(level)
            seen.add(tree)
            for mode, oid in read_entries(self._objects, tree).values():
                if mode == TREE_MODE:
                    waiting.append((oid, level + 1))
                elif oid not in seen:
                    seen.add(oid)
                    yield oid

    def leaf_blobs(self) -> Iterator[bytes]:
        """Returns the bytes of all leaves, in key order."""
        for oid in self.leaves():
            yield self._objects.read(oid, "blob")

    def diff(self, other: Trie) -> Iterator[tuple[bytes, bytes | None, bytes | None]]:
        """Returns key, bytes here and bytes in ``other`` of every frame that differs; equal subtrees are skipped."""
        if self.tree != other.tree:
            yield from self._diff(self.tree, other.tree, 0, (set(), set()))

    def leaf_changes(self, other: Trie) -> tuple[list[str], list[str]]:
        """Returns the leaves that only this tree has and those that only ``other`` has; reads differing trees only.

        A leaf that moved to another level stands in both lists.
        """
        ours: list[str] = []
        theirs: list[str] = []
        waiting = [(self.tree, other.tree, 0)] if self.tree != other.tree else []
        seen: tuple[set[str], set[str]] = (set(), set())
        while waiting:
            one, two, level = waiting.pop()
            check_level(level)
            check_once(one, seen[0])
            check_once(two, seen[1])
            mine, others = read_entries(self._objects, one), read_entries(self._objects, two)
            for name in mine.keys() | others.keys():
                before, after = mine.get(name), others.get(name)
                if before == after:
                    continue
                if before is not None and after is not None and before[0] == after[0] == TREE_MODE:
                    waiting.append((before[1], after[1], level + 1))
                    continue
                for entry, only in ((before, ours), (after, theirs)):
                    if entry is not None:
                        mode, oid = entry
                        only += Trie(self._objects, oid).leaves() if mode == TREE_MODE else (oid,)
        return ours, theirs

    def _diff(
        self, one: str, two: str, level: int, seen: tuple[set[str], set[str]]
    ) -> Iterator[tuple[bytes, bytes | None, bytes | None]]:
        check_level(level)
        check_once(one, seen[0])
        check_once(two, seen[1])
        ours, theirs = read_entries(self._objects, one), read_entries(self._objects, two)
        for name in sorted(ours.keys() & theirs.keys()):
            mine, other = ours[name], theirs[name]
            if mine == other:
                del ours[name], theirs[name]
            elif mine[0] == other[0] == TREE_MODE:
                del ours[name], theirs[name]
                yield from self._diff(mine[1], other[1], level + 1, seen)
            elif TREE_MODE not in (mine[0], other[0]):
                del ours[name], theirs[name]
                yield from self._diff_leaves(mine[1], other[1])
        # What is left has different shapes on the two sides: leaves are held, subtrees streamed past them.
        mine_held = self._held(ours)
        theirs_held = self._held(theirs)
        for key, raw in self._streamed(ours):
            found = theirs_held.pop(key, None)
            if found != raw:
                yield key, raw, found
        for key, raw in self._streamed(theirs):
            found = mine_held.pop(key, None)
            if found != raw:
                yield key, found, raw
        for key in sorted(mine_held.keys() | theirs_held.keys()):
            before, after = mine_held.get(key), theirs_held.get(key)
            if before != after:
                yield key, before, after

    def _diff_leaves(self, ours: str, theirs: str) -> Iterator[tuple[bytes, bytes | None, bytes | None]]:
        """Compares two leaves of one group: only frames that differ are looked into."""
        mine = dict.fromkeys(split_leaf(self._objects.read(ours, "blob")))
        other = dict.fromkeys(split_leaf(self._objects.read(theirs, "blob")))
        before = {frame_key(frame_id_of(raw)): raw for raw in mine if raw not in other}
        after = {frame_key(frame_id_of(raw)): raw for raw in other if raw not in mine}
        for key in sorted(before.keys() | after.keys()):
            yield key, before.get(key), after.get(key)

    def _held(self, entries: Entries) -> dict[bytes, bytes]:
        held: dict[bytes, bytes] = {}
        for mode, oid in entries.values():
            if mode != TREE_MODE:
                held.update(items_of(self._objects.read(oid, "blob")))
        return held

    def _streamed(self, entries: Entries) -> Iterator[Item]:
        for mode, oid in entries.values():
            if mode == TREE_MODE:
                for blob in Trie(self._objects, oid).leaf_blobs():
                    yield from items_of(blob)
