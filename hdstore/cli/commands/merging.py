"""``hdstore merge``, ``conflicts``, ``resolve``, ``restore``: joining what several people did to a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from hdstore.cli.conflicting import closing_lines, conflict_json, conflict_lines
from hdstore.cli.failures import writing
from hdstore.cli.opening import AsJson, VersionPath, only_one, open_repository, read_json
from hdstore.cli.output import count, print_json, print_lines, say
from hdstore.cli.progress import working
from hdstore.cli.registry import command
from hdstore.errors import InvalidInputError

if TYPE_CHECKING:
    from hdstore.model import Changes, Frame
    from hdstore.repository import DatasetVersion, MergeReport
    from hdstore.repository.resolving import Choice

__all__ = ["add_to", "say_merged"]


def merge(
    context: typer.Context,
    path: VersionPath,
    into: Annotated[
        str, typer.Option(metavar="DATASET/VERSION", help="The draft that takes it.", show_default=False)
    ],
    message: Annotated[
        str | None, typer.Option("--message", "-m", metavar="TEXT", help="What the save says.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Merges a version into a draft of the same dataset, annotation by annotation.

    It always completes: what both changed differently becomes a conflict, a value in the draft that waits to be
    resolved. That is no failure, so the exit code is 0; the last line says how many there are.
    """
    with open_repository(context) as repository:
        other, draft = repository.version(path), repository.version(into)
        with writing(draft), working() as progress:
            report = draft.merge(other, message=message, progress=progress)
        say_merged(report, draft, other.path, as_json=as_json)


def say_merged(report: MergeReport, draft: DatasetVersion, what: str, *, as_json: bool) -> None:
    """Prints what a merge did to a draft, and what to run next."""
    if as_json:
        print_json(
            {
                "version": report.version_id,
                "before": report.before,
                "commit": report.commit,
                "added": report.added,
                "updated": report.updated,
                "removed": report.removed,
                "joined": report.joined,
                "conflicts": report.conflicts,
            }
        )
        return
    if not report:
        say(f"{draft.path} has all of {what} already.")
        return
    joined = f"; {count(report.joined, 'frame')} that both had changed fit together" if report.joined else ""
    say(
        f"Merged {what} into {draft.path}: {count(report.added, 'frame')} added, {report.updated:,} updated,"
        f" {report.removed:,} removed{joined}."
    )
    if report.conflicts:
        say(f"{count(report.conflicts, 'conflict')} to resolve: see 'hdstore conflicts {draft.path}'.")


