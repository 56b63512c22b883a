"""Loaders: what becomes of an item of a view before a PyTorch model sees it; plain values, copied to workers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PIL import Image

from hdstore.errors import InvalidValueError, MediaError
from hdstore.media import MAX_PIXELS
from hdstore.model import ALL_MASKS, Frame, Schema, Source
from hdstore.model.measure import bounding_box
from hdstore.train.extras import need
from hdstore.train.pictures import load_mask, load_picture
from hdstore.train.raster import equal_pixels
from hdstore.train.targets import Targets, local_file, source_of, targets_of

if TYPE_CHECKING:
    from hdstore.media import Media
    from hdstore.view import ViewItem

__all__ = ["CropLoader", "DetectionLoader", "SegmentationLoader", "mask_numbers"]

torch: Any = need("torch", extra="torch")


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionLoader:
    """Loads a picture and what is to be found in it, as torchvision's detection models take them.

    Returns ``(image, target)``: ``image`` is (channels, height, width) of bytes, upright. ``target`` has

    - ``boxes`` (n, 4) float32 as left, top, right, bottom; ``labels`` (n) int64, the view's numbers; ``area`` (n);
    - with ``masks``: ``masks`` (n, height, width) uint8;
    - with ``keypoints``: ``keypoints`` (n, k, 2) float32 and ``visibility`` (n, k) uint8, as COCO counts it;
    - ``frame_labels`` (m) int64: labels of the frame as a whole;
    - ``image_id`` the item's position, ``frame_id``, and ``annotation_ids``, a list of n strings.

    Labels that the view gives no number (-1) are left out. ``source`` names which source of a frame group is meant,
    else the first. ``tv_tensors`` says whether images, boxes, masks and keypoints come as torchvision's classes, so
    that its ``v2`` transforms move them together; None: where torchvision is installed.
    """

    masks: bool = False
    keypoints: bool = False
    source: str | None = None
    mode: str = "RGB"
    max_pixels: int = MAX_PIXELS
    tv_tensors: bool | None = None

    needs_numbers: ClassVar[bool] = True

    def __call__(self, item: ViewItem, media: Media) -> tuple[Any, dict[str, Any]]:
        """Returns image and target; raises MediaError naming the frame whose picture can not be had."""
        source = source_of(item.frame, self.source)
        picture = _picture(item.frame, source, media, self.mode, self.max_pixels)
        targets = targets_of(
            item,
            source,
            media,
            height=picture.height,
            width=picture.width,
            masks=self.masks,
            keypoints=self.keypoints,
            max_pixels=self.max_pixels,
        )
        image = _tensor(picture)
        target = _target(item, targets)
        if self.tv_tensors or (self.tv_tensors is None and find_spec("torchvision") is not None):
            return _wrapped(image, target)
        return image, target


@dataclass(frozen=True, slots=True, kw_only=True)
class CropLoader:
    """Loads what one annotation shows, for classifiers; the view's output is ``frame_per_roi``.

    Returns ``(image, number)``: the upright rectangle around the annotation, made larger by ``margin`` of its width and
    height on each side and then to whole pixels, scaled to ``size`` (height, width); an annotation without geometry
    means the whole picture. The number is -1 where the view gives the label none, which
    ``cross_entropy(..., ignore_index=-1)`` passes over.
    """

    size: tuple[int, int]
    margin: float = 0.0
    source: str | None = None
    mode: str = "RGB"
    max_pixels: int = MAX_PIXELS

    needs_numbers: ClassVar[bool] = True

    def __call__(self, item: ViewItem, media: Media) -> tuple[Any, int]:
        """Returns image and label number; raises MediaError naming the frame whose picture can not be had."""
        frame = item.frame
        if len(frame.annotations) != 1:
            raise InvalidValueError(
                f"Frame {frame.id!r} comes with {len(frame.annotations)} annotations, and a crop shows one; give the"
                " view the output 'frame_per_roi'."
            )
        on = frame.annotations[0].sources
        source = source_of(frame, self.source or (on[0] if on else None))
        picture = _picture(frame, source, media, self.mode, self.max_pixels)
        bounds = bounding_box(frame.annotations[0].geometry)
        if bounds is not None:
            picture = picture.crop(self._inside(frame, bounds, picture))
        height, width = self.size
        return _tensor(picture.resize((width, height), Image.Resampling.BILINEAR)), item.numbers[0]

    def _inside(
        self, frame: Frame, bounds: tuple[float, float, float, float], picture: Image.Image
    ) -> tuple[int, int, int, int]:
        x, y, w, h = bounds
        left, top = max(x - self.margin * w, 0.0), max(y - self.margin * h, 0.0)
        right = min(x + w + self.margin * w, float(picture.width))
        bottom = min(y + h + self.margin * h, float(picture.height))
        if left >= right or top >= bottom:
            raise MediaError(
                f"Annotation {frame.annotations[0].id!r} of frame {frame.id!r} covers nothing of its picture of"
                f" {picture.width} x {picture.height} pixels."
            )
        return math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationLoader:
    """Loads a picture and one of its masks as numbers (row 129).

    Returns ``(image, mask)`` with the mask (height, width) int64. ``numbers`` maps pixel values to class numbers
    (``mask_numbers`` makes it of a schema), and ``other`` is the class of all other values; without ``numbers`` a
    mask's grey or palette values are taken as they are. ``mask`` names the mask, else the first.
    """

    numbers: Mapping[tuple[int, ...], int] | None = None
    other: int = 255
    mask: str | None = None
    source: str | None = None
    mode: str = "RGB"
    max_pixels: int = MAX_PIXELS

    def __call__(self, item: ViewItem, media: Media) -> tuple[Any, Any]:
        """Returns image and mask; raises MediaError naming the frame whose picture or mask can not be had."""
        frame = item.frame
        source = source_of(frame, self.source)
        picture = _picture(frame, source, media, self.mode, self.max_pixels)
        found = [mask for mask in source.masks if self.mask is None or mask.id == self.mask]
        if not found:
            raise MediaError(
                f"Frame {frame.id!r} has no mask{f' {self.mask!r}' if self.mask else ''} to load."
            )
        try:
            values = load_mask(local_file(frame, found[0], media), max_pixels=self.max_pixels)
        except MediaError as error:
            raise MediaError(f"The mask of frame {frame.id!r}: {error}") from error
        if values.shape[:2] != (picture.height, picture.width):
            raise MediaError(
                f"The mask of frame {frame.id!r} has {values.shape[1]} x {values.shape[0]} pixels, its picture"
                f" {picture.width} x {picture.height}."
            )
        return _tensor(picture), torch.from_numpy(self._numbered(frame, values))

    def _numbered(self, frame: Frame, values: Any) -> Any:
        if self.numbers is None:
            if values.ndim == 3:
                raise InvalidValueError(
                    f"The mask of frame {frame.id!r} is in colours; say which number each means, see mask_numbers."
                )
            return values
        classes = np.full(values.shape[:2], self.other, dtype=np.int64)
        for value, number in self.numbers.items():
            classes[equal_pixels(values, value)] = number
        return classes


def mask_numbers(
    schema: Schema, enumeration: Mapping[str, int], *, mask: str = ALL_MASKS
) -> dict[tuple[int, ...], int]:
    """Returns the class number of each pixel value of a version's masks: that of its first label with a number."""
    numbers: dict[tuple[int, ...], int] = {}
    for meaning in schema.mask_labels.get(mask, ()):
        found = [enumeration[label] for label in meaning.labels if label in enumeration]
        if found:
            numbers[meaning.value] = found[0]
    return numbers


