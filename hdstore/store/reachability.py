"""Which objects the refs need, found by walking them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from hdstore.errors import DamagedError
from hdstore.store.gitobjects import TREE_MODE, decode_commit, decode_tag, decode_tree
from hdstore.store.objects import Objects

__all__ = ["referenced", "walk"]

_SUBMODULE_MODE = 0o160000


def referenced(kind: str, data: bytes) -> Iterator[tuple[str, bool]]:
    """Returns the objects that this one names, each with whether it names others in turn."""
    if kind == "tree":
        for entry in decode_tree(data):
            if entry.mode != _SUBMODULE_MODE:
                yield entry.oid, entry.mode == TREE_MODE
    elif kind == "commit":
        commit = decode_commit(data)
        yield commit.tree, True
        for parent in commit.parents:
            yield parent, True
    elif kind == "tag":
        yield decode_tag(data).target, True


def walk(
    objects: Objects, roots: Iterable[str], *, skip: Callable[[str], bool], incomplete: bool = False
) -> set[str]:
    """Returns the roots and all that they need, but what ``skip`` says and what only that needs.

    ``incomplete`` passes over what is missing, for roots that no ref holds may have lost a part long ago;
    otherwise that raises DamagedError.
    """
    found: set[str] = set()
    waiting = [(root, True) for root in roots]
    while waiting:
        oid, names_others = waiting.pop()
        if oid in found or skip(oid):
            continue
        if names_others:
            try:
                kind, data = objects.read_any(oid)
                below = list(referenced(kind, data))
            except DamagedError:
                if incomplete:
                    continue
                raise
            waiting += below
        found.add(oid)
    return found
