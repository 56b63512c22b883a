"""What tests of readers and writers share."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from hdstore.codec import decode_frame, encode_frame
from hdstore.formats import ExportReport, Imported, read_coco, write_coco
from hdstore.media import Media, Roots
from hdstore.media.linker import Linker
from hdstore.model import Frame

Link = Callable[[Path], Linker]
Draw = Callable[..., Path]


@pytest.fixture
def link(tmp_path: Path) -> Iterator[Link]:
    """Returns a function from a folder to a linker that has it as the root "data"."""
    opened: list[Media] = []

    def link(folder: Path) -> Linker:
        place = tmp_path / f"media{len(opened)}"
        (place / "tmp").mkdir(parents=True)
        roots = Roots(place / "local.toml")
        roots.add("data", folder.absolute())
        opened.append(Media(place / "media", roots, place / "tmp"))
        return opened[-1].linker(root="data")

    yield link
    for media in opened:
        media.close()


@pytest.fixture
def draw() -> Draw:
    """Returns a function that saves a small picture."""

    def draw(path: Path, size: tuple[int, int] = (10, 5)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", size).save(path)
        return path

    return draw


@pytest.fixture
def stored() -> Callable[[Iterable[Frame]], list[Frame]]:
    """Returns a function that stores frames and reads them again."""
    return lambda frames: [decode_frame(encode_frame(frame)) for frame in frames]


def as_multiset(document: dict[str, Any]) -> dict[str, Any]:
    """Returns a COCO document in a form that is equal for equal meaning: lists of records without an order."""
    return {
        key: Counter(json.dumps(_plain(item), sort_keys=True) for item in value)
        if key in ("images", "annotations", "categories")
        else _plain(value)
        for key, value in document.items()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    # JSON has one kind of number: 5.0 is 5.
    return int(value) if isinstance(value, float) and value.is_integer() else value


@pytest.fixture
def same_coco() -> Callable[[dict[str, Any], dict[str, Any]], None]:
    """Returns a function that asserts that two COCO documents mean the same."""

    def check(expected: dict[str, Any], found: dict[str, Any]) -> None:
        left, right = as_multiset(expected), as_multiset(found)
        for key in left.keys() | right.keys():
            assert left.get(key) == right.get(key), key

    return check


class Coco:
    """Imports and exports COCO documents by way of stored frames."""

    def __init__(self, folder: Path, link: Link) -> None:
        self.folder = folder
        self._linker = link(folder)
        self.imported: Imported | None = None
        self.report: ExportReport | None = None

    def read(self, document: Any) -> list[Frame]:
        """Returns the stored frames of a document (or of JSON text)."""
        path = self.folder / "in.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        self.imported = read_coco(path, linker=self._linker)
        return [decode_frame(encode_frame(frame)) for frame in self.imported.frames]

    def write(self, frames: Iterable[Frame], **options: Any) -> dict[str, Any]:
        """Returns the document that frames are written as."""
        if self.imported is not None:
            options = {"schema": self.imported.schema, "metadata": self.imported.metadata} | options
        path = self.folder / "out.json"
        self.report = write_coco(path, frames, **options)
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return document

    @property
    def notes(self) -> list[str]:
        """What the last import warned of, without the images, which these tests do without."""
        assert self.imported is not None
        return [
            note.what for note in self.imported.warnings if not note.what.startswith("images that are not in")
        ]

    @property
    def losses(self) -> list[str]:
        """What the last export warned of."""
        assert self.report is not None
        return [note.what for note in self.report.warnings]


@pytest.fixture
def coco(tmp_path: Path, link: Link) -> Coco:
    folder = tmp_path / "coco"
    folder.mkdir()
    return Coco(folder, link)
