"""``hdstore query`` and ``nearest``: what is in a version."""

from __future__ import annotations

from typing import Annotated

import typer

from hdstore.cli.describe import frame_row
from hdstore.cli.numerics import load_numpy
from hdstore.cli.opening import AsJson, Limit, VersionPath, only_one, open_repository
from hdstore.cli.output import count, note, print_json, print_lines, print_raw, print_table, say
from hdstore.cli.progress import working
from hdstore.cli.registry import command
from hdstore.errors import NotFoundError

__all__ = ["add_to"]

_ROWS = 50
"""Frames that a table shows where no limit was given."""


def query(
    context: typer.Context,
    path: VersionPath,
    lucene: Annotated[
        str,
        typer.Argument(metavar="LUCENE", help="The query, for example 'label:car'.", show_default=False),
    ],
    only_count: Annotated[bool, typer.Option("--count", help="Print the number of frames only.")] = False,
    only_ids: Annotated[bool, typer.Option("--ids", help="Print their ids only, one a line.")] = False,
    sort: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD",
            help="Sort by a field, such as timestamp, height, annotation_count or meta.city; may be repeated.",
        ),
    ] = None,
    descending: Annotated[bool, typer.Option("--descending", help="Sort from the largest down.")] = False,
    start: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Leave out so many of the first.")
    ] = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Finds the frames that meet a query.

    They come by their ids, or by --sort; frames without that field come last. A limit cuts what is printed, never the
    count.
    """
    only_one("--count", only_count, "--ids", only_ids, "--json", as_json)
    load_numpy()
    with open_repository(context) as repository:
        version = repository.version(path)
        state = version.state()
        with working() as progress:
            found = version.find(lucene, rows=version.rows(state=state, progress=progress), progress=progress)
        if not found:
            for sentence in version.unknown_fields(lucene):
                note(sentence)
        if only_count:
            print_raw(str(len(found)))
            return
        size = limit if limit is not None else len(found) if as_json or only_ids else _ROWS
        ordered = version.ordered(sort or "id", descending=descending, among=found)
        shown = ordered.page(start or 0, size).ids()
        if as_json:
            print_json({"count": len(found), "ids": shown})
            return
        if only_ids:
            print_lines(shown)
            return
        print_table(
            ("frame", "annotations", "labels"),
            [frame_row(state.frame(frame_id)) for frame_id in shown],
            right=("annotations",),
        )
    more = f"; {len(shown):,} are shown, --limit shows more" if len(found) > len(shown) else ""
    say(f"{count(len(found), 'frame')}{more}.")


def nearest(
    context: typer.Context,
    path: VersionPath,
    frame_id: Annotated[
        str, typer.Argument(metavar="FRAME", help="The frame whose vector is looked at.", show_default=False)
    ],
    vector: Annotated[str, typer.Option(metavar="NAME", help="The name of the vector.")],
    lucene: Annotated[
        str, typer.Option("--query", metavar="LUCENE", help="Only among frames that meet this.")
    ] = "",
    neighbours: Annotated[int, typer.Option("--count", metavar="N", min=1, help="How many to find.")] = 10,
    similarity: Annotated[
        str, typer.Option(metavar="cosine|l2_norm|dot_product", help="How vectors are compared.")
    ] = "cosine",
    fast: Annotated[
        bool, typer.Option("--fast", help="Search by a graph: faster, and it may miss some.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Finds the frames whose vectors are nearest to that of one frame, which comes first."""
    load_numpy()
    with open_repository(context) as repository:
        version = repository.version(path)
        frame = version.frame(frame_id)
        if vector not in frame.vectors:
            known = ", ".join(sorted(frame.vectors)) or "none"
            raise NotFoundError(f"Frame {frame_id!r} has no vector {vector!r}; it has {known}.")
        with working() as progress:
            found = version.nearest(
                frame.vectors[vector],
                vector,
                query=lucene,
                count=neighbours,
                similarity=similarity,
                fast=fast,
                progress=progress,
            )
    rows = list(zip(found.ids(), found.scores, strict=True))
    if as_json:
        frames = [{"id": one, "score": score} for one, score in rows]
        print_json({"approximate": found.approximate, "frames": frames})
        return
    print_table(
        ("frame", str(found.similarity)),
        [(one, f"{score:.4f}") for one, score in rows],
        right=(str(found.similarity),),
    )


def add_to(app: typer.Typer) -> None:
    """Adds the commands to the app."""
    command(app, "query", example="hdstore query street/Current 'label:car AND NOT label:bus' --count")(query)
    command(app, "nearest", example="hdstore nearest street/v1 a.jpg --vector clip --count 5")(nearest)
