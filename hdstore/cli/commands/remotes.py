"""``hdstore clone``, ``fetch``, ``push``, ``pull`` and ``remote``: other repositories."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from hdstore.cli.describe import url_text
from hdstore.cli.opening import AsJson, open_repository
from hdstore.cli.output import count, print_json, print_table, say
from hdstore.cli.progress import working
from hdstore.cli.registry import command, group

if TYPE_CHECKING:
    from hdstore.repository import Repository
    from hdstore.sync import SyncReport

__all__ = ["add_to", "show_report"]

app = group("Add, list and remove remotes: other repositories to push to and pull from.")

Url: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="URL", help="A folder, or an ssh, https or git URL.", show_default=False),
]
Remote: TypeAlias = Annotated[str, typer.Argument(metavar="REMOTE", help="The remote's name.")]
NewRemote: TypeAlias = Annotated[
    str, typer.Argument(metavar="NAME", help="The remote's name.", show_default=False)
]
MediaOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--media",
        metavar="all|none|version:D/V|view:NAME",
        help="Which kept media to move; may be repeated.",
    ),
]

Program: TypeAlias = Annotated[
    str, typer.Option(metavar="COMMAND", help="How hdstore is called on the machine that ssh reaches.")
]


def clone(
    url: Url,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.", show_default=False)],
    media: MediaOption = None,
    program: Program = "",
) -> None:
    """Copies a repository with all its versions into a new folder.

    Media stay where they are and are fetched when they are first used, unless --media asks for them now.
    """
    from hdstore.repository import clone as clone_to

    with working() as progress:
        repository = clone_to(url, folder, media=media or "none", program=program, progress=progress)
    with repository:
        say(f"Cloned {count(len(repository.datasets()), 'dataset')} into {repository.folder.resolve()}")


def fetch(context: typer.Context, remote: Remote = "origin") -> None:
    """Brings what a remote has, to compare with; nothing here changes.

    'hdstore status' then says what differs, and 'hdstore diff REMOTE:DATASET/VERSION DATASET/VERSION' shows it.
    """
    from hdstore.repository.telling import tell_fetch

    with open_repository(context) as repository:
        with working() as progress:
            report = repository.fetch(remote, progress=progress)
        say(tell_fetch(report, remote).text)


def push(context: typer.Context, remote: Remote = "origin", media: MediaOption = None) -> None:
    """Sends versions, names and kept media that a remote lacks; all kept media unless --media chooses."""
    with open_repository(context) as repository:
        with working() as progress:
            report = repository.push(remote, media=media or "all", progress=progress)
        show_report(repository, report, f"Pushed to {remote}")


def pull(context: typer.Context, remote: Remote = "origin", media: MediaOption = None) -> None:
    """Brings what a remote has and merges it with what is here, annotation by annotation.

    Media stay where they are and are fetched when they are first used, unless --media asks for them now.
    """
    with open_repository(context) as repository:
        with working() as progress:
            report = repository.pull(remote, media=media or "none", progress=progress)
        show_report(repository, report, f"Pulled from {remote}")


def show_report(repository: Repository, report: SyncReport, what: str) -> None:
    """Says what an exchange moved, merged and kept."""
    from hdstore.repository.telling import tell_exchange

    for number, told in enumerate(tell_exchange(repository, report, what)):
        see = f": see 'hdstore conflicts {told.version}'" if told.conflicts else ""
        say(f"  {told.text}{see}" if number else told.text)


@command(app, "add", example="hdstore remote add origin ssh://example.org/srv/photos")
def add(
    context: typer.Context,
    name: NewRemote,
    url: Url,
    media: Annotated[
        str, typer.Option(metavar="URL", help="Where its media lie: the path or ssh URL of a repository.")
    ] = "",
    program: Program = "",
) -> None:
    """Adds a remote: a folder, a USB stick, a server, or any git host."""
    with open_repository(context) as repository:
        repository.add_remote(name, url, media=media, program=program)
        say(f"Added remote {name}: {url_text(repository.remotes()[name])}")


@command(app, "list", example="hdstore remote list")
def list_remotes(context: typer.Context, as_json: AsJson = False) -> None:
    """Lists the remotes."""
    with open_repository(context) as repository:
        remotes = {name: url_text(url) for name, url in repository.remotes().items()}
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
    command(root, "fetch", example="hdstore fetch origin")(fetch)
    command(root, "push", example="hdstore push")(push)
    command(root, "pull", example="hdstore pull origin --media version:street/v1")(pull)
    root.add_typer(app, name="remote")
