"""One version: reading its frames, writing them while it is a draft, and publishing it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from hdstore.allegroai.bulk import BulkContext
from hdstore.allegroai.dataframe import AnyFrame, frame_from_native
from hdstore.allegroai.saving import (
    Failure,
    FrameRef,
    Intake,
    check_no_cloud,
    frame_id_of,
    merge_frame,
    report_progress,
)
from hdstore.allegroai.storing import Storing
from hdstore.allegroai.version_handle import VersionHandle
from hdstore.compat.places import PathLike
from hdstore.compat.projection import parse_projection, project
from hdstore.errors import InvalidInputError
from hdstore.model import Frame
from hdstore.repository import DatasetVersion as NativeVersion
from hdstore.repository import Repository

__all__ = ["VersionFrames"]

_log = logging.getLogger("hdstore.allegroai")


class VersionFrames(VersionHandle):
    """A version with its frames.

    ``auto_upload_destination`` and ``local_dataset_root_path`` hold for all frames that are added with this
    handle.
    """

    def __init__(
        self,
        repository: Repository,
        native: NativeVersion,
        *,
        auto_upload_destination: str | bool | None = None,
        local_dataset_root_path: PathLike | None = None,
    ) -> None:
        super().__init__(repository, native)
        self._destination = auto_upload_destination
        self._root_path = local_dataset_root_path
        self._added: set[str] = set()
        self._bulk: BulkContext | None = None

    def get_iterator(
        self, projection: Sequence[str] | None = None
    ) -> Iterator[AnyFrame] | Iterator[dict[str, Any]]:
        """Streams the frames as they stand now, or parts of them as dicts; nothing is kept in memory."""
        if projection is None:
            return iter(self)
        paths = parse_projection(projection)
        return (project(frame.to_dict(), paths) for frame in self)

    def __iter__(self) -> Iterator[AnyFrame]:
        return (frame_from_native(native, self) for native in self.native.frames())

    # Writing frames

    def _storing(self, destination: str | bool | None, root_path: PathLike | None, **options: Any) -> Storing:
        if destination is None and not options.get("mapping"):
            destination = self._destination
        if destination and root_path is None:
            root_path = self._root_path
        return Storing(self.repository, destination=destination, root_path=root_path, **options)

    def add_frames(
        self,
        frames: Iterable[AnyFrame],
        warn_on_duplicate_frames: bool = False,
        batch_size: int = 1000,
        refresh_version_stats: bool = True,
        auto_upload_destination: str | bool | None = None,
        local_dataset_root_path: PathLike | None = None,
        force_upload: bool = False,
        progress_report: int | None = 1,
        register_on_upload_failure: bool = False,
        upload_retries: int = 5,
        src_to_dst_mapping: Mapping[str, str] | None = None,
        unregister_on_upload_fail: bool = True,
        max_request_size_mb: float | None = None,
    ) -> list[Failure]:
        """Adds frames as one save and returns those that failed: "frame", "error" and "error_type" of each.

        A frame of an id that is there is replaced. Local files are linked where they lie, or kept by the
        repository when a destination is given; which one it is does not matter. The page on ClearML's
        scripts tells what each argument does.
        """
        storing = self._storing(
            auto_upload_destination,
            local_dataset_root_path,
            mapping=src_to_dst_mapping,
            force=force_upload,
            retries=upload_retries,
            link_on_failure=register_on_upload_failure or not unregister_on_upload_fail,
        )
        intake = Intake(
            storing,
            added=self._added,
            warn_on_duplicate=warn_on_duplicate_frames,
            max_bytes=None if max_request_size_mb is None else max_request_size_mb * 1_000_000,
        )
        stream = report_progress(intake.stream(frames), "Added", batch_size=batch_size, every=progress_report)
        self.native.add_frames(stream)
        if refresh_version_stats:
            self.commit_version()
        return intake.failures

    def update_frames(
        self,
        frames: Iterable[AnyFrame],
        batch_size: int = 1000,
        refresh_version_stats: bool = True,
        without_fields: Sequence[str] | Literal[False] | None = None,
    ) -> None:
        """Replaces frames as one save; with ``without_fields`` (an empty list will do) merges them into what is there.

        Merging leaves the fields named as they are, and removes nothing. A frame that can not be saved
        raises, and nothing is saved.
        """
        intake = Intake(self._storing(None, None), added=self._added, warn_on_duplicate=False)

        def stream() -> Iterator[Frame]:
            for frame in frames:
                native = intake.take(frame)
                if native is None:
                    raise InvalidInputError(f"A frame can not be saved: {intake.failures[0]['error']}")
                if without_fields is None:
                    yield native
                else:
                    yield merge_frame(self.native, native, without_fields or ())

        self.native.add_frames(
            report_progress(stream(), "Updated", batch_size=batch_size, every=batch_size),
            message="Update frames",
        )
        if refresh_version_stats:
            self.commit_version()

    def delete_frames(
        self,
        frames: Iterable[FrameRef],
        batch_size: int = 1000,
        refresh_version_stats: bool = True,
        delete_sources: bool = False,
    ) -> int:
        """Deletes frames, given as objects or ids, as one save and returns how many there were.

        ``delete_sources`` refuses sources in buckets, which hdstore does not reach; local files are never
        deleted.
        """
        if batch_size < 1:
            raise InvalidInputError(f"batch_size is 1 or more, not {batch_size}.")
        ids = [frame_id_of(frame) for frame in frames]
        if delete_sources:
            state = self.native.state()
            check_no_cloud(found for each in ids if (found := state.find(each)) is not None)
        removed = self.native.delete_frames(ids).removed
        self._added.difference_update(ids)
        if refresh_version_stats:
            self.commit_version()
        return removed

    def get_bulk_context(
        self,
        flush_threshold: int | None = None,
        log: logging.Logger | None = None,
        refresh_version_stats: bool = True,
        auto_upload_destination: str | bool | None = None,
        local_dataset_root_path: PathLike | None = None,
        allow_update: bool = False,
    ) -> BulkContext:
        """Returns the context of this handle in which frames are added, updated and deleted one by one.

        There is one at a time: while it is open, a second call returns it as it is.
        """
        if self._bulk is None:
            self._bulk = BulkContext(
                self,
                self._storing(auto_upload_destination, local_dataset_root_path),
                flush_threshold=flush_threshold,
                log=log or _log,
                refresh_version_stats=refresh_version_stats,
                allow_update=allow_update,
            )
        return self._bulk

    def end_bulk(self) -> None:
        """Lets go of the bulk context; the next call makes a new one."""
        self._bulk = None

    def flush(self, refresh_version_stats: bool = True) -> None:
        """Saves what has gathered in the bulk context; without one it does nothing."""
        if self._bulk is not None:
            self._bulk.flush()
        if refresh_version_stats:
            self.commit_version()

    # Its life

    def commit_version(
        self,
        publish: bool = False,
        force: bool = False,
        calculate_stats: bool = True,
        override_stats: Mapping[str, Any] | None = None,
        publishing_task: str | None = None,
    ) -> None:
        """Saves what has gathered in a bulk context, and with ``publish`` publishes the version.

        Every save is a commit with exact statistics, so there is nothing else to do; statistics can not be
        overridden or left out, and there are no tasks that could hold a version back.
        """
        if override_stats is not None or not calculate_stats:
            raise InvalidInputError(
                "Statistics follow from the frames; they can not be overridden or left out."
            )
        if force or publishing_task is not None:
            raise InvalidInputError("No task holds a version back here; leave out force and publishing_task.")
        self.flush(refresh_version_stats=False)
        if publish:
            self.publish_version()

    def publish_version(self) -> bool:
        """Makes it read-only for ever and returns True; False where it is published already."""
        self.flush(refresh_version_stats=False)
        if not self.native.is_draft:
            return False
        self.native.publish()
        return True
