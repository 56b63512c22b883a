"""Three-way merge of frames, versions and catalogs: field by field, annotation by annotation."""

from __future__ import annotations

from hdstore.merge.author import AUTHOR
from hdstore.merge.mine import MINE_REF, drop_mine, note_mine, ours_by_parents

__all__ = ["AUTHOR", "MINE_REF", "drop_mine", "note_mine", "ours_by_parents"]
