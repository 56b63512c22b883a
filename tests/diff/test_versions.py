"""Differences between versions: complete, by name, and nothing that is equal to the bit."""

from __future__ import annotations

import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

import hdstore
from hdstore import Annotation, Box, Dataset, FrameGroup, PutFrame, SingleFrame, Source, replace
from hdstore.codec import decode_frame, encode_frame
from hdstore.diff import compare_frames, diff, iter_differing
from hdstore.model import Frame


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Returns a dataset whose drafts the examples use up."""
    author = hdstore.Author("Ada", "ada@example.org")
    return hdstore.init(tmp_path_factory.mktemp("diff"), author=author).create_dataset("d")


sets_of_frames = st.dictionaries(
    st.sampled_from("abcdef"), strategies.frames(ids=st.just("x"), named=True), max_size=5
).map(lambda frames: {name: replace(frame, id=name) for name, frame in frames.items()})


@settings(max_examples=25)
@given(sets_of_frames, sets_of_frames)
def test_a_diff_is_what_turns_one_version_into_the_other(
    dataset: Dataset, before: dict[str, Frame], after: dict[str, Frame]
) -> None:
    """Added, removed and changed frames are those of the sets; edits made of them give the other version."""
    for draft in dataset.versions():
        draft.delete()
    old, new = dataset.create_version("old"), dataset.create_version("new")
    old.add_frames(before.values())
    new.add_frames(after.values())
    found = old.diff(new)
    bytes_before = {name: encode_frame(frame) for name, frame in before.items()}
    bytes_after = {name: encode_frame(frame) for name, frame in after.items()}

    assert set(found.added) == after.keys() - before.keys()
    assert set(found.removed) == before.keys() - after.keys()
    assert {change.id for change in found.changed} == {
        name for name in before.keys() & after.keys() if bytes_before[name] != bytes_after[name]
    }
    assert list(found.added) == sorted(found.added)
    assert bool(found) == (bytes_before != bytes_after)
    for change in found.changed:
        said = (
            change.annotations_added,
            change.annotations_removed,
            change.annotations_changed,
            change.fields,
        )
        assert any(said), "a frame that differs says in what"
    for _, frame in iter_differing(old.state(), new.state()):
        if frame is not None:
            old.apply(PutFrame(frame=frame))
    old.delete_frames(found.removed)
    assert old.state().oid("frames") == new.state().oid("frames")
    assert not diff(old.state(), new.state())


BASE = SingleFrame(
    id="f",
    sources=(Source(uri="u"),),
    annotations=(
        Annotation(id="a", labels=("cat",), geometry=Box(x=0.0, y=0, w=1, h=1)),
        Annotation(id="b"),
    ),
    metadata={"n": 1},
)
FIRST, SECOND = BASE.annotations


@pytest.mark.parametrize(
    ("after", "added", "removed", "changed", "fields"),
    [
        (BASE, (), (), (), ()),
        (replace(BASE, metadata={"n": 1.0}), (), (), (), ("metadata",)),
        (replace(BASE, metadata={"n": True}), (), (), (), ("metadata",)),
        (replace(BASE, timestamp=0), (), (), (), ("timestamp",)),
        (replace(BASE, blob="x", vectors={"v": (1.0,)}), (), (), (), ("blob", "vectors")),
        (replace(BASE, context_id="c", extra={"a": 1}), (), (), (), ("context_id", "extra")),
        (replace(BASE, sources=(Source(uri="v"),)), (), (), (), ("sources",)),
        (replace(BASE, annotations=(SECOND, FIRST)), (), (), (), ("annotation order",)),
        (replace(BASE, annotations=(FIRST,)), (), ("b",), (), ()),
        (replace(BASE, annotations=(FIRST, SECOND, Annotation(id="c"))), ("c",), (), (), ()),
        (replace(BASE, annotations=(FIRST, replace(SECOND, confidence=0.5))), (), (), ("b",), ()),
        (
            replace(BASE, annotations=(replace(FIRST, geometry=Box(x=-0.0, y=0, w=1, h=1)), SECOND)),
            (),
            (),
            ("a",),
            (),
        ),
        (
            FrameGroup(id="f", sources=BASE.sources, annotations=BASE.annotations, metadata=BASE.metadata),
            (),
            (),
            (),
            ("kind",),
        ),
    ],
)
def test_a_change_names_annotations_and_fields(
    after: Frame,
    added: tuple[str, ...],
    removed: tuple[str, ...],
    changed: tuple[str, ...],
    fields: tuple[str, ...],
) -> None:
    """Each thing that can differ has its place, down to a sign or a type."""
    found = compare_frames(decode_frame(encode_frame(BASE)), decode_frame(encode_frame(after)))

    assert (found.annotations_added, found.annotations_removed) == (added, removed)
    assert (found.annotations_changed, found.fields) == (changed, fields)
