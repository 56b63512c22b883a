"""A report of what differs as one HTML page: text made from values, with nothing that it would have to fetch.

Every text of a version is escaped, no URI becomes a link, and a content security policy lets nothing run or load but
the page's own script, style and embedded pictures.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hdstore.codec import same_value
from hdstore.diff.details import FrameDetails
from hdstore.diff.frames import FrameChange
from hdstore.diff.lines import Line, detail_lines, value_line
from hdstore.diff.page import SCRIPT, STYLE
from hdstore.diff.summary import DiffSummary
from hdstore.diff.svg import Ink, draw, escaped, number
from hdstore.diff.values import ValueChange
from hdstore.errors import InvalidValueError
from hdstore.geometry import Bounds
from hdstore.model import Annotation, Frame, Schema
from hdstore.model.measure import bounding_box

__all__ = ["Picture", "Report", "frame_section", "page_end", "page_start", "shown_sources"]

_POINTS = 20_000
"""How many points are drawn for a frame."""
_LINES = 500
"""How many lines stand beside a frame."""
_SOURCES = 8
"""How many pictures a frame has."""
_CANVAS = (640.0, 480.0)
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
_CLASSES = {"+": "added", "-": "removed", "~": "changed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A source as it is shown: ``data`` is a data URI, or "" with the ``reason`` why there is no picture.

    ``width`` and ``height`` are those of the source in pixels, 0 where nobody knows them.
    """

    data: str = ""
    reason: str = ""
    width: float = 0
    height: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What stands above the frames."""

    before: str
    after: str
    summary: DiffSummary
    version: Sequence[ValueChange] = ()
    shown: int = 0
    more: int = 0


def page_start(report: Report) -> str:
    """Returns the page up to its first frame."""
    title = f"{escaped(report.before)} → {escaped(report.after)}"
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(STYLE)}'; script-src '{_hash(SCRIPT)}';"
        " base-uri 'none'; form-action 'none'"
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Diff: {title}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>What changed</h1>
<p><span class="key before">{escaped(report.before)}</span> → <span class="key after">{escaped(report.after)}</span></p>
{_summary(report.summary)}
{_list(map(value_line, report.version), "version")}
</header>
<nav>
<button data-side="before" aria-pressed="true">Before <kbd>b</kbd></button>
<button data-side="after" aria-pressed="true">After <kbd>a</kbd></button>
<button data-side="same" aria-pressed="true">Unchanged <kbd>u</kbd></button>
<button data-step="-1">Previous <kbd>k</kbd></button>
<button data-step="1">Next <kbd>j</kbd></button>
<span id="place">{_count(report.shown, "frame")}</span>
</nav>
<main>
"""


def page_end(report: Report) -> str:
    """Returns the page behind its last frame."""
    more = ""
    if report.more:
        more = f'<p class="more">{_count(report.more, "more frame")} changed and not in this report.</p>\n'
    elif not report.shown:
        more = '<p class="more">No frame changed.</p>\n'
    return f"{more}</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _summary(summary: DiffSummary) -> str:
    rows = [
        ("frames", summary.frames_added, summary.frames_removed, summary.frames_changed),
        ("annotations", summary.annotations_added, summary.annotations_removed, summary.annotations_changed),
    ]
    counts = "".join(
        f"<tr><th>{name}</th>{''.join(f'<td>{n:,}</td>' for n in numbers)}</tr>" for name, *numbers in rows
    )
    kinds = "".join(
        f"<tr><th>{name}</th><td>{n:,}</td></tr>"
        for name, n in (
            ("moved or reshaped", summary.moved),
            ("relabelled", summary.relabelled),
            ("other confidence", summary.confidence),
            ("other metadata", summary.metadata),
            ("other object id or sources", summary.other),
        )
        if n
    )
    labels = "".join(
        f"<tr><th>{escaped(name)}</th><td>{delta.added:,}</td><td>{delta.removed:,}</td>"
        f"<td>{delta.added - delta.removed:+,}</td></tr>"
        for name, delta in summary.labels.items()
    )
    tables = f"<table><tr><td></td><th>added</th><th>removed</th><th>changed</th></tr>{counts}</table>"
    if kinds:
        tables += f"<table><tr><th>annotations</th><th></th></tr>{kinds}</table>"
    if labels:
        head = "<tr><th>label</th><th>added</th><th>removed</th><th>net</th></tr>"
        tables += f"<table>{head}{labels}</table>"
    return f'<div class="tables">{tables}</div>'


def _list(lines: Iterable[Line], name: str, numbers: Mapping[str, int] | None = None) -> str:
    items: list[str] = []
    more = 0
    for line in lines:
        if len(items) >= _LINES:
            more += 1
            continue
        place = f' data-n="{numbers[line.id]}"' if numbers and line.id in numbers else ""
        subject = f"<b>{escaped(line.subject)}</b> " if line.subject else ""
        items.append(
            f'<li class="{_CLASSES[line.sign]}"{place}><span class="sign">{line.sign}</span> '
            f"{subject}{escaped(line.text)}</li>"
        )
    if more:
        items.append(f"<li>and {more:,} more</li>")
    return f'<ul class="{name}">{"".join(items)}</ul>' if items else ""


def shown_sources(change: FrameChange) -> list[str]:
    """Returns the ids of the sources of a frame on which something changed; its first where that is nowhere."""
    details = change.details()
    frame = details.after or details.before
    assert frame is not None, "a change has a frame"
    touched = {
        value.path[1] for value in details.values if value.path[0] == "sources" and len(value.path) > 1
    }
    for annotation in (
        *details.annotations_added,
        *details.annotations_removed,
        *(one for changed in details.annotations_changed for one in (changed.before, changed.after)),
    ):
        touched.update(annotation.sources or _first(frame))
    sources = [source.id for one in (details.after, details.before) if one for source in one.sources]
    return [i for i in dict.fromkeys(sources) if i in touched][:_SOURCES] or list(_first(frame))


