"""What a model is to find in a picture, as numpy arrays: boxes, label numbers, masks, keypoints.

Knows no framework; ``hdstore.train.torch`` makes tensors of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hdstore.errors import HdstoreError, InvalidValueError, MediaError
from hdstore.media import MAX_PIXELS
from hdstore.model import Annotation, Box3D, Frame, Keypoints, Keypoints3D, Mask, MaskValue, Polygon3D, Source
from hdstore.model.measure import bounding_box
from hdstore.train.pictures import load_mask
from hdstore.train.raster import Pixels, equal_pixels, mask_bounds, mask_of

if TYPE_CHECKING:
    from hdstore.media import Media
    from hdstore.view import ViewItem

__all__ = ["Targets", "local_file", "source_of", "targets_of"]

IGNORED = -1
"""The number of a label that the view gives none (row 103): whoever trains is not to learn it."""

_IN_SPACE = (Box3D, Keypoints3D, Polygon3D)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Targets:
    """The annotations of one picture; the first axis of each array counts the annotations that ``kept`` names.

    ``boxes`` is (n, 4) as left, top, right, bottom in pixels, inside the picture. ``masks`` is (n, height, width),
    ``keypoints`` (n, k, 3) as x, y, visibility (0 where an annotation has fewer than the k of the longest). Both are
    None unless they were asked for. ``frame_labels`` has the numbers of annotations without geometry: labels of the
    frame as a whole.
    """

    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    frame_labels: NDArray[np.int64]
    kept: tuple[int, ...]
    masks: NDArray[np.bool_] | None = None
    keypoints: NDArray[np.float32] | None = None


def source_of(frame: Frame, source_id: str | None = None) -> Source:
    """Returns the source of this id, or the first; raises MediaError naming the frame when there is none."""
    if source_id is None and frame.sources:
        return frame.sources[0]
    found = None if source_id is None else frame.source(source_id)
    if found is None:
        which = "source" if source_id is None else f"source {source_id!r}"
        raise MediaError(f"Frame {frame.id!r} has no {which}, so there is no picture to load.")
    return found


def local_file(frame: Frame, medium: Source | Mask, media: Media) -> Path:
    """Returns where the bytes of a source or mask lie on this machine.

    Raises:
        MediaError: they do not; the message names the frame, the URI and what to do.
        UntrustedError: the URI leads to a place that this machine has not allowed.
    """
    try:
        path = media.local_path(medium.uri, hash=medium.hash, size=medium.size)
    except MediaError as error:
        raise MediaError(f"Frame {frame.id!r}: {error}") from error
    if path is not None:
        return path
    if not medium.uri:
        raise MediaError(
            f"Frame {frame.id!r} says of no place where its medium lies; import it with its media."
        )
    raise MediaError(
        f"The medium {medium.uri!r} of frame {frame.id!r} is not on this machine; map its root, fetch its media, or"
        " skip such frames."
    )


def targets_of(
    item: ViewItem,
    source: Source,
    media: Media,
    *,
    height: int,
    width: int,
    masks: bool = False,
    keypoints: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Targets:
    """Returns what a picture of ``width`` x ``height`` pixels, of one source of a frame, is to teach.

    Left out are annotations on other sources, those whose label has no number (-1), kinds in space, and what does not
    touch the picture.

    Raises:
        MediaError: the picture of a mask is missing, unreadable or of another size.
        InvalidValueError: a run-length mask can not be read; the message names the frame.
    """
    maker = _Maker(item.frame, source, media, height, width, max_pixels)
    boxes: list[tuple[float, float, float, float]] = []
    labels: list[int] = []
    pixels: list[Pixels] = []
    points: list[NDArray[np.float32]] = []
    kept: list[int] = []
    for place, number in maker.wanted(item.numbers):
        annotation = item.frame.annotations[place]
        mask = maker.mask(annotation) if masks or isinstance(annotation.geometry, MaskValue) else None
        box = maker.box(annotation, mask)
        if box is None:
            continue
        kept.append(place)
        boxes.append(box)
        labels.append(number)
        pixels.append(np.zeros((height, width), dtype=np.bool_) if mask is None else mask)
        points.append(_points(annotation))
    return Targets(
        boxes=np.array(boxes, dtype=np.float32).reshape(-1, 4),
        labels=np.array(labels, dtype=np.int64),
        frame_labels=np.array(maker.frame_labels(item.numbers), dtype=np.int64),
        kept=tuple(kept),
        masks=_stacked(pixels, height, width) if masks else None,
        keypoints=_padded(points) if keypoints else None,
    )


class _Maker:
    """Makes the targets of one picture; each mask is loaded once."""

    def __init__(
        self, frame: Frame, source: Source, media: Media, height: int, width: int, max_pixels: int
    ) -> None:
        self._frame = frame
        self._source = source
        self._media = media
        self._height, self._width = height, width
        self._max_pixels = max_pixels
        self._masks: dict[str, NDArray[np.int64]] = {}

    def wanted(self, numbers: Sequence[int]) -> list[tuple[int, int]]:
        """Returns place and number of the annotations with a geometry in this picture."""
        return [
            (place, number)
            for place, (annotation, number) in enumerate(zip(self._frame.annotations, numbers, strict=True))
            if number != IGNORED
            and annotation.geometry is not None
            and not isinstance(annotation.geometry, _IN_SPACE)
            and self._is_here(annotation)
        ]

    def frame_labels(self, numbers: Sequence[int]) -> list[int]:
        """Returns the numbers of the annotations without geometry."""
        return [
            number
            for annotation, number in zip(self._frame.annotations, numbers, strict=True)
            if number != IGNORED and annotation.geometry is None and self._is_here(annotation)
        ]

    def _is_here(self, annotation: Annotation) -> bool:
        if annotation.sources:
            return self._source.id in annotation.sources
        return self._source.id == self._frame.sources[0].id

    def mask(self, annotation: Annotation) -> Pixels | None:
        """Returns the pixels of an annotation, or None for kinds that cover none."""
        if isinstance(annotation.geometry, MaskValue):
            return self._mask_value(annotation.geometry)
        try:
            return mask_of(annotation.geometry, height=self._height, width=self._width)
        except InvalidValueError as error:
            raise InvalidValueError(self._say(annotation, error)) from error

    def box(self, annotation: Annotation, mask: Pixels | None) -> tuple[float, float, float, float] | None:
        """Returns left, top, right and bottom of what lies inside the picture, or None where nothing does."""
        try:
            bounds = bounding_box(annotation.geometry)
        except InvalidValueError as error:
            raise InvalidValueError(self._say(annotation, error)) from error
        if bounds is None and mask is not None:
            bounds = mask_bounds(mask)
        if bounds is None:
            return None
        x, y, w, h = bounds
        left, right = max(x, 0.0), min(x + w, float(self._width))
        top, bottom = max(y, 0.0), min(y + h, float(self._height))
        # As 32 bits hold them: a sliver there may be nothing.
        return (left, top, right, bottom) if _is_wide(left, right) and _is_wide(top, bottom) else None

    def _mask_value(self, geometry: MaskValue) -> Pixels:
        mask = self._find_mask(geometry.mask)
        if mask.id not in self._masks:
            values = self._load(mask)
            if values.shape[:2] != (self._height, self._width):
                raise MediaError(
                    f"Mask {mask.id!r} of frame {self._frame.id!r} has {values.shape[1]} x {values.shape[0]} pixels,"
                    f" its picture {self._width} x {self._height}."
                )
            self._masks[mask.id] = values
        return equal_pixels(self._masks[mask.id], geometry.value)

    def _find_mask(self, mask_id: str) -> Mask:
        for mask in self._source.masks:
            if not mask_id or mask.id == mask_id:
                return mask
        raise MediaError(
            f"An annotation of frame {self._frame.id!r} names mask {mask_id!r}, but its source has no such mask."
        )

    def _load(self, mask: Mask) -> NDArray[np.int64]:
        path = local_file(self._frame, mask, self._media)
        try:
            return load_mask(path, max_pixels=self._max_pixels)
        except MediaError as error:
            raise MediaError(f"Frame {self._frame.id!r}: {error}") from error

    def _say(self, annotation: Annotation, error: HdstoreError) -> str:
        return f"Annotation {annotation.id!r} of frame {self._frame.id!r}: {error}"


def _is_wide(low: float, high: float) -> bool:
    return bool(np.float32(low) < np.float32(high))


def _points(annotation: Annotation) -> NDArray[np.float32]:
    """Returns the keypoints of an annotation, (k, 3); points without a word about it count as visible."""
    geometry = annotation.geometry
    if not isinstance(geometry, Keypoints):
        return np.zeros((0, 3), dtype=np.float32)
    places = np.array(geometry.points, dtype=np.float32).reshape(-1, 2)
    seen = np.array(geometry.visibility or (2,) * len(places), dtype=np.float32)
    return np.concatenate([places, seen[:, None]], axis=1)


def _stacked(pixels: Sequence[Pixels], height: int, width: int) -> NDArray[np.bool_]:
    return np.stack(pixels) if pixels else np.zeros((0, height, width), dtype=np.bool_)


def _padded(points: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    longest = max((len(one) for one in points), default=0)
    padded = np.zeros((len(points), longest, 3), dtype=np.float32)
    for row, one in zip(padded, points, strict=True):
        row[: len(one)] = one
    return padded
