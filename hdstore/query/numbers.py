"""Which numbers of a column meet a condition, and which may: columns are float64, queries and frames are exact."""

from __future__ import annotations

import numpy as np

from hdstore.index import EXACT_INTEGER, TOLERANCE, Bools, Floats
from hdstore.query.conditions import Between, Ends, OneOf

__all__ = ["Numbers"]

_MARGIN = 4 * TOLERANCE
"""How near to an end, as a share of it, a number of a column that is not exact is not decided."""


class Numbers:
    """The numbers that a condition asks for; none where it asks for something else."""

    def __init__(self, condition: OneOf | Between) -> None:
        self.wanted: Floats = np.empty(0)
        self.low: float | None = None
        self.high: float | None = None
        self.between: Between | None = None
        if isinstance(condition, OneOf):
            self.wanted = np.array(sorted({float(value) for value in condition.numbers}))
        elif condition.ends is Ends.NUMBER:
            self.between = condition
            # Rounding keeps order: what lies beyond the rounded end lies beyond the end itself.
            self.low = None if condition.low is None else float(condition.low)
            self.high = None if condition.high is None else float(condition.high)

    @property
    def is_empty(self) -> bool:
        """Whether no number at all is asked for."""
        return self.between is None and not len(self.wanted)

    @property
    def is_range(self) -> bool:
        """Whether a range is asked for."""
        return self.between is not None

    def test(self, values: Floats, *, exact: bool) -> tuple[Bools, Bools]:
        """Returns which values surely and which may be such numbers, NaN never; one array twice where all is decided.

        ``exact`` is as in ``NumberColumn``.
        """
        if self.between is not None:
            return self._inside(self.between, values, exact)
        if not exact:
            upper = np.zeros(len(values), np.bool_)
            for value in self.wanted.tolist():
                upper |= np.abs(values - value) <= _margin(value)
            return np.zeros(len(values), np.bool_), upper
        upper = _equal(values, self.wanted)
        sure = self.wanted[np.abs(self.wanted) < EXACT_INTEGER]
        return (upper, upper) if len(sure) == len(self.wanted) else (_equal(values, sure), upper)

    def _inside(self, wanted: Between, values: Floats, exact: bool) -> tuple[Bools, Bools]:
        found = []
        if self.low is not None:
            found.append(_above(values, self.low, wanted.include_low, exact))
        if self.high is not None:
            found.append(_below(values, self.high, wanted.include_high, exact))
        if len(found) == 1:
            return found[0]
        (lower, upper), (other_lower, other_upper) = found
        both = upper & other_upper
        decided = lower is upper and other_lower is other_upper
        return (both if decided else lower & other_lower), both


def _margin(value: float) -> float:
    return _MARGIN * max(1.0, abs(value))


def _equal(values: Floats, wanted: Floats) -> Bools:
    return values == wanted[0] if len(wanted) == 1 else np.isin(values, wanted)


def _above(values: Floats, end: float, included: bool, exact: bool) -> tuple[Bools, Bools]:
    if not exact:
        return values >= end + _margin(end), values >= end - _margin(end)
    if abs(end) >= EXACT_INTEGER:
        # Equal floats may stand for integers on either side.
        return values > end, values >= end
    held = values >= end if included else values > end
    return held, held


def _below(values: Floats, end: float, included: bool, exact: bool) -> tuple[Bools, Bools]:
    if not exact:
        return values <= end - _margin(end), values <= end + _margin(end)
    if abs(end) >= EXACT_INTEGER:
        return values < end, values <= end
    held = values <= end if included else values < end
    return held, held
