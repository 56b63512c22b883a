"""Finds the images and label files of a YOLO dataset, in whatever layout they lie."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hdstore.errors import UntrustedError
from hdstore.formats.base import (
    Warnings,
    clean_name,
    fail,
    file_inside,
    read_text,
    require_folder,
)
from hdstore.formats.walk import is_image, walk
from hdstore.formats.yolo_config import Config, find_config, read_config
from hdstore.media.paths import inside

__all__ = ["Layout", "find_label", "find_layout", "stray_labels"]

_LIST_BYTES = 1 << 30

_LABEL_LINE = re.compile(r"\s*\d+(\.0*)?(\s+[-+.\deE]+){4,}\s*$")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a dataset lies: its root, its images (paths inside it) with their splits, and its description."""

    root: Path
    images: dict[str, list[str]]
    config: Config


def find_layout(path: Path, *, images: Path | None, warnings: Warnings) -> Layout:
    """Returns the layout of the dataset in a folder, or of the one that a description file describes."""
    if path.is_file():
        described: Path | None = path
        folder = path.parent
    else:
        require_folder(path)
        described, folder = find_config(path), path
    config = read_config(described) if described is not None else Config()
    if images is not None:
        require_folder(images)
        root = images
    else:
        root = _root(folder, config, warnings)
    found = _Finder(root, described or path, warnings).find(config)
    ordered = sorted(found.items(), key=lambda item: PurePosixPath(item[0]).parts)
    if not ordered:
        fail(path, "there is no image in this dataset; name the folder that holds its images and labels.")
    return Layout(root, dict(ordered), config)


def _root(folder: Path, config: Config, warnings: Warnings) -> Path:
    """Returns the folder that paths are relative to; one outside of ``folder`` is not gone to."""
    place = PurePosixPath(config.place.replace("\\", "/"))
    named = clean_name(config.place)
    if named and not place.is_absolute() and ".." not in place.parts and (folder / named).is_dir():
        try:
            return inside(folder, named)
        except UntrustedError:
            pass
    if named and PurePosixPath(named).name != folder.absolute().name:
        warnings.add("descriptions that name another folder than their own, which was read", config.place)
    return folder


class _Finder:
    """Gathers the images of one dataset."""

    def __init__(self, root: Path, described: Path, warnings: Warnings) -> None:
        self._root = root
        self._described = described
        self._warnings = warnings
        self._images: dict[str, list[str]] = {}

    def find(self, config: Config) -> dict[str, list[str]]:
        """Returns the images with their splits; all images of the root where no split is named."""
        if not config.splits:
            return {name: [] for name in walk(self._root, self._warnings) if is_image(name)}
        found = 0
        for split, entries in config.splits.items():
            for entry in entries:
                place = self._place(entry)
                if place is None:
                    self._warnings.add(f"folders and lists that are not in {self._root}", entry)
                    continue
                found += 1
                self._add(split, place)
        if not found:
            fail(
                self._described,
                f"none of its folders of images is in {self._root}; name the folder they are relative to.",
            )
        return self._images

    def _place(self, entry: str) -> str | None:
        """Returns the path inside the root of a folder or list, or None.

        Descriptions were written on other machines: of an absolute path or one that climbs, its end may be
        here.
        """
        parts = clean_name(entry).split("/")
        given = PurePosixPath(entry.replace("\\", "/"))
        moved = given.is_absolute() or ".." in given.parts or self._described.suffix == ".data"
        for start in range(len(parts) if moved else 1):
            name = "/".join(parts[start:])
            try:
                if not name or inside(self._root, name).exists():
                    return name
            except (OSError, UntrustedError):
                continue
        return None

    def _add(self, split: str, place: str) -> None:
        folder = self._root / place
        if folder.is_dir():
            for name in walk(folder, self._warnings):
                if is_image(name):
                    self._note(f"{place}/{name}" if place else name, split)
            return
        for number, line in enumerate(read_text(folder, limit=_LIST_BYTES).splitlines(), 1):
            if not line.strip():
                continue
            image = self._listed(line.strip(), PurePosixPath(place).parent)
            if image is None:
                fail(folder, f"line {number} names the image {line.strip()!r}, which is not in {self._root}.")
            self._note(image, split)

    def _listed(self, line: str, beside: PurePosixPath) -> str | None:
        """Returns the path inside the root of an image that a list names."""
        name = clean_name(line)
        parts = name.split("/")
        near = (beside / name).as_posix()
        for candidate in (near, *("/".join(parts[start:]) for start in range(len(parts)))):
            if file_inside(self._root, candidate) is not None:
                return candidate
        return None

    def _note(self, image: str, split: str) -> None:
        splits = self._images.setdefault(image, [])
        if split not in splits:
            splits.append(split)


def _label_names(image: str) -> Iterator[str]:
    """Yields the paths where the label file of an image may lie, the usual one first."""
    name = image.removesuffix(PurePosixPath(image).suffix) + ".txt"
    parts = name.split("/")
    for index in range(len(parts) - 2, -1, -1):
        if parts[index].lower() in ("images", "image", "img", "imgs", "jpegimages"):
            for folder in ("labels", "Labels", "label", "annotations", "Annotations"):
                yield "/".join((*parts[:index], folder, *parts[index + 1 :]))
            break
    yield name
    yield f"labels/{name}"


def find_label(root: Path, image: str) -> Path | None:
    """Returns the label file of an image, or None where it has none."""
    for name in _label_names(image):
        found = file_inside(root, name)
        if found is not None:
            return found
    return None


def stray_labels(labels: set[Path]) -> Iterator[Path]:
    """Yields the files beside ``labels`` that hold labels too, of images that are not there."""
    for folder in sorted({label.parent for label in labels}):
        for path in sorted(folder.glob("*.txt")):
            if path not in labels and path.is_file() and not path.is_symlink():
                with path.open("rb") as stream:
                    first = stream.readline(4096).decode("utf-8", "replace")
                if _LABEL_LINE.match(first):
                    yield path
