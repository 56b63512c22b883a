"""Searching a version by the index, and reading what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from hdstore.model import Frame, Progress
from hdstore.repository.core import Core

if TYPE_CHECKING:
    from hdstore.index import Rows, Segment, VersionRows
    from hdstore.query.found import Found

# numpy and what stands on it are loaded by whoever searches.

__all__ = ["find", "read_found", "reader", "unknown_fields"]


def reader(core: Core) -> Callable[[Segment, Rows], Iterator[Frame]]:
    """Returns the function by which searches read frames of a segment."""
    from hdstore.index.fetching import read_frames

    return lambda segment, rows: read_frames(core.objects, segment, rows)


def find(core: Core, text: str, rows: Callable[[], VersionRows], progress: Progress | None = None) -> Found:
    """Returns the frames that meet a Lucene query; ``rows`` is called once the query is known to be sound."""
    from hdstore.query.columnar import compile_text

    wanted = compile_text(text)
    return wanted.search(rows(), reader(core), progress=progress)


def read_found(core: Core, found: Found) -> Iterator[Frame]:
    """Streams frames that were found."""
    read = reader(core)
    for segment, rows in found.parts:
        yield from read(segment, rows)


def unknown_fields(text: str, rows: VersionRows) -> list[str]:
    """Returns a sentence for each key of metadata that a query asks for and none of these frames has."""
    from hdstore.query.columnar import compile_text

    return compile_text(text).unknown(rows)
