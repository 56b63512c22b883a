"""Which objects the refs need, found by walking them."""

from __future__ import annotations

from collections import deque
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
) -> Iterator[str]:
    """Returns the roots and all that they need, but what ``skip`` says and what only that needs.

    Commits come before their parents, each with its trees and blobs that were not met before: the present
    first. ``incomplete`` passes over what is missing, for roots that no ref holds may have lost a part long
    ago; otherwise that raises DamagedError.
    """
    met: set[str] = set()
    waiting = [(root, True) for root in roots]
    commits: deque[str] = deque()
    while waiting or commits:
        oid, names_others = waiting.pop() if waiting else (commits.popleft(), True)
        if oid in met or skip(oid):
            continue
        met.add(oid)
        if names_others:
            try:
                kind, data = objects.read_any(oid)
                below = list(referenced(kind, data))
            except DamagedError:
                if incomplete:
                    continue
                raise
            if kind == "commit":
                commits.extend(parent for parent, _ in below[1:])
                below = below[:1]
            waiting += below
        yield oid
