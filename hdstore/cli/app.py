"""The command line: its groups, and the options that stand before every command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

import typer

from hdstore.cli.opening import Settings
from hdstore.cli.output import print_raw
from hdstore.cli.registry import LateGroup, group

__all__ = ["app"]


class _Commands(LateGroup):
    modules: ClassVar = {
        "init": "starting",
        "demo": "starting",
        "gui": "starting",
        "import": "files",
        "export": "files",
        "log": "blaming",
        "blame": "blaming",
        "query": "history",
        "nearest": "history",
        "merge": "merging",
        "conflicts": "merging",
        "resolve": "merging",
        "restore": "merging",
        "diff": "diffing",
        "clone": "remotes",
        "fetch": "remotes",
        "push": "remotes",
        "pull": "remotes",
        "status": "status",
        "index": "indexing",
        "fsck": "checking",
        "gc": "checking",
        "dataset": "datasets",
        "version": "versions",
        "view": "views",
        "frame": "frames",
        "media": "media",
        "serve-media": "media",
        "remote": "remotes",
        "bundle": "bundles",
        "root": "roots",
    }


app = group(
    "Git for dataset metadata: version, diff, query and annotate computer-vision datasets.",
    completion=True,
    cls=_Commands,
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
