"""Whatever a history looks like, answers are those of a reader who decodes every commit; kept or not."""

from __future__ import annotations

import random
from collections.abc import Callable

from blame.making import Making
from blame.model import Model, fields
from hypothesis import given, settings
from hypothesis import strategies as st

from hdstore.blame import FrameBlame, Histories
from hdstore.codec import same_value
from hdstore.diff import ABSENT
from hdstore.model import Annotation, Box, Frame, FrameGroup, SingleFrame, Source, replace

FRAMES = ["a", "b"]
LABELS = [(), ("cat",), ("dog", "cat")]
SHAPES = [None, Box(x=0, y=0, w=1, h=1), Box(x=-0.0, y=0, w=1, h=1)]


def annotation(rng: random.Random, name: str) -> Annotation:
    return Annotation(id=name, labels=rng.choice(LABELS), geometry=rng.choice(SHAPES))


def edited(rng: random.Random, frame_id: str, frame: Frame | None) -> Frame | None:
    """Returns what a person makes of a frame: a little is another than before."""
    if frame is None:
        return SingleFrame(id=frame_id, annotations=tuple(annotation(rng, name) for name in "xy"))
    held = {one.id: one for one in frame.annotations}
    name = rng.choice("xyz")
    match rng.randrange(12):
        case 0:
            return None
        case 1:
            held.pop(name, None)
        case 2:
            kind = FrameGroup if isinstance(frame, SingleFrame) else SingleFrame
            return kind(**{n: getattr(frame, n) for n in frame.__struct_fields__})
        case 3:
            return replace(frame, metadata=keys(rng), context_id=rng.choice(["", "clip"]))
        case 4:
            return replace(frame, sources=rng.choice([(), (Source(uri="u"),), (Source(uri="v", id="01"),)]))
        case 5:
            return replace(frame, vectors=rng.choice([{}, {"v": (0.0,)}, {"v": (-0.0,)}]))
        case 6:
            return replace(frame, annotations=frame.annotations[::-1])
        case 7 | 8:
            old = held.get(name) or annotation(rng, name)
            held[name] = replace(old, metadata=keys(rng))
        case 9 | 10:
            old = held.get(name) or annotation(rng, name)
            held[name] = replace(old, labels=rng.choice(LABELS), confidence=rng.choice([None, 0.0, -0.0]))
        case _:
            held[name] = annotation(rng, name)
    return replace(frame, annotations=tuple(held.values()))


def keys(rng: random.Random) -> dict[str, object]:
    return {key: rng.choice([1, 1.0, True, None]) for key in ("k", "?") if rng.random() < 0.7}


def merged(rng: random.Random, frame_id: str, sides: list[Frame | None]) -> Frame | None:
    """Returns a frame put together from those of several parents, as a merge does: whole, or part by part."""
    there = [side for side in sides if side is not None]
    if rng.random() < 0.3 or not there:
        return rng.choice(sides)
    annotations = []
    for name in "xyz":
        held = [side.annotation(name) for side in there]
        found = [one for one in held if one is not None]
        if found and rng.random() < 0.5:
            fields = {n: getattr(rng.choice(found), n) for n in found[0].__struct_fields__}
            annotations.append(replace(found[0], **fields))
        elif found and (one := rng.choice(held)) is not None:
            annotations.append(one)
    fields = {n: getattr(rng.choice(there), n) for n in ("metadata", "context_id", "vectors", "sources")}
    return replace(rng.choice(there), annotations=tuple(annotations), **fields)


class Written:
    """A history that somebody wrote at random, with the frames of each commit."""

    def __init__(self, making: Making, rng: random.Random) -> None:
        self.making = making
        self._rng = rng
        self._steady = rng.random() < 0.5
        self._filled = rng.random() < 0.5
        self.commits: list[str] = []
        self.frames: list[dict[str, Frame | None]] = []

    def add(self) -> str:
        """Writes a commit on one of the last ones, or a merge of some, or now and then a first one."""
        rng, number = self._rng, len(self.commits)
        parents = [number - 1] if number else []
        if number > 1:
            count = rng.choice([1, 1, 1, 2, 2, 3, 0] if number > 6 else [1, 1, 2])
            recent = range(max(0, number - 4), number)
            parents = rng.sample(recent, min(count, len(recent)))
        held = dict(self.frames[parents[0]]) if parents else {}
        changes: dict[str, Frame | None] = {}
        for name in FRAMES:
            if len(parents) > 1:
                changes[name] = merged(rng, name, [self.frames[p].get(name) for p in parents])
            if rng.random() < (0.15 if len(parents) > 1 else 0.6):
                changes[name] = edited(rng, name, (held | changes).get(name))
        if self._filled and rng.random() < 0.3:
            # Neighbours, so that leaves split and are joined again.
            gone = rng.random() < 0.5
            for other in (f"other {n}" for n in range(40)):
                changes[other] = None if gone else SingleFrame(id=other, blob=str(number))
        self.frames.append(held | changes)
        commit = self.making.save(
            changes,
            *(self.commits[p] for p in parents),
            time=number if self._steady else rng.randrange(6),
            version=rng.choice(["v.1", "v.2"]),
        )
        self.commits.append(commit)
        return commit


