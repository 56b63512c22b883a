"""Which side of a merge was this repository's own: noted in refs, for conflicts are resolved as ours and theirs."""

from __future__ import annotations

from collections.abc import Iterable

from hdstore.store import Objects, Refs, RefUpdate, decode_commit

__all__ = ["MINE_REF", "drop_mine", "note_mine", "ours_by_parents"]

MINE_REF = "refs/hdstore/mine/"
"""Below it stands, by the id of a merge commit, the commit that this repository's draft held before the merge."""


def note_mine(refs: Refs, merge: str, ours: str) -> None:
    """Notes that ``ours`` is the side of this repository in the commit ``merge``; a ref of this machine alone."""
    name = f"{MINE_REF}{merge}"
    with refs.lock(name):
        before = refs.get(name)
        if before != ours:
            refs.update(RefUpdate(name, before, ours))


def ours_by_parents(objects: Objects, refs: Refs) -> dict[frozenset[str], str]:
    """Returns, by the two sides of each merge made here, the side that was this repository's own."""
    found = {}
    for name, ours in refs.list(MINE_REF).items():
        merge = name.removeprefix(MINE_REF)
        if objects.exists(merge):
            found[frozenset(decode_commit(objects.read(merge, "commit")).parents)] = ours
    return found


def drop_mine(refs: Refs, merges: Iterable[str]) -> None:
    """Forgets what was noted of these merges."""
    names = [f"{MINE_REF}{merge}" for merge in merges]
    with refs.lock(*names):
        refs.transaction([RefUpdate(name, oid, None) for name in names if (oid := refs.get(name))])
