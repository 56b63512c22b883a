"""Coordinates in the forms that scripts write them, brought into flat runs of floats.

A polygon is written flat (``[x0, y0, x1, y1]``), as points (``[(x0, y0), (x1, y1)]``), as several rings
(``[[x0, y0, ...], [...]]`` or rings of points), or one flat run in which -999999999 parts the rings.
Any sequence will do, also arrays of numpy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from hdstore.errors import InvalidValueError
from hdstore.geometry import SEPARATOR

__all__ = ["Numbers", "Values", "fixed", "flat_points", "points", "rings"]

Numbers: TypeAlias = Sequence[float]
Values: TypeAlias = Any
"""What an annotation may be made of: numbers, points or rings, as nested as the caller wrote them."""


def _is_number(value: object) -> bool:
    return not isinstance(value, Iterable)


def _float(value: Any, what: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidValueError(f"{what} is made of numbers, and {value!r} is none.") from error


def _members(values: Values, what: str) -> list[Any]:
    if isinstance(values, str | bytes) or _is_number(values):
        raise InvalidValueError(f"{what} is a sequence of numbers, not {values!r}.")
    return list(values)


def fixed(values: Values, what: str, *lengths: int) -> list[float]:
    """Returns so many floats; raises InvalidValueError when there is another number of them."""
    numbers = [_float(value, what) for value in _members(values, what)]
    if len(numbers) not in lengths:
        wanted = " or ".join(map(str, lengths))
        raise InvalidValueError(f"{what} has {wanted} numbers, not {len(numbers)}.")
    return numbers


def flat_points(values: Values, what: str, dimensions: int) -> list[float]:
    """Returns points, written flat or as tuples, as one flat run."""
    members = _members(values, what)
    if all(map(_is_number, members)):
        return _whole([_float(value, what) for value in members], what, dimensions)
    return [number for point in members for number in fixed(point, f"A point of {what}", dimensions)]


def rings(values: Values, what: str, dimensions: int) -> list[list[float]]:
    """Returns one or more rings, in whatever form they were written, each as one flat run."""
    members = _members(values, what)
    if not members:
        return []
    if all(map(_is_number, members)):
        return _split([_float(value, what) for value in members], what, dimensions)
    if _are_points(members, dimensions):
        return [flat_points(members, what, dimensions)]
    return [flat_points(ring, what, dimensions) for ring in members]


def _are_points(members: list[Any], dimensions: int) -> bool:
    """Says whether all members are points; a ring of one point only is taken for a point."""
    return all(
        not _is_number(member) and len(member) == dimensions and all(map(_is_number, member))
        for member in members
    )


def _split(run: list[float], what: str, dimensions: int) -> list[list[float]]:
    """Returns the rings of ClearML's flat form.

    The separator is found alone and as the first number of a point: what is too much behind it is part of it.
    """
    chunks: list[list[float]] = [[]]
    for number in run:
        if number == SEPARATOR:
            chunks.append([])
        else:
            chunks[-1].append(number)
    found = [_whole(chunks[0], what, dimensions)]
    found += [chunk[len(chunk) % dimensions :] for chunk in chunks[1:]]
    return [ring for ring in found if ring]


def _whole(run: list[float], what: str, dimensions: int) -> list[float]:
    if len(run) % dimensions:
        raise InvalidValueError(
            f"{what} in {dimensions} dimensions has a multiple of {dimensions} numbers, not {len(run)}."
        )
    return run


def points(run: Numbers, dimensions: int) -> list[tuple[float, ...]]:
    """Returns a flat run as a list of points."""
    return [tuple(run[i : i + dimensions]) for i in range(0, len(run), dimensions)]