def check(histories: Histories, model: Model, frame_id: str) -> None:
    """Compares all answers on one frame with the model's."""
    tip = model.tip
    found = list(histories.events(tip, frame_id))
    assert [one.commit.id for one in found] == model.events()
    for one in found:
        assert same_value(one.after, model.values[one.commit.id])
        assert one.commit.time == model.times[one.commit.id]
        befores = [model.values[parent] for parent in model.parents[one.commit.id]]
        assert same_value(list(one.befores), befores)
        assert (one.kind == "removed") == (one.after is None)
        assert (one.kind == "added") == (not any(befores))
    for name in "xyz":
        assert [one.commit.id for one in histories.events(tip, frame_id, name)] == model.events(name)
    if model.values[tip] is not None:
        check_blame(histories.blame(tip, frame_id, removed=True), model)


def check_blame(blame: FrameBlame, model: Model) -> None:
    tip, frame = model.tip, model.values[model.tip]
    assert frame is not None
    assert same_value(blame.frame, frame)
    told = [(None, blame), *((one.annotation.id, one) for one in blame.annotations)]
    assert [name for name, _ in told] == [None, *(one.id for one in frame.annotations)]
    for name, one in told:
        assert one.added.commit.id == model.added(tip, name)
        assert one.last.commit.id == model.last(tip, name)
        value = frame if name is None else frame.annotation(name)
        assert {f.path: f.value for f in one.fields}.keys() == fields(value).keys()
        for each in one.fields:
            assert same_value(each.value, fields(value)[each.path])
            assert each.by.commit.id == model.field(tip, name, each.path)
            assert each.by.version == f"plates.1/{each.by.commit.version_id}"
            parents = [model.values[parent] for parent in model.parents[each.by.commit.id]]
            befores = [fields(p if name is None or p is None else p.annotation(name)) for p in parents]
            assert len(each.befores) == len(befores)
            for old, expected in zip(each.befores, befores, strict=True):
                assert (old is ABSENT) == (each.path not in expected)
                assert old is ABSENT or same_value(old, expected[each.path])
    check_removed(blame, model)


def check_removed(blame: FrameBlame, model: Model) -> None:
    """Each annotation that was there once is named with the last commit that took it out of all parents' frames."""
    ever = {one.id for value in model.values.values() if value is not None for one in value.annotations}
    gone = {}
    for name in ever - {one.annotation.id for one in blame.annotations}:
        for oid in model.events(name):
            values = [model.values[parent] for parent in model.parents[oid]]
            after = model.values[oid]
            if after is None or after.annotation(name) is None:
                assert values[0] is not None
                gone[name] = (oid, values[0].annotation(name))
                break
    found = {one.annotation.id: (one.by.commit.id, one.annotation) for one in blame.removed}
    assert found.keys() == gone.keys()
    for name, (oid, value) in gone.items():
        assert found[name][0] == oid
        assert same_value(found[name][1], value)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60)
def test_answers_equal_those_of_a_reader_of_all_commits(make: Callable[[], Making], seed: int) -> None:
    """Now and then while it grows, by one that goes on and by a fresh one, at the tip and at any other commit."""
    rng = random.Random(seed)
    written = Written(make(), rng)
    objects = written.making.objects
    going_on = written.making.histories()
    for _ in range(rng.randrange(1, 24)):
        tip = written.add()
        if rng.random() < 0.2:
            frame_id = rng.choice(FRAMES)
            check(going_on, Model(objects, tip, frame_id), frame_id)
            check(written.making.histories(), Model(objects, rng.choice(written.commits), frame_id), frame_id)
    for frame_id in FRAMES:
        check(written.making.histories(), Model(objects, tip, frame_id), frame_id)
    written.making.forget()
    for frame_id in FRAMES:
        check(written.making.histories(), Model(objects, tip, frame_id), frame_id)
