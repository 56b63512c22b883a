"""Frames in segments of an index, without a repository around them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from copy import copy
from itertools import product
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from hypothesis import strategies as st

from hdstore.index import Part, Rows, Segment, VersionRows
from hdstore.index.building import build_segment
from hdstore.model import Annotation, Frame, FrameGroup, Mask, Preview, SingleFrame, Source

__all__ = ["PROPERTIES", "Shelf", "frame_sets", "owners", "values"]


class Shelf:
    """Frames in ``count`` segments, of which a version holds those whose ids do not begin with a dash.

    The files stay only where a folder is given for them.
    """

    def __init__(self, frames: Sequence[Frame], folder: Path | None = None, *, count: int = 2) -> None:
        place = folder or Path(mkdtemp(prefix="hdstore-test-"))
        self.frames = [frame for frame in frames if not frame.id.startswith("-")]
        self._held: dict[Segment, list[Frame]] = {}
        self.read_rows = 0
        parts = []
        for number in range(count):
            share = frames[number::count]
            if share:
                path = place / f"segment-{number}"
                leaves = [(f"{start:040x}", share[start : start + 3]) for start in range(0, len(share), 3)]
                build_segment(path, leaves)
                segment = Segment(path)
                if folder is None:
                    path.unlink()
                self._held[segment] = [*share]
                live = np.array([not frame.id.startswith("-") for frame in share])
                parts.append(Part(segment, None if live.all() else live))
        if folder is None:
            place.rmdir()
        self.rows = VersionRows("", tuple(parts))

    def opened(self) -> Shelf:
        """Returns the same as another process finds it: the files opened anew."""
        other = copy(self)
        other._held = {Segment(segment.path): frames for segment, frames in self._held.items()}
        parts = zip(other._held, self.rows.parts, strict=True)
        other.rows = VersionRows("", tuple(Part(segment, part.live) for segment, part in parts))
        return other

    def read(self, segment: Segment, rows: Rows) -> Iterator[Frame]:
        """Yields the frames at these rows, as reading them from a repository does."""
        self.read_rows += len(rows)
        return (self._held[segment][row] for row in rows.tolist())

    def at(self, segment: Segment, row: int) -> Frame:
        """Returns one frame."""
        return self._held[segment][row]


_TEXTS = ["", "a", "a\0", "ab", "abcdefg", "abcdefgh", "abcdefgh\0i", "犬", "🦀", "\0", "\uffff", "long " * 5]
_NUMBERS = [0, -0.0, 0.5, -1, 7, 7.0, 2**31, 1e300, -1e300, 1 / 3]
_SCALARS = [*_TEXTS, *_NUMBERS, True, False, None]
_LETTERS = "-ab\0犬"


def _nested(rng: random.Random, depth: int = 0) -> Any:
    """Returns a scalar as a rule, else a list that may hold lists and maps."""
    if depth == 2 or rng.random() < 0.7:
        return rng.choice(_SCALARS)
    if rng.random() < 0.2:
        return {"y": rng.choice(_SCALARS)}
    return [_nested(rng, depth + 1) for _ in range(rng.randrange(4))]


def _deep(rng: random.Random) -> dict[str, Any]:
    return {name: rng.choice(_SCALARS) for name in ("er", "0") if rng.random() < 0.7}


def _metadata(rng: random.Random) -> dict[str, Any]:
    found = {
        "x": _nested(rng),
        "n": rng.choice(_NUMBERS),
        "s": rng.choice(_TEXTS),
        "few": rng.choice(["red", "green", True]),
        "deep": _deep(rng) if rng.random() < 0.5 else [_deep(rng) for _ in range(rng.randrange(3))],
        "7": rng.choice(_SCALARS),
    }
    return {name: value for name, value in found.items() if rng.random() < 0.6}


def _source(rng: random.Random, number: int) -> Source:
    size = [None, 0, 1, 2]
    return Source(
        id=f"{number}",
        uri=rng.choice(["", "root:a/1.jpg", "root:a/2.jpg"]),
        content_type=rng.choice(["", "image/png", "video/mp4"]),
        height=rng.choice(size),
        width=rng.choice(size),
        metadata=_metadata(rng),
        masks=tuple(
            Mask(id=f"{n}", uri=rng.choice(_TEXTS), width=rng.choice(size)) for n in range(rng.randrange(3))
        ),
        preview=rng.choice([None, Preview(uri=rng.choice(_TEXTS))]),
    )


def _annotation(rng: random.Random, number: int) -> Annotation:
    return Annotation(
        id=f"{number}",
        labels=tuple(rng.choices(["cat", "dog", "犬"], k=rng.randrange(4))),
        confidence=rng.choice([None, 0, 0.25, 0.5, 1]),
        object_id=rng.choice([None, "", "t1", "t2"]),
        metadata=_metadata(rng),
    )


def _frame(rng: random.Random, frame_id: str) -> Frame:
    """Returns a frame that has a little of everything, so that values are often equal."""
    sources = tuple(_source(rng, number) for number in range(rng.randrange(3)))
    kind = FrameGroup if len(sources) > 1 else SingleFrame
    return kind(
        id=frame_id,
        blob=rng.choice(["", "b"]),
        context_id=rng.choice(["", "clip1", "clip2"]),
        timestamp=rng.choice([None, 0, 1, 1.5, -3]),
        sources=sources,
        annotations=tuple(_annotation(rng, number) for number in range(rng.randrange(3))),
        metadata=_metadata(rng) if rng.random() < 0.9 else {},
    )


_POOL = [
    _frame(random.Random(number), "".join(letters))
    for number, letters in enumerate(
        letters for length in (1, 2, 3, 4) for letters in product(_LETTERS, repeat=length)
    )
]


def frame_sets(most: int = 12) -> st.SearchStrategy[list[Frame]]:
    """Returns frames whose ids differ; those that begin with a dash belong to other versions."""
    return st.lists(st.sampled_from(_POOL), max_size=most, unique_by=lambda frame: frame.id)


def scalars_at(value: Any, *path: str | int) -> list[Any]:
    """Returns what stands at a path of JSON-like values, as the pages on queries say it."""
    if not path:
        if isinstance(value, list):
            return [found for item in value for found in scalars_at(item)]
        return [] if value is None or isinstance(value, dict) else [value]
    key, rest = str(path[0]), path[1:]
    if isinstance(value, dict):
        return scalars_at(value[key], *rest) if key in value else []
    if isinstance(value, list):
        if key.isdigit():
            return scalars_at(value[int(key)], *rest) if int(key) < len(value) else []
        return [found for item in value for found in scalars_at(item, *path)]
    return []


def _given(*values: Any) -> list[Any]:
    return [value for value in values if value is not None and value != ""]


PROPERTIES: dict[str, tuple[Any, Any]] = {
    "id": (None, lambda f: [f.id]),
    "blob": (None, lambda f: _given(f.blob)),
    "context_id": (None, lambda f: _given(f.context)),
    "timestamp": (None, lambda f: [f.time]),
    "meta.x": (None, lambda f: scalars_at(f.metadata, "x")),
    "meta.n": (None, lambda f: scalars_at(f.metadata, "n")),
    "metadata.s": (None, lambda f: scalars_at(f.metadata, "s")),
    "meta.few": (None, lambda f: scalars_at(f.metadata, "few")),
    "meta.deep.er": (None, lambda f: scalars_at(f.metadata, "deep", "er")),
    "meta.deep.0.er": (None, lambda f: scalars_at(f.metadata, "deep", 0, "er")),
    "meta.x.0": (None, lambda f: scalars_at(f.metadata, "x", 0)),
    "meta.7": (None, lambda f: scalars_at(f.metadata, "7")),
    "meta.none": (None, lambda f: []),
    "label": ("annotations", lambda a: [*a.labels]),
    "rois.0.label": (("annotations", 0), lambda a: [*a.labels]),
    "rois.id": ("annotations", lambda a: [a.id]),
    "rois.object_id": ("annotations", lambda a: _given(a.object_id)),
    "confidence": ("annotations", lambda a: _given(a.confidence)),
    "rois.meta.x": ("annotations", lambda a: scalars_at(a.metadata, "x")),
    "rois.1.meta.few": (("annotations", 1), lambda a: scalars_at(a.metadata, "few")),
    "rois.meta.deep.0": ("annotations", lambda a: scalars_at(a.metadata, "deep", 0)),
    "sources.uri": ("sources", lambda s: _given(s.uri)),
    "sources.content_type": ("sources", lambda s: _given(s.content_type)),
    "sources.height": ("sources", lambda s: _given(s.height)),
    "sources.0.width": (("sources", 0), lambda s: _given(s.width)),
    "sources.meta.few": ("sources", lambda s: scalars_at(s.metadata, "few")),
    "sources.masks.uri": ("sources", lambda s: _given(*(mask.uri for mask in s.masks))),
    "sources.masks.1.width": ("sources", lambda s: _given(*(mask.width for mask in s.masks[1:2]))),
    "sources.1.preview.uri": (("sources", 1), lambda s: _given(s.preview.uri if s.preview else None)),
}
"""Properties by name: whose they are (a frame's, its annotations', one of them), and the values of one owner."""


def owners(frame: Frame, name: str) -> list[Any]:
    """Returns the owners of a property in a frame."""
    whose, _ = PROPERTIES[name]
    if whose is None:
        return [frame]
    if isinstance(whose, str):
        return [*getattr(frame, whose)]
    attribute, index = whose
    return [*getattr(frame, attribute)[index : index + 1]]


def values(frame: Frame, name: str) -> list[Any]:
    """Returns all values of a property in a frame."""
    _, get = PROPERTIES[name]
    return [value for owner in owners(frame, name) for value in get(owner)]
