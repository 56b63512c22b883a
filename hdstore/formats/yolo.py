"""Reads YOLO datasets: boxes, segments and keypoints.

YOLO's numbers are fractions of the picture; they become pixels with the size that the image itself tells. A
line is told by how many numbers follow the class: 4 a box, 5 a box and a confidence, an even number from 6 on
the points of a polygon (8 are a polygon of four points, also where they were meant for a turned box). Where
the description has ``kpt_shape``, a box and its keypoints.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from hdstore.errors import InvalidValueError
from hdstore.formats.base import (
    Imported,
    SourceMaker,
    Warnings,
    checked,
    counted,
    fail,
    read_text,
    with_sources,
)
from hdstore.formats.yolo_layout import Layout, find_label, find_layout, stray_labels
from hdstore.ids import derive_id
from hdstore.model import (
    Annotation,
    Box,
    Frame,
    Keypoints,
    Label,
    Metadata,
    Polygon,
    Progress,
    Schema,
    SingleFrame,
    Source,
    check_metadata,
    check_schema,
)
from hdstore.store.files import storage_errors

__all__ = ["YOLO", "read_yolo"]

YOLO = "yolo"

_LABEL_BYTES = 256 << 20
_FAR = 1e6
"""No fraction of a picture is larger; the coordinates stay within what the model takes."""


def read_yolo(
    path: Path,
    *,
    linker: SourceMaker,
    images: Path | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Returns the frames and labels of a YOLO dataset.

    A frame's id is the image's path inside the dataset. An image with an empty label file, or with none,
    becomes a frame without annotations.

    Args:
        path: the folder of the dataset, or its description (``data.yaml``, ``obj.data``).
        linker: makes the sources.
        images: the folder that the description's paths are relative to, if it is not its own.
        progress: told of the images as their frames are made.

    Raises:
        InvalidFileError: a label file or the size of an image can not be read; the message names file and
        line.
    """
    warnings = Warnings()
    return _Reader(find_layout(path, images=images, warnings=warnings), path, linker, warnings).read(progress)


