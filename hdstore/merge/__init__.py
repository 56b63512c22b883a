"""Three-way merge of frames, versions and catalogs: field by field, annotation by annotation."""

from __future__ import annotations

from hdstore.merge.author import AUTHOR
from hdstore.merge.conflicts import conflicts_of, merge_conflict_trees, read_conflicts, update_conflicts
from hdstore.merge.frames import MergedFrame, merge_frames
from hdstore.merge.mine import MINE_REF, drop_mine, note_mine, ours_by_parents
from hdstore.merge.schemas import merge_maps, merge_schemas

__all__ = [
    "AUTHOR",
    "MINE_REF",
    "MergedFrame",
    "conflicts_of",
    "drop_mine",
    "merge_conflict_trees",
    "merge_frames",
    "merge_maps",
    "merge_schemas",
    "note_mine",
    "ours_by_parents",
    "read_conflicts",
    "update_conflicts",
]
