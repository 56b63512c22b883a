"""Views on the command line: made of options or of a file, and shown as rows, facts and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from hdstore.cli.opening import read_text
from hdstore.cli.output import iso_time, print_facts, print_table, wall_time
from hdstore.errors import InvalidInputError
from hdstore.model import FilterBy, Iteration, MappingRule, Order, Output, RoiRule, View, ViewQuery

if TYPE_CHECKING:
    from hdstore.repository import Repository, StoredView

__all__ = [
    "Given",
    "Iterated",
    "Shaped",
    "ViewFile",
    "ViewName",
    "any_view",
    "print_view",
    "queries_of",
    "read_view",
    "view_json",
    "view_of",
]

ViewName: TypeAlias = Annotated[
    str, typer.Argument(metavar="VIEW", help="The view, by name or id.", show_default=False)
]
ViewFile: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--file",
        metavar="FILE|-",
        help="Take the whole view from a JSON or YAML file, or from standard input.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What options say of the queries of a view: they hold for each version that is named."""

    versions: Sequence[str]
    weights: Sequence[float]
    frame: str
    source: str
    rois: Sequence[str]
    times: Sequence[str]
    not_rois: Sequence[str]
    no_rois: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaped:
    """What options say of labels and annotations."""

    labels: Sequence[str]
    maps: Sequence[str]
    output: Output


@dataclass(frozen=True, slots=True, kw_only=True)
class Iterated:
    """What options say of the order of frames and their number."""

    order: Order
    seed: int | None
    limit: int | None
    infinite: bool
    epoch: bool


def view_of(given: Given, shaped: Shaped, iterated: Iterated) -> View:
    """Returns the view that options describe."""
    return View(
        queries=_queries(given),
        enumeration=_numbers(shaped.labels),
        mapping=tuple(rule for text in shaped.maps for rule in _rules(text)),
        output=shaped.output,
        iteration=Iteration(
            order=iterated.order,
            seed=iterated.seed,
            limit=iterated.limit,
            infinite=iterated.infinite,
            epoch=iterated.epoch,
        ),
    )


def _queries(given: Given) -> tuple[ViewQuery, ...]:
    from hdstore.repository import split_path

    if not given.versions:
        raise InvalidInputError("Say which frames: --from DATASET/VERSION, or a whole view with --file.")
    if given.weights and len(given.weights) != len(given.versions):
        raise InvalidInputError(
            f"Each --from has its --weight, or none has: there are {len(given.versions)} of the one and"
            f" {len(given.weights)} of the other."
        )
    if given.no_rois and (given.rois or given.not_rois):
        raise InvalidInputError(
            "--no-rois asks for frames without annotations; --roi and --not-roi for some."
        )
    if given.times and len(given.times) != len(given.rois):
        raise InvalidInputError(
            f"Each --roi has its --times, or none has: there are {len(given.rois)} of the one and"
            f" {len(given.times)} of the other."
        )
    counts = map(_count, given.times or ["1.."] * len(given.rois))
    rules = (
        *(RoiRule(query=text, count=times) for text, times in zip(given.rois, counts, strict=True)),
        *(RoiRule(query=text, must_not=True) for text in given.not_rois),
    )
    queries = []
    for number, path in enumerate(given.versions):
        dataset, version = split_path(path)
        if not version:
            raise InvalidInputError(f"Say which version of {dataset!r}: --from DATASET/VERSION.")
        queries.append(
            ViewQuery(
                dataset=dataset,
                version=version,
                filter=FilterBy.NO_ROIS if given.no_rois else FilterBy.RULES,
                frame=given.frame,
                source=given.source,
                rois=rules,
                weight=given.weights[number] if given.weights else 1.0,
            )
        )
    return tuple(queries)


def _count(text: str) -> tuple[int | None, int | None]:
    """Returns the ends of ``2..4``, ``2..``, ``..4`` or ``3``."""
    low, dots, high = text.partition("..")
    ends = (low, high) if dots else (low, low)
    if not any(ends) or not all(end.isascii() and end.isdigit() for end in ends if end):
        raise InvalidInputError(f"How many is written 2..4, 2.., ..4 or 3; {text!r} is none of these.")
    first, last = (int(end) if end else None for end in ends)
    return first, last


def _numbers(texts: Sequence[str]) -> dict[str, int]:
    """Returns the numbers that ``cat=1,dog=2`` gives to labels."""
    found: dict[str, int] = {}
    for part in (part for text in texts for part in text.split(",")):
        label, equals, number = part.rpartition("=")
        try:
            value = int(number)
        except ValueError:
            label = ""
            value = 0
        if not equals or not label or label in found:
            raise InvalidInputError(
                f"Numbers of labels are written LABEL=NUMBER,..., each label once, such as cat=1,dog=2; {part!r} is"
                " none. Labels with a comma are written in a --file."
            )
        found[label] = value
    return found


