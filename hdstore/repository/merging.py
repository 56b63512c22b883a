"""Merging into a draft, its conflicts and their resolution, and going back to what it was."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hdstore.errors import InvalidInputError
from hdstore.merge import MESSAGE, Merged, merge_versions, note_mine
from hdstore.model import Progress, VersionDocument, replace
from hdstore.repository.core import Core, draft_ref
from hdstore.store import RefUpdate
from hdstore.version import VersionState, commit_of

if TYPE_CHECKING:
    from hdstore.repository.version import DatasetVersion

__all__ = ["MergeReport", "merge", "merge_into", "merge_parents"]

_TRIES = 3
"""How often a merge is made while others may save; then they wait for it."""

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeReport:
    """What a merge did to a draft.

    ``before`` and ``commit`` are the commits of the draft before and after (equal where nothing was to be merged).
    ``added``, ``updated`` and ``removed`` count its frames, ``joined`` those that both sides had changed and that fit
    together, ``conflicts`` what both sides changed differently: these wait in the draft to be resolved.
    """

    version_id: str
    before: str
    commit: str
    added: int = 0
    updated: int = 0
    removed: int = 0
    joined: int = 0
    conflicts: int = 0

    def __bool__(self) -> bool:
        return self.before != self.commit


def merge(
    version: DatasetVersion,
    other: DatasetVersion | str,
    *,
    message: str | None = None,
    progress: Progress | None = None,
) -> MergeReport:
    """Merges another version of the dataset, or a commit of one, into this draft (row 152).

    What both sides changed differently becomes conflicts, which are kept in the draft until they are resolved. Whoever
    merges the same two commits makes the same one, unless ``message`` says something of its own.

    Raises:
        ReadOnlyError: this version is published.
        InvalidInputError: the other one is of another dataset; ``Dataset.merge`` takes those.
    """
    core = version._core
    commit = _commit_of_other(core, other)
    held = VersionState(core.objects, commit).document
    if held.dataset_id != version.dataset.id:
        raise InvalidInputError(
            f"{core.path_of(held.dataset_id, held.id)} is of another dataset than {version.path}; merge it with"
            " Dataset.merge, or 'hdstore dataset merge'."
        )

    def into(tip: VersionDocument) -> VersionDocument | None:
        if tip.id == held.id:
            return None  # two tips of one draft, as a pull merges them
        return replace(tip, parents=tuple(dict.fromkeys((*tip.parents, held.id))))

    return merge_into(version, commit, into, message=message or MESSAGE, progress=progress)


def merge_into(
    version: DatasetVersion,
    commit: str,
    into: Callable[[VersionDocument], VersionDocument | None],
    *,
    message: str,
    progress: Progress | None = None,
) -> MergeReport:
    """Merges a commit into a draft and moves it; ``into`` gives the document of the result from that of the tip."""
    core, dataset_id = version._core, version.dataset.id
    ref = draft_ref(dataset_id, version.id)

    def merged(tip: str) -> Merged:
        document = into(VersionState(core.objects, tip).document)
        return merge_versions(
            core.objects, core.layout.tmp, tip, commit, into=document, message=message, progress=progress
        )

    # Others can go on saving while this is worked out; whoever saves all the time is made to wait in the end.
    for _ in range(_TRIES):
        tip = core.draft_tip(dataset_id, version.id)
        done = merged(tip)
        with core.refs.lock(ref):
            if core.draft_tip(dataset_id, version.id) == tip:
                return _move(version, ref, tip, commit, done)
    with core.refs.lock(ref):
        tip = core.draft_tip(dataset_id, version.id)
        return _move(version, ref, tip, commit, merged(tip))


def _move(version: DatasetVersion, ref: str, tip: str, commit: str, done: Merged) -> MergeReport:
    core = version._core
    if done.commit != tip:
        if done.commit != commit:
            note_mine(core.refs, done.commit, tip)
        core.refs.update(RefUpdate(ref, tip, done.commit))
        core.after_save()
    if done.commit == commit:
        # The draft went on from here: nothing was joined, so nothing was counted.
        before, after = (VersionState(core.objects, oid) for oid in (tip, done.commit))
        counts = Counter(
            "added" if old is None else "removed" if new is None else "updated"
            for _, old, new in before.trie.diff(after.trie)
        )
        return MergeReport(version_id=version.id, before=tip, commit=done.commit, **counts)
    return MergeReport(
        version_id=version.id,
        before=tip,
        commit=done.commit,
        added=done.added,
        updated=done.updated,
        removed=done.removed,
        joined=done.joined,
        conflicts=done.conflicts,
    )


def _commit_of_other(core: Core, other: DatasetVersion | str) -> str:
    if not isinstance(other, str):
        return other.commit
    if not _COMMIT.fullmatch(other):
        raise InvalidInputError(f"{other!r} is no commit to merge: 40 hexadecimal digits name one.")
    return commit_of(core.objects, other)


def merge_parents(core: Core, parents: Sequence[DatasetVersion], version_id: str) -> str:
    """Returns the commit that merges several published versions one after another, for a draft of this id."""
    first, *others = (parent.state() for parent in parents)
    document = replace(first.document, id=version_id, parents=tuple(parent.id for parent in parents))
    commit = first.commit
    for other in others:
        done = merge_versions(core.objects, core.layout.tmp, commit, other.commit, into=document)
        if done.commit not in (commit, other.commit):
            note_mine(core.refs, done.commit, commit)
        commit = done.commit
    return commit
