"""A repository of a million frames made of real annotations, built once and kept: ``python million.py build [FRAMES]``.

The frames of two public data sets (TACO as COCO, BCCD as Pascal VOC) are read by the importers and copied under new ids
until there are enough, about two of TACO to one of BCCD, so that there are 6.5 annotations for each frame. Confidences
and metadata are drawn from a seed.

HDSTORE_BENCH_FOLDER says where it is kept; else in ``hdstore-bench`` below the system's folder for temporary files.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hdstore
from hdstore import Author, Frame, SingleFrame

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
"""Where the data sets lie: beside the project."""

FRAMES = 1_000_000
AUTHOR = Author("Ada", "ada@example.org")
PATH = "million/v1"
"""The version that is measured."""

CITIES = ["turin", "oslo", "kyoto", "lima", "quebec", "pune", "cairo", "graz"]
WEATHER = ["sunny", "cloudy", "rain", "snow", "fog"]
T0 = 1_600_000_000
SPAN = 10_000_000
RANGE = (T0 + 2_000_000, T0 + 6_000_000)
"""A range of ``captured_at`` that holds two frames of five."""

_TACO_SHARE = 0.675


def folder() -> Path:
    """Returns the folder in which what was built is kept."""
    named = os.environ.get("HDSTORE_BENCH_FOLDER")
    return Path(named) if named else Path(tempfile.gettempdir()) / "hdstore-bench"


def frame_id(number: int) -> str:
    """Returns the id of frame ``number``; ids come in no order of their keys."""
    return f"{number * 2654435761 % 2**32:08x}{number:08x}"


def metadata(number: int) -> dict[str, Any]:
    """Returns what is drawn for frame ``number``: city, weather, split, captured_at and speed."""
    rng = random.Random(number * 31 + 5)
    return {
        "city": rng.choice(CITIES),
        "weather": rng.choice(WEATHER),
        "split": rng.choice(["train", "train", "train", "val"]),
        "captured_at": T0 + rng.randrange(SPAN),
        "speed": round(rng.uniform(0, 130), 1),
    }


def originals() -> tuple[list[SingleFrame], list[SingleFrame]]:
    """Returns the frames of TACO and of BCCD as the importers read them."""
    with tempfile.TemporaryDirectory() as name, hdstore.init(name, author=AUTHOR) as repository:
        for root in ("taco", "bccd"):
            repository.roots.add(root, DATA / root)
        repository.import_files("coco", DATA / "taco" / "annotations.json", to="taco")
        repository.import_files("voc", DATA / "bccd", to="bccd")
        found = []
        for dataset in ("taco", "bccd"):
            frames = repository.version(f"{dataset}/Current").frames()
            found.append([frame for frame in frames if isinstance(frame, SingleFrame)])
        return found[0], found[1]


def copy_of(original: SingleFrame, number: int, revision: int = 0) -> SingleFrame:
    """Returns an original as frame ``number``; another revision has other confidences."""
    rng = random.Random(number * 1_000_003 + revision * 7_919 + 17)
    return hdstore.replace(
        original,
        id=frame_id(number),
        context_id=f"clip{number // 300:06d}",
        timestamp=number * 33,
        metadata=metadata(number),
        annotations=tuple(
            hdstore.replace(annotation, confidence=round(rng.random(), 4))
            for annotation in original.annotations
        ),
    )


def frames(count: int) -> Iterator[Frame]:
    """Streams ``count`` frames."""
    taco, bccd = originals()
    rng = random.Random(7)
    for number in range(count):
        yield copy_of(rng.choice(taco if rng.random() < _TACO_SHARE else bccd), number)


def built(count: int = FRAMES) -> Path:
    """Returns the folder of a repository of so many frames; builds it in a process of its own where it is not there."""
    place = folder() / str(count)
    if not (place / "facts.json").exists():
        subprocess.run([sys.executable, __file__, "build", str(count)], check=True)
    return place


def facts(place: Path) -> dict[str, float]:
    """Returns what building it took: frames, annotations, seconds, and peak memory in MiB."""
    found: dict[str, float] = json.loads((place / "facts.json").read_text())
    return found


def peak() -> float:
    """Returns the most memory that this process ever held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _build(count: int) -> None:
    place = folder() / str(count)
    place.mkdir(parents=True)
    with hdstore.init(place, author=AUTHOR) as repository:
        dataset, _, version = PATH.partition("/")
        draft = repository.create_dataset(dataset).current()
        start = time.perf_counter()
        draft.add_frames(frames(count))
        seconds = time.perf_counter() - start
        found = {"frames": len(draft), "seconds": seconds, "peak": peak()}
        draft.snapshot(name=version)
        found["annotations"] = draft.stats().annotations
    (place / "facts.json").write_text(json.dumps(found))


if __name__ == "__main__":
    _build(int(sys.argv[2]) if len(sys.argv) > 2 else FRAMES)
