"""``hdstore init``, ``demo`` and ``gui``: where people begin."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from hdstore.cli.exits import Exit
from hdstore.cli.opening import Folder, settings
from hdstore.cli.output import console, note, say
from hdstore.cli.registry import command
from hdstore.errors import RepositoryNotFoundError, StorageError

__all__ = ["add_to"]


def init(
    context: typer.Context,
    folder: Folder = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="Let all members of the folder's group write.")
    ] = False,
) -> None:
    """Makes an empty repository in a folder; the folder is made too where it is not there."""
    from hdstore.repository import init as init_at

    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"The folder {folder} can not be made: {error.strerror}.") from error
    with init_at(folder or settings(context).folder, shared=shared) as repository:
        say(f"Made an empty repository in {repository.hds}")


def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder that is new or empty.", show_default=True)
    ] = Path("hdstore-demo"),
    gui: Annotated[bool, typer.Option("--gui/--no-gui", help="Open the desktop app at the end.")] = True,
) -> None:
    """Makes a small repository with drawn pictures and shows, step by step, what hdstore does."""
    from hdstore.demo import run_demo

    raise typer.Exit(run_demo(folder, gui=gui, console=console()))


def gui(context: typer.Context, folder: Folder = None) -> None:
    """Opens the desktop app; outside of a repository, with the choice of one."""
    if not _has_screen():
        note("hdstore: there is no screen here to open the app on; on ssh, try ssh -X.")
        raise typer.Exit(Exit.UNAVAILABLE)
    run = _app()
    raise typer.Exit(run(_repository_to_show(context, folder)))


def _app() -> Callable[[Path | None], int]:
    try:
        from hdstore_gui.app import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("PySide6", "shiboken6", "numpy"):
            raise
        note("hdstore: the desktop app is not installed. Install it with: pip install 'hdstore[gui]'")
        raise typer.Exit(Exit.UNAVAILABLE) from error
    return run


def _has_screen() -> bool:
    """Says whether Qt would find a screen; it ends the process where it does not."""
    if not sys.platform.startswith("linux"):
        return True
    return any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")))


def _repository_to_show(context: typer.Context, folder: Path | None) -> Path | None:
    from hdstore.repository import open_repository

    given = settings(context)
    try:
        with open_repository(folder or given.folder, trusted=given.trusted) as repository:
            return repository.folder
    except RepositoryNotFoundError:
        if folder is not None:
            raise
        return None


def add_to(app: typer.Typer) -> None:
    """Adds the commands to the app."""
    command(app, "init", example="hdstore init photos")(init)
    command(app, "demo", example="hdstore demo --no-gui")(demo)
    command(app, "gui", example="hdstore gui photos")(gui)
