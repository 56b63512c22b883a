"""Errors as people read them: one sentence, and a line that says what to do where that helps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hdstore.cli.output import note, visible
from hdstore.errors import (
    AmbiguousNameError,
    EditConflictError,
    HdstoreError,
    LockTimeoutError,
    QuerySyntaxError,
    ReadOnlyError,
    RepositoryNotFoundError,
)

if TYPE_CHECKING:
    from hdstore.repository import DatasetVersion

__all__ = ["child_hint", "explain", "hints", "writing"]


def explain(error: HdstoreError) -> None:
    """Prints an error and its hints on standard error."""
    note(f"hdstore: {error}")
    for line in hints(error):
        note(line)


def hints(error: HdstoreError) -> list[str]:
    """Returns the lines that say more or what to do next."""
    lines = list(getattr(error, "__notes__", ()))
    if isinstance(error, QuerySyntaxError):
        # The caret of the note stands right only where no character is wide.
        lines = [line for line in lines if line != error.caret()] + _caret(error)
    elif isinstance(error, AmbiguousNameError):
        lines += ["Say which one by its id:", *(f"  {candidate}" for candidate in error.candidates)]
    elif isinstance(error, RepositoryNotFoundError):
        lines.append("Make one with: hdstore init, or name one with: hdstore -C DIR")
    elif isinstance(error, EditConflictError):
        lines.append("Read the frame again, make the change on what it is now, and save again.")
    elif isinstance(error, LockTimeoutError):
        lines.append("Wait for the other hdstore to end, and try again.")
    return lines


def _caret(error: QuerySyntaxError) -> list[str]:
    from rich.cells import cell_len

    before = visible(error.text[: error.position])
    return [f"  {visible(error.text)}", f"  {' ' * cell_len(before)}^"]


def child_hint(version: DatasetVersion) -> str:
    """Returns the line that says how to go on from a published version."""
    dataset, _, name = version.path.partition("/")
    return f"Make a child to edit: hdstore version create {dataset}/NEW-NAME --parent {name}"


@contextmanager
def writing(version: DatasetVersion) -> Iterator[None]:
    """Adds to a refusal to write into a published version how to go on from it."""
    try:
        yield
    except ReadOnlyError as error:
        if not version.is_draft:
            error.add_note(child_hint(version))
        raise
