"""``hdstore view export`` and ``split``: what a view or version holds, as a file and as parts to train and test on."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from hdstore.cli.failures import writing
from hdstore.cli.opening import AsJson, Limit, open_repository
from hdstore.cli.output import count, note, print_json, print_table, say
from hdstore.cli.progress import working
from hdstore.cli.registry import command
from hdstore.errors import InvalidInputError

if TYPE_CHECKING:
    from hdstore.repository import DatasetVersion, DataView, Repository
    from hdstore.train import Split, Splitter

__all__ = ["add_to"]

Target: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="VIEW|DATASET/VERSION",
        help="A stored view by name or id, or all frames of a version; a slash inside a name is written %2F.",
        show_default=False,
    ),
]


class Format(enum.StrEnum):
    """Files that a view can be exported as."""

    PARQUET = "parquet"
    JSON = "json"
    JSONL = "jsonl"


def export_view(
    context: typer.Context,
    target: Target,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The file to write.", show_default=False)],
    format: Annotated[
        Format | None,
        typer.Option(
            metavar="parquet|json|jsonl", help="The format.", show_default="by the end of the file's name"
        ),
    ] = None,
    limit: Limit = None,
    query: Annotated[
        str, typer.Option(metavar="LUCENE", help="Only frames of the version that meet this query.")
    ] = "",
    local_paths: Annotated[
        bool,
        typer.Option("--local-paths", help="Say in Parquet where media lie on this machine, too."),
    ] = False,
) -> None:
    """Exports the frames of a view or a version to one file, a row or a value each."""
    from hdstore.train import to_json, to_jsonl, to_parquet

    chosen = format or _format_of(path)
    if local_paths and chosen is not Format.PARQUET:
        raise InvalidInputError("Places on this machine are a column of Parquet; leave out --local-paths.")
    with open_repository(context) as repository, working() as progress:
        view = _view(repository, target, query)
        if chosen is Format.PARQUET:
            report = to_parquet(view, path, limit=limit, local_paths=local_paths, progress=progress)
            written, untyped = report.rows, report.untyped
        else:
            write = to_json if chosen is Format.JSON else to_jsonl
            written, untyped = write(view, path, limit=limit, progress=progress), ()
    if untyped:
        note(f"Note: these metadata keys have no column of their own, only their JSON: {', '.join(untyped)}.")
    say(f"Exported {count(written, 'frame')} to {path}")


def split_view(
    context: typer.Context,
    target: Target,
    shares: Annotated[
        str,
        typer.Option(
            metavar="NAME=SHARE,...", help="The parts and their relative sizes.", show_default=False
        ),
    ],
    by: Annotated[
        str,
        typer.Option(
            metavar="context|id|meta.PATH",
            help="What belongs together: frames of one context, of one value in their metadata, or nothing.",
        ),
    ] = "context",
    salt: Annotated[str, typer.Option(metavar="TEXT", help="Another text deals anew.")] = "",
    write: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Write the part's name into this metadata key of a draft's frames."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Splits frames into parts that stay the same when frames are added, and prints how many fell into each.

    With --write the frames of a draft say which part they are in, as one commit; a view then asks for `meta.KEY:train`.
    """
    from hdstore.train import Splitter, write_split

    splitter = Splitter(_shares(shares), by=by, salt=salt)
    with open_repository(context) as repository:
        if write is None:
            view = _view(repository, target, "")
            with working() as progress:
                found, changes = splitter.split(view.items(), total=len(view), progress=progress), None
        else:
            draft = _version(repository, target)
            with writing(draft), working() as progress:
                found, changes = write_split(draft, splitter, write.removeprefix("meta."), progress=progress)
    if as_json:
        print_json(_plain(splitter, found))
        return
    total = sum(found.counts.values())
    print_table(
        ("part", "groups", "frames", "of all"),
        (
            (name, f"{found.groups[name]:,}", f"{held:,}", f"{held / max(total, 1):.1%}")
            for name, held in found.counts.items()
        ),
        right=("groups", "frames", "of all"),
    )
    if changes is not None:
        say(f"Wrote the part of {count(changes.updated, 'frame')} in commit {changes.after[:10]}")


def _view(repository: Repository, target: str, query: str) -> DataView:
    """Returns the stored view of a name, or the frames of a version that meet a query."""
    from hdstore.model import View, ViewQuery
    from hdstore.repository import split_path

    dataset, version = split_path(target)
    if version:
        asked = ViewQuery(dataset=dataset, version=version, frame=query)
        return repository.data_view(View(queries=(asked,)))
    if query:
        raise InvalidInputError("A stored view has queries of its own; --query is for DATASET/VERSION.")
    return repository.data_view(dataset)


def _version(repository: Repository, target: str) -> DatasetVersion:
    from hdstore.repository import split_path

    if not split_path(target)[1]:
        raise InvalidInputError(
            f"With --write, name the draft to write to as DATASET/VERSION, not {target!r}."
        )
    return repository.version(target)


def _format_of(path: Path) -> Format:
    for chosen in Format:
        if path.suffix.lower() == f".{chosen.value}":
            return chosen
    raise InvalidInputError(
        f"The name {path.name} does not end in .parquet, .json or .jsonl; say the format with --format."
    )


def _shares(text: str) -> dict[str, float]:
    """Returns the shares that ``train=80,val=20`` means."""
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = part.partition("=")
        try:
            share = float(number)
        except ValueError:
            share = 0.0
        if not equals or not share or name.strip() in shares:
            raise InvalidInputError(
                f"Shares are written NAME=NUMBER,..., each name once, such as train=80,val=20; {part!r} is none."
            )
        shares[name.strip()] = share
    return shares


def _plain(splitter: Splitter, found: Split) -> dict[str, Any]:
    return {
        "by": splitter.by,
        "salt": splitter.salt,
        "parts": {
            name: {
                "share": share,
                "groups": found.groups[name],
                "count": found.counts[name],
                "frames": [{"dataset": dataset, "id": id} for dataset, id in found.frames[name]],
            }
            for name, share in splitter.shares.items()
        },
    }


def add_to(app: typer.Typer) -> None:
    """Adds the commands to the group of views."""
    command(app, "export", example="hdstore view export night night.parquet")(export_view)
    command(app, "split", example="hdstore view split street/Current --shares train=80,val=10,test=10")(
        split_view
    )
