"""``hdstore fsck`` and ``gc``: care of the store."""

from __future__ import annotations

import typer

from hdstore.cli.exits import Exit
from hdstore.cli.opening import AsJson, open_repository
from hdstore.cli.output import count, print_json, print_lines, say, size
from hdstore.cli.progress import working
from hdstore.cli.registry import command

__all__ = ["add_to"]


def fsck(context: typer.Context, as_json: AsJson = False) -> None:
    """Verifies everything that is stored; ends with exit code 1 when something is wrong, and says what."""
    with open_repository(context) as repository, working() as progress:
        findings = repository.fsck(progress=progress)
    if as_json:
        print_json([{"kind": f.kind, "where": f.where, "message": f.message} for f in findings])
    else:
        print_lines(map(str, findings))
        say(f"{count(len(findings), 'finding')}." if findings else "All is well.")
    if findings:
        raise typer.Exit(Exit.FINDINGS)


def gc(context: typer.Context) -> None:
    """Packs objects and removes what nothing reaches and is older than two weeks."""
    with open_repository(context) as repository, working() as progress:
        report = repository.gc(progress=progress)
    say(
        f"Removed {count(report.objects_removed, 'object')}; objects take {size(report.size_after)},"
        f" before {size(report.size_before)}."
    )
    say(f"Removed {count(report.media_removed, 'file')} of media ({size(report.media_bytes)}).")
    if report.index_bytes:
        say(f"Removed {size(report.index_bytes)} of the index.")


def add_to(app: typer.Typer) -> None:
    """Adds the commands to the app."""
    command(app, "fsck", example="hdstore fsck")(fsck)
    command(app, "gc", example="hdstore gc")(gc)
