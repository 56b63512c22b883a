"""Three tries side by side: which frames the second side changed, with what the other two hold of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hdstore.codec import frame_id_of, split_leaf
from hdstore.errors import DamagedError
from hdstore.ids import frame_key
from hdstore.store.objects import Objects
from hdstore.store.trie import (
    KEY_BITS,
    LEVEL_BITS,
    ROOT_LEAF,
    Group,
    Items,
    Leaf,
    Split,
    Subtree,
    check_once,
    children,
    halves,
    items_of,
    read_entries,
)

__all__ = ["ThreeWay", "changed_by_second"]


class ThreeWay(NamedTuple):
    """One frame as three tries hold it: its key, and its encoded bytes or None in each."""

    key: bytes
    base: bytes | None
    first: bytes | None
    second: bytes | None


def changed_by_second(
    objects: Objects, base: str | None, first: str | None, second: str | None
) -> Iterator[ThreeWay]:
    """Streams the frames in which ``second`` differs from ``base`` and from ``first``, in the order of their keys.

    The three are trees of frames, or None for none. What ``second`` shares with one of the others is not read, so this
    costs what the second side changed, and memory holds one leaf of each.
    """
    walk = _Walk(objects)
    yield from walk.run(0, "", (walk.root(base), walk.root(first), walk.root(second)))


_Groups = tuple[Group, Group, Group]


class _Walk:
    """One pass over three tries."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._seen: tuple[set[str], set[str], set[str]] = (set(), set(), set())

    def root(self, tree: str | None) -> Group:
        """Returns the group of all keys."""
        entries = read_entries(self._objects, tree) if tree else {}
        if ROOT_LEAF in entries:
            return Leaf(entries[ROOT_LEAF][1])
        return Split(entries) if entries else None

    def run(self, depth: int, bits: str, groups: _Groups) -> Iterator[ThreeWay]:
        """Streams what differs in the group of prefix ``depth`` bits; ``bits`` is the part inside a git tree."""
        base, first, second = groups
        if second in (base, first):
            return
        if not any(isinstance(group, Split | Subtree) for group in groups):
            yield from self._leaves(groups)
            return
        if len(bits) == LEVEL_BITS:
            if any(isinstance(group, Split) for group in groups):
                raise DamagedError("A tree of frames names more than four bits.")
            bits = ""
        if depth >= KEY_BITS:
            raise DamagedError("A tree of frames is deeper than its keys are long.")
        lefts, rights = zip(
            *(self._children(depth, bits, side, group) for side, group in enumerate(groups)), strict=True
        )
        yield from self.run(depth + 1, bits + "0", lefts)
        yield from self.run(depth + 1, bits + "1", rights)

    def _children(self, depth: int, bits: str, side: int, group: Group) -> tuple[Group, Group]:
        if isinstance(group, Subtree):
            if bits:
                raise DamagedError("A tree of frames stands where a leaf must.")
            check_once(group.oid, self._seen[side])
            group = Split(read_entries(self._objects, group.oid))
        if isinstance(group, Split):
            return children(group.entries, bits)
        if group is None:
            return None, None
        items = group.items if isinstance(group, Items) else items_of(self._objects.read(group.oid, "blob"))
        return halves(items, depth)

    def _leaves(self, groups: _Groups) -> Iterator[ThreeWay]:
        """Compares what is at most one leaf of each side: only the frames in question are looked into."""
        base, first, second = (self._raws(group) for group in groups)
        in_base, in_second = set(base), set(second)
        new = {frame_id_of(raw): raw for raw in second if raw not in in_base}
        old = {frame_id_of(raw): raw for raw in base if raw not in in_second}
        touched = {frame_id_of(raw): raw for raw in first if raw not in in_base or raw not in in_second}
        rows = [
            ThreeWay(frame_key(frame_id), old.get(frame_id), touched.get(frame_id), new.get(frame_id))
            for frame_id in new.keys() | old.keys()
            if new.get(frame_id) != touched.get(frame_id)
        ]
        yield from sorted(rows)

    def _raws(self, group: Group) -> list[bytes]:
        if isinstance(group, Leaf):
            return split_leaf(self._objects.read(group.oid, "blob"))
        return [raw for _, raw in group.items] if isinstance(group, Items) else []
