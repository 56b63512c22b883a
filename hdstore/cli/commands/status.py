"""``hdstore status``: what differs from a remote, and what waits to be resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hdstore.cli.describe import url_text
from hdstore.cli.opening import AsJson, open_repository
from hdstore.cli.output import count, print_json, say
from hdstore.cli.progress import working
from hdstore.cli.registry import command

if TYPE_CHECKING:
    from hdstore.repository.standing import RepositoryStatus
    from hdstore.sync.status import Counts, SyncStatus, VersionStatus, Work

__all__ = ["add_to"]


def status(
    context: typer.Context,
    remote: Annotated[
        str | None,
        typer.Argument(metavar="REMOTE", help="The remote's name.", show_default="origin, or the only one"),
    ] = None,
    fetch: Annotated[bool, typer.Option("--fetch", help="Ask the remote first what it has now.")] = False,
    as_json: AsJson = False,
) -> None:
    """Shows what differs from a remote as it was last seen, and how many conflicts wait here.

    Nothing changes. The remote is not asked, so it works offline, unless --fetch says so.
    """
    with open_repository(context) as repository, working() as progress:
        if fetch:
            from hdstore.repository.standing import default_remote

            asked = remote or default_remote(repository.remotes())
            if asked is not None:
                repository.fetch(asked, progress=progress)
        found = repository.status(remote, progress=progress)
    if as_json:
        print_json(_plain(found))
        return
    _show(found)


def _show(found: RepositoryStatus) -> None:
    remote, sync = found.remote, found.sync
    if remote is None:
        say("There are no remotes; add one with 'hdstore remote add origin URL' to exchange with others.")
    elif not found.seen:
        say(f"{remote} ({url_text(found.url)}) was not seen yet; 'hdstore fetch {remote}' asks what it has.")
    elif sync.is_level:
        say(f"Everything is level with {remote}, as it was last seen.")
    else:
        say(f"Compared with {remote}, as it was last seen:")
        for version in sync.versions:
            say(f"  {_path(version.name)}: {_sentence(version)}")
        if sync.catalog_ahead or sync.catalog_behind:
            say(f"  names, tags and views: {_both(sync)}")
        if sync.is_behind:
            say(f"'hdstore pull {remote}' brings what is there and joins it with what is here.")
        else:
            say(f"'hdstore push {remote}' sends what is here.")
    for path, number in found.conflicts.items():
        waits = "waits" if number == 1 else "wait"
        say(f"{path}: {count(number, 'conflict')} {waits}; see 'hdstore conflicts {path}'.")


def _path(name: tuple[str, str]) -> str:
    from hdstore.repository import quote_name

    return "/".join(map(quote_name, name))


def _both(sync: SyncStatus) -> str:
    parts = [
        f"{count(number, 'change')} {word}"
        for number, word in ((sync.catalog_ahead, "ahead"), (sync.catalog_behind, "behind"))
        if number
    ]
    return ", ".join(parts)


def _sentence(version: VersionStatus) -> str:
    from hdstore.sync.status import VersionStanding

    ahead, behind = version.ahead, version.behind
    parts = []
    if version.standing not in (VersionStanding.AHEAD, VersionStanding.BEHIND, VersionStanding.DIVERGED):
        parts.append(str(version.standing))
    if version.standing is VersionStanding.DELETED_THERE and ahead:
        parts.append(f"{_work(ahead)} which nobody had seen there, so a pull keeps it")
    elif version.standing is VersionStanding.DELETED_HERE and behind:
        parts.append(f"{_work(behind)} which were not seen here, so a pull brings it back")
    else:
        parts += [_work(ahead, "ahead")] if ahead else []
        parts += [_work(behind, "behind")] if behind else []
    if version.there:
        parts.append(f"called {_path(version.there)} there")
    return ", ".join(parts)


def _work(work: Work, word: str = "") -> str:
    """Returns ``3 saves ahead (12 frames, 40 annotations)``."""
    what = ", ".join(
        count(counts.total, noun)
        for counts, noun in ((work.frames, "frame"), (work.annotations, "annotation"))
        if counts.total
    )
    return f"{count(work.saves, 'save')}{f' {word}' if word else ''}{f' ({what})' if what else ''}"


def _plain(found: RepositoryStatus) -> dict[str, Any]:
    return {
        "remote": found.remote,
        "url": url_text(found.url) if found.url else "",
        "seen": found.seen,
        "level": found.seen and found.sync.is_level,
        "catalog": {"ahead": found.sync.catalog_ahead, "behind": found.sync.catalog_behind},
        "versions": [
            {
                "path": _path(version.name),
                "path_there": _path(version.there or version.name),
                "dataset_id": version.dataset_id,
                "version_id": version.version_id,
                "standing": str(version.standing),
                "ahead": _plain_work(version.ahead),
                "behind": _plain_work(version.behind),
            }
            for version in found.sync.versions
        ],
        "conflicts": found.conflicts,
    }


def _plain_work(work: Work) -> dict[str, Any]:
    def plain(counts: Counts) -> dict[str, int]:
        return {"added": counts.added, "changed": counts.changed, "removed": counts.removed}

    return {"saves": work.saves, "frames": plain(work.frames), "annotations": plain(work.annotations)}


def add_to(app: typer.Typer) -> None:
    """Adds the command to the app."""
    command(app, "status", example="hdstore status origin --fetch")(status)
