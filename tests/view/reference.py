"""What ``docs/iteration.md`` says, once more and in plain Python: slow, without numpy, without the index."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import count, groupby

from hdstore.model import Annotation, Clip, FilterBy, Frame, Iteration, MappingRule, Order, RoiRule, ViewQuery

GOLDEN = 0x9E3779B97F4A7C15
BLOCK = 4096
WORD = 2**64


def mix(value: int) -> int:
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB % WORD
    return value ^ (value >> 31)


def stream(*names: int) -> int:
    state = 0
    for name in names:
        state = mix(((state ^ name) + GOLDEN) % WORD)
    return state


def shuffled(state: int, size: int) -> list[int]:
    return sorted(range(size), key=lambda i: mix((state + (i + 1) * GOLDEN) % WORD))


def divided(weights: Sequence[float], draws: int, most: Sequence[int] | None = None) -> list[int]:
    """Returns how many draws each has after ``draws`` draws, given out one by one."""
    given = [0] * len(weights)
    for _ in range(draws):
        able = [q for q in range(len(weights)) if most is None or given[q] < most[q]]
        given[min(able, key=lambda q: (Fraction(given[q] + 1) / Fraction(weights[q]), q))] += 1
    return given


Unit = tuple[int, str, Frame]
"""The number of a query, the id of its dataset, a frame it draws."""


def pool(found: Sequence[tuple[str, Sequence[Frame]]], *, shared: bool = False) -> list[Unit]:
    """Returns what queries (dataset id and frames that meet it) draw, in sequential order."""
    first: dict[tuple[str, str, int], Unit] = {}
    for query, (dataset, frames) in enumerate(found):
        for frame in frames:
            first.setdefault((dataset, frame.id, query if shared else 0), (query, dataset, frame))
    return sorted(
        first.values(), key=lambda u: (u[2].context.encode(), float(u[2].time), u[2].id.encode(), u[1], u[0])
    )


def clips(units: Sequence[Unit], clip: Clip, *, shared: bool = False) -> list[list[Unit]]:
    made: list[list[Unit]] = []
    group = sorted(units, key=lambda u: (u[2].context.encode(), u[1], u[0] if shared else 0))
    for _, several in groupby(group, key=lambda u: (u[2].context, u[1], u[0] if shared else 0)):
        run: list[Unit] = []
        for unit in several:
            if run and clip.gap is not None and float(unit[2].time) - float(run[-1][2].time) > clip.gap:
                run = []
            run.append(unit)
            if len(run) == clip.length:
                made.append(run)
                # The gap to what follows is still measured from here, which the next run does not hold.
                run = []
    place = {id(unit): number for number, unit in enumerate(units)}
    return sorted(made, key=lambda run: place[id(run[0])])


def course(iteration: Iteration, queries: Sequence[int], weights: Sequence[float]) -> Iterator[int]:
    """Yields the numbers of units in their order; endlessly where the iteration is infinite."""
    seed = 1337 if iteration.seed is None else iteration.seed
    random = iteration.order is Order.RANDOM
    drawn = sorted(set(queries))
    members = {q: [u for u, own in enumerate(queries) if own == q] for q in drawn}
    used = [weights[q] for q in drawn]
    again = iteration.epoch or iteration.infinite
    chosen = random and iteration.limit is not None and iteration.limit < len(queries)
    plan: Iterator[int]
    if len(drawn) > 1 and again:
        total = sum(map(Fraction, used))
        epoch = max(math.ceil(len(own) * total / Fraction(weights[q])) for q, own in members.items())
        plan = _weighted(seed, random, members, used, epoch, None)
    elif len(drawn) > 1 and chosen:
        epoch = iteration.limit or 0
        plan = _weighted(seed, random, members, used, epoch, [len(own) for own in members.values()])
    else:
        epoch = len(queries)
        plan = _passes(seed, random, (0,), len(queries))
    if not epoch:
        return
    limit = None if iteration.infinite else epoch
    if iteration.limit is not None:
        limit = iteration.limit if limit is None else min(limit, iteration.limit)
    for number, unit in enumerate(plan):
        if number == limit:
            return
        yield unit


def _passes(seed: int, random: bool, names: tuple[int, ...], size: int) -> Iterator[int]:
    for cycle in count():
        yield from shuffled(stream(seed, *names, cycle), size) if random else range(size)


def _weighted(
    seed: int,
    random: bool,
    members: dict[int, list[int]],
    weights: list[float],
    epoch: int,
    most: Sequence[int] | None,
) -> Iterator[int]:
    cycles = {q: _passes(seed, random, (2, q), len(own)) for q, own in members.items()}
    for turn in count():
        begin = 0
        while begin < epoch:
            end = min(begin + BLOCK, epoch)
            before, after = divided(weights, begin, most), divided(weights, end, most)
            slots = [q for q, a, b in zip(members, before, after, strict=True) for _ in range(b - a)]
            for place in shuffled(stream(seed, 1, turn, begin // BLOCK), len(slots)):
                query = slots[place]
                yield members[query][next(cycles[query])]
            begin = end


def mapped(labels: Sequence[str], rules: Sequence[MappingRule], query: ViewQuery) -> tuple[str, ...]:
    now: list[tuple[str, bool]] = [(label, False) for label in labels]
    for rule in rules:
        if rule.dataset not in ("*", query.dataset) or rule.version not in ("*", query.version):
            continue
        free = [label for label, taken in now if not taken]
        if rule.labels == ("*",):
            took = set(free)
        elif set(rule.labels) <= set(free):
            took = set(rule.labels)
        else:
            continue
        made: list[tuple[str, bool]] = []
        done = not took
        for label, taken in now:
            if taken or label not in took:
                made.append((label, taken))
            elif not done:
                made.append((rule.to, True))
                done = True
        now = made
    if not any(taken for _, taken in now):
        return tuple(labels)
    return tuple(dict.fromkeys(label for label, _ in now))


def chosen(query: ViewQuery, frame: Frame) -> tuple[int, ...]:
    """Returns the places of the annotations that met a rule; these rules ask for labels and confidence alone."""
    places = range(len(frame.annotations))
    wanted = [rule for rule in query.rois if not rule.must_not]
    if query.filter is not FilterBy.RULES or not wanted:
        return tuple(places)
    return tuple(place for place in places if any(_meets(frame.annotations[place], rule) for rule in wanted))


def _meets(annotation: Annotation, rule: RoiRule) -> bool:
    low, high = rule.confidence
    sure = annotation.confidence
    if low is None and high is None:
        inside = True
    else:
        inside = sure is not None and (low is None or low <= sure) and (high is None or sure <= high)
    return inside and set(rule.labels) <= set(annotation.labels)


def numbered(labels: Sequence[str], numbers: dict[str, int]) -> int:
    return next((numbers[label] for label in labels if label in numbers), -1)
