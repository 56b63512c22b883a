"""``hdstore diff``: what differs between two versions."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from hdstore.cli.opening import AsJson, Limit, only_one, open_repository
from hdstore.cli.output import count, say
from hdstore.cli.progress import working
from hdstore.cli.registry import command

if TYPE_CHECKING:
    from hdstore.diff import ValueChange
    from hdstore.model import Progress
    from hdstore.repository import Repository
    from hdstore.repository.diffing import Counted
    from hdstore.version import VersionState

__all__ = ["add_to"]

_IN_REPORT = 200
"""Frames in a report where no limit was given."""

_WHAT = "DATASET/VERSION, or DATASET/VERSION@COMMIT, or COMMIT, or REMOTE:DATASET/VERSION."

Before: TypeAlias = Annotated[
    str, typer.Argument(metavar="BEFORE", help=f"The state before: {_WHAT}", show_default=False)
]
After: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="AFTER",
        help="The state after. With one state alone, it is compared with the version it was made from.",
        show_default=False,
    ),
]
Html: TypeAlias = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write a report with pictures that needs no network."),
]
Query: TypeAlias = Annotated[
    str,
    typer.Option(
        "--query", metavar="LUCENE", help="Only frames that meet this before or after.", show_default=False
    ),
]
Frames: TypeAlias = Annotated[
    list[str] | None, typer.Option("--frame", metavar="ID", help="Only this frame; may be repeated.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparison:
    """Two named states, and which frames of them are looked at."""

    before: tuple[str, VersionState]
    after: tuple[str, VersionState]
    frames: Sequence[str]
    query: str

    def version(self) -> list[ValueChange]:
        """Returns what changed of the version itself; nothing where frames are chosen."""
        from hdstore.diff import compare_versions

        chosen = self.frames or self.query.strip()
        return [] if chosen else compare_versions(self.before[1], self.after[1])

    def changes(self, limit: int | None, progress: Progress | None = None) -> Counted:
        """Returns what became of the frames."""
        from hdstore.repository.diffing import Counted, changes_of

        before, after = self.before[1], self.after[1]
        found = changes_of(before, after, frame_ids=self.frames, query=self.query, progress=progress)
        return Counted(found, limit=limit)


def diff(
    context: typer.Context,
    before: Before,
    after: After = "",
    stat: Annotated[bool, typer.Option("--stat", help="Count only, with a table of labels.")] = False,
    html: Html = None,
    query: Query = "",
    frames: Frames = None,
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

    with open_repository(context) as repository:
        old, new = _states(repository, before, after)
        both = _Comparison(before=old, after=new, frames=frames or (), query=query)
        if html is not None:
            _report(repository, both, html, _IN_REPORT if limit is None else limit)
        elif as_json:
            sides = {"before": old, "after": new}
            head = {side: {"name": name, "commit": state.commit} for side, (name, state) in sides.items()}
            changes = both.changes(0 if stat else limit)
            differences.print_changes_json(head, changes, both.version(), frames=not stat)
        elif stat:
            with working() as progress:
                counted = both.changes(0, progress)
                deque(counted, maxlen=0)
            differences.print_summary(counted.summary(), both.version())
        else:
            # No bar here: what is printed shows how far it is.
            differences.print_changes(both.changes(limit), both.version())


def _states(
    repository: Repository, before: str, after: str
) -> tuple[tuple[str, VersionState], tuple[str, VersionState]]:
    from hdstore.repository.diffing import base_of, name_of, state_at

    state = state_at(repository, before)
    if after:
        return (before, state), (after, state_at(repository, after))
    base = base_of(repository, state)
    return (name_of(repository, base), base), (before, state)


def _report(repository: Repository, both: _Comparison, path: Path, limit: int) -> None:
    from hdstore.repository.diffreport import write_report

    with working() as progress:
        changes = both.changes(limit, progress)
        report = write_report(
            path, repository.media, both.before, both.after, changes, both.version(), progress=progress
        )
    more = f"; {report.more:,} more are not in it, --limit takes more" if report.more else ""
    say(f"Wrote {count(report.shown, 'frame')} to {path}{more}.")


def add_to(app: typer.Typer) -> None:
    """Adds the command to the app."""
    command(app, "diff", example="hdstore diff street/v1 street/v2 --stat")(diff)
