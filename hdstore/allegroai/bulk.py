"""A context in which frames are added, updated and deleted one by one and saved together."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import TYPE_CHECKING

from hdstore.allegroai.dataframe import AnyFrame
from hdstore.allegroai.saving import FrameRef, Intake, check_no_cloud, frame_id_of, merge_frame
from hdstore.allegroai.storing import Storing
from hdstore.errors import InvalidInputError

if TYPE_CHECKING:
    from hdstore.allegroai.version_frames import VersionFrames

__all__ = ["BulkContext"]


class BulkContext:
    """Made by ``DatasetVersion.get_bulk_context``; saves at ``flush`` and when its block ends.

    With ``flush_threshold``, also whenever that many changes have gathered. A frame that can not be saved
    raises at once.
    """

    def __init__(
        self,
        version: VersionFrames,
        storing: Storing,
        *,
        flush_threshold: int | None,
        log: logging.Logger,
        refresh_version_stats: bool,
        allow_update: bool,
    ) -> None:
        self._version = version
        self._storing = storing
        self._log = log
        self._refresh = refresh_version_stats
        self._merge = allow_update
        self._added: set[str] = set()
        self._waiting: set[str] = set()
        self._threshold = flush_threshold
        self._bulk = version.native.bulk()
        if flush_threshold is not None and flush_threshold < 1:
            raise InvalidInputError(f"flush_threshold is 1 or more, not {flush_threshold}.")

    def __enter__(self) -> BulkContext:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bulk.__exit__(kind, error, traceback)
        self._version.end_bulk()
        if error is None and self._refresh:
            self._version.commit_version()

    def add_frame(self, frame: AnyFrame, warn_on_duplicate_frames: bool = False) -> None:
        """Adds a frame, or replaces the one of its id."""
        self._put(frame, warn_on_duplicate_frames, merge=False)

    def update_frame(self, frame: AnyFrame) -> None:
        """Replaces the frame of this id, or with ``allow_update`` merges what the new one says into it."""
        self._put(frame, False, merge=self._merge)

    def delete_frame(self, frame: FrameRef, delete_sources: bool = False) -> None:
        """Deletes a frame, given as an object or by its id; ``delete_sources`` refuses sources in buckets."""
        frame_id = frame_id_of(frame)
        found = self._version.native.state().find(frame_id) if delete_sources else None
        if found is not None:
            check_no_cloud([found])
        self._bulk.delete_frame(frame_id)
        self._gathered(frame_id)

    def flush(self) -> None:
        """Saves what has gathered."""
        count = len(self._waiting)
        self._bulk.flush()
        self._waiting.clear()
        if count:
            self._log.info("Saved changes of %d frames", count)

    def _put(self, frame: AnyFrame, warn: bool, *, merge: bool) -> None:
        intake = Intake(self._storing, added=self._added, warn_on_duplicate=warn)
        native = intake.take(frame)
        if native is None:
            raise InvalidInputError(f"A frame can not be saved: {intake.failures[0]['error']}")
        if merge:
            if native.id in self._waiting:
                self.flush()
            native = merge_frame(self._version.native, native, ())
        self._bulk.add_frame(native)
        self._gathered(native.id)

    def _gathered(self, frame_id: str) -> None:
        self._waiting.add(frame_id)
        if self._threshold is not None and len(self._waiting) >= self._threshold:
            self.flush()
