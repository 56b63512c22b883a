"""Versions and pinned commits that a catalog names and that did not come along with it, as from a part of a repository.

A ref notes each, so that a check can tell what never came from what was lost.
"""

from __future__ import annotations

from collections.abc import Mapping

from hdstore.store import CATALOG_REF, Catalog, Objects, Refs, RefUpdate

__all__ = ["absent", "absent_moves"]

_BEFORE = "refs/hdstore/absent/"
_BEHIND = "/heads/hdstore"
"""A note points to the catalog with which something did not come, and is named like a catalog's ref."""

_KEEP = "keep/"
"""Before a commit that a view pins, in place of a dataset and a version."""


def absent(refs: Refs) -> frozenset[str]:
    """Returns what never came: ``<dataset id>/<version id>``, and ``keep/<commit>`` for what a view pins."""
    return frozenset(name.removeprefix(_BEFORE).removesuffix(_BEHIND) for name in refs.list(_BEFORE))


def absent_moves(
    objects: Objects, refs: Refs, before: Mapping[str, str], after: Mapping[str, str]
) -> list[RefUpdate]:
    """Returns the moves that note what the catalog in ``after`` names and nobody sent.

    What was named before, and was here, is not among it: it was lost. Refs are named without their first part.
    """
    name = CATALOG_REF.removeprefix("refs/")
    commit = after.get(name)
    if commit is None:
        return []
    known = _named(objects, before.get(name))
    noted = absent(refs)
    lacking = {
        what
        for what in _named(objects, commit)
        if not {f"heads/{what}", f"tags/{what}"} & after.keys() and (what not in known or what in noted)
    }
    moves = [RefUpdate(f"{_BEFORE}{what}{_BEHIND}", None, commit) for what in sorted(lacking - noted)]
    for what in sorted(noted - lacking):
        ref = f"{_BEFORE}{what}{_BEHIND}"
        moves.append(RefUpdate(ref, refs.get(ref), None))
    return moves


def _named(objects: Objects, commit: str | None) -> set[str]:
    if commit is None:
        return set()
    catalog = Catalog(objects, commit)
    found = {f"{_KEEP}{pinned}" for pinned in catalog.pinned}
    for dataset in catalog.datasets.values():
        if not dataset.deleted:
            found.update(
                f"{dataset.id}/{id}" for id, record in dataset.versions.items() if not record.deleted
            )
    return found
