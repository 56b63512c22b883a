"""A context in which frames are added, updated and deleted one by one and saved together (row 58)."""

from __future__ import annotations

from types import TracebackType

from hdstore.errors import InvalidInputError, InvalidValueError
from hdstore.model import Changes, Frame
from hdstore.repository.core import Core
from hdstore.repository.saving import save_batch
from hdstore.version import Batch

__all__ = ["Bulk"]


class Bulk:
    """Collects changes of frames; they are saved as one commit at ``flush`` and when the block ends.

    With ``flush_threshold``, also whenever that many have gathered. When the block ends by an exception, what was not
    flushed is dropped.
    """

    def __init__(
        self, core: Core, dataset_id: str, version_id: str, *, flush_threshold: int | None = None
    ) -> None:
        if flush_threshold is not None and flush_threshold < 1:
            raise InvalidValueError("A flush threshold is at least 1, or None to save at the end.")
        self._core = core
        self._dataset_id = dataset_id
        self._version_id = version_id
        self._threshold = flush_threshold
        self._batch = Batch(core.layout.tmp)
        self._over = False
        self.saves: list[Changes] = []

    def __enter__(self) -> Bulk:
        self._core.draft_tip(self._dataset_id, self._version_id)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self.flush()
        finally:
            self._over = True
            self._batch.close()

    def add_frame(self, frame: Frame) -> None:
        """Adds a frame, or replaces the one of its id."""
        self._check_open()
        self._batch.put(frame)
        self._maybe_flush()

    def update_frame(self, frame: Frame) -> None:
        """Replaces the frame of this id whole."""
        self.add_frame(frame)

    def delete_frame(self, frame_id: str) -> None:
        """Removes a frame; one that is not there is passed over."""
        self._check_open()
        self._batch.remove(frame_id)
        self._maybe_flush()

    def _check_open(self) -> None:
        if self._over:
            raise InvalidInputError("This bulk context has ended and saves no more; begin another one.")

    def _maybe_flush(self) -> None:
        if self._threshold is not None and len(self._batch) >= self._threshold:
            self.flush()

    def flush(self) -> Changes | None:
        """Saves what has gathered as one commit and returns what changed; None when nothing had gathered."""
        count = len(self._batch)
        if not count:
            return None
        changes = save_batch(
            self._core,
            self._dataset_id,
            self._version_id,
            self._batch,
            message=f"Change {count} frame{'' if count == 1 else 's'}",
        )
        self._batch.close()
        self._batch = Batch(self._core.layout.tmp)
        self.saves.append(changes)
        return changes
