"""The worked examples of docs/format.md are what the code does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hdstore.codec import (
    decode_dataset,
    decode_frame,
    decode_view_document,
    encode_dataset,
    encode_frame,
    encode_view_document,
    frame_from_json,
    leaf_count,
    view_hash,
)
from hdstore.ids import frame_key
from hdstore.model import SingleFrame
from hdstore.store import TREE_MODE, Layout, MemoryChanges, Objects, decode_tree, update_trie

PAGE = Path(__file__).resolve().parents[2] / "docs" / "format.md"


def example(name: str) -> str:
    found = re.search(
        rf"<!-- example: {name} -->\n```\w*\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL
    )
    assert found is not None, f"the page has no example {name!r}"
    return found[1]


def example_bytes() -> bytes:
    return b"".join(bytes.fromhex(line.split("   ")[0]) for line in example("bytes").splitlines())


def listing(objects: Objects, tree: str, indent: str = "  ") -> Iterator[str]:
    for entry in decode_tree(objects.read(tree, "tree")):
        if entry.mode == TREE_MODE:
            yield f"{indent}{entry.name}".ljust(20) + entry.oid
            yield from listing(objects, entry.oid, indent + "  ")
        else:
            count = leaf_count(objects.read(entry.oid, "blob"))
            yield f"{indent}{entry.name}".ljust(8) + f"{count} frames   {entry.oid}"


def trie_of(count: int, folder: Path) -> list[str]:
    layout = Layout(folder)
    layout.create()
    objects = Objects(layout.hds)
    frames = [SingleFrame(id=f"frame-{number:03}") for number in range(count)]
    changes = MemoryChanges.of({frame_key(frame.id): encode_frame(frame) for frame in frames})
    with objects.loose() as writer:
        tree = update_trie(objects, writer, None, changes, lambda key, old, new: None)
    return ["frames".ljust(20) + tree, *listing(objects, tree)]


def test_the_frame_has_the_bytes_of_the_page() -> None:
    """Encoding the JSON of the page gives the bytes beside it, and decoding them gives the frame back."""
    frame = frame_from_json(example("frame"))
    raw = encode_frame(frame)
    assert raw == example_bytes()
    assert decode_frame(raw) == frame
    assert f"is these {len(raw)} bytes" in PAGE.read_text(encoding="utf-8")


def test_the_key_is_the_one_of_the_page() -> None:
    """The key of the example's frame is BLAKE3 of its id."""
    frame = frame_from_json(example("frame"))
    assert frame_key(frame.id).hex() == example("key").strip()
    assert f"{frame_key(frame.id)[0] >> 4:04b}" == "1011"


@pytest.mark.parametrize(("count", "name"), [(100, "trie 100"), (600, "trie 600, in part")])
def test_frames_lie_as_the_page_says(count: int, name: str, tmp_path: Path) -> None:
    """The frames of the page lie in the trees and leaves of its listing."""
    found = trie_of(count, tmp_path)
    shown = example(name).splitlines()
    assert shown[0] == found[0]
    start = found.index(shown[1])
    assert found[start : start + len(shown) - 1] == shown[1:]


def test_the_document_is_canonical() -> None:
    """The catalog document of the page is written again exactly as it stands there."""
    document = example("document").encode()
    assert encode_dataset(decode_dataset(document, "the example")) == document


def test_the_view_is_canonical() -> None:
    """The stored view of the page is written again exactly as it stands there, and has the hash it says."""
    document = example("view").encode()
    stored = decode_view_document(document, "the example")
    assert encode_view_document(stored) == document
    assert view_hash(stored.view) == example("view hash").strip()
