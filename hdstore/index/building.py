"""Building segments: frames of leaves in, columns out."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, islice
from operator import attrgetter
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from hdstore.codec import leaf_head, split_leaf
from hdstore.index.arrays import write_arrays
from hdstore.index.cells import MetadataGatherer
from hdstore.index.gathering import (
    Arrays,
    NumberGatherer,
    SeveralGatherer,
    TextGatherer,
    VectorGatherer,
    starts_of,
)
from hdstore.index.outlines import Outlines
from hdstore.model import (
    Annotation,
    Box,
    Box3D,
    Ellipse,
    Frame,
    Keypoints,
    Keypoints3D,
    MaskValue,
    Polygon,
    Polygon3D,
    Rle,
    Source,
)

__all__ = ["MAX_FRAMES", "TYPE_NAMES", "SegmentBuilder", "build_segment"]

MAX_FRAMES = 1 << 15
"""Frames of one segment: enough that a pass over its arrays is worth its start, few enough to gather in memory."""

_MAX_BYTES = 1 << 29
"""Bytes of the leaves of one segment: their strings are gathered in memory, too."""

_MAX_PARTS = 1 << 21
"""Annotations or sources of one segment."""

_MAX_CELLS = 1 << 23

_MAX_NUMBERS = 1 << 25
"""Numbers of all vectors of one segment."""

_TOGETHER = 64
"""Frames that are taken over at once: columns grow faster by many values than by one, while they are in the cache."""

TYPE_NAMES: dict[type, str] = {
    Box: "box",
    Box3D: "box3d",
    Ellipse: "ellipse",
    Keypoints: "keypoints",
    Keypoints3D: "keypoints3d",
    MaskValue: "mask",
    Polygon: "polygon",
    Polygon3D: "polygon3d",
    Rle: "rle",
}
"""What queries call the kinds of geometry."""


_type_name = TYPE_NAMES.get


class SegmentBuilder:
    """Gathers the columns of one segment, leaf by leaf."""

    def __init__(self) -> None:
        self._leaf_ids = bytearray()
        self._leaf_starts = array("i", (0,))
        self.frames = 0
        self._bytes = 0
        self._ends = array("i")
        self._checks = array("I")
        self._waiting: list[Frame] = []
        self._ids = TextGatherer()
        self._contexts = TextGatherer()
        self._times = NumberGatherer()
        self._blobs: list[int] = []
        self._vectors = VectorGatherer()
        self._annotations = _Annotations()
        self._sources = _Sources()
        self._metadata = MetadataGatherer("frame")

    @property
    def is_full(self) -> bool:
        """Whether the next leaf belongs to another segment."""
        return (
            self.frames >= MAX_FRAMES
            or self._bytes >= _MAX_BYTES
            or self._annotations.count >= _MAX_PARTS
            or self._sources.count >= _MAX_PARTS
            or self._vectors.size >= _MAX_NUMBERS
            or self._metadata.size + self._annotations.metadata.size + self._sources.metadata.size
            >= _MAX_CELLS
        )

    def add(self, leaf: str, frames: Sequence[Frame], data: bytes = b"") -> None:
        """Adds the frames of a leaf in their order; ``data`` is the leaf, by which single ones are found again."""
        self._bytes += len(data)
        if data:
            raws = split_leaf(data)
            self._ends.extend(islice(accumulate(map(len, raws), initial=leaf_head(len(raws))), 1, None))
            self._checks.extend(map(crc32, raws))
        self._leaf_ids += bytes.fromhex(leaf)
        self.frames += len(frames)
        self._leaf_starts.append(self.frames)
        self._waiting += frames
        if len(self._waiting) >= _TOGETHER:
            self._flush()

    def _flush(self) -> None:
        """Takes over the frames that wait."""
        frames, self._waiting = self._waiting, []
        begin = self.frames - len(frames)
        self._ids.extend([frame.id for frame in frames])
        self._contexts.extend([frame.context for frame in frames])
        self._times.extend([frame.time for frame in frames])
        self._annotations.extend([frame.annotations for frame in frames])
        self._sources.extend([frame.sources for frame in frames])
        _add_metadata(self._metadata, begin, [frame.metadata for frame in frames])
        for row, frame in enumerate(frames, begin):
            if frame.blob:
                self._blobs.append(row)
            if frame.vectors:
                self._vectors.add(row, frame.vectors)

    def write(self, path: Path) -> None:
        """Writes the segment to a file; nothing can be added afterwards."""
        self._flush()
        annotations, sources = self._annotations, self._sources
        arrays: Arrays = {
            "leaf.id": np.frombuffer(bytes(self._leaf_ids), np.uint8).reshape(-1, 20),
            "leaf.frames": np.frombuffer(self._leaf_starts, np.int32),
        }
        if len(self._checks) == self.frames:
            arrays["frame.end"] = np.frombuffer(self._ends, np.int32)
            arrays["frame.crc"] = np.frombuffer(self._checks, np.uint32)
        arrays |= self._ids.finish("frame.id")
        arrays |= self._contexts.finish("frame.context_id")
        arrays |= self._times.finish("frame.timestamp")
        if self._blobs:
            arrays["frame.has_blob"] = _marks(self._blobs, self.frames)
        found, frame_paths = self._metadata.finish(self.frames)
        arrays |= found
        found, annotation_paths, inexact = annotations.finish()
        arrays |= found
        found, source_paths = sources.finish()
        arrays |= found
        arrays |= self._vectors.finish()
        header: dict[str, Any] = {
            "counts": {
                "frame": self.frames,
                "annotation": annotations.count,
                "source": sources.count,
                "leaf": len(self._leaf_starts) - 1,
            },
            "paths": {"frame": frame_paths, "annotation": annotation_paths, "source": source_paths},
            "inexact": inexact,
        }
        write_arrays(path, arrays, header)


_fields = attrgetter("id", "labels", "sources", "confidence", "object_id", "geometry", "metadata")


class _Annotations:
    """The columns of annotations."""

    def __init__(self) -> None:
        self.count = 0
        self._counts = array("i")
        self._confidence = NumberGatherer()
        self._object_id = TextGatherer()
        self._type = TextGatherer()
        self._labels = SeveralGatherer()
        self._sources = SeveralGatherer()
        self._ids = array("I")
        self._outlines = Outlines()
        self.metadata = MetadataGatherer("annotation")

    def extend(self, several: list[tuple[Annotation, ...]]) -> None:
        """Adds the annotations of the next frames."""
        self._counts.extend(map(len, several))
        found = [*chain.from_iterable(several)]
        if not found:
            return
        ids, labels, sources, confidences, objects, geometries, metadata = zip(
            *map(_fields, found), strict=True
        )
        self._ids.extend(map(crc32, map(str.encode, ids)))
        self._labels.extend(labels)
        self._sources.extend(sources)
        self._confidence.extend(confidences)
        self._object_id.extend(objects)
        self._type.extend(map(_type_name, map(type, geometries)))
        self._outlines.extend(geometries)
        _add_metadata(self.metadata, self.count, metadata)
        self.count += len(found)

    def finish(self) -> tuple[Arrays, list[tuple[str, ...]], list[str]]:
        """Returns the arrays, the paths of metadata, and the names of columns that are not exact."""
        outlines, exact = self._outlines.finish()
        arrays: Arrays = {
            **_offsets("annotation", self._counts),
            "annotation.id_crc": np.frombuffer(self._ids, np.uint32),
            **self._labels.finish("annotation.label"),
            **self._sources.finish("annotation.sources"),
            **self._confidence.finish("annotation.confidence"),
            **self._object_id.finish("annotation.object_id"),
            **self._type.finish("annotation.type"),
            **{f"annotation.{name}": outlines[row] for row, name in enumerate(("x", "y", "w", "h", "area"))},
        }
        found, paths = self.metadata.finish(self.count)
        return arrays | found, paths, [] if exact else ["annotation.area"]


class _Sources:
    """The columns of sources."""

    _TEXTS = ("id", "uri", "content_type", "hash")
    _NUMBERS = ("width", "height", "size", "timestamp")
    _fields = attrgetter(*_TEXTS, *_NUMBERS, "masks", "preview", "metadata")

    def __init__(self) -> None:
        self.count = 0
        self._counts = array("i")
        self._texts = {name: TextGatherer() for name in self._TEXTS}
        self._numbers = {name: NumberGatherer() for name in self._NUMBERS}
        self._masks: list[int] = []
        self._previews: list[int] = []
        self.metadata = MetadataGatherer("source")

    def extend(self, several: list[tuple[Source, ...]]) -> None:
        """Adds the sources of the next frames."""
        self._counts.extend(map(len, several))
        found = [*chain.from_iterable(several)]
        if not found:
            return
        *columns, masks, previews, metadata = zip(*map(self._fields, found), strict=True)
        for texts, strings in zip(self._texts.values(), columns, strict=False):
            texts.extend(strings)
        for numbers, values in zip(self._numbers.values(), columns[len(self._texts) :], strict=True):
            numbers.extend(values)
        self._masks += [row for row, value in enumerate(masks, self.count) if value]
        self._previews += [row for row, value in enumerate(previews, self.count) if value is not None]
        _add_metadata(self.metadata, self.count, metadata)
        self.count += len(found)

    def finish(self) -> tuple[Arrays, list[tuple[str, ...]]]:
        """Returns the arrays, and the paths of metadata."""
        arrays: Arrays = _offsets("source", self._counts)
        for name, texts in self._texts.items():
            arrays |= texts.finish(f"source.{name}")
        for name, numbers in self._numbers.items():
            arrays |= numbers.finish(f"source.{name}")
        for name, rows in (("masks", self._masks), ("preview", self._previews)):
            if rows:
                arrays[f"source.has_{name}"] = _marks(rows, self.count)
        found, paths = self.metadata.finish(self.count)
        return arrays | found, paths


def _add_metadata(gatherer: MetadataGatherer, begin: int, several: Sequence[dict[str, Any]]) -> None:
    """Adds the metadata of those that have any; the first one is owner ``begin``."""
    owners = [owner for owner, metadata in enumerate(several, begin) if metadata]
    if owners:
        gatherer.extend(owners, [metadata for metadata in several if metadata])


def _offsets(scope: str, counts: array[int]) -> Arrays:
    """Returns which parts each frame has, and which frame each part."""
    given = np.frombuffer(counts, np.int32)
    return {
        f"frame.{scope}s": starts_of(given),
        f"{scope}.frame": np.repeat(np.arange(len(given), dtype=np.int32), given),
    }


def _marks(rows: list[int], count: int) -> np.ndarray:
    marks = np.zeros(count, np.bool_)
    marks[rows] = True
    return marks


def build_segment(path: Path, leaves: Iterable[tuple[str, Sequence[Frame]]]) -> None:
    """Writes a segment of these leaves, each by its object id and its frames in order, to a file."""
    builder = SegmentBuilder()
    for leaf, frames in leaves:
        builder.add(leaf, frames)
    builder.write(path)
