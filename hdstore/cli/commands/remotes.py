"""``hdstore clone``, ``push``, ``pull`` and ``remote``: other repositories."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from hdstore.cli.opening import AsJson, open_repository
from hdstore.cli.output import count, print_json, print_table, say, size
from hdstore.cli.progress import working
from hdstore.cli.registry import command, group

if TYPE_CHECKING:
    from hdstore.sync import SyncReport

__all__ = ["add_to"]

app = group("Add, list and remove remotes: other repositories to push to and pull from.")

Url: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="URL", help="A folder, or an ssh or https URL.", show_default=False),
]
Remote: TypeAlias = Annotated[str, typer.Argument(metavar="REMOTE", help="The remote's name.")]
NewRemote: TypeAlias = Annotated[
    str, typer.Argument(metavar="NAME", help="The remote's name.", show_default=False)
]


def clone(
    url: Url,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.", show_default=False)],
) -> None:
    """Copies a repository with all its versions into a new folder."""
    from hdstore.repository import clone as clone_to

    with working() as progress:
        repository = clone_to(url, folder, progress=progress)
    with repository:
        say(f"Cloned {count(len(repository.datasets()), 'dataset')} into {repository.folder}")


def push(context: typer.Context, remote: Remote = "origin") -> None:
    """Sends versions, names and kept media to a remote."""
    with open_repository(context) as repository:
        with working() as progress:
            report = repository.push(remote, progress=progress)
        _show(report, f"Pushed to {remote}")


def pull(context: typer.Context, remote: Remote = "origin") -> None:
    """Brings what a remote has."""
    with open_repository(context) as repository:
        with working() as progress:
            report = repository.pull(remote, progress=progress)
        _show(report, f"Pulled from {remote}")


def _show(report: SyncReport, what: str) -> None:
    if not report:
        say(f"{what}: nothing was new.")
        return
    refs = len(report.moved) + len(report.removed)
    media = f", {count(report.media, 'file')} of media ({size(report.media_bytes)})" if report.media else ""
    say(f"{what}: {count(refs, 'ref')}{media}.")


@command(app, "add", example="hdstore remote add origin ssh://example.org/srv/photos")
def add(context: typer.Context, name: NewRemote, url: Url) -> None:
    """Adds a remote."""
    with open_repository(context) as repository:
        repository.add_remote(name, url)
        say(f"Added remote {name}: {url}")


@command(app, "list", example="hdstore remote list")
def list_remotes(context: typer.Context, as_json: AsJson = False) -> None:
    """Lists the remotes."""
    with open_repository(context) as repository:
        remotes = repository.remotes()
    if as_json:
        print_json(remotes)
    else:
        print_table(("remote", "url"), sorted(remotes.items()))


@command(app, "remove", example="hdstore remote remove origin")
def remove(context: typer.Context, name: NewRemote) -> None:
    """Forgets a remote; the other repository stays as it is."""
    with open_repository(context) as repository:
        repository.remove_remote(name)
        say(f"Removed remote {name}")


def add_to(root: typer.Typer) -> None:
    """Adds the group, and the commands that stand outside it, to the app."""
    command(root, "clone", example="hdstore clone ssh://example.org/srv/photos photos")(clone)
    command(root, "push", example="hdstore push")(push)
    command(root, "pull", example="hdstore pull origin")(pull)
    root.add_typer(app, name="remote")
