"""Starting the tour: which folder it may use, and whether a window can be opened at its end."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rich.console import Console

from hdstore.demo.screen import Screen
from hdstore.demo.tour import Tour, is_demo
from hdstore.errors import AlreadyExistsError, StorageError
from hdstore.repository import Repository, init, open_repository

__all__ = ["run_demo", "screen_from_environment"]

_EXTRA = ("PySide6", "shiboken6", "numpy")


def run_demo(folder: Path, *, gui: bool, console: Console) -> int:
    """Makes a demo repository in ``folder`` and walks through it; returns the program's exit code.

    A folder that holds a demo already is opened as it is. With ``gui`` the desktop app is opened at the end;
    where there is no screen, the way to open it later is printed.

    Raises:
        AlreadyExistsError: the folder holds something else.
    """
    folder = folder.absolute()
    screen = Screen(console)
    screen.title("hdstore: git for dataset metadata")
    if (folder / ".hds").exists():
        with open_repository(folder) as repository:
            _again(repository, screen)
    else:
        _prepare(folder)
        screen.line(f"The commands are those you would type in {folder}")
        screen.step(
            "Make a repository", "A folder .hds holds everything; it is a git repository.", "hdstore init"
        )
        with init(folder) as repository:
            screen.result(str(repository.hds))
            Tour(repository, screen).walk()
    return _open_window(folder, screen) if gui else _say_later(folder, screen)


def _prepare(folder: Path) -> None:
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise AlreadyExistsError(
                f"The demo needs a new or an empty folder, but {folder} is not empty; name another one."
            )
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"Could not make the folder {folder}: {error.strerror or error}.") from error


def _again(repository: Repository, screen: Screen) -> None:
    """Says what is there already; raises when it is not the tour's."""
    if not is_demo(repository):
        raise AlreadyExistsError(
            f"{repository.folder} holds a repository that the demo did not make; name another folder."
        )
    screen.line(f"The demo is in {repository.folder} already, with your changes if you made some:")
    screen.rows(
        (version.path, str(version.status), f"{len(version)} frames")
        for dataset in repository.datasets()
        for version in dataset.versions()
    )
    screen.line("For the tour from its beginning, name a new folder.", "dim")


def screen_from_environment() -> bool:
    """Says whether there is a screen on which a window can be opened."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open_window(folder: Path, screen: Screen) -> int:
    if not screen_from_environment():
        screen.title("There is no screen here to open the app on.")
        return _say_later(folder, screen)
    try:
        from hdstore_gui.app import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        screen.title("The app is not installed. Install it with: python -m pip install 'hdstore[gui]'")
        return _say_later(folder, screen)
    screen.title("The app opens; close its window to come back.")
    return run(folder)


def _say_later(folder: Path, screen: Screen) -> int:
    screen.title("Open it in the app at any time")
    screen.line(f"    $ hdstore gui {folder}", "cyan")
    return 0
