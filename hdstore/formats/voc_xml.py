"""Reads one Pascal VOC annotation file.

The only module that parses XML. defusedxml refuses entities, so a short file can not grow in memory.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hdstore.formats.base import FOREIGN, Warnings, fail, read_bytes
from hdstore.ids import derive_id
from hdstore.model import Annotation, Box, Metadata

__all__ = ["VOC", "VocFile", "read_voc_file"]

VOC = "voc"

_MAX_BYTES = 64 << 20
_MAX_DEPTH = 32
_FAR = 1e15

_SIDES = ("xmin", "ymin", "xmax", "ymax")
_FLAGS = ("difficult", "occluded", "truncated")


@dataclass(frozen=True, slots=True)
class VocFile:
    """What one XML file says of one image; ``rest`` is what has no field of its own."""

    filename: str
    width: int | None
    height: int | None
    annotations: tuple[Annotation, ...]
    rest: Metadata


def read_voc_file(path: Path, warnings: Warnings) -> VocFile:
    """Returns what a VOC file says; raises InvalidFileError naming the object that can not be read."""
    data = read_bytes(path, limit=_MAX_BYTES)
    try:
        root = fromstring(data)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        fail(path, f"this is not XML that can be read: {error}.", cause=error)
    if root.tag != "annotation":
        fail(path, f"a Pascal VOC file begins with <annotation>, not with <{root.tag}>.")
    objects = _Objects(path, warnings)
    annotations = tuple(objects.read(element) for element in root.findall("object"))
    size = root.find("size")
    width, height = (_side(path, size, name) for name in ("width", "height"))
    rest = {
        key: value
        for key, value in _children(path, root, 0).items()
        if key not in ("object", "filename") and value != ""
    }
    if isinstance(rest.get("size"), dict):
        rest["size"] = {k: v for k, v in rest["size"].items() if k not in ("width", "height")}
        if not rest["size"]:
            del rest["size"]
    return VocFile(_text(root, "filename"), width, height, annotations, rest)


def _text(element: Element, name: str) -> str:
    return (element.findtext(name) or "").strip()


def _side(path: Path, size: Element | None, name: str) -> int | None:
    """Returns the width or height of the image; None where it is absent or 0, which some tools write."""
    text = "" if size is None else _text(size, name)
    if not text:
        return None
    value = _number(text)
    if value is None or value < 0 or not value.is_integer():
        fail(path, f"the {name} of the image is {text!r}; it must be a whole number of pixels.")
    return int(value) or None


def _number(text: str) -> float | None:
    """Returns the number a text gives, or None; float() alone would take ``nan`` and ``1_0`` too."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) <= _FAR and math.isfinite(value) and "_" not in text else None


def _plain(path: Path, element: Element, depth: int) -> Any:
    """Returns an element as text, or as a map where it has children or attributes."""
    if depth > _MAX_DEPTH:
        fail(path, f"its elements nest more than {_MAX_DEPTH} deep, which no such file does.")
    text = (element.text or "").strip()
    if not len(element) and not element.attrib:
        return text
    plain: Metadata = {f"@{name}": value for name, value in element.attrib.items()}
    if text:
        plain["#text"] = text
    return plain | _children(path, element, depth)


def _children(path: Path, element: Element, depth: int) -> Metadata:
    """Returns the children of an element by name; those of one name as a list."""
    plain: Metadata = {}
    several: set[str] = set()
    for child in element:
        value = _plain(path, child, depth + 1)
        if child.tag not in plain:
            plain[child.tag] = value
        elif child.tag in several:
            plain[child.tag].append(value)
        else:
            several.add(child.tag)
            plain[child.tag] = [plain[child.tag], value]
    return plain


class _Objects:
    """Turns the objects of one file into annotations."""

    def __init__(self, path: Path, warnings: Warnings) -> None:
        self._path = path
        self._warnings = warnings
        self._count = 0
        self._seen: Counter[tuple[str, ...]] = Counter()

    def read(self, element: Element) -> Annotation:
        """Returns the annotation of an object."""
        self._count += 1
        where = f"object {self._count}"
        label = _text(element, "name")
        if not label:
            fail(self._path, f"{where} has no <name>; give it one or remove it.")
        plain = _children(self._path, element, 0)
        del plain["name"]
        box, raw = self._box(element, plain.pop("bndbox", None), f"{where} ({label})")
        metadata: Metadata = {}
        for flag in _FLAGS:
            if plain.get(flag) in ("0", "1"):
                metadata[flag] = plain.pop(flag) == "1"
        if isinstance(plain.get("pose"), str):
            metadata["pose"] = plain.pop("pose")
        if "part" in plain:
            parts = plain.pop("part")
            metadata["parts"] = parts if isinstance(parts, list) else [parts]
        if raw:
            plain["bndbox"] = raw
        if plain:
            metadata[FOREIGN] = {VOC: plain}
        content = (label, *(_text(element, f"bndbox/{side}") for side in _SIDES))
        repeat = self._seen[content]
        self._seen[content] += 1
        return Annotation(
            id=derive_id(VOC, *content, repeat), labels=(label,), geometry=box, metadata=metadata
        )

    def _box(self, element: Element, plain: Any, where: str) -> tuple[Box | None, Metadata]:
        """Returns the box of an object and what it does not say of its <bndbox>."""
        if plain is None:
            self._warnings.add("objects without a <bndbox>, kept as labels", f"{self._path.name}, {where}")
            return None, {}
        sides = []
        for name in _SIDES:
            text = _text(element, f"bndbox/{name}")
            value = _number(text)
            if value is None:
                fail(self._path, f"the <{name}> of {where} is {text!r}; it must be a number.")
            sides.append(value)
        x, y, right, bottom = sides
        box = Box(x=x, y=y, w=right - x, h=bottom - y)
        if box.w < 0 or box.h < 0:
            self._warnings.add(
                "boxes whose far side lies before the near one, kept as they are",
                f"{self._path.name}, {where}",
            )
        raw = {k: v for k, v in plain.items() if k not in _SIDES} if isinstance(plain, dict) else {}
        if box.x + box.w != right or box.y + box.h != bottom:
            # The width was rounded: the far sides can not be had from the box again.
            raw |= {"xmax": right, "ymax": bottom}
        return box, raw
