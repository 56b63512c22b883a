"""hdstore as one of the peers of a side-by-side benchmark: the same steps, under the same names.

A place has ``repo``, ``remote`` and ``clone`` (folders) and ``frames()`` (plain dicts of the workload).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Protocol

import hdstore
import hdstore.index.fetching  # names are looked up lazily; what the steps need is loaded before the clock runs
import hdstore.query
import hdstore.repository
from hdstore import Annotation, Box, DatasetVersion, Polygon, PutFrame, SingleFrame, Source

AUTHOR = hdstore.Author("bench", "bench@example.org")
T0 = 1_600_000_000
RANGE = (T0 + 2_000_000, T0 + 6_000_000)
HIT = "rois:(label:donut AND confidence:>=0.75)"
FULL = f"meta.weather:rain AND meta.captured_at:[{RANGE[0]} TO {RANGE[1]}}} AND {HIT}"


class Place(Protocol):
    """Where the harness keeps one peer's things."""

    repo: str
    remote: str
    clone: str

    def frames(self) -> Iterator[dict[str, Any]]:
        """Streams the input."""


def _native(plain: dict[str, Any]) -> SingleFrame:
    annotations = []
    for number, roi in enumerate(plain["rois"]):
        geometry: Box | Polygon
        if roi["box"]:
            x, y, w, h = roi["box"]
            geometry = Box(x=x, y=y, w=w, h=h)
        else:
            geometry = Polygon(rings=(tuple(roi["polygon"]),))
        annotations.append(
            Annotation(
                id=str(number),
                labels=tuple(roi["labels"]),
                confidence=roi["confidence"],
                geometry=geometry,
            )
        )
    return SingleFrame(
        id=plain["id"],
        context_id=plain["context_id"],
        timestamp=plain["timestamp"],
        metadata=plain["meta"],
        sources=(Source(uri=plain["source"], width=plain["width"], height=plain["height"]),),
        annotations=tuple(annotations),
    )


class Seen:
    """A frame, whole and decoded, under the workload's names."""

    _NAMES: ClassVar = {"rois": "annotations", "meta": "metadata"}

    def __init__(self, frame: hdstore.Frame) -> None:
        self.frame = frame

    def __getitem__(self, name: str) -> Any:
        return getattr(self.frame, self._NAMES.get(name, name))

    def __contains__(self, name: str) -> bool:
        return hasattr(self.frame, self._NAMES.get(name, name))


def _open(place: Place) -> hdstore.Repository:
    return hdstore.open(place.repo, author=AUTHOR)


def _version(place: Place, name: str) -> DatasetVersion:
    return _open(place).dataset("bench").version(name)


def ingest(place: Place) -> None:
    """Adds all frames and makes them version v1."""
    Path(place.repo).mkdir(parents=True)
    with hdstore.init(place.repo, author=AUTHOR) as repository:
        draft = repository.create_dataset("bench").current()
        draft.add_frames(map(_native, place.frames()))
        draft.snapshot(name="v1")


def count_prepare(place: Place) -> None:
    """Builds the index unless it is there, before the clock runs: what that takes is measured apart."""
    _version(place, "v1").rows()


filter_prepare = count_prepare


def count(place: Place) -> int:
    """Returns how many frames have a donut of confidence 0.75 and more."""
    return _version(place, "v1").count(HIT)


def filter(place: Place) -> list[Seen]:
    """Returns those of them taken in rain within a range of time, whole."""
    return [Seen(frame) for frame in _version(place, "v1").query(FULL)]


def get(place: Place, frame_id: str) -> Seen:
    """Returns one frame."""
    return Seen(_version(place, "v1").frame(frame_id))


def iterate(place: Place) -> int:
    """Decodes every frame into typed values and returns how many there are."""
    return sum(1 for _ in _version(place, "v1").frames())


def branch(place: Place) -> None:
    """Makes a child of v1."""
    dataset = _open(place).dataset("bench")
    dataset.create_version(f"child {len(dataset.versions())}", parents=["v1"])


def edit(place: Place, frames: Iterable[dict[str, Any]], version: int) -> None:
    """Saves some frames as one commit; the first one becomes version v2."""
    draft = _open(place).dataset("bench").version("Current")
    draft.apply(*(PutFrame(frame=_native(frame)) for frame in frames))
    if version == 1:
        draft.snapshot(name="v2")


def diff(place: Place) -> list[str]:
    """Returns the ids that differ between v1 and v2."""
    dataset = _open(place).dataset("bench")
    found = dataset.version("v1").diff(dataset.version("v2"))
    return [*found.added, *found.removed, *(change.id for change in found.changed)]


def push(place: Place) -> None:
    """Pushes to an empty folder."""
    repository = _open(place)
    repository.add_remote("origin", place.remote)
    repository.push("origin")


def clone(place: Place) -> None:
    """Clones what was pushed."""
    hdstore.clone(place.remote, place.clone, author=AUTHOR)


def push_delta(place: Place) -> None:
    """Pushes what came since."""
    _open(place).push("origin")
