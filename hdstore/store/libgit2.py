"""Fetching between two folders where the git program is not installed: the only door to pygit2.

libgit2 reads no settings here but the repository's own, which were judged before (``safety``). Damaged files can hang
or end it (see ``docs/adr/0007-own-reader.md``), so it moves objects between repositories and does nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from hdstore.errors import HdstoreError, RemoteError
from hdstore.model import Progress

__all__ = ["fetch_with_libgit2"]


def fetch_with_libgit2(
    hds: Path, source: Path, refspecs: Sequence[str], *, progress: Progress | None = None
) -> None:
    """Brings the objects that ``refspecs`` name from the repository ``source`` into ``hds``, and sets their refs."""
    import pygit2  # where the git program is, nobody waits for it to load

    levels = pygit2.enums.ConfigLevel
    for level in (levels.SYSTEM, levels.GLOBAL, levels.XDG, levels.PROGRAMDATA):
        pygit2.settings.search_path[level] = ""
    pygit2.settings.owner_validation = False
    callbacks = pygit2.RemoteCallbacks()
    if progress is not None:
        callbacks.transfer_progress = lambda stats: progress(  # type: ignore[method-assign]
            "Receiving objects", stats.received_objects, stats.total_objects
        )
    try:
        repository = pygit2.Repository(str(hds))
        remote = repository.remotes.create_anonymous(str(source))
        remote.fetch(list(refspecs), callbacks=callbacks)
    except HdstoreError:
        raise  # what the caller's progress raised, to stop
    except (pygit2.GitError, KeyError, ValueError, OSError) as error:
        raise RemoteError(
            f"{source} could not be fetched without the git program: {error}. Install git and try again."
        ) from error
    finally:
        with suppress(OSError):
            (hds / "FETCH_HEAD").unlink()
