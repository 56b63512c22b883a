"""COCO categories as labels of a schema, and back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hdstore.formats.base import Warnings, fail
from hdstore.formats.coco_record import COCO, ForeignId
from hdstore.model import Label, Metadata, Schema, Skeleton

__all__ = ["Categories", "category_record", "unknown_label"]


def unknown_label(id: ForeignId) -> str:
    """Returns the label for a category id that the file does not explain."""
    return f"category {id}"


def _names(record: Metadata) -> tuple[str, ...]:
    """Returns the label names that a category may be imported under, the best first."""
    name, id = record.get("name"), record.get("id")
    if not isinstance(name, str) or not name:
        return (f"category {id}",)
    return (name, f"{name} ({id})")


def _skeleton(record: Metadata) -> Skeleton | None:
    """Returns the skeleton of a category; edges that point nowhere are left out."""
    names, edges = record.get("keypoints"), record.get("skeleton")
    given = tuple(str(name) for name in names) if isinstance(names, list) else ()
    pairs = [
        (edge[0], edge[1])
        for edge in (edges if isinstance(edges, list) else ())
        if isinstance(edge, list) and len(edge) == 2 and all(type(end) is int for end in edge)
    ]
    # COCO counts keypoints from 1; some tools write edges that count from 0.
    first = 0 if any(0 in pair for pair in pairs) else 1
    limit = len(given) or 1 << 16
    joined = tuple(
        (a - first, b - first) for a, b in pairs if 0 <= a - first < limit and 0 <= b - first < limit
    )
    return Skeleton(names=given, edges=joined) if given or joined else None


def _label(record: Metadata, name: str) -> Label:
    color = record.get("color")
    return Label(
        name=name,
        color=color if isinstance(color, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", color) else "",
        skeleton=_skeleton(record),
        foreign={COCO: record},
    )


class Categories:
    """The categories of one file: a label for each id.

    Two categories of one name become two labels, ``name`` and ``name (id)``. A second record of an id can not
    be meant by any annotation; it stays in ``repeated``.
    """

    def __init__(self, path: Path, records: list[dict[str, Any]], warnings: Warnings) -> None:
        self._labels: dict[ForeignId, Label] = {}
        self.repeated: list[Metadata] = []
        self._names: set[str] = set()
        self._warnings = warnings
        for index, record in enumerate(records):
            id = record.get("id")
            if isinstance(id, bool) or not isinstance(id, str | int | float):
                fail(
                    path,
                    f"the 'id' of category {index} of the list is {id!r}; it must be a number or a string.",
                )
            if id in self._labels:
                self.repeated.append(record)
                warnings.add("categories whose id another category has", f"category {id!r}")
                continue
            name = next((name for name in _names(record) if name not in self._names), None)
            if name is None:
                fail(path, f"category {id!r} has the name of another category; give each its own name.")
            if name != record.get("name"):
                warnings.add("categories without a name of their own, told apart by their id", name)
            self._names.add(name)
            self._labels[id] = _label(record, name)

    def schema(self) -> Schema:
        """Returns the labels in the order of the file."""
        return Schema(labels=tuple(self._labels.values()))

    def label(self, id: ForeignId) -> Label | None:
        """Returns the label of a category id, or None where the file does not explain it."""
        return self._labels.get(id)


def category_record(label: Label, id: ForeignId) -> Metadata:
    """Returns the COCO record of a label: the one it was imported from, with what was changed since.

    ``id`` is for a label that has no record.
    """
    record = label.foreign.get(COCO)
    if not isinstance(record, dict) or "id" not in record:
        record = {"id": id, "name": label.name, "supercategory": ""}
    else:
        record = dict(record)
        if label.name not in _names(record):
            record["name"] = label.name
    was = _label(record, label.name)
    if label.color and label.color != was.color:
        record["color"] = label.color
    if label.skeleton != was.skeleton:
        skeleton = label.skeleton or Skeleton()
        record["keypoints"] = list(skeleton.names)
        record["skeleton"] = [[a + 1, b + 1] for a, b in skeleton.edges]
    return record
