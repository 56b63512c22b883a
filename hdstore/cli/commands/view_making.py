"""``hdstore view create``: a view of options, or whole from a file."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from hdstore.cli.opening import open_repository
from hdstore.cli.output import say
from hdstore.cli.registry import command
from hdstore.cli.viewing import Given, Iterated, Shaped, ViewFile, queries_of, read_view, view_of
from hdstore.errors import InvalidInputError
from hdstore.model import Order, Output, View

__all__ = ["add_to"]

Lines: TypeAlias = list[str] | None

Versions: TypeAlias = Annotated[
    Lines,
    typer.Option(
        "--from",
        metavar="DATASET/VERSION",
        help="A version whose frames it has; may be repeated. The options --frame to --no-rois hold for each.",
    ),
]
Rois: TypeAlias = Annotated[
    Lines, typer.Option(metavar="LUCENE", help="What one of their annotations must meet; may be repeated.")
]
NotRois: TypeAlias = Annotated[
    Lines, typer.Option(metavar="LUCENE", help="What none of their annotations may meet; may be repeated.")
]
Times: TypeAlias = Annotated[
    Lines,
    typer.Option(
        metavar="MIN..MAX",
        help="How many annotations must meet a --roi, such as 2..4, 2.. or 3; one for each of them.",
    ),
]
Weights: TypeAlias = Annotated[
    list[float] | None,
    typer.Option(metavar="W", help="How often a --from is drawn beside the others; one for each of them."),
]
Labels: TypeAlias = Annotated[
    Lines, typer.Option(metavar="LABEL=N,...", help="Numbers of labels, such as cat=1,dog=2.")
]
Maps: TypeAlias = Annotated[
    Lines,
    typer.Option(
        "--map",
        metavar="LABEL,...=LABEL",
        help="Labels that become another, such as car,van=vehicle; with + between labels that one annotation"
        " carries together. May be repeated.",
    ),
]
Outputs: TypeAlias = Annotated[
    Output,
    typer.Option(
        metavar="all_in_frame|only_filtered|frame_per_roi", help="Which annotations come out of a frame."
    ),
]
Orders: TypeAlias = Annotated[Order, typer.Option(metavar="sequential|random", help="The order of frames.")]
Seed: TypeAlias = Annotated[int | None, typer.Option(metavar="N", min=0, help="Decides the random order.")]
Ends: TypeAlias = Annotated[int | None, typer.Option(metavar="N", min=0, help="End after so many frames.")]
Infinite: TypeAlias = Annotated[
    bool, typer.Option("--infinite", help="Begin anew when all frames have come.")
]
Epoch: TypeAlias = Annotated[
    bool,
    typer.Option("--epoch", help="Draw frames by the weights, until each query has given all that it found."),
]
Tags: TypeAlias = Annotated[Lines, typer.Option(metavar="TAG", help="A tag; may be repeated.")]
AtOnce: TypeAlias = Annotated[
    bool, typer.Option("--publish", help="Pin its versions and publish it at once.")
]


def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.", show_default=False)],
    versions: Versions = None,
    frame: Annotated[str, typer.Option(metavar="LUCENE", help="What frames must meet.")] = "",
    source: Annotated[str, typer.Option(metavar="LUCENE", help="What one of their sources must meet.")] = "",
    roi: Rois = None,
    times: Times = None,
    not_roi: NotRois = None,
    no_rois: Annotated[bool, typer.Option("--no-rois", help="Only frames without annotations.")] = False,
    weight: Weights = None,
    labels: Labels = None,
    maps: Maps = None,
    output: Outputs = Output.ALL,
    order: Orders = Order.SEQUENTIAL,
    seed: Seed = None,
    limit: Ends = None,
    infinite: Infinite = False,
    epoch: Epoch = False,
    file: ViewFile = None,
    project: Annotated[str, typer.Option(metavar="PATH", help="The project it belongs to.")] = "",
    description: Annotated[str, typer.Option(metavar="TEXT", help="What it is for.")] = "",
    tag: Tags = None,
    publish: AtOnce = False,
) -> None:
    """Stores a view under a name: of options, or whole from a file."""
    given = Given(
        versions=versions or (),
        weights=weight or (),
        frame=frame,
        source=source,
        rois=roi or (),
        times=times or (),
        not_rois=not_roi or (),
        no_rois=no_rois,
    )
    shaped = Shaped(labels=labels or (), maps=maps or (), output=output)
    iterated = Iterated(order=order, seed=seed, limit=limit, infinite=infinite, epoch=epoch)
    view = _given_view(file, given, shaped, iterated)
    with open_repository(context) as repository:
        made = repository.create_view(name, view, project=project, description=description, tags=tag or ())
        if publish:
            made.publish()
        state = "published" if publish else "draft"
        say(f"Made {state} view {made.name} ({made.id}) of {queries_of(made.value)}")


def _given_view(file: str | None, given: Given, shaped: Shaped, iterated: Iterated) -> View:
    if file is None:
        return view_of(given, shaped, iterated)
    nothing = Given(
        versions=(), weights=(), frame="", source="", rois=(), times=(), not_rois=(), no_rois=False
    )
    plain = Iterated(order=Order.SEQUENTIAL, seed=None, limit=None, infinite=False, epoch=False)
    if (given, shaped, iterated) != (nothing, Shaped(labels=(), maps=(), output=Output.ALL), plain):
        raise InvalidInputError("--file holds the whole view; write what the other options say into it, too.")
    return read_view(file)


def add_to(app: typer.Typer) -> None:
    """Adds the command to the group of views."""
    command(
        app,
        "create",
        example="hdstore view create cats --from street/v1 --roi 'cat AND confidence:>0.8' --times 2..4",
    )(create)