def conflicts(
    context: typer.Context,
    path: VersionPath,
    frame_id: Annotated[
        str | None,
        typer.Argument(metavar="FRAME", help="Those of one frame only.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Shows what a merge could not decide, with what each side holds, who saved it and when."""
    with open_repository(context) as repository:
        version = repository.version(path)
        found = list(version.waiting(frame_id))
        commits = version.side_commits(waiting.conflict for waiting in found)
        if as_json:
            print_json([conflict_json(waiting, commits) for waiting in found])
        elif not found:
            say("No conflicts.")
        else:
            print_lines(conflict_lines(found, commits))
            print_lines(closing_lines(found, version.path, frame_id))


def resolve(
    context: typer.Context,
    path: VersionPath,
    frame_id: Annotated[
        str | None,
        typer.Argument(
            metavar="FRAME",
            help="The frame; '' means the schema and metadata of the version.",
            show_default=False,
        ),
    ] = None,
    ours: Annotated[
        bool, typer.Option("--ours", help="Take what this draft held before the merge here.")
    ] = False,
    theirs: Annotated[bool, typer.Option("--theirs", help="Take what the other side holds.")] = False,
    both: Annotated[bool, typer.Option("--both", help="Keep both, where both can be there.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep what the draft holds now.")] = False,
    given: Annotated[
        str | None,
        typer.Option(
            "--json", metavar="@FILE", help="The frame as it shall be, as JSON; - for standard input."
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="The conflicts of all frames.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--path", metavar="PATH", help="Only this conflict, by its path as listed; may be repeated."
        ),
    ] = None,
    side: Annotated[
        str | None, typer.Option(metavar="COMMIT", help="Take the side of this commit, by its first digits.")
    ] = None,
) -> None:
    """Resolves conflicts of a draft as one save: those of one frame, or with --all those of all.

    What is ours is known where the merge was made, and where the authors tell the sides apart; else name the side.
    """
    choice = _choice({"ours": ours, "theirs": theirs, "both": both, "keep": keep}, given, side)
    if (frame_id is None) != everything:
        raise InvalidInputError("Say which frame's conflicts to resolve, or --all.")
    if given and everything:
        raise InvalidInputError("A frame made by hand resolves the conflicts of one frame; leave --all out.")
    with open_repository(context) as repository:
        version = repository.version(path)
        before = len(version.conflicts())
        with writing(version):
            changes = version.resolve(
                frame_id,
                choice=choice,
                frame=None if given is None else _frame(given),
                side=side,
                paths=None if only is None else _paths(version, frame_id, only),
            )
        left = len(version.conflicts())
        say(
            f"Resolved {count(before - left, 'conflict')}: {_counts(changes)}."
            f" {count(left, 'conflict') if left else 'No conflict'} left."
        )


def _choice(flags: dict[str, bool], given: str | None, side: str | None) -> Choice | None:
    """Returns what the flags choose; None where a frame or a side is given instead."""
    named = [word for name, on in flags.items() for word in (f"--{name}", on)]
    only_one(*named, "--json", given, "--side", side)
    chosen = [name for name, on in flags.items() if on]
    if not (chosen or given or side):
        raise InvalidInputError("Say how: --ours, --theirs, --both, --keep, --side COMMIT or --json.")
    return cast("Choice", chosen[0]) if chosen else None


def _frame(given: str) -> Frame:
    from hdstore.codec import frame_from_builtins

    return frame_from_builtins(read_json(given))


def _paths(version: DatasetVersion, frame_id: str | None, names: list[str]) -> list[tuple[str, ...]]:
    """Returns the paths of conflicts that are called so; a key with a slash in it is part of its name here."""
    paths = {"/".join(conflict.path): conflict.path for conflict in version.conflicts(frame_id)}
    return [paths.get(name, tuple(name.split("/"))) for name in names]


def restore(
    context: typer.Context,
    path: VersionPath,
    at: Annotated[
        str,
        typer.Option(
            metavar="COMMIT",
            help="The save to go back to, by its first digits; 'before the merge' undoes the last one.",
            show_default=False,
        ),
    ],
    frame: Annotated[
        list[str] | None, typer.Option(metavar="FRAME", help="Only this frame; may be repeated.")
    ] = None,
) -> None:
    """Brings a draft, or some of its frames, back to what it was: one more save, so nothing is lost by it."""
    with open_repository(context) as repository:
        version = repository.version(path)
        with writing(version):
            changes = version.restore(at, frame)
        if not changes:
            say("That is what it holds already; nothing was saved.")
            return
        say(f"Restored {version.path}: {_counts(changes)}.")


def _counts(changes: Changes) -> str:
    """Returns what a save changed, in words; what did not change is left out."""
    frames = ((changes.added, "added"), (changes.updated, "updated"), (changes.removed, "removed"))
    parts = [f"{count(number, 'frame')} {what}" for number, what in frames if number]
    parts += ["schema changed"] if changes.schema else []
    parts += ["metadata changed"] if changes.metadata else []
    return ", ".join(parts) or "no frame changed"


def add_to(app: typer.Typer) -> None:
    """Adds the commands to the app."""
    command(app, "merge", example="hdstore merge street/relabel --into street/Current")(merge)
    command(app, "conflicts", example="hdstore conflicts street/Current")(conflicts)
    command(app, "resolve", example="hdstore resolve street/Current --all --ours")(resolve)
    command(app, "restore", example="hdstore restore street/Current --at 'before the merge'")(restore)
