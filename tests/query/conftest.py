"""Frames to ask questions of, one by one or by the index."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from hdstore.codec import decode_frame, encode_frame
from hdstore.index import Bools, Part, Rows, Segment, VersionRows
from hdstore.index.building import build_segment
from hdstore.model import (
    Annotation,
    Box,
    Ellipse,
    Frame,
    FrameGroup,
    Mask,
    Polygon,
    Preview,
    Rle,
    SingleFrame,
    Source,
)


@dataclass(frozen=True)
class Indexed:
    """Frames of a version and their index; remembers which of them were read."""

    rows: VersionRows
    frames: dict[str, list[Frame]]
    read_rows: list[int] = field(default_factory=list)

    @property
    def alive(self) -> list[Frame]:
        return [
            frame
            for part in self.rows.parts
            for row, frame in enumerate(self.frames[part.segment.path.name])
            if part.live is None or part.live[row]
        ]

    def read(self, segment: Segment, rows: Rows) -> Iterator[Frame]:
        self.read_rows.extend(rows.tolist())
        frames = self.frames[segment.path.name]
        return (frames[row] for row in rows.tolist())


MakeIndex = Callable[..., Indexed]


@pytest.fixture
def index(tmp_path: Path) -> MakeIndex:
    """Returns a function from frames of one or more segments, with marks of those that live, to their index."""
    names = map(str, itertools.count())

    def make(*segments: Sequence[Frame], live: Sequence[Bools | None] = (), stored: bool = True) -> Indexed:
        parts, held = [], {}
        for number, given in enumerate(segments):
            # What a repository gives back has ids everywhere, and floats as coordinates.
            frames = [decode_frame(encode_frame(frame)) if stored else frame for frame in given]
            path = tmp_path / next(names)
            leaves = [frames[i : i + 5] for i in range(0, len(frames), 5)]
            build_segment(
                path, [(hashlib.sha1(bytes([i % 256])).hexdigest(), leaf) for i, leaf in enumerate(leaves)]
            )
            marks = live[number] if number < len(live) else None
            parts.append(Part(Segment(path), None if marks is None else np.asarray(marks, np.bool_)))
            held[path.name] = frames
        return Indexed(VersionRows("0" * 40, tuple(parts)), held)

    return make


@pytest.fixture
def street() -> Frame:
    """A group of two cameras with four annotations and metadata of every kind."""
    return FrameGroup(
        id="drive/0001",
        blob="raw",
        timestamp=1500,
        metadata={
            "city": "bremen",
            "my key": "blank",
            "a.b": "dotted",
            "code": "007",
            "count": 640,
            "ratio": 0.5,
            "below": -5,
            "huge": 2**63,
            "wet": True,
            "dry": False,
            "nothing": None,
            "empty": "",
            "no_items": [],
            "no_keys": {},
            "tags": ["night", "rain", 7],
            "nested": {"deep": {"er": "x"}, "keyword": "kw"},
            "crew": [{"name": "Ann", "age": 31}, {"name": "Bob", "age": 47}],
            "grid": [[1, 2], [3, [4]]],
            "day": "2024-10-20",
            "taken": "2024-10-20T08:30:15Z",
            "stamp": "2024-10-20 23:30:00-02:00",
            "fine": "2024-10-20T08:30:15.25",
            "not_day": "2024-02-31",
            "link": "http://example.org/a?b=1",
            "note": "two red and blue cars pass",
            "path": r"C:\data",
        },
        sources=(
            Source(
                id="front",
                uri="root:photos/front/1.jpg",
                content_type="image/jpeg",
                width=640,
                height=480,
                size=1000,
                hash="ab12",
                timestamp=40,
                metadata={"hash": {"source": "h1"}, "lens": 35},
                masks=(
                    Mask(id="seg", uri="root:masks/1.png", width=320),
                    Mask(id="ins", uri="root:masks/2.png"),
                ),
                preview=Preview(uri="https://example.org/p.jpg", content_type="image/jpeg"),
            ),
            Source(id="back", uri="root:photos/back/1.jpg", width=1280, height=720),
        ),
        annotations=(
            Annotation(
                id="a1",
                labels=("Car", "occluded"),
                confidence=0.9,
                object_id="track-1",
                sources=("front",),
                geometry=Box(x=10, y=20, w=30, h=40),
                metadata={"color": "red", "seen": [1, 2]},
            ),
            Annotation(
                id="a2",
                labels=("donut",),
                confidence=0.5,
                geometry=Polygon(rings=((0, 0, 10, 0, 10, 10, 0, 10),)),
                metadata={"color": "blue"},
            ),
            Annotation(id="a3", labels=("Bus Stop",), geometry=Ellipse(cx=5, cy=5, rx=2, ry=1)),
            Annotation(id="a4", labels=("sky",), geometry=Rle(counts=(3, 2, 1), height=2, width=3)),
            Annotation(id="a5", confidence=1),
        ),
    )


@pytest.fixture
def bare() -> Frame:
    """A frame of which nothing but the id is known."""
    return SingleFrame(id="bare")
