"""The index: derived, rebuildable columns over frames, for every version that shares their leaves."""

from __future__ import annotations

from hdstore.index.columns import (
    EXACT_INTEGER,
    NO_INSTANT,
    TOLERANCE,
    Bools,
    Cells,
    Floats,
    Kind,
    NumberColumn,
    Rows,
    TextColumn,
    Texts,
    TextsColumn,
    Vectors,
)
from hdstore.index.index import Index, IndexStatus
from hdstore.index.rows import Part, VersionRows
from hdstore.index.segment import SCOPES, Segment

__all__ = [
    "EXACT_INTEGER",
    "NO_INSTANT",
    "SCOPES",
    "TOLERANCE",
    "Bools",
    "Cells",
    "Floats",
    "Index",
    "IndexStatus",
    "Kind",
    "NumberColumn",
    "Part",
    "Rows",
    "Segment",
    "TextColumn",
    "Texts",
    "TextsColumn",
    "Vectors",
    "VersionRows",
]
