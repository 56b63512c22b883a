"""Counts of a diff: what counting by hand gives, in one pass, and in agreement with the versions' own counts."""

from __future__ import annotations

import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

import hdstore
from hdstore import Annotation, Box, Dataset, SingleFrame, replace
from hdstore.codec import decode_frame, encode_frame, same_value
from hdstore.diff import LabelDelta, iter_changes, summary
from hdstore.model import Frame


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Returns a dataset whose drafts the examples use up."""
    author = hdstore.Author("Ada", "ada@example.org")
    return hdstore.init(tmp_path_factory.mktemp("summary"), author=author).create_dataset("d")


sets_of_frames = st.dictionaries(
    st.sampled_from("abcdef"), strategies.frames(ids=st.just("x"), named=True), max_size=5
).map(lambda frames: {name: replace(frame, id=name) for name, frame in frames.items()})


@settings(max_examples=25)
@given(sets_of_frames, sets_of_frames)
def test_counts_are_those_of_going_through_both(
    dataset: Dataset, before: dict[str, Frame], after: dict[str, Frame]
) -> None:
    """Frames, annotations and labels; what a label gained less what it lost is the difference of the statistics."""
    for draft in dataset.versions():
        draft.delete()
    old, new = dataset.create_version("old"), dataset.create_version("new")
    old.add_frames(before.values())
    new.add_frames(after.values())
    found = summary(old.state(), new.state())
    changes = list(iter_changes(old.state(), new.state()))
    one = {(f.id, a.id): a for f in before.values() for a in decode_frame(encode_frame(f)).annotations}
    two = {(f.id, a.id): a for f in after.values() for a in decode_frame(encode_frame(f)).annotations}

    assert found.frames_added == len(after.keys() - before.keys())
    assert found.frames_removed == len(before.keys() - after.keys())
    assert found.frames_changed == sum(
        encode_frame(before[name]) != encode_frame(after[name]) for name in before.keys() & after.keys()
    )
    assert len(changes) == found.frames_added + found.frames_removed + found.frames_changed
    assert found.annotations_added == len(two.keys() - one.keys())
    assert found.annotations_removed == len(one.keys() - two.keys())
    both = one.keys() & two.keys()
    assert found.annotations_changed == sum(
        encode_frame(SingleFrame(id="f", annotations=(replace(one[key], sources=()),)))
        != encode_frame(SingleFrame(id="f", annotations=(replace(two[key], sources=()),)))
        or one[key].sources != two[key].sources
        for key in both
    )
    for name, count in {
        "geometry": found.moved,
        "confidence": found.confidence,
        "metadata": found.metadata,
    }.items():
        differing = [key for key in both if not same_value(getattr(one[key], name), getattr(two[key], name))]
        assert count == len(differing), name
    assert found.relabelled == sum(one[key].labels != two[key].labels for key in both)
    counts = [version.stats().labels for version in (old, new)]
    for name in counts[0].keys() | counts[1].keys() | found.labels.keys():
        held = [count[name].annotations if name in count else 0 for count in counts]
        delta = found.labels.get(name, LabelDelta())
        assert delta.added - delta.removed == held[1] - held[0]
    back = summary(new.state(), old.state())
    assert {name: (d.removed, d.added) for name, d in back.labels.items()} == {
        name: (d.added, d.removed) for name, d in found.labels.items()
    }


def test_an_annotation_counts_for_each_way_it_changed(dataset: Dataset) -> None:
    """Moved and relabelled are two counts of one annotation."""
    for draft in dataset.versions():
        draft.delete()
    old, new = dataset.create_version("old"), dataset.create_version("new")
    first = Annotation(id="a", labels=("cat", "wet"), geometry=Box(x=0, y=0, w=1, h=1))
    second = replace(first, labels=("wet", "dog"), geometry=Box(x=1, y=0, w=1, h=1), object_id="1")
    unsure = Annotation(id="b", labels=("cat",), confidence=0.5)
    sure = replace(unsure, confidence=0.75)
    old.add_frames([SingleFrame(id="f", annotations=(first, unsure))])
    new.add_frames([SingleFrame(id="f", annotations=(second, sure), timestamp=3)])
    steps: list[int] = []
    found = summary(old.state(), new.state(), progress=lambda what, done, total: steps.append(done))

    assert (found.annotations_changed, found.moved, found.relabelled, found.other) == (2, 1, 1, 1)
    assert (found.confidence, found.metadata) == (1, 0)
    assert found.labels == {"cat": LabelDelta(0, 1), "dog": LabelDelta(1, 0)}
    assert found.fields == {"timestamp": 1}
    assert steps == [0]
