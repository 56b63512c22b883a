"""``hdstore version stats``: how many frames and annotations there are, and who holds what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hdstore.cli.numerics import load_numpy
from hdstore.cli.opening import AsJson, VersionPath, open_repository
from hdstore.cli.output import count, note, print_facts, print_json, print_table, say
from hdstore.cli.progress import working
from hdstore.cli.registry import command
from hdstore.errors import InvalidInputError

if TYPE_CHECKING:
    from hdstore.model import Stats
    from hdstore.query.statistics import Distribution, Tally
    from hdstore.repository import DatasetVersion

__all__ = ["add_to"]


def stats(
    context: typer.Context,
    path: VersionPath,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="PROPERTY",
            help="Count who holds which value of a field: label, meta.city, rois.area, sources.content_type, ...",
            show_default=False,
        ),
    ] = None,
    query: Annotated[
        str, typer.Option(metavar="LUCENE", help="Only frames that meet this query.", show_default=False)
    ] = "",
    roi: Annotated[
        str | None,
        typer.Option(metavar="LUCENE", help="Only annotations that meet this query.", show_default=False),
    ] = None,
    bins: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="With --by: count numbers in so many bins.", show_default=False
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=0, help="With --by: list at most so many values.")
    ] = 50,
    as_json: AsJson = False,
) -> None:
    """Counts frames, annotations and labels of a version, or who holds which value of a field."""
    if bins is not None and by is None:
        raise InvalidInputError("Bins are for the numbers of one field; name it by --by.")
    if by is None and not query and roi is None:
        with open_repository(context) as repository:
            _print_stats(repository.version(path).stats(), as_json)
        return
    load_numpy()
    with open_repository(context) as repository:
        version = repository.version(path)
        if by is None:
            _print_stats(_stats(version, query, roi), as_json)
        else:
            found = _distribution(version, by, query, roi, bins, limit)
            if as_json:
                print_json(_distribution_json(found))
            else:
                _print_distribution(found, " that count" if roi else "")
        if query:
            for sentence in version.unknown_fields(query):
                note(sentence)


def _stats(version: DatasetVersion, query: str, roi: str | None) -> Stats:
    from hdstore.repository.finding import statistics

    with working() as progress:
        return statistics(version, query=query, roi=roi, progress=progress)


def _distribution(
    version: DatasetVersion, by: str, query: str, roi: str | None, bins: int | None, limit: int
) -> Distribution:
    from hdstore.repository.finding import distribution

    with working() as progress:
        return distribution(version, by, query=query, roi=roi, bins=bins, limit=limit, progress=progress)


def _print_stats(counts: Stats, as_json: bool) -> None:
    from hdstore.codec.plain import stats_to_builtins

    if as_json:
        print_json(stats_to_builtins(counts))
        return
    print_facts(
        (
            ("Frames", f"{counts.frames:,}"),
            ("With annotations", f"{counts.annotated:,}"),
            ("Annotations", f"{counts.annotations:,}"),
            *(
                (kind or "unknown type", f"{number:,}")
                for kind, number in sorted(counts.content_types.items())
            ),
        )
    )
    if counts.labels:
        print_table(
            ("label", "annotations", "frames"),
            (
                (name, f"{label.annotations:,}", f"{label.frames:,}")
                for name, label in sorted(counts.labels.items())
            ),
            right=("annotations", "frames"),
        )


def _print_distribution(found: Distribution, which: str) -> None:
    say(
        f"{count(found.frames, 'frame')}, {found.annotated:,} with {count(found.annotations, 'annotation')}{which}."
    )
    rows = [(_text(value.value), *_counts(found, value)) for value in found.values]
    if found.numbers is not None:
        numbers = found.numbers
        say(
            f"{count(numbers.count, 'number')} from {numbers.min:g} to {numbers.max:g},"
            f" {numbers.mean:g} on average."
        )
        last = len(numbers.bins) - 1
        for place, part in enumerate(numbers.bins):
            below = "" if place == last else "below "
            rows.append((f"{part.low:g} to {below}{part.high:g}", *_counts(found, part)))
    if found.without.frames:
        rows.append(("(none)", *_counts(found, found.without)))
    headers = (found.name, "frames", "annotations") + (("sources",) if found.scope == "source" else ())
    print_table(headers, rows, right=headers[1:])
    hidden = found.different - len(found.values)
    if hidden:
        say(f"{count(hidden, 'value')} more; --limit shows them.")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _counts(found: Distribution, tally: Tally) -> tuple[str, ...]:
    numbers = (tally.frames, tally.annotations) + ((tally.sources,) if found.scope == "source" else ())
    return tuple(f"{number:,}" for number in numbers)


def _distribution_json(found: Distribution) -> dict[str, Any]:
    def held(tally: Tally) -> dict[str, int]:
        counts = {"frames": tally.frames, "annotations": tally.annotations}
        return counts | ({"sources": tally.sources} if found.scope == "source" else {})

    numbers = found.numbers
    return {
        "property": found.name,
        "frames": found.frames,
        "annotated": found.annotated,
        "annotations": found.annotations,
        "different": found.different,
        "values": [{"value": value.value, **held(value)} for value in found.values],
        "without": held(found.without),
        "numbers": None
        if numbers is None
        else {
            "count": numbers.count,
            "min": numbers.min,
            "max": numbers.max,
            "mean": numbers.mean,
            "bins": [{"low": part.low, "high": part.high, **held(part)} for part in numbers.bins],
        },
    }


def add_to(app: typer.Typer) -> None:
    """Adds the command to the group ``version``."""
    command(app, "stats", example="hdstore version stats street/Current --by meta.city --roi label:car")(
        stats
    )
