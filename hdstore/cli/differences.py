"""What differs between two versions, printed: as lines, as counts, as one JSON document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hdstore.cli.output import console, count, json_text, print_raw, print_table, say, visible
from hdstore.diff import (
    ValueChange,
    change_to_builtins,
    detail_lines,
    summary_to_builtins,
    value_line,
    value_to_builtins,
)

if TYPE_CHECKING:
    from rich.console import Console

    from hdstore.diff import DiffSummary, FrameChange, Line
    from hdstore.repository.diffing import Counted

__all__ = ["print_changes", "print_changes_json", "print_summary", "summary_line"]

_STYLES = {"+": "green", "-": "red", "~": "yellow"}
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
_INDENT = "    "


def print_changes(changes: Counted, version: Sequence[ValueChange]) -> None:
    """Prints what became of the version and of each frame, then one line of counts."""
    terminal = console()
    screen = terminal if terminal.is_terminal else None
    for value in version:
        _print(screen, value_line(value), "")
    for change in changes:
        _print_frame(screen, change)
    if changes.more:
        say(f"... and {count(changes.more, 'more frame')}; --limit shows more.")
    say(summary_line(changes.summary(), version))


def _print_frame(screen: Console | None, change: FrameChange) -> None:
    sign = _SIGNS[change.status]
    if screen is None:
        print_raw(visible(f"{sign} {change.id}"))
    else:
        _styled(screen, (sign, _STYLES[sign]), (f" {change.id}", "bold"))
    for line in detail_lines(change.details()):
        _print(screen, line, _INDENT)


def _print(screen: Console | None, line: Line, indent: str) -> None:
    name = f"  [{line.id}]" if line.id else ""
    if screen is None:
        print_raw(visible(f"{indent}{line}{name}"))
        return
    rest = " ".join(part for part in (line.subject, line.text) if part)
    _styled(screen, (f"{indent}{line.sign} {rest}", _STYLES[line.sign]), (name, "dim"))


def _styled(screen: Console, *parts: tuple[str, str]) -> None:
    from rich.text import Text

    text = Text.assemble(*((visible(part), style) for part, style in parts))
    # Lines are wrapped by the terminal, so that what is copied from it is whole.
    screen.print(text, soft_wrap=True)


def summary_line(summary: DiffSummary, version: Sequence[ValueChange] = ()) -> str:
    """Returns the counts of frames in one sentence, and whether schema and metadata of the version changed."""
    parts = {value.path[0] for value in version}
    also = [
        text
        for part, text in (("schema", "schema changed"), ("version", "metadata changed"))
        if part in parts
    ]
    return (
        f"{count(summary.frames_added, 'frame')} added, {summary.frames_removed:,} removed,"
        f" {summary.frames_changed:,} changed{'; ' if also else ''}{' and '.join(also)}."
    )


def print_summary(summary: DiffSummary, version: Sequence[ValueChange]) -> None:
    """Prints counts of frames, annotations, fields, and a table of labels."""
    say(summary_line(summary, version))
    say(
        f"{count(summary.annotations_added, 'annotation')} added, {summary.annotations_removed:,} removed,"
        f" {summary.annotations_changed:,} changed{_kinds(summary)}."
    )
    if summary.fields:
        listed = ", ".join(f"{name} of {count(number, 'frame')}" for name, number in summary.fields.items())
        say(f"Changed: {listed}.")
    if summary.labels:
        say("")
        print_table(
            ("label", "added", "removed", "net"),
            [
                (name, f"{delta.added:,}", f"{delta.removed:,}", f"{delta.added - delta.removed:+,}")
                for name, delta in summary.labels.items()
            ],
            right=("added", "removed", "net"),
        )


def _kinds(summary: DiffSummary) -> str:
    kinds = [
        f"{number:,} {text}"
        for number, text in (
            (summary.moved, "moved"),
            (summary.relabelled, "relabelled"),
            (summary.confidence, "in confidence"),
            (summary.metadata, "in metadata"),
            (summary.other, "in object id or sources"),
        )
        if number
    ]
    return f" ({', '.join(kinds)})" if kinds else ""


def print_changes_json(
    head: Mapping[str, Any], changes: Counted, version: Sequence[ValueChange], *, frames: bool = True
) -> None:
    """Prints one JSON document, frame by frame as they come: ``head``, version, frames (if asked for), summary."""
    print_raw("{")
    for name, value in head.items():
        print_raw(f"{json_text(name)}: {json_text(value, indent=None)},")
    print_raw(f'"version": {json_text([value_to_builtins(value) for value in version], indent=None)},')
    texts = (json_text(change_to_builtins(change), indent=None) for change in changes)
    if frames:
        print_raw('"frames": [')
        _print_joined(texts)
        print_raw("],")
    else:
        for _ in texts:
            pass
    print_raw(f'"summary": {json_text(summary_to_builtins(changes.summary()))}')
    print_raw("}")


def _print_joined(texts: Iterable[str]) -> None:
    held = None
    for text in texts:
        if held is not None:
            print_raw(f"{held},")
        held = text
    if held is not None:
        print_raw(held)
