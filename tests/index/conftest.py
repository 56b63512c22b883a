"""Fixtures of the index's tests: objects to put frames into, and an index over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from hdstore.codec import encode_frame
from hdstore.ids import frame_key
from hdstore.index import Index, VersionRows
from hdstore.index.fetching import read_frames
from hdstore.model import Frame
from hdstore.store import Layout, MemoryChanges, Objects, update_trie

Put = Callable[[Iterable[Frame]], str]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Returns the paths of an empty repository."""
    made = Layout(tmp_path)
    made.create()
    return made


@pytest.fixture
def objects(layout: Layout) -> Objects:
    """Returns the objects of the repository."""
    return Objects(layout.hds)


@pytest.fixture
def put(objects: Objects) -> Put:
    """Returns a function that writes a tree of frames and returns its id."""

    def write(frames: Iterable[Frame]) -> str:
        changes: dict[bytes, bytes | None] = {frame_key(frame.id): encode_frame(frame) for frame in frames}
        with objects.loose() as writer:
            return update_trie(objects, writer, None, MemoryChanges.of(changes), lambda *_: None)

    return write


@pytest.fixture
def make_index(layout: Layout, objects: Objects) -> Callable[[], Index]:
    """Returns a function that opens the index of the repository anew, as another process would."""

    def make() -> Index:
        folder = layout.index / "frames"
        return Index(folder, objects, tmp=layout.tmp, lock=layout.locks / "index.lock")

    return make


@pytest.fixture
def index(make_index: Callable[[], Index]) -> Index:
    """Returns the index of the repository."""
    return make_index()


@pytest.fixture
def held(objects: Objects) -> Callable[[VersionRows], list[Frame]]:
    """Returns a function that reads the frames of rows, with what the columns say of their ids checked."""

    def read(rows: VersionRows) -> list[Frame]:
        found: list[Frame] = []
        for part in rows.parts:
            count = part.segment.count("frame")
            live = np.arange(count) if part.live is None else np.flatnonzero(part.live)
            frames = list(read_frames(objects, part.segment, live.astype(np.int32)))
            ids = part.segment.text("frame.id")
            assert [ids.texts[code] for code in ids.codes[live].tolist()] == [frame.id for frame in frames]
            found += frames
        return found

    return read
