"""``hdstore index``: the columns that searches read."""

from __future__ import annotations

from typing import Annotated

import typer

from hdstore.cli.opening import AsJson, open_repository
from hdstore.cli.output import count, print_facts, print_json, print_table, say, size
from hdstore.cli.progress import working
from hdstore.cli.registry import command, group

__all__ = ["add_to"]

app = group(
    "Build, show and remove the index that searches read; it holds nothing that is not in the versions, too."
)


@command(app, "build", example="hdstore index build")
def build(
    context: typer.Context,
    versions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATASET/VERSION...", help="Versions, by names or ids.", show_default="all there are"
        ),
    ] = None,
) -> None:
    """Indexes versions before somebody searches them, and makes few files of many."""
    with open_repository(context) as repository, working() as progress:
        report = repository.build_index(versions or None, progress=progress)
    indexed = sum(version.indexed for version in report.versions)
    say(
        f"The index holds {count(indexed, 'version')} with {count(report.frames, 'frame')} in"
        f" {count(report.segments, 'segment')} ({size(report.size)})."
    )


@command(app, "status", example="hdstore index status")
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Shows how large the index is, and which versions are in it."""
    with open_repository(context) as repository:
        report = repository.index_status()
    if as_json:
        versions = [
            {
                "version": version.path,
                "dataset_id": version.dataset_id,
                "version_id": version.version_id,
                "indexed": version.indexed,
            }
            for version in report.versions
        ]
        totals = {"segments": report.segments, "frames": report.frames, "bytes": report.size}
        print_json({**totals, "versions": versions})
        return
    print_facts(
        (("segments", report.segments), ("frames", f"{report.frames:,}"), ("size", size(report.size)))
    )
    if report.versions:
        say("")
        rows = [(version.path, "yes" if version.indexed else "no") for version in report.versions]
        print_table(("version", "indexed"), rows)


@command(app, "drop", example="hdstore index drop")
def drop(context: typer.Context) -> None:
    """Removes the index; nothing is lost, the next search builds what it needs anew."""
    with open_repository(context) as repository:
        repository.drop_index()
    say("Removed the index")


def add_to(root: typer.Typer) -> None:
    """Adds the group to the app."""
    root.add_typer(app, name="index")
