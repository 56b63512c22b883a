"""Views as JSON: one document, or one line an item (row 63)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hdstore.codec import view_to_builtins
from hdstore.codec.plain import encode_json
from hdstore.model import Progress
from hdstore.train.items import frames_of, item_count
from hdstore.train.writing import new_file

if TYPE_CHECKING:
    from hdstore.train.items import Items
    from hdstore.view import ViewItem

__all__ = ["to_json", "to_jsonl"]

_EVERY = 1000


def to_jsonl(
    view: Items, path: str | Path, *, limit: int | None = None, progress: Progress | None = None
) -> int:
    """Writes the items of a view one a line, over what is at ``path``, and returns how many.

    A line has ``dataset``, ``version``, ``query``, ``position``, ``numbers`` (of each annotation's label) and
    ``frame``, as ``hdstore frame show --json`` prints it. ``limit`` ends after so many.

    Raises:
        StorageError: the file can not be written.
    """
    with new_file(Path(path)) as stream:
        written = 0
        for item in _items(view.pinned(), limit, progress):
            stream.write(_line(item) + b"\n")
            written += 1
    return written


def to_json(
    view: Items, path: str | Path, *, limit: int | None = None, progress: Progress | None = None
) -> int:
    """Writes a view and its items as one JSON document, over what is at ``path``, and returns how many items.

    The document has ``view`` (its value, pinned), ``hash`` and ``items``, each as a line of ``to_jsonl``. ``limit``
    ends after so many.

    Raises:
        StorageError: the file can not be written.
    """
    pinned = view.pinned()
    with new_file(Path(path)) as stream:
        head = encode_json({"hash": pinned.content_hash, "view": view_to_builtins(pinned.value)})
        stream.write(head[:-1] + b',"items":[')
        written = 0
        for item in _items(pinned, limit, progress):
            stream.write((b",\n" if written else b"\n") + _line(item))
            written += 1
        stream.write(b"\n]}\n")
    return written


def _line(item: ViewItem) -> bytes:
    plain: dict[str, Any] = {
        "position": item.position,
        "dataset": item.dataset,
        "version": item.version,
        "query": item.query,
        "numbers": item.numbers,
        "frame": item.frame,
    }
    return encode_json(plain)


def _items(view: Items, limit: int | None, progress: Progress | None) -> Iterator[ViewItem]:
    """Yields the items; a view without an end needs a limit."""
    total = item_count(view, limit)
    done = 0
    for done, item in enumerate(frames_of(islice(view.items(), total)), 1):
        yield item
        if progress is not None and done % _EVERY == 0:
            progress("Writing frames", done, total)
    if progress is not None:
        progress("Writing frames", done, total)
