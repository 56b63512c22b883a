"""``hdstore media``: kept media here and at remotes; and the other end of an exchange of media over ssh."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from hdstore.cli.registry import command, group

__all__ = ["add_to"]

app = group("See which media are here, fetch those that are not, and verify those that are.")


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
    command(root, "serve-media", example="ssh example.org hdstore serve-media photos")(serve_media)
    root.add_typer(app, name="media")
