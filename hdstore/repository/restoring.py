"""Going back: a new save that holds what a draft, or some of its frames, were at an earlier commit."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from hdstore.errors import InvalidInputError, NotFoundError
from hdstore.ids import frame_key
from hdstore.merge import AUTHOR, conflicts_of, update_conflicts
from hdstore.model import Changes
from hdstore.repository.saving import save
from hdstore.repository.sides import Sides
from hdstore.store import Writer
from hdstore.version import Batch, Built, VersionState, build_restored, history

if TYPE_CHECKING:
    from hdstore.repository.version import DatasetVersion

__all__ = ["BEFORE_THE_MERGE", "commit_at", "restore"]

BEFORE_THE_MERGE = "before the merge"
"""In place of a commit: what this repository's draft held before its last merge."""

_SHORTEST = 4
"""Digits of a commit at the least."""


def restore(version: DatasetVersion, at: str, frame_ids: Iterable[str] | None = None) -> Changes:
    """Saves what the draft was at an earlier commit: frames, schema, metadata and conflicts; nothing is lost by it.

    ``at`` is a commit of its history (four digits or more), or "before the merge": what this repository's draft held
    before the last one. With ``frame_ids`` only these frames and their conflicts are restored; one that was not there
    is removed.

    Raises:
        NotFoundError: the history has no such commit, or a frame was neither there nor is it now.
        InvalidInputError: several commits begin with these digits, or it is not known which side was ours.
        ReadOnlyError: the version is published.
    """
    core = version._core
    tip = core.draft_tip(version.dataset.id, version.id)
    commit = commit_at(version, at, tip)
    earlier = VersionState(core.objects, commit)
    ids = None if frame_ids is None else list(dict.fromkeys(frame_ids))
    with Batch(core.layout.tmp) as batch:

        def build(state: VersionState, writer: Writer) -> Built:
            if ids is None:
                return build_restored(writer, state, earlier)
            for frame_id in ids:
                key = frame_key(frame_id)
                raw = earlier.trie.find(key)
                if raw is not None:
                    batch.put_raw(key, raw)
                elif state.trie.find(key) is not None:
                    batch.remove_key(key)
                else:
                    raise NotFoundError(
                        f"Frame {frame_id!r} is not in {version.path}, and was not at {commit[:12]}."
                    )
            objects = core.objects
            changes = {frame_id: conflicts_of(objects, earlier, frame_id) for frame_id in ids}
            tree = update_conflicts(objects, writer, state.oid("conflicts"), changes)
            return batch.build(objects, writer, state, conflicts=tree)

        what = (
            "Restore"
            if ids is None
            else f"Restore {ids[0]}"
            if len(ids) == 1
            else f"Restore {len(ids)} frames"
        )
        return save(core, version.dataset.id, version.id, build, message=f"{what} as of {commit[:12]}")


def commit_at(version: DatasetVersion, at: str, tip: str) -> str:
    """Returns the commit of the history of ``tip`` that ``at`` names; for the errors see ``restore``."""
    objects = version._core.objects
    if at == BEFORE_THE_MERGE:
        return _before_the_merge(version, tip)
    text = at.strip().lower()
    if len(text) == 40 and objects.exists(text) and objects.is_ancestor(text, tip):
        return text
    found = (
        list(islice((c.id for c in history(objects, tip) if c.id.startswith(text)), 2))
        if len(text) >= _SHORTEST
        else []
    )
    if len(found) > 1:
        raise InvalidInputError(f"Several commits of {version.path} begin with {at!r}; give more digits.")
    if not found:
        raise NotFoundError(f"The history of {version.path} has no commit {at!r}; 'hdstore log' lists them.")
    return found[0]


def _before_the_merge(version: DatasetVersion, tip: str) -> str:
    core = version._core
    for commit in history(core.objects, tip):
        if len(commit.parents) == 2 and commit.author == AUTHOR:
            return Sides(core).ours(*commit.parents)
    raise NotFoundError(f"There is no merge in the history of {version.path}.")
