"""Whatever a history looks like, answers are those of a reader who decodes every commit; kept or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from blame.making import Making
from blame.model import Model, fields
from hypothesis import event, given, settings
from hypothesis import strategies as st

from hdstore.blame import FrameBlame, Histories
from hdstore.codec import same_value
from hdstore.diff import ABSENT
from hdstore.model import Annotation, Box, Frame, FrameGroup, SingleFrame, Source

FRAMES = ["a", "b", "c"]

annotations = st.builds(
    Annotation,
    confidence=st.sampled_from([None, 0.0, -0.0, 0.5]),
    geometry=st.sampled_from([None, Box(x=0, y=0, w=1, h=1), Box(x=-0.0, y=0, w=1, h=1)]),
    id=st.sampled_from(["x", "y", "z"]),
    labels=st.sampled_from([(), ("cat",), ("dog", "cat")]),
    metadata=st.dictionaries(st.sampled_from(["k", "?"]), st.sampled_from([1, 1.0, True, None]), max_size=2),
)


def frames(frame_id: str) -> st.SearchStrategy[Frame]:
    return st.builds(
        lambda kind, **given: kind(id=frame_id, **given),
        st.sampled_from([SingleFrame, SingleFrame, FrameGroup]),
        annotations=st.lists(annotations, max_size=3, unique_by=lambda one: one.id).map(tuple),
        context_id=st.sampled_from(["", "clip"]),
        metadata=st.dictionaries(st.sampled_from("km"), st.sampled_from([1, 1.0]), max_size=2),
        sources=st.sampled_from([(), (Source(uri="u"),), (Source(uri="v", id="01"),)]),
        vectors=st.sampled_from([{}, {"v": (0.0,)}, {"v": (-0.0,)}]),
    )


@dataclass
class Step:
    """A commit to write: its parents by number, what it changes, and when."""

    parents: list[int]
    changes: dict[str, Frame | None]
    take: dict[str, int]
    time: int
    version: str = "v.1"
    more: list[int] = field(default_factory=list)


@st.composite
def steps(draw: st.DrawFn) -> list[Step]:
    """Returns commits after their parents, some merges; clocks go wrong now and then."""
    found: list[Step] = []
    steady = draw(st.booleans())
    for number in range(draw(st.integers(1, 14))):
        parents: list[int] = []
        if number:
            recent = st.integers(max(0, number - 4), number - 1)
            parents = draw(
                st.just([number - 1]) | st.lists(recent, min_size=1, max_size=3, unique=True) | st.just([])
            )
        changed = draw(st.lists(st.sampled_from(FRAMES), max_size=2, unique=True))
        changes = {name: draw(st.none() | frames(name) | frames(name)) for name in changed}
        # A merge takes whole frames of its other parents, as one does that finds no conflict.
        take = {name: draw(st.sampled_from(parents)) for name in FRAMES if len(parents) > 1}
        time = number if steady else draw(st.integers(0, 6))
        fill = draw(st.sampled_from([0, 0, 0, 40]))
        found.append(Step(parents, changes, take, time, f"v.{draw(st.integers(1, 2))}", [fill]))
    return found


class Written:
    """Steps as commits, with the frames that each holds."""

    def __init__(self, making: Making, filled: bool) -> None:
        self.making = making
        self.filled = filled
        self.commits: list[str] = []
        self.frames: list[dict[str, Frame]] = []

    def add(self, step: Step) -> str:
        changes = dict(step.changes)
        held = dict(self.frames[step.parents[0]]) if step.parents else {}
        for name, parent in step.take.items():
            changes.setdefault(name, self.frames[parent].get(name))
        # Neighbours, so that leaves split and are joined again.
        for number in range(step.more[0] if self.filled else 0):
            name = f"other {number}"
            gone = len(self.commits) % 3 == 2
            changes[name] = None if gone else SingleFrame(id=name, blob=str(len(self.commits)))
        held = {name: f for name, f in (held | changes).items() if f is not None}
        commit = self.making.save(
            changes, *(self.commits[p] for p in step.parents), time=step.time, version=step.version
        )
        self.commits.append(commit)
        self.frames.append(held)
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
            assert each.by.version == f"plates/{each.by.commit.version_id}"
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


@given(steps=steps(), filled=st.booleans(), data=st.data())
@settings(max_examples=60)
def test_answers_equal_those_of_a_reader_of_all_commits(
    make: Callable[[], Making], steps: list[Step], filled: bool, data: st.DataObject
) -> None:
    """After each save, by one that goes on and by a fresh one, at the tip and at any other commit."""
    written = Written(make(), filled)
    going_on = written.making.histories()
    event(f"{sum(len(step.parents) > 1 for step in steps)} merges")
    for number, step in enumerate(steps):
        tip = written.add(step)
        if number + 1 < len(steps) and not data.draw(st.booleans()):
            continue
        frame_id = data.draw(st.sampled_from(FRAMES))
        check(going_on, Model(written.making.objects, tip, frame_id), frame_id)
        other = data.draw(st.sampled_from(written.commits))
        fresh = written.making.histories()
        check(fresh, Model(written.making.objects, other, frame_id), frame_id)
    written.making.forget()
    for frame_id in FRAMES:
        check(written.making.histories(), Model(written.making.objects, tip, frame_id), frame_id)
