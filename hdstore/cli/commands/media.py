"""``hdstore media``: kept media here and at remotes; and the other end of an exchange of media over ssh."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from hdstore.cli.exits import Exit
from hdstore.cli.opening import AsJson, open_repository
from hdstore.cli.output import count, print_facts, print_json, print_lines, print_table, say, size
from hdstore.cli.progress import working
from hdstore.cli.registry import command, group

if TYPE_CHECKING:
    from hdstore.repository.mediastatus import MediaStatus

__all__ = ["add_to"]

app = group("See where media are, fetch those that are not here, and verify those that are.")


@command(app, "status", example="hdstore media status street/v1")
def status(
    context: typer.Context,
    version: Annotated[
        str,
        typer.Argument(metavar="DATASET/VERSION", help="Only the media of this version.", show_default=False),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Says which media are kept here, which are at a remote, and which can not be found.

    Linked media that are not where they should be are named with the reason. All remotes are asked.
    """
    with open_repository(context) as repository, working() as progress:
        found = repository.media_status(version or None, progress=progress)
    if as_json:
        print_json(asdict(found))
    else:
        _show(found)


def _show(found: MediaStatus) -> None:
    remotes = ", ".join(f"{name} has {number:,}" for name, number in found.remotes.items() if number)
    print_facts(
        (
            ("kept here", f"{count(found.kept, 'file')} ({size(found.kept_bytes)})"),
            ("at remotes only", f"{count(found.fetchable, 'file')}: {remotes}" if found.fetchable else ""),
            ("found nowhere", count(found.nowhere, "file") if found.nowhere else ""),
        )
    )
    for name, reason in found.unreachable.items():
        say(f"The remote {name} could not be asked: {reason}")
    for hash, frame in found.examples.items():
        say(f"Found nowhere: media:{hash} of the frame {frame}")
    if found.linked:
        rows = [(part.place, part.present, part.absent, part.elsewhere) for part in found.linked]
        numbers = ("present", "missing", "on servers")
        print_table(("linked", *numbers), rows, right=numbers)
    for part in found.linked:
        for uri, reason in part.missing.items():
            say(f"Missing: {uri}: {reason}")


@command(app, "fetch", example="hdstore media fetch view:train")
def fetch(
    context: typer.Context,
    choice: Annotated[
        list[str] | None,
        typer.Argument(metavar="all|version:D/V|view:NAME", help="Which media.", show_default="all"),
    ] = None,
    remote: Annotated[
        str, typer.Option("--from", metavar="REMOTE", help="Only from this remote.", show_default=False)
    ] = "",
) -> None:
    """Brings kept media that are not here, from whichever remote has them.

    A fetch that was stopped goes on where it was. Media that are not fetched come when they are first used.
    """
    with open_repository(context) as repository, working() as progress:
        moved = repository.fetch_media(choice or "all", remote=remote or None, progress=progress)
    say(f"Fetched {count(moved.files, 'file')} of media ({size(moved.bytes)}).")
    if moved.missing:
        say(f"{count(len(moved.missing), 'file')} could not be found; see 'hdstore media status'.")


@command(app, "verify", example="hdstore media verify")
def verify(context: typer.Context, as_json: AsJson = False) -> None:
    """Reads all media that are kept here; ends with exit code 1 when bytes are damaged, and says which."""
    with open_repository(context) as repository, working() as progress:
        damaged = repository.verify_media(progress=progress)
        kept = sum(1 for _ in repository.media.hashes())
    if as_json:
        print_json(damaged)
    else:
        print_lines(f"media:{hash} is damaged: its bytes are not what its hash says" for hash in damaged)
        if not damaged:
            say(f"All is well: {count(kept, 'file')} of kept media verified.")
    if damaged:
        raise typer.Exit(Exit.FINDINGS)


def serve_media(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="The folder of a repository.", show_default=False)
    ],
) -> None:
    """Answers another hdstore about the media kept here; ssh starts it there, people need not."""
    from hdstore.sync.mediaserver import serve_media as serve

    sys.stdout.flush()
    answers = os.dup(1)
    # Whatever else would print must not come between the answers.
    os.dup2(2, 1)
    try:
        serve(path, input=0, output=answers)
    finally:
        os.close(answers)


def add_to(root: typer.Typer) -> None:
    """Adds the group, and the command that stands outside it, to the app."""
    command(root, "serve-media", example="hdstore serve-media /srv/photos")(serve_media)
    root.add_typer(app, name="media")
