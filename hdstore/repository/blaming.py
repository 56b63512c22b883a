"""The histories of a version's frames: who changed a frame or an annotation, when, and what it was before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hdstore.model import Progress

if TYPE_CHECKING:
    from hdstore.blame import FrameBlame, FrameEvent, Histories
    from hdstore.repository.core import Core
    from hdstore.repository.version import DatasetVersion

__all__ = ["blame", "history"]


def blame(
    version: DatasetVersion, frame_id: str, *, removed: bool = False, progress: Progress | None = None
) -> FrameBlame:
    """Returns who made a frame what it is: who added it and each annotation, who changed what last, and from what.

    With ``removed`` it also tells of annotations that are not there any more. The first question about a dataset reads
    its commits; what it finds is kept, and later ones read only later commits.

    Raises:
        NotFoundError: there is no such frame.
    """
    commit = version.commit
    return _histories(version).blame(commit, frame_id, removed=removed, progress=progress)


def history(
    version: DatasetVersion,
    frame_id: str,
    annotation_id: str | None = None,
    *,
    progress: Progress | None = None,
) -> Iterator[FrameEvent]:
    """Streams the saves in which a frame, or one annotation of it, changed, the latest first.

    A frame that is there no more has a history too; one that never was has none.
    """
    commit = version.commit
    return _histories(version).events(commit, frame_id, annotation_id, progress)


def _histories(version: DatasetVersion) -> Histories:
    """Returns what the repository knows of the histories of a version's dataset."""
    core, dataset_id = version._core, version.dataset.id
    found = core.histories.get(dataset_id)
    if found is None:
        found = core.histories.setdefault(dataset_id, _open(core, dataset_id))
    return found


def _open(core: Core, dataset_id: str) -> Histories:
    from hdstore.blame import Histories  # numpy is loaded by whoever asks

    return Histories(
        core.objects,
        core.layout.index / "history" / dataset_id,
        tmp=core.layout.tmp,
        lock=core.layout.locks / "history.lock",
        named=core.path_of,
    )