class _Reader:
    """Turns one dataset into frames."""

    def __init__(self, layout: Layout, path: Path, linker: SourceMaker, warnings: Warnings) -> None:
        self._layout = layout
        self._path = path
        self._linker = linker
        self._warnings = warnings
        self._labels = _label_names(layout.config.names, warnings)

    def read(self, progress: Progress | None) -> Imported:
        """Returns what the dataset holds; labels are read while the frames are gone through."""
        schema = Schema(
            labels=tuple(
                Label(name=name, foreign={YOLO: {"index": index}}) for index, name in self._labels.items()
            )
        )
        extra = self._layout.config.extra
        try:
            check_schema(schema)
            check_metadata(extra, "the description")
        except (InvalidValueError, RecursionError) as error:
            fail(self._path, str(error), cause=error)
        images = self._layout.images
        labels = {image: find_label(self._layout.root, image) for image in images}
        found = {label for label in labels.values() if label is not None}
        if not found and not self._layout.config.splits:
            fail(self._path, f"none of its {len(images)} images has a label file; name a YOLO dataset.")
        with storage_errors(f"list the labels of {self._path}"):
            for stray in stray_labels(found):
                self._warnings.add("label files without an image, left out", str(stray))
        frames = checked(self._path, self._frames(labels))
        return Imported(
            frames=counted(frames, progress, "Reading images", len(images)),
            schema=schema,
            metadata={YOLO: extra} if extra else {},
            warnings=self._warnings,
        )

    def _frames(self, labels: dict[str, Path | None]) -> Iterator[Frame]:
        root = self._layout.root
        for image, source in with_sources(self._linker, labels, lambda image: root / image):
            assert source is not None
            label = labels[image]
            annotations: tuple[Annotation, ...] = ()
            if label is None:
                self._warnings.add("images without a label file, kept without annotations", image)
            else:
                annotations = tuple(self._annotations(label, root / image, source))
            splits = self._layout.images[image]
            metadata: Metadata = {"split": splits} if splits else {}
            yield SingleFrame(id=image, annotations=annotations, metadata=metadata, sources=(source,))

    def _annotations(self, path: Path, image: Path, source: Source) -> Iterator[Annotation]:
        """Yields the annotations of one label file."""
        width, height = source.width, source.height
        seen: Counter[str] = Counter()
        for number, line in enumerate(read_text(path, limit=_LABEL_BYTES).splitlines(), 1):
            words = line.split()
            if not words:
                continue
            if not width or not height:
                fail(
                    image,
                    "the size of this image can not be read, and without it YOLO's fractions mean nothing;"
                    " replace the image or remove its labels.",
                )
            where = f"line {number}"
            if not re.fullmatch(r"\d{1,6}(\.0*)?", words[0]):
                fail(path, f"{where} begins with {words[0]!r}; it must be the number of a class.")
            label = self._label(int(words[0].partition(".")[0]), path, where)
            numbers = [self._number(word, path, where) for word in words[1:]]
            if any(not -1e-6 <= value <= 1 + 1e-6 for value in numbers[:4]):
                self._warnings.add("lines with numbers outside of 0 to 1", f"{path.name}, {where}")
            content = " ".join(words)
            id = derive_id(YOLO, content, seen[content])
            seen[content] += 1
            yield from self._made(numbers, label, id, (width, height), path, where)

    @staticmethod
    def _number(word: str, path: Path, where: str) -> float:
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not abs(value) <= _FAR:
            fail(path, f"{where} holds {word!r}; it must be a number, a fraction of the picture.")
        return value

    def _label(self, index: int, path: Path, where: str) -> str:
        name = self._labels.get(index)
        if name is None:
            self._warnings.add("lines of classes without a name", f"{path.name}, {where}")
            return f"class {index}"
        return name

    def _made(
        self,
        numbers: list[float],
        label: str,
        id: str,
        size: tuple[int, int],
        path: Path,
        where: str,
    ) -> Iterator[Annotation]:
        """Yields what one line says: an annotation, or two where it has keypoints."""
        width, height = size
        count = len(numbers)
        shape = self._layout.config.keypoints
        points = shape is not None and count == 4 + shape[0] * shape[1]
        if points or count in (4, 5):
            x, y, w, h = numbers[:4]
            box = Box(x=(x - w / 2) * width, y=(y - h / 2) * height, w=w * width, h=h * height)
            confidence = numbers[4] if count == 5 and not points else None
            yield Annotation(
                id=id,
                labels=(label,),
                geometry=box,
                confidence=confidence,
                object_id=id if points else None,
            )
            if points and shape is not None:
                yield Annotation(
                    id=derive_id(YOLO, id, "keypoints"),
                    labels=(label,),
                    geometry=_keypoints(numbers[4:], shape[1], size, path, where),
                    object_id=id,
                )
        elif shape is None and count >= 6 and count % 2 == 0:
            ring = tuple(value * size[index % 2] for index, value in enumerate(numbers))
            yield Annotation(id=id, labels=(label,), geometry=Polygon(rings=(ring,)))
        else:
            wanted = "4 (a box), 5 (a box and a confidence) or an even number from 6 on (a polygon)"
            if shape is not None:
                wanted = f"4 (a box) or {4 + shape[0] * shape[1]} (a box and {shape[0]} keypoints)"
            fail(path, f"{where} has {count} numbers after the class; there must be {wanted}.")


def _keypoints(numbers: list[float], step: int, size: tuple[int, int], path: Path, where: str) -> Keypoints:
    """Returns keypoints of ``step`` numbers each: x, y and, of three, a visibility."""
    xs, ys = numbers[::step], numbers[1::step]
    seen = numbers[2::step] if step == 3 else []
    if not all(value in (0, 1, 2) for value in seen):
        fail(path, f"{where} has a keypoint whose visibility is not 0, 1 or 2.")
    points = tuple(number for x, y in zip(xs, ys, strict=True) for number in (x * size[0], y * size[1]))
    return Keypoints(points=points, visibility=tuple(map(int, seen)))


def _label_names(names: dict[int, str], warnings: Warnings) -> dict[int, str]:
    """Returns the label of each class: its name, with its number where it has none of its own."""
    labels: dict[int, str] = {}
    taken: set[str] = set()
    for index, given in sorted(names.items()):
        name = given or f"class {index}"
        if name in taken:
            name = f"{name} ({index})"
        if name != given:
            warnings.add("classes without a name of their own, told apart by their number", name)
        taken.add(name)
        labels[index] = name
    return labels
