"""Media of a repository in an empty folder, and real pictures made on the spot."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from hdstore.media import Media, Roots

OpenMedia = Callable[[], Media]
Write = Callable[..., Path]


@pytest.fixture
def open_media(tmp_path: Path) -> OpenMedia:
    """Returns a function that opens the media of one repository, each time as a new process would."""
    own = tmp_path / ".hds" / "hdstore"
    for name in ("media", "tmp", "index", "locks"):
        (own / name).mkdir(parents=True)
    return lambda: Media(own / "media", Roots(own / "local.toml"), own / "tmp")


@pytest.fixture
def media(open_media: OpenMedia) -> Media:
    return open_media()


@pytest.fixture
def photos(tmp_path: Path, media: Media) -> Path:
    """A folder that is the root "photos" of this machine."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    media.roots.add("photos", folder)
    return folder


@pytest.fixture
def write() -> Write:
    """Returns a function that writes a file as if it had been written long ago."""

    def write(path: Path, data: bytes = b"data") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, ns=(10**18, 10**18 + len(data)))
        return path

    return write


@pytest.fixture
def draw() -> Write:
    """Returns a function that saves a small picture as if it had been saved long ago."""

    def draw(path: Path, size: tuple[int, int] = (6, 4), colour: int = 0, **options: Any) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", size, colour).save(path, **options)
        os.utime(path, ns=(10**18, 10**18))
        return path

    return draw
