"""Frames for benchmarks: about 7 annotations each, half boxes, half polygons of 12 to 30 points; seeded."""

from __future__ import annotations

import random
from collections.abc import Iterator

from hdstore import Annotation, Box, Frame, Polygon, SingleFrame, Source

LABELS = [f"class{i:02d}" for i in range(80)]
LABELS[17] = "donut"
_WEIGHTS = [1.0 / (i + 1) ** 0.9 for i in range(80)]
_CITIES = ["turin", "oslo", "kyoto", "lima", "quebec", "pune", "cairo", "graz"]


def frame_id(number: int) -> str:
    """Returns the id of frame ``number``; ids come in no order of their keys."""
    return f"{number * 2654435761 % 2**32:08x}{number:08x}"


def _annotation(rng: random.Random, number: int, width: int, height: int, label: str) -> Annotation:
    x, y = rng.uniform(0, width * 0.8), rng.uniform(0, height * 0.8)
    w, h = rng.uniform(5, width - x), rng.uniform(5, height - y)
    geometry: Box | Polygon
    if rng.random() < 0.5:
        geometry = Box(x=round(x, 2), y=round(y, 2), w=round(w, 2), h=round(h, 2))
    else:
        ring = []
        for _ in range(rng.randint(12, 30)):
            ring += [round(rng.uniform(x, x + w), 2), round(rng.uniform(y, y + h), 2)]
        geometry = Polygon(rings=(tuple(ring),))
    return Annotation(id=f"a{number}", labels=(label,), confidence=round(rng.random(), 4), geometry=geometry)


def make_frame(number: int, revision: int = 0) -> Frame:
    """Returns frame ``number``; another revision has other annotations."""
    rng = random.Random(number * 1_000_003 + revision * 7_919 + 17)
    width, height = rng.choice([(640, 480), (480, 640), (640, 427), (1280, 720)])
    count = min(30, int(rng.expovariate(1 / 7.5)))
    labels = rng.choices(LABELS, _WEIGHTS, k=count)
    return SingleFrame(
        id=frame_id(number),
        context_id=f"clip{number // 300:06d}",
        timestamp=number * 33,
        metadata={"city": _CITIES[number % 8], "speed": round(rng.uniform(0, 130), 1)},
        sources=(Source(uri=f"root:data/cam{number % 6}/{number:09d}.jpg", width=width, height=height),),
        annotations=tuple(_annotation(rng, i, width, height, label) for i, label in enumerate(labels)),
    )


def make_frames(count: int) -> Iterator[Frame]:
    """Streams the first ``count`` frames."""
    return (make_frame(number) for number in range(count))
