"""Frames of this API saved into a draft: added, merged into what is there, or deleted."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from hdstore.allegroai.dataframe import AnyFrame, FrameGroup, SingleFrame
from hdstore.allegroai.storing import Storing
from hdstore.codec import decode_frame, encode_frame
from hdstore.compat.errors import HyperDatasetWarning
from hdstore.compat.places import is_cloud
from hdstore.errors import HdstoreError, InvalidInputError, InvalidValueError, MediaError
from hdstore.model import Frame, replace

if TYPE_CHECKING:
    from hdstore.repository import DatasetVersion

__all__ = ["Failure", "FrameRef", "Intake", "check_no_cloud", "frame_id_of", "merge_frame", "report_progress"]

Failure: TypeAlias = dict[str, Any]
"""A frame that was not saved: "frame", "error" (a sentence) and "error_type" (upload, validation or register)."""

FrameRef: TypeAlias = AnyFrame | Mapping[str, Any] | str

_log = logging.getLogger("hdstore.allegroai")

_FIELDS = {
    "meta": "metadata",
    "meta_blob": "extra",
    "vectors": "vectors",
    "blob": "blob",
    "context_id": "context_id",
    "timestamp": "timestamp",
    "sources": "sources",
    "rois": "annotations",
}
"""ClearML's names of a frame's fields, and the library's."""


class Intake:
    """Turns frames of this API into stored ones, one by one; those that can not be are gathered as failures."""

    def __init__(
        self, storing: Storing, *, added: set[str], warn_on_duplicate: bool, max_bytes: float | None = None
    ) -> None:
        self.failures: list[Failure] = []
        self._storing = storing
        self._added = added
        self._warn = warn_on_duplicate
        self._max_bytes = max_bytes

    def take(self, frame: AnyFrame) -> Frame | None:
        """Returns the stored value of a frame; None, with the failure noted, where it can not be saved."""
        kind = "validation"
        try:
            if not isinstance(frame, SingleFrame | FrameGroup):
                raise InvalidValueError(
                    f"A SingleFrame or FrameGroup is needed, not a {type(frame).__name__}."
                )
            if self._storing.keeps:
                # Checked before its files are touched: what can not be saved shall not be kept either.
                encode_frame(frame.to_native())
                kind = "upload"
            self._storing.settle(frame)
            kind = "validation"
            encoded = encode_frame(frame.to_native())
            # With the ids that annotations without one were given.
            native = decode_frame(encoded)
            if self._max_bytes is not None and len(encoded) > self._max_bytes:
                kind = "register"
                raise InvalidValueError(
                    f"Frame {native.id!r} has {len(encoded)} bytes, more than max_request_size_mb allows."
                )
            frame.bind(native)
        except (HdstoreError, OSError) as error:
            self.failures.append({"frame": frame, "error": str(error), "error_type": kind})
            return None
        if self._warn and native.id in self._added:
            warnings.warn(f"Frame {native.id!r} was added before.", HyperDatasetWarning, stacklevel=4)
        self._added.add(native.id)
        return native

    def stream(self, frames: Iterable[AnyFrame]) -> Iterator[Frame]:
        """Yields the stored values of those frames that can be saved."""
        for frame in frames:
            native = self.take(frame)
            if native is not None:
                yield native


def report_progress(
    frames: Iterable[Frame], what: str, *, batch_size: int, every: int | None
) -> Iterator[Frame]:
    """Passes frames on and tells the log how many there were: at the end of a batch, ``every`` so many or more."""
    if batch_size < 1:
        raise InvalidInputError(f"batch_size is 1 or more, not {batch_size}.")
    done = told = 0
    for done, frame in enumerate(frames, start=1):
        yield frame
        if every and done % batch_size == 0 and done - told >= every:
            told = done
            _log.info("%s: %d frames", what, done)
    if every and done != told:
        _log.info("%s: %d frames", what, done)


def frame_id_of(frame: object) -> str:
    """Returns the id of a frame that is given as an object, a dict or the id itself."""
    if isinstance(frame, str):
        return frame
    if isinstance(frame, SingleFrame | FrameGroup):
        return frame.id
    if isinstance(frame, Mapping) and "id" in frame:
        return str(frame["id"])
    raise InvalidInputError(f"A frame to delete is an id or a frame, not a {type(frame).__name__}.")


def merge_frame(version: DatasetVersion, native: Frame, without: Sequence[str]) -> Frame:
    """Returns the stored frame of this id with the fields that ``native`` has; itself where there is none.

    Dicts are merged key by key, everything else is replaced where the new frame says something. Fields in
    ``without`` stay as they are stored.
    """
    unknown = sorted(set(without) - _FIELDS.keys())
    if unknown:
        raise InvalidInputError(
            f"without_fields names fields of a frame ({', '.join(_FIELDS)}), which {unknown} are not."
        )
    stored = version.state().find(native.id)
    if stored is None:
        return replace(native, **{_FIELDS[name]: _empty(native, _FIELDS[name]) for name in without})
    merged = {}
    for name, field in _FIELDS.items():
        old, new = getattr(stored, field), getattr(native, field)
        if name in without or not (new or new == 0):
            merged[field] = old
        else:
            merged[field] = _deep(old, new) if isinstance(old, dict) and isinstance(new, dict) else new
    return replace(native, **merged)


def _empty(native: Frame, field: str) -> Any:
    return None if field == "timestamp" else type(getattr(native, field))()


def _deep(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(dict(old))
    for key, value in new.items():
        known = merged.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            value = _deep(known, value)
        merged[key] = value
    return merged


def check_no_cloud(frames: Iterable[Frame]) -> int:
    """Returns how many frames there are; raises MediaError when a source lies in a bucket.

    hdstore deletes nothing in buckets, local files are never deleted, and what the repository keeps goes by
    ``gc`` when nothing needs it any more.
    """
    count = 0
    for count, frame in enumerate(frames, start=1):  # noqa: B007
        for source in frame.sources:
            if is_cloud(source.uri):
                raise MediaError(
                    f"delete_sources can not delete {source.uri}: hdstore reaches no buckets. Nothing was deleted."
                )
    return count
