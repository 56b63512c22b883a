"""``hdstore view compare`` and ``run``: how two views differ, and which frames a view gives."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from hdstore.cli.describe import frame_row
from hdstore.cli.opening import AsJson, Limit, only_one, open_repository
from hdstore.cli.output import count, print_json, print_lines, print_raw, print_table, say
from hdstore.cli.progress import working
from hdstore.cli.registry import command
from hdstore.cli.viewing import any_view
from hdstore.errors import InvalidInputError

if TYPE_CHECKING:
    from hdstore.repository import ComparedField
    from hdstore.view import ViewItem

__all__ = ["add_to"]

_ROWS = 50
"""How many frames are shown unless --limit says otherwise."""

NameOrFile: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="VIEW|FILE",
        help="A stored view by name or id; a file that ends in .json, .yaml or .yml; or - for standard input.",
        show_default=False,
    ),
]


def compare(
    context: typer.Context,
    left: NameOrFile,
    right: NameOrFile,
    everything: Annotated[bool, typer.Option("--all", help="Fields that are equal too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Shows two views side by side: the fields in which they differ, and the versions that moved."""
    with open_repository(context) as repository:
        fields = repository.compare_views(any_view(repository, left), any_view(repository, right))
    shown = fields if everything else [field for field in fields if not field.equal]
    if as_json:
        print_json([{"field": f.field, "left": f.left, "right": f.right, "equal": f.equal} for f in shown])
        return
    if shown:
        print_table(
            ("", "field", left, right),
            (("" if f.equal else "~", f.field, _cell(f, f.left), _cell(f, f.right)) for f in shown),
        )
    differing = sum(not field.equal for field in fields)
    say(f"{count(differing, 'field')} of {len(fields):,} differ{'s' if differing == 1 else ''}.")


def _cell(field: ComparedField, value: Any) -> str:
    if field.field.startswith("pins["):
        return str(value or "")[:10]
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def run(
    context: typer.Context,
    named: NameOrFile,
    only_count: Annotated[bool, typer.Option("--count", help="Print the number of frames only.")] = False,
    only_ids: Annotated[bool, typer.Option("--ids", help="Print their ids only, one a line.")] = False,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Iterates over a view and prints the frames that come, in their order.

    A limit cuts what is printed, never the count.
    """
    only_one("--count", only_count, "--ids", only_ids, "--json", as_json)
    with open_repository(context) as repository:
        view = repository.data_view(any_view(repository, named))
        with working() as progress:
            view.prepare(progress=progress)
        endless = view.value.iteration.infinite and view.value.iteration.limit is None
        if only_count:
            print_raw(str(len(view)))
            return
        if endless and limit is None:
            raise InvalidInputError(
                f"The view {named} never ends; say how many frames to print with --limit."
            )
        total = None if endless else len(view)
        if only_ids:
            print_lines(islice(view.ids(), limit))
            return
        items = (inner for item in view.items() for inner in item.clip or (item,))
        if as_json:
            print_json({"count": total, "frames": [_item_json(item) for item in islice(items, limit)]})
            return
        rows = [_row(item) for item in islice(items, _ROWS if limit is None else limit)]
    print_table(("frame", "annotations", "labels", "version"), rows, right=("annotations",))
    if total is None:
        say(f"The view never ends; its first {count(len(rows), 'frame')} are shown.")
        return
    clip = view.value.iteration.clip
    all_frames = total * (clip.length if clip else 1)
    clips = f" in {count(total, 'clip')}" if clip else ""
    more = f"; the first {len(rows):,} are shown, --limit shows more" if all_frames > len(rows) else ""
    say(f"{count(all_frames, 'frame')}{clips}{more}.")


def _row(item: ViewItem) -> tuple[str, ...]:
    from hdstore.repository import quote_name

    return (*frame_row(item.frame), f"{quote_name(item.dataset)}/{quote_name(item.version)}")


def _item_json(item: ViewItem) -> dict[str, Any]:
    return {
        "id": item.frame.id,
        "dataset": item.dataset,
        "version": item.version,
        "query": item.query,
        "numbers": list(item.numbers),
    }


def add_to(app: typer.Typer) -> None:
    """Adds the commands to the group of views."""
    command(app, "compare", example="hdstore view compare cats all-cats")(compare)
    command(app, "run", example="hdstore view run cats --limit 20")(run)
