"""``hdstore log`` and ``blame``: the saves of a version, of a frame and of an annotation, and who did what."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hdstore.cli.describe import commit_json, commit_row, geometry_text
from hdstore.cli.numerics import load_numpy
from hdstore.cli.opening import AsJson, Limit, VersionPath, open_repository
from hdstore.cli.output import print_facts, print_json, print_lines, print_table, say, wall_time
from hdstore.cli.progress import working
from hdstore.cli.registry import command
from hdstore.errors import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from hdstore.blame import AnnotationBlame, Credit, FieldBlame, FrameBlame, FrameEvent
    from hdstore.model import Progress
    from hdstore.repository import DatasetVersion

__all__ = ["add_to"]

_OwnId = Annotated[
    str | None, typer.Option("--annotation", metavar="ID", help="Only this annotation of the frame.")
]


def log(
    context: typer.Context,
    path: VersionPath,
    frame: Annotated[
        str | None, typer.Option(metavar="ID", help="Only the saves that changed this frame, and how.")
    ] = None,
    annotation: _OwnId = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Shows the saves that led to a version, latest first; with --frame those that changed one frame."""
    if annotation is not None and frame is None:
        raise InvalidInputError("--annotation names one of a frame's; say with --frame which frame's.")
    if frame is not None:
        _log_frame(context, path, frame, annotation, limit, as_json)
        return
    with open_repository(context) as repository:
        commits = islice(repository.version(path).log(), limit)
        if as_json:
            print_json([commit_json(commit) for commit in commits])
        else:
            print_table(("commit", "time", "author", "message"), map(commit_row, commits))


def _log_frame(
    context: typer.Context, path: str, frame: str, annotation: str | None, limit: int | None, as_json: bool
) -> None:
    load_numpy()
    from hdstore.blame import event_to_builtins

    with open_repository(context) as repository:
        version = repository.version(path)
        with working() as progress:
            events = version.history(frame, annotation, progress=progress)
            first = next(events, None)
        if first is None:
            what = (
                f"frame {frame!r}" if annotation is None else f"annotation {annotation!r} of frame {frame!r}"
            )
            raise NotFoundError(f"The history of {path} has never had {what}.")
        found = islice(_with_first(first, events), limit)
        if as_json:
            print_json([{**_save_json(event), **event_to_builtins(event)} for event in found])
            return
        for event in found:
            _print_event(event)


def _with_first(first: FrameEvent, others: Any) -> Any:
    yield first
    yield from others


def _print_event(event: FrameEvent) -> None:
    from hdstore.blame import event_lines

    *row, message = commit_row(event.commit)
    print_lines(["  ".join((*row, event.version, message))])
    print_lines(f"    {line}{f'  [{line.id}]' if line.id else ''}" for line in event_lines(event))


def blame(
    context: typer.Context,
    path: VersionPath,
    frame_id: Annotated[
        str, typer.Argument(metavar="FRAME", help="The frame, by its id.", show_default=False)
    ],
    annotation: _OwnId = None,
    removed: Annotated[
        bool, typer.Option("--removed", help="Show annotations too that are not there any more.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Shows who made a frame what it is: who added each annotation, who changed it last, when, in which version.

    With --annotation it shows who gave each field of one annotation its value, and what it was before.
    """
    load_numpy()
    with open_repository(context) as repository:
        version = repository.version(path)
        with working() as progress:
            found = version.blame(frame_id, removed=removed, progress=progress)
            one = None if annotation is None else found.annotation(annotation)
            if annotation is not None and one is None:
                raise NotFoundError(_not_there(version, frame_id, annotation, progress))
    if as_json:
        _print_json(found, annotation)
    elif one is not None:
        _print_fields(one)
    else:
        _print_annotations(found)


def _not_there(version: DatasetVersion, frame_id: str, annotation: str, progress: Progress) -> str:
    what = f"Frame {frame_id!r} of {version.path} has no annotation {annotation!r}"
    for one in version.blame(frame_id, removed=True, progress=progress).removed:
        if one.annotation.id == annotation:
            return f"{what} any more: {one.by.commit.author.name} removed it in {one.by.commit.id[:10]}."
    return f"{what}."


def _print_annotations(found: FrameBlame) -> None:
    from hdstore.diff.lines import title_of

    say(f"Frame {found.frame.id}, added by {_by(found.added)}, last changed by {_by(found.last)}.")
    rows = [
        (
            *_row(one.added),
            one.annotation.id,
            title_of(one.annotation),
            "" if one.last.commit.id == one.added.commit.id else _by(one.last),
        )
        for one in found.annotations
    ]
    rows += [(*_row(one.by), one.annotation.id, title_of(one.annotation), "removed") for one in found.removed]
    if rows:
        print_table(("commit", "author", "time", "version", "annotation", "what", "last change"), rows)
    else:
        say("No annotations.")
    changed = [field for field in found.fields if field.by.commit.id != found.added.commit.id]
    if changed:
        say("")
        _print_table(changed)


def _print_fields(one: AnnotationBlame) -> None:
    from hdstore.diff.lines import title_of

    print_facts(
        (
            ("Annotation", f"{one.annotation.id}  {title_of(one.annotation)}"),
            ("Added", f"{_by(one.added)} in {one.added.version}"),
            ("Last changed", f"{_by(one.last)} in {one.last.version}"),
        )
    )
    _print_table(one.fields)


def _print_table(fields: Iterable[FieldBlame]) -> None:
    """Prints fields, but for those that are empty and never were anything else."""
    from hdstore.blame import field_name, field_text
    from hdstore.diff import ABSENT

    def text(field: FieldBlame, value: Any) -> str:
        if field.path == ("geometry",):
            return "" if value is ABSENT else geometry_text(value)
        told = field_text(field.path, value)
        return "" if told in ("[]", '""') else told

    rows = [
        (
            field_name(field.path),
            text(field, field.value) or "none",
            *_row(field.by),
            "" if field.before is ABSENT else text(field, field.before) or "none",
        )
        for field in fields
        if text(field, field.value) or field.before is not ABSENT
    ]
    if rows:
        print_table(("field", "value", "commit", "author", "time", "version", "before"), rows)


def _row(credit: Credit) -> tuple[str, str, str, str]:
    commit = credit.commit
    return commit.id[:10], commit.author.name, wall_time(commit.time), credit.version


def _by(credit: Credit) -> str:
    return f"{credit.commit.author.name} {wall_time(credit.commit.time)} ({credit.commit.id[:10]})"


def _print_json(found: FrameBlame, annotation: str | None) -> None:
    from hdstore.blame import blame_to_builtins, saves_of

    plain = blame_to_builtins(found)
    if annotation is not None:
        plain = {
            "frame": plain["frame"],
            **next(one for one in plain["annotations"] if one["id"] == annotation),
        }
    named = set(_texts(plain))
    plain["commits"] = {oid: _save_json(one) for oid, one in saves_of(found).items() if oid in named}
    print_json(plain)


def _texts(value: Any) -> Any:
    """Yields the commits that a blame as JSON names."""
    for key, held in value.items():
        if key in ("added", "last", "commit"):
            yield held
        elif key in ("fields", "annotations", "removed"):
            for one in held:
                yield from _texts(one)


def _save_json(credit: Credit) -> dict[str, Any]:
    return {"commit": commit_json(credit.commit), "version": credit.version}


def add_to(app: typer.Typer) -> None:
    """Adds the commands to the app."""
    command(app, "log", example="hdstore log street/Current --frame a.jpg")(log)
    command(app, "blame", example="hdstore blame street/Current a.jpg")(blame)
