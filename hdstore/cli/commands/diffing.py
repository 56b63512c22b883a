"""``hdstore diff``: what differs between two versions."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hdstore.cli.opening import AsJson, Limit, only_one, open_repository
from hdstore.cli.output import count, say
from hdstore.cli.progress import working
from hdstore.cli.registry import command

if TYPE_CHECKING:
    from hdstore.model import Progress
    from hdstore.repository import Repository
    from hdstore.version import VersionState

__all__ = ["add_to"]

_IN_REPORT = 200
"""Frames in a report where no limit was given."""

_WHAT = "DATASET/VERSION, or DATASET/VERSION@COMMIT, or COMMIT, or REMOTE:DATASET/VERSION."


def diff(
    context: typer.Context,
    before: Annotated[
        str, typer.Argument(metavar="BEFORE", help=f"The state before: {_WHAT}", show_default=False)
    ],
    after: Annotated[
        str,
        typer.Argument(
            metavar="AFTER",
            help="The state after. With one state alone, it is compared with the version it was made from.",
            show_default=False,
        ),
    ] = "",
    stat: Annotated[bool, typer.Option("--stat", help="Count only, with a table of labels.")] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a report with pictures that needs no network."),
    ] = None,
    lucene: Annotated[
        str,
        typer.Option(
            "--query",
            metavar="LUCENE",
            help="Only frames that meet this before or after.",
            show_default=False,
        ),
    ] = "",
    frames: Annotated[
        list[str] | None,
        typer.Option("--frame", metavar="ID", help="Only this frame; may be repeated."),
    ] = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Shows what was done from one state to another: frame by frame, annotation by annotation.

    A state is a version or draft, what it was at a commit, or what a remote had when it was last seen. What came is
    marked +, what went -, what changed ~. Frames come by their ids; of more than 2,000 in an order of their own.
    """
    only_one("--html", html is not None, "--stat", stat)
    only_one("--html", html is not None, "--json", as_json)
    from hdstore.cli import differences
    from hdstore.diff import compare_versions
    from hdstore.repository.diffing import Counted, changes_of

    with open_repository(context) as repository:
        (old, old_name), (new, new_name) = _states(repository, before, after)
        # What the versions say of themselves is left out where frames are chosen.
        version = [] if frames or lucene.strip() else compare_versions(old, new)

        def changes(limit: int | None, progress: Progress | None = None) -> Counted:
            found = changes_of(old, new, frame_ids=frames or (), query=lucene, progress=progress)
            return Counted(found, limit=limit)

        if html is not None:
            from hdstore.repository.diffreport import write_report

            with working() as progress:
                chosen = changes(_IN_REPORT if limit is None else limit, progress)
                sides = (old_name, old), (new_name, new)
                report = write_report(html, repository.media, *sides, chosen, version, progress=progress)
            more = f"; {report.more:,} more are not in it, --limit takes more" if report.more else ""
            say(f"Wrote {count(report.shown, 'frame')} to {html}{more}.")
        elif as_json:
            states = {"before": (old_name, old), "after": (new_name, new)}
            head = {side: {"name": name, "commit": state.commit} for side, (name, state) in states.items()}
            differences.print_changes_json(head, changes(0 if stat else limit), version, frames=not stat)
        elif stat:
            with working() as progress:
                counted = changes(0, progress)
                deque(counted, maxlen=0)
            differences.print_summary(counted.summary(), version)
        else:
            # No bar here: what is printed shows how far it is.
            differences.print_changes(changes(limit), version)


def _states(
    repository: Repository, before: str, after: str
) -> tuple[tuple[VersionState, str], tuple[VersionState, str]]:
    from hdstore.repository.diffing import base_of, name_of, state_at

    state = state_at(repository, before)
    if after:
        return (state, before), (state_at(repository, after), after)
    base = base_of(repository, state)
    return (base, name_of(repository, base)), (state, before)


def add_to(app: typer.Typer) -> None:
    """Adds the command to the app."""
    command(app, "diff", example="hdstore diff street/v1 street/v2 --stat")(diff)
