"""Which repository a command works on, and how what its arguments name is found in it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from hdstore.errors import InvalidInputError, StorageError

if TYPE_CHECKING:
    from hdstore.repository import Repository

__all__ = [
    "AsJson",
    "DatasetName",
    "Folder",
    "Limit",
    "Settings",
    "VersionPath",
    "only_one",
    "open_repository",
    "read_json",
    "read_text",
    "settings",
]

DatasetName: TypeAlias = Annotated[
    str, typer.Argument(metavar="DATASET", help="The dataset, by name or id.", show_default=False)
]
VersionPath: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="DATASET/VERSION",
        help="The version, by names or ids; a slash in a name is written %2F.",
        show_default=False,
    ),
]
Folder: TypeAlias = Annotated[
    Path | None, typer.Argument(metavar="DIR", help="The folder.", show_default="that of -C")
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]
Limit: TypeAlias = Annotated[
    int | None, typer.Option("--limit", "-n", metavar="N", min=0, help="Print at most so many.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the options before the command say."""

    folder: Path
    trusted: bool


def settings(context: typer.Context) -> Settings:
    """Returns what the options before the command said."""
    found = context.obj
    assert isinstance(found, Settings), "the app's callback runs before every command"
    return found


@contextmanager
def open_repository(context: typer.Context) -> Iterator[Repository]:
    """Opens the repository that -C, HDSTORE_REPO or the current folder names, and closes it again."""
    from hdstore.repository import open_repository as open_at

    given = settings(context)
    with open_at(given.folder, trusted=given.trusted) as repository:
        yield repository


def only_one(*options: object) -> None:
    """Refuses two of several options at once; ``options`` are names and values in turn."""
    given = [name for name, value in zip(options[::2], options[1::2], strict=True) if value]
    if len(given) > 1:
        raise InvalidInputError(f"Of {' and '.join(map(str, given))} only one can be given.")


def read_text(place: str) -> str:
    """Returns the text of a file, or of standard input where the place is ``-``."""
    try:
        return sys.stdin.read() if place == "-" else Path(place).read_text(encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{place} can not be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{place} is not a text in UTF-8: {error.reason}.") from error


def read_json(text: str) -> Any:
    """Returns the JSON value of an option: the text itself, ``@FILE``, or ``-`` for standard input."""
    if text == "-" or text.startswith("@"):
        text = read_text(text.removeprefix("@"))
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"What was given is not JSON: {error}.") from error