def _first(frame: Frame) -> tuple[str, ...]:
    return (frame.sources[0].id,) if frame.sources else ()


def frame_section(
    change: FrameChange, pictures: Mapping[str, Picture], schemas: tuple[Schema, Schema], place: int
) -> str:
    """Returns one frame: its pictures by the ids of their sources, with annotations over them, and what changed."""
    details = change.details()
    numbers = {i: n for n, i in enumerate((*change.annotations_removed, *change.annotations_changed))}
    numbers |= {i: n + len(numbers) for n, i in enumerate(change.annotations_added)}
    figures = "".join(
        _figure(details, source_id, picture, schemas, numbers)
        for source_id, picture in (pictures or {"": Picture(reason="the frame has no source")}).items()
    )
    lines = _list(detail_lines(details), "changes", numbers)
    word = "" if change.status == "changed" else f" <small>{change.status}</small>"
    return (
        f'<article id="f{place}" class="{change.status}" tabindex="-1">\n'
        f'<h2><span class="sign">{_SIGNS[change.status]}</span> {escaped(change.id)}{word}</h2>\n'
        f'<div class="frame"><div class="figures">{figures}</div>{lines}</div>\n</article>\n'
    )


def _figure(
    details: FrameDetails,
    source_id: str,
    picture: Picture,
    schemas: tuple[Schema, Schema],
    numbers: Mapping[str, int],
) -> str:
    width, height = (picture.width, picture.height)
    if width <= 0 or height <= 0:
        width, height = _canvas(details)
    size = max(width, height) / 48
    ink = Ink(_POINTS)
    groups = "".join(_groups(details, source_id, schemas, numbers, ink, size))
    drawn = (
        f'<image href="{picture.data}" width="{number(width)}" height="{number(height)}" preserveAspectRatio="none"/>'
        if picture.data
        else f'<rect class="blank" width="{number(width)}" height="{number(height)}"/>'
    )
    notes = [f"No picture: {picture.reason}"] if picture.reason else []
    if ink.undrawn:
        notes.append(f"{_count(ink.undrawn, 'annotation')} not drawn.")
    uri = _uri(details, source_id)
    caption = "".join(f"<p>{escaped(note)}</p>" for note in notes)
    box = (
        f'viewBox="0 0 {number(width)} {number(height)}" role="img" aria-label="annotations over the source"'
    )
    return (
        f"<figure><svg {box}>{drawn}{groups}</svg>"
        f"<figcaption><p><code>{escaped(uri)}</code></p>{caption}</figcaption></figure>"
    )


def _uri(details: FrameDetails, source_id: str) -> str:
    for frame in (details.after, details.before):
        source = None if frame is None else frame.source(source_id)
        if source is not None:
            return source.uri
    return ""


def _canvas(details: FrameDetails) -> tuple[float, float]:
    """Returns a size that holds what is to be drawn, where nobody says how large the picture is."""
    width, height = _CANVAS
    changed = [one for pair in details.annotations_changed for one in (pair.before, pair.after)]
    for annotation in (*details.annotations_added, *details.annotations_removed, *changed):
        bounds = None if annotation.geometry is None else _bounds(annotation)
        if bounds is not None:
            width, height = max(width, bounds[0] + bounds[2]), max(height, bounds[1] + bounds[3])
    return width, height


def _bounds(annotation: Annotation) -> Bounds | None:
    try:
        return bounding_box(annotation.geometry)
    except InvalidValueError:
        return None


def _groups(
    details: FrameDetails,
    source_id: str,
    schemas: tuple[Schema, Schema],
    numbers: Mapping[str, int],
    ink: Ink,
    size: float,
) -> Iterator[str]:
    """Yields what is drawn on a source: first what changed, so that what stayed gets the ink that is left."""
    sides = [_on_source(frame, source_id) for frame in (details.before, details.after)]
    same = [a for i, a in sides[1].items() if i in sides[0] and same_value(a, sides[0][i])]
    stayed = {annotation.id for annotation in same}
    drawn = []
    # What was is drawn over what is: between its dashes both can be seen.
    for name, held, schema in (("after", sides[1], schemas[1]), ("before", sides[0], schemas[0])):
        for i, annotation in held.items():
            if i not in stayed:
                classes = f"{name} n{numbers[i]}" if i in numbers else name
                drawn.append(
                    draw(
                        annotation,
                        ink,
                        classes=classes,
                        size=size,
                        below=name == "after",
                        # What it is called is written twice only where it was called otherwise.
                        named=name == "after" or i not in sides[1] or sides[1][i].labels != annotation.labels,
                        edges=_edges(annotation, schema),
                    )
                )
    for annotation in same:
        yield draw(
            annotation, ink, classes="same", size=size, below=False, edges=_edges(annotation, schemas[1])
        )
    yield from drawn


def _on_source(frame: Frame | None, source_id: str) -> dict[str, Annotation]:
    if frame is None:
        return {}
    first = _first(frame)
    return {
        annotation.id: annotation
        for annotation in frame.annotations
        if source_id in (annotation.sources or first) or not source_id
    }


def _edges(annotation: Annotation, schema: Schema) -> tuple[tuple[int, int], ...]:
    """Returns how the schema joins the keypoints of an annotation."""
    for name in annotation.labels:
        label = schema.label(name)
        if label is not None and label.skeleton is not None:
            return label.skeleton.edges
    return ()
