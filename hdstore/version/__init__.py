"""Versions: what a commit holds, and how edits make the next commit of a draft."""

from __future__ import annotations

from hdstore.version.building import (
    Batch,
    Built,
    ConflictsTree,
    Keep,
    build_edits,
    overlay,
    write_commit,
    write_tree,
)
from hdstore.version.counting import Tally, count_frame, merge_counts
from hdstore.version.media import KEPT, kept_media, media_of
from hdstore.version.restoring import build_restored
from hdstore.version.spill import Spill
from hdstore.version.state import VersionState, commit_info, commit_of, earlier_trees, history, stands_for
from hdstore.version.verify import Problem, VersionVerifier, document_problems

__all__ = [
    "KEPT",
    "Batch",
    "Built",
    "ConflictsTree",
    "Keep",
    "Problem",
    "Spill",
    "Tally",
    "VersionState",
    "VersionVerifier",
    "build_edits",
    "build_restored",
    "commit_info",
    "commit_of",
    "count_frame",
    "document_problems",
    "earlier_trees",
    "history",
    "kept_media",
    "media_of",
    "merge_counts",
    "overlay",
    "stands_for",
    "write_commit",
    "write_tree",
]
