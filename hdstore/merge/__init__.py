"""Three-way merge of frames, versions and catalogs: field by field, annotation by annotation."""

from __future__ import annotations

from hdstore.merge.author import AUTHOR
from hdstore.merge.catalogs import amend_catalog, merge_catalogs
from hdstore.merge.conflicts import conflicts_of, merge_conflict_trees, read_conflicts, update_conflicts
from hdstore.merge.documents import id_apart
from hdstore.merge.frames import MergedFrame, merge_frames
from hdstore.merge.mine import MINE_REF, drop_mine, note_mine, ours_by_parents
from hdstore.merge.renaming import Renaming
from hdstore.merge.resolving import (
    kept_side,
    resolve,
    resolve_both,
    resolve_map,
    resolve_schema,
    shown_in_frame,
    shown_in_map,
    shown_in_schema,
)
from hdstore.merge.schemas import merge_maps, merge_schemas
from hdstore.merge.versions import MESSAGE, Merged, merge_commits, merge_versions

__all__ = [
    "AUTHOR",
    "MESSAGE",
    "MINE_REF",
    "Merged",
    "MergedFrame",
    "Renaming",
    "amend_catalog",
    "conflicts_of",
    "drop_mine",
    "id_apart",
    "kept_side",
    "merge_catalogs",
    "merge_commits",
    "merge_conflict_trees",
    "merge_frames",
    "merge_maps",
    "merge_schemas",
    "merge_versions",
    "note_mine",
    "ours_by_parents",
    "read_conflicts",
    "resolve",
    "resolve_both",
    "resolve_map",
    "resolve_schema",
    "shown_in_frame",
    "shown_in_map",
    "shown_in_schema",
    "update_conflicts",
]