def _rules(text: str) -> list[MappingRule]:
    """Returns the mapping rules that ``car,van+white=vehicle`` means: car becomes vehicle, and so does a white van."""
    left, equals, to = text.rpartition("=")
    parts = [tuple(part.split("+")) for part in left.split(",")]
    if not equals or not to or any("" in labels for labels in parts):
        raise InvalidInputError(
            f"A mapping is written LABEL,...=LABEL, such as car,van=vehicle, with + between labels that one annotation"
            f" carries together; {text!r} is none. Labels with these characters are written in a --file."
        )
    return [MappingRule(labels=labels, to=to) for labels in parts]


def read_view(place: str) -> View:
    """Returns the view in a file, JSON or YAML, or in standard input where the place is ``-``."""
    from hdstore.codec import view_from_text
    from hdstore.repository import read_view_file

    if place == "-":
        return view_from_text(read_text("-"), what="The standard input")
    return read_view_file(place)


def any_view(repository: Repository, named: str) -> View:
    """Returns the value of a stored view, or of the one in a file: ``-``, or a name that ends as such a file's does.

    A stored view goes before a file of the same name.
    """
    from hdstore.repository import is_view_file

    if named == "-":
        return read_view(named)
    if is_view_file(named) and not any(named in (view.name, view.id) for view in repository.views()):
        return read_view(named)
    return repository.view(named).value


def view_json(view: StoredView) -> dict[str, Any]:
    """Returns a stored view as a JSON object."""
    from hdstore.codec import view_hash, view_to_builtins

    document = view.document
    return {
        "name": document.name,
        "id": document.id,
        "project": document.project,
        "description": document.description,
        "tags": list(document.tags),
        "archived": document.archived,
        "published": document.published,
        "created": iso_time(document.created),
        "content_hash": view_hash(document.view),
        "view": view_to_builtins(document.view),
    }


def print_view(view: StoredView, shown: View) -> None:
    """Prints a stored view for people; ``shown`` is its value with names for ids."""
    document = view.document
    iteration = shown.iteration
    order = str(iteration.order)
    if iteration.clip is not None:
        order += f", clips of {iteration.clip.length}"
    ends = "infinite" if iteration.infinite else "once"
    print_facts(
        (
            ("View", document.name),
            ("Id", document.id),
            ("Status", "published" if document.published else "draft"),
            ("Archived", "yes" if document.archived else ""),
            ("Project", document.project),
            ("Description", document.description),
            ("Tags", ", ".join(document.tags)),
            ("Created", wall_time(document.created)),
            ("Hash", view.content_hash),
            ("Order", order),
            ("Seed", iteration.seed),
            ("Repetition", "by weights" if iteration.epoch else ends),
            ("Limit", iteration.limit),
            ("Annotations", str(shown.output)),
            ("Fields", ", ".join(shown.projection)),
            *(("Maps", mapping_text(rule)) for rule in shown.mapping),
            *(("Number", f"{label}: {number}") for label, number in shown.enumeration.items()),
            *(("Pinned", f"{path} at {commit[:10]}") for path, commit in shown.pins.items()),
        )
    )
    print_table(("query", "version", "asks for", "weight"), query_rows(shown), right=("query", "weight"))


def queries_of(view: View) -> str:
    """Returns how many queries a view has: ``1 query``."""
    number = len(view.queries)
    return f"{number} {'query' if number == 1 else 'queries'}"


def query_rows(view: View) -> list[tuple[object, ...]]:
    """Returns number, version, filters and weight of each query, for a table."""
    return [
        (number, f"{query.dataset}/{query.version}", asks(query), f"{query.weight:g}")
        for number, query in enumerate(view.queries)
    ]


def asks(query: ViewQuery) -> str:
    """Returns what a query asks of frames, as a line."""
    parts = [f"{field}: {text}" for field, text in (("frame", query.frame), ("source", query.source)) if text]
    if query.filter is FilterBy.NO_ROIS:
        parts.append("no annotations")
    if query.filter is FilterBy.RULES:
        parts += map(rule_text, query.rois)
    return "; ".join(parts) or "all frames"


def rule_text(rule: RoiRule) -> str:
    """Returns an annotation rule as a line: ``2 to 4 with cat and (confidence:>0.5)``."""
    asked = [*rule.labels, *([f"({rule.query})"] if rule.query else ())]
    if rule.confidence != (None, None):
        asked.append(f"confidence {_range(rule.confidence)}")
    number = "none" if rule.must_not else _range(rule.count)
    return f"{number} with {' and '.join(asked) or 'anything'}"


def _range(ends: tuple[float | None, float | None]) -> str:
    low, high = ends
    if low == high:
        return "any number" if low is None else f"{low:g}"
    if high is None:
        return f"{low:g} or more"
    return f"up to {high:g}" if low is None else f"{low:g} to {high:g}"


def mapping_text(rule: MappingRule) -> str:
    """Returns a mapping rule as a line."""
    where = "" if (rule.dataset, rule.version) == ("*", "*") else f" in {rule.dataset}/{rule.version}"
    return f"{' and '.join(rule.labels)} to {rule.to}{where}"
