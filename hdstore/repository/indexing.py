"""The index as repositories use it: the rows of a version, and building, telling of and dropping it all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hdstore.model import Progress
from hdstore.repository.core import Core
from hdstore.version import VersionState, earlier_trees

if TYPE_CHECKING:
    from hdstore.index import VersionRows

__all__ = ["rows_of"]


def rows_of(core: Core, state: VersionState, progress: Progress | None = None) -> VersionRows:
    """Returns the rows of a version's frames; builds those that are missing, from what is known of earlier saves."""
    return core.index.rows(state.trie.tree, near=earlier_trees(core.objects, state.commit), progress=progress)
