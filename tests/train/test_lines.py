"""Views as JSON: read back, they are the frames of the view."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hdstore import CancelledError, DatasetVersion, Repository, View, replace
from hdstore.codec import frame_from_builtins, view_from_builtins
from hdstore.errors import StorageError
from hdstore.model import Iteration
from hdstore.repository import DataView
from hdstore.train import to_json, to_jsonl


def test_a_line_is_an_item(view: DataView, draft: DatasetVersion, tmp_path: Path) -> None:
    """With where it came from, its frame whole, and the numbers of its labels."""
    assert to_jsonl(view, tmp_path / "a.jsonl") == 6

    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text("utf-8").splitlines()]
    assert [line["position"] for line in lines] == list(range(6))
    assert lines[3]["numbers"] == [1, 2, 1, -1, 2, 3, 9]
    assert (lines[3]["dataset"], lines[3]["version"], lines[3]["query"]) == ("shapes", "Current", 0)
    assert frame_from_builtins(lines[3]["frame"]) == draft.frame("p3")


def test_a_document_holds_the_view_and_its_items(
    view: DataView, draft: DatasetVersion, tmp_path: Path
) -> None:
    """The view is pinned, and makes the same hash again."""
    assert to_json(view, tmp_path / "a.json") == 6

    document = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert view_from_builtins(document["view"]) == view.pinned().value
    assert document["hash"] == view.pinned().content_hash
    assert [frame_from_builtins(item["frame"]) for item in document["items"]] == [
        draft.frame(f"p{number}") for number in range(6)
    ]


def test_limits_end_the_file(view: DataView, repository: Repository, value: View, tmp_path: Path) -> None:
    """Also of a view without an end; no item at all is a document too."""
    endless = repository.data_view(replace(value, iteration=Iteration(infinite=True)))

    assert to_jsonl(endless, tmp_path / "a.jsonl", limit=8) == 8
    assert to_json(view, tmp_path / "a.json", limit=0) == 0
    assert json.loads((tmp_path / "a.json").read_text())["items"] == []
    with pytest.raises(ValueError, match=r"end|limit|infinite"):
        to_jsonl(endless, tmp_path / "a.jsonl")


def test_a_stopped_export_leaves_what_was_there(view: DataView, tmp_path: Path) -> None:
    """Cancelled, or without a place to write: nothing has changed."""
    folder = tmp_path / "out"
    to_json(view, folder / "a.json")
    before = (folder / "a.json").read_bytes()

    def stop(what: str, done: int, total: int | None) -> None:
        assert (what, done, total) == ("Writing frames", 6, 6)
        raise CancelledError("Cancelled.")

    for write in (to_json, to_jsonl):
        with pytest.raises(CancelledError):
            write(view, folder / "a.json", progress=stop)
    assert [path.name for path in folder.iterdir()] == ["a.json"]
    assert (folder / "a.json").read_bytes() == before
    with pytest.raises(StorageError, match="Could not write"):
        to_json(view, folder / "a.json" / "b.json")