def _picture(frame: Frame, source: Source, media: Media, mode: str, max_pixels: int) -> Image.Image:
    path = local_file(frame, source, media)
    try:
        picture = _last(path, mode, max_pixels)
    except MediaError as error:
        raise MediaError(f"The picture of frame {frame.id!r}: {error}") from error
    if source.width and source.height and picture.size != (source.width, source.height):
        raise MediaError(
            f"The picture of frame {frame.id!r} has {picture.width} x {picture.height} pixels, but its annotations were"
            f" made on {source.width} x {source.height}."
        )
    return picture


@lru_cache(maxsize=1)
def _last(path: Path, mode: str, max_pixels: int) -> Image.Image:
    """Returns a picture; crops of one frame follow each other, and decoding it once does for all."""
    return load_picture(path, mode=mode, max_pixels=max_pixels)


def _tensor(picture: Image.Image) -> Any:
    pixels = np.array(picture)
    if pixels.ndim == 2:
        return torch.from_numpy(pixels[None])
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _target(item: ViewItem, targets: Targets) -> dict[str, Any]:
    boxes = torch.from_numpy(targets.boxes)
    target = {
        "boxes": boxes,
        "labels": torch.from_numpy(targets.labels),
        "area": (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]),
        "frame_labels": torch.from_numpy(targets.frame_labels),
        "image_id": item.position,
        "frame_id": item.frame.id,
        "annotation_ids": [item.frame.annotations[place].id for place in targets.kept],
    }
    if targets.masks is not None:
        target["masks"] = torch.from_numpy(targets.masks.astype(np.uint8))
        target["area"] = target["masks"].sum(dim=(1, 2), dtype=torch.float32)
    if targets.keypoints is not None:
        target["keypoints"] = torch.from_numpy(targets.keypoints[..., :2].copy())
        target["visibility"] = torch.from_numpy(targets.keypoints[..., 2].astype(np.uint8))
    return target


def _wrapped(image: Any, target: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Returns image and target with torchvision's own classes of tensors."""
    classes = need("torchvision.tv_tensors", extra="torch")
    size = tuple(image.shape[-2:])
    target["boxes"] = classes.BoundingBoxes(target["boxes"], format="XYXY", canvas_size=size)
    if "masks" in target:
        target["masks"] = classes.Mask(target["masks"])
    if "keypoints" in target:
        if not hasattr(classes, "KeyPoints"):
            raise InvalidValueError(
                "This release of torchvision can not move keypoints; take a newer one, or tv_tensors=False."
            )
        target["keypoints"] = classes.KeyPoints(target["keypoints"], canvas_size=size)
    return classes.Image(image), target
