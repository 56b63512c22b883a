"""Entries and sub-entries of pictures and videos: size, time, masks, and annotations with a place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hdstore.clearml.entry import DataEntry
from hdstore.clearml.rois import Roi, RoiList, make_rois
from hdstore.clearml.sub_entry import DataSubEntry
from hdstore.compat.coordinates import Values
from hdstore.compat.places import PathLike
from hdstore.compat.sourced import MaskSources
from hdstore.errors import InvalidInputError

__all__ = ["DataEntryImage", "DataSubEntryImage"]


class DataSubEntryImage(DataSubEntry):
    """A picture, or one moment of a video; ``timestamp`` is in milliseconds, ``width`` and ``height`` in pixels."""

    def __init__(
        self,
        name: str = "image_entry_0",
        source: PathLike | None = None,
        preview_source: PathLike | None = None,
        width: int | None = None,
        height: int | None = None,
        timestamp: int | float | None = None,
        context_id: str | None = None,
        masks_source: MaskSources | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(name, source, preview_source, metadata)
        self._context_id = "" if context_id is None else str(context_id)
        self._annotations = RoiList()
        self.width = width
        self.height = height
        self.timestamp = timestamp
        self.set_masks_source(masks_source)

    # What it is a picture of

    @property
    def width(self) -> int | None:
        """Its width in pixels."""
        return self._medium.width

    @width.setter
    def width(self, width: int | None) -> None:
        self._medium.width = width

    @property
    def height(self) -> int | None:
        """Its height in pixels."""
        return self._medium.height

    @height.setter
    def height(self, height: int | None) -> None:
        self._medium.height = height

    @property
    def timestamp(self) -> int | float:
        """Its place in the medium in milliseconds; 0 for stills."""
        return self._medium.time

    @timestamp.setter
    def timestamp(self, timestamp: int | float | None) -> None:
        self._medium.time = timestamp

    @property
    def context_id(self) -> str | None:
        """What groups entries of one video or scene; None where it was not given."""
        return self._context_id or None

    @context_id.setter
    def context_id(self, context_id: str | None) -> None:
        self._context_id = "" if context_id is None else str(context_id)

    # Masks

    def set_mask_source(self, uri: PathLike | None) -> str | None:
        """Adds a mask under the next free number ("00", "01", ...) and returns that; None for no mask."""
        if not uri:
            return None
        masks = self._medium.masks_source
        mask_id = next(f"{index:02}" for index in range(len(masks) + 1) if f"{index:02}" not in masks)
        masks[mask_id] = uri
        return mask_id

    def set_masks_source(self, masks_source: MaskSources | None = None) -> None:
        """Replaces the masks: those of a dict keep their ids, those of a list get the ids "00", "01" and so on."""
        self._medium.masks_source = masks_source

    def get_masks_source_dict(self) -> dict[str, str]:
        """Returns the masks: id to URI or local path."""
        return {mask_id: str(place) for mask_id, place in self._medium.masks_source.items()}

    def get_mask_source(self, mask_id: str | None = None) -> str | None:
        """Returns the URI, or local path, of a mask, or of the first; None where there is none."""
        masks = self.get_masks_source_dict()
        return next(iter(masks.values()), None) if mask_id is None else masks.get(str(mask_id))

    def get_local_mask_source(
        self, raise_on_error: bool = False, mask_id: str | None = None, force_download: bool = False
    ) -> str | None:
        """Returns the path of a local file of a mask, or of the first, as ``get_local_source`` does."""
        find = self._medium.get_local_mask_source
        return self._local(find, raise_on_error, force_download, mask_id=mask_id)

    def get_local_masks_source(
        self, raise_on_error: bool = False, force_download: bool = False
    ) -> dict[str, str | None]:
        """Returns the paths of local files of all masks, by mask id."""
        return self._local(self._medium.get_local_masks_source, raise_on_error, force_download)

    # Annotations

    def add_annotation(
        self,
        poly2d_xy: Values = None,
        poly3d_xyz: Values = None,
        points2d_xy: Values = None,
        points3d_xyz: Values = None,
        box2d_xywh: Values = None,
        box3d_xyzwhxyzwh: Values = None,
        ellipse2d_xyrrt: Values = None,
        mask_rgb: Values = None,
        frame_class: Iterable[str] | None = None,
        id: str | None = None,
        labels: Iterable[str] | None = None,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        mask_id: str | None = None,
    ) -> list[int]:
        """Adds one annotation for each geometry given and returns their indices.

        Those of one call share ``id``; where several are made and none is given, it is made up. ``labels`` without a
        geometry, or ``frame_class``, label the picture as a whole. ``mask_id`` names the mask that ``mask_rgb`` is a
        value of.
        """
        given = {
            "poly2d_xy": poly2d_xy,
            "poly3d_xyz": poly3d_xyz,
            "points2d_xy": points2d_xy,
            "points3d_xyz": points3d_xyz,
            "box2d_xywh": box2d_xywh,
            "box3d_xyzwhxyzwh": box3d_xyzwhxyzwh,
            "ellipse2d_xyrrt": ellipse2d_xyrrt,
            "mask_rgb": mask_rgb,
        }
        made = make_rois(
            given,
            frame_class=frame_class,
            id=id,
            labels=labels,
            confidence=confidence,
            metadata=metadata,
            mask_id=mask_id,
            seed=(self.name, self.source or "", len(self._annotations)),
        )
        return self._annotations.append(roi.copy_for(self.name) for roi in made)

    def get_all_annotations(self) -> list[Roi]:
        """Returns the annotations of this picture, as dicts."""
        return list(self._annotations)

    def get_annotations(self, id: str | None = None, index: int | None = None) -> list[Roi]:
        """Returns the annotation at ``index``, those of an ``id``, or all; an empty list where nothing matches."""
        return self._annotations.select(id, index)

    def remove_annotation(self, index: int | None = None, *, id: str | None = None) -> Roi | None:
        """Removes and returns the annotation at ``index``; of those of an ``id``, removes all, returns the first."""
        return self._annotations.remove_one(index, id)

    def remove_annotations(
        self, id: str | None = None, label: str | None = None, labels: Iterable[str] | None = None
    ) -> list[Roi]:
        """Removes and returns the annotations of an ``id`` that have any of the labels; without arguments, all."""
        return self._annotations.remove(id, label, labels)


class DataEntryImage(DataEntry):
    """An entry of pictures, one for each camera, sensor or moment that belongs together."""

    @property
    def context_id(self) -> str | None:
        """What groups entries of one video or scene: that of the first sub-entry that has one."""
        pictures = self._pictures()
        given = (picture.context_id for picture in pictures)
        return next(filter(None, given), None) if pictures else self._rest.context_id or None

    def _pictures(self) -> list[DataSubEntryImage]:
        return [sub for sub in self._sub_entries.values() if isinstance(sub, DataSubEntryImage)]

    def add_global_annotation(
        self,
        poly2d_xy: Values = None,
        poly3d_xyz: Values = None,
        points2d_xy: Values = None,
        points3d_xyz: Values = None,
        box2d_xywh: Values = None,
        box3d_xyzwhxyzwh: Values = None,
        ellipse2d_xyrrt: Values = None,
        mask_rgb: Values = None,
        frame_class: Iterable[str] | None = None,
        id: str | None = None,
        labels: Iterable[str] | None = None,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        mask_id: str | None = None,
    ) -> list[int]:
        """Adds annotations to all sub-entries, as ``add_annotation`` does to one, and returns the indices on each.

        Each is stored once, on all its sources; change the copy on one sub-entry, and it becomes its own.
        """
        pictures = self._pictures()
        if not pictures:
            raise InvalidInputError(
                "A global annotation lies on all sub-entries that are pictures; add those first."
            )
        indices = pictures[0].add_annotation(
            poly2d_xy,
            poly3d_xyz,
            points2d_xy,
            points3d_xyz,
            box2d_xywh,
            box3d_xyzwhxyzwh,
            ellipse2d_xyrrt,
            mask_rgb,
            frame_class,
            id,
            labels,
            confidence,
            metadata,
            mask_id=mask_id,
        )
        made = [pictures[0]._annotations.items[index] for index in indices]
        for picture in pictures[1:]:
            indices += picture._annotations.append(roi.copy_for(picture.name) for roi in made)
        return indices

    def get_all_global_annotations(self) -> list[Roi]:
        """Returns the annotations of all sub-entries, one after the other."""
        return self.get_global_annotations()

    def get_global_annotations(self, id: str | None = None, index: int | None = None) -> list[Roi]:
        """Returns what ``get_annotations`` gives on each sub-entry, one after the other."""
        return [roi for picture in self._pictures() for roi in picture.get_annotations(id, index)]

    def remove_global_annotation(self, index: int | None = None, *, id: str | None = None) -> Roi | None:
        """Removes the annotation at ``index``, or those of an ``id``, from all sub-entries; returns the first."""
        removed = [picture.remove_annotation(index, id=id) for picture in self._pictures()]
        return next((roi for roi in removed if roi is not None), None)

    def remove_global_annotations(
        self, id: str | None = None, label: str | None = None, labels: Iterable[str] | None = None
    ) -> list[Roi]:
        """Removes and returns from all sub-entries what ``remove_annotations`` does from one."""
        return [roi for picture in self._pictures() for roi in picture.remove_annotations(id, label, labels)]
