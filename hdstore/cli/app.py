"""The command line: its groups, and the options that stand before every command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hdstore.cli.commands import (
    annotating,
    checking,
    datasets,
    files,
    frames,
    history,
    remotes,
    roots,
    starting,
    versions,
)
from hdstore.cli.opening import Settings
from hdstore.cli.output import print_raw
from hdstore.cli.registry import group

__all__ = ["app"]

app = group(
    "Git for dataset metadata: version, diff, query and annotate computer-vision datasets.", completion=True
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print_raw(f"hdstore {version('hdstore')}")
        raise typer.Exit


@app.callback()
def _settings(
    context: typer.Context,
    folder: Annotated[
        Path,
        typer.Option(
            "-C",
            metavar="DIR",
            envvar="HDSTORE_REPO",
            help="The folder of the repository, or one below it.",
            show_default="the current folder",
        ),
    ] = Path(),
    trusted: Annotated[
        bool, typer.Option("--trusted", help="Open a repository although it belongs to another user.")
    ] = False,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Git for dataset metadata: version, diff, query and annotate computer-vision datasets.

    A version is named DATASET/VERSION, by names or ids; a slash inside a name is written %2F.
    """
    context.obj = Settings(folder=folder, trusted=trusted)


starting.add_to(app)
app.add_typer(datasets.app, name="dataset")
files.add_to(app)
app.add_typer(versions.app, name="version")
annotating.add_to(versions.app)
app.add_typer(frames.app, name="frame")
history.add_to(app)
remotes.add_to(app)
app.add_typer(remotes.app, name="remote")
app.add_typer(roots.app, name="root")
checking.add_to(app)
