"""gc: packs objects, and removes objects and media that nothing reaches once they are old enough."""

from __future__ import annotations

import time
from contextlib import suppress

from hdstore.merge import MINE_REF, drop_mine
from hdstore.model import Progress
from hdstore.repository.core import KEEP_REF, Core, keep_moves
from hdstore.repository.indexing import compact_index
from hdstore.repository.reports import GcReport
from hdstore.store import CATALOG_REF, RefUpdate, decode_commit, files, gc_objects, is_foreign_ref
from hdstore.version import VersionState, commit_of, media_of

__all__ = ["collect_garbage"]


def collect_garbage(core: Core, *, grace: float, progress: Progress | None = None) -> GcReport:
    """Packs objects and removes what no ref reaches and is older than ``grace`` seconds.

    What living views pin is reached. Media count as reached while any commit that a ref reaches names them. The index
    keeps what versions and views need as they stand now.
    """
    _mend_keeps(core)
    collected = gc_objects(core.layout.hds, grace=grace, progress=progress)
    core.objects.refresh()
    # A ref that notes our side of a merge goes with the merge; what it alone kept goes the next time.
    noted = {name.removeprefix(MINE_REF) for name in core.refs.list(MINE_REF)}
    drop_mine(core.refs, (merge for merge in noted if not core.objects.exists(merge)))
    needed = _needed_media(core, progress)
    removed = size = 0
    oldest = time.time() - grace
    for name in list(core.media.hashes()):
        if name in needed:
            continue
        with files.storage_errors(f"examine the medium {name}"), suppress(FileNotFoundError):
            stat = core.media.path_of(name).stat()
            if stat.st_mtime < oldest:
                core.media.remove(name)
                size += stat.st_size
                removed += 1
    size += core.media.remove_parts(before=oldest)
    freed = compact_index(core, progress)
    return GcReport(
        objects_removed=collected.removed,
        size_before=collected.before,
        size_after=collected.after,
        media_removed=removed,
        media_bytes=size,
        index_bytes=freed,
    )


def _mend_keeps(core: Core) -> None:
    """Sees to it that the refs of kept commits are those that living views pin, no more and no fewer."""
    with core.refs.lock(CATALOG_REF):
        pinned = core.catalog().pinned
        moves = keep_moves(core.refs, (oid for oid in pinned if core.objects.exists(oid)), held=True)
        moves += [
            RefUpdate(name, oid, None)
            for name, oid in core.refs.list(KEEP_REF).items()
            if name.removeprefix(KEEP_REF) not in pinned
        ]
        core.refs.transaction(moves)


def _needed_media(core: Core, progress: Progress | None) -> set[str]:
    """Returns the hashes of all media that any reachable commit names; each leaf is read once."""
    waiting = []
    for name, oid in core.refs.list("refs/").items():
        if not name.endswith("heads/hdstore") and not is_foreign_ref(name):
            waiting.append(commit_of(core.objects, oid))
    seen: set[str] = set()
    leaves: set[str] = set()
    needed: set[str] = set()
    while waiting:
        oid = waiting.pop()
        if oid in seen:
            continue
        seen.add(oid)
        waiting += decode_commit(core.objects.read(oid, "commit")).parents
        needed |= media_of(core.objects, VersionState(core.objects, oid), leaves)
        if progress is not None:
            progress("Looking for media in use", len(seen), None)
    return needed
