"""Merging a version of another dataset into a draft, under other names where it calls things differently."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hdstore.errors import InvalidInputError
from hdstore.merge import MESSAGE, Renaming
from hdstore.model import Progress, VersionDocument
from hdstore.repository.merging import MergeReport, merge_into
from hdstore.version import Batch, VersionState, history, write_commit

if TYPE_CHECKING:
    from hdstore.repository.core import Core
    from hdstore.repository.dataset import Dataset
    from hdstore.repository.version import DatasetVersion

__all__ = ["merge_dataset"]

_STEP = 1000
"""Frames between two calls of a progress callback."""


def merge_dataset(
    dataset: Dataset,
    other: DatasetVersion,
    *,
    into: DatasetVersion | str | None = None,
    name: str | None = None,
    labels: Mapping[str, str] | None = None,
    ids: Mapping[str, str] | None = None,
    id_prefix: str = "",
    message: str | None = None,
    progress: Progress | None = None,
) -> MergeReport:
    """Merges a version of another dataset into ``into``, or into a new draft called ``name``, or into the one draft.

    ``labels`` gives labels new names, ``ids`` frames new ids; the ids of all other frames get ``id_prefix``. Frames of
    one id and equal content become one, those that differ become conflicts without a common ancestor. The draft
    remembers where this came from: merging a later state of the other version again, under the same names, brings only
    what is new there.

    Raises:
        ReadOnlyError: the draft is published.
        InvalidInputError: the new ids are not unique, or a version would be merged into itself.
    """
    if into is not None and name is not None:
        raise InvalidInputError("Say into which draft to merge, or what a new one is called, not both.")
    core, renaming = dataset._core, Renaming(dict(labels or {}), dict(ids or {}), id_prefix)
    if name is not None:
        commit = _renamed(core, None, other.commit, renaming, progress)
        draft = dataset.create_version(name)
    else:
        draft = _draft(dataset, into)
        if draft == other:
            raise InvalidInputError(f"{draft.path} can not be merged into itself.")
        tip = core.draft_tip(dataset.id, draft.id)
        commit = _renamed(core, tip, other.commit, renaming, progress)

    def document(held: VersionDocument) -> VersionDocument:
        return held

    return merge_into(draft, commit, document, message=message or MESSAGE, progress=progress)


def _draft(dataset: Dataset, into: DatasetVersion | str | None) -> DatasetVersion:
    if into is None:
        return dataset.current()
    draft = dataset.version(into) if isinstance(into, str) else into
    if draft.dataset != dataset:
        raise InvalidInputError(f"{draft.path} is no draft of the dataset {dataset.name!r}.")
    return draft


def _renamed(core: Core, tip: str | None, commit: str, renaming: Renaming, progress: Progress | None) -> str:
    """Returns a commit that holds a version under other names; it follows the last one that was merged into ``tip``.

    It must not follow the version itself: what has the same names there and here would seem to be one thing.
    """
    if not renaming:
        return commit
    objects = core.objects
    state = VersionState(objects, commit)
    what = core.path_of(state.document.dataset_id, state.document.id)
    parents = []
    for earlier in history(objects, tip) if tip else ():
        found = re.search(rf"\nfrom ([0-9a-f]{{40}})\nnames {renaming.digest}$", earlier.message)
        if found is None or not objects.exists(found[1]):
            continue
        if found[1] == commit:
            return earlier.id
        if objects.is_ancestor(found[1], commit):
            parents.append(earlier.id)
            break
    with Batch(core.layout.tmp) as batch, objects.pack() as writer:
        # All removals go first: an id that one frame gives up another one may take.
        for frame_id in state.frame_ids():
            if renaming.frame_id(frame_id) != frame_id:
                batch.remove(frame_id)
        for done, frame in enumerate(state.frames(), 1):
            renamed = renaming.frame(frame)
            if renamed != frame:
                batch.put(renamed)
            if progress is not None and done % _STEP == 0:
                progress("Renaming frames", done, state.stats.frames)
        built = batch.build(objects, writer, state, schema=renaming.schema(state.schema), progress=progress)
        if built.added != built.removed:
            raise InvalidInputError(
                "Two frames would get the same id; choose ids or a prefix that keep them apart."
            )
        return write_commit(
            writer,
            tree=built.tree,
            parents=parents,
            author=core.author,
            time=core.now(),
            message=f"Rename what {what} holds\n\nfrom {commit}\nnames {renaming.digest}",
        )
