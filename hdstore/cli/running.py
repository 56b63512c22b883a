"""Running a command line: every way out has its exit code, and none shows a traceback."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from hdstore.cli.exits import Exit, exit_of
from hdstore.cli.failures import explain
from hdstore.cli.output import OutputClosedError, note
from hdstore.errors import HdstoreError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code; without arguments, that of the process."""
    if arguments is None:
        # Loading modules makes many objects that stay; looking through them for garbage takes a tenth of a query.
        gc.set_threshold(50_000)
    if isinstance(sys.stdout, TextIOWrapper):
        # A name that the terminal's encoding lacks shall not end a command half way.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()
    except (OutputClosedError, BrokenPipeError):
        _discard_output()
        return Exit.OUTPUT_CLOSED
    except OSError as error:
        _discard_output()
        note(f"hdstore: the output can not be written: {error.strerror}.")
        return Exit.STORAGE
    except KeyboardInterrupt:
        return Exit.CANCELLED


def _run(arguments: Sequence[str] | None) -> int:
    from typer.main import get_command

    from hdstore.cli.app import app

    try:
        # Typer ends every command line with SystemExit, also one that went well.
        get_command(app)(None if arguments is None else list(arguments), prog_name=_program())
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Exit.OK if end.code is None else Exit.INTERNAL
    except HdstoreError as error:
        explain(error)
        return exit_of(error)
    except (OutputClosedError, OSError):
        raise
    except Exception as error:
        _report_fault(error)
        return Exit.INTERNAL
    return Exit.OK


def _program() -> str:
    name = Path(sys.argv[0]).name
    return name if name in ("hdstore", "hds") else "hdstore"


def _report_fault(error: Exception) -> None:
    note(f"hdstore: this is a fault of hdstore itself, please report it: {type(error).__name__}: {error}")
    if os.environ.get("HDSTORE_TRACEBACK"):
        traceback.print_exception(error)
    else:
        note("Set HDSTORE_TRACEBACK=1 to see where it happened.")


def _discard_output() -> None:
    """Points standard output to nowhere, so that Python's own flush at the end does not fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
