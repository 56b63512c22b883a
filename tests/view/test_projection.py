"""Projections: parts of frames by dotted paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import frames

from hdstore import Annotation, Box, Frame, Mask, Preview, SingleFrame, Source
from hdstore.errors import InvalidValueError
from hdstore.view.projection import Projection

FRAME = SingleFrame(
    id="f",
    context_id="c",
    timestamp=5,
    metadata={"city": "oslo", "trip": {"km": 3, "legs": [{"to": "a"}, {"to": "b", "km": 1}]}},
    sources=(
        Source(id="00", uri="s3://b/0.jpg", width=640, masks=(Mask(id="00", uri="s3://b/0.png"),)),
        Source(id="01", uri="s3://b/1.jpg", width=320, preview=Preview(uri="s3://b/p.jpg", size=9)),
    ),
    annotations=(
        Annotation(id="0", labels=("cat",), geometry=Box(x=1, y=2, w=3, h=4), confidence=0.5),
        Annotation(id="1", labels=("dog",)),
    ),
    vectors={"clip": (1.0, 2.0), "other": (3.0,)},
)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["metadata.city"], SingleFrame(id="f", metadata={"city": "oslo"})),
        (
            ["metadata.trip.legs.to"],
            SingleFrame(id="f", metadata={"trip": {"legs": [{"to": "a"}, {"to": "b"}]}}),
        ),
        (["metadata.trip.legs.1"], SingleFrame(id="f", metadata={"trip": {"legs": [{"to": "b", "km": 1}]}})),
        (["metadata.nothing", "timestamp"], SingleFrame(id="f", timestamp=5)),
        (
            ["sources.*.uri", "context_id"],
            SingleFrame(
                id="f", context_id="c", sources=(Source(uri="s3://b/0.jpg"), Source(uri="s3://b/1.jpg"))
            ),
        ),
        (["sources.1.width"], SingleFrame(id="f", sources=(Source(width=320),))),
        (
            ["sources.masks.id"],
            SingleFrame(id="f", sources=(Source(masks=(Mask(uri="s3://b/0.png"),)), Source())),
        ),
        (
            ["sources.1.preview.size"],
            SingleFrame(id="f", sources=(Source(preview=Preview(uri="s3://b/p.jpg", size=9)),)),
        ),
        (
            ["annotations.*.geometry.x", "annotations.labels"],
            SingleFrame(
                id="f",
                annotations=(
                    Annotation(labels=("cat",), geometry=Box(x=1, y=2, w=3, h=4)),
                    Annotation(labels=("dog",)),
                ),
            ),
        ),
        (["vectors.clip"], SingleFrame(id="f", vectors={"clip": (1.0, 2.0)})),
        (["*"], FRAME),
        (["metadata.city", "*"], FRAME),
        (["id"], SingleFrame(id="f")),
    ],
)
def test_paths_take_what_they_name(paths: list[str], expected: Frame) -> None:
    """Names, elements, ``*`` and names in all elements; geometries come whole."""
    assert Projection(paths).apply(FRAME) == expected


@pytest.mark.parametrize(
    ("paths", "places"),
    [(["annotations"], [0, 1]), (["annotations.1"], [1]), (["annotations.*.labels"], [0, 1]), (["id"], [])],
)
def test_it_says_which_annotations_stay(paths: list[str], places: list[int]) -> None:
    """The numbers of an item belong to those that are there."""
    projection = Projection(paths)

    assert projection.annotations(2) == places
    assert len(projection.apply(FRAME).annotations) == len(places)


@given(
    frames(),
    st.sets(st.sampled_from(["annotations", "sources", "metadata", "extra", "vectors", "timestamp"])),
)
def test_whole_fields_come_as_they_are(frame: Frame, names: set[str]) -> None:
    """All others have their defaults."""
    found = Projection(names).apply(frame)

    assert (type(found), found.id) == (type(frame), frame.id)
    for name in names:
        assert getattr(found, name) == getattr(frame, name)
    assert bool(found.sources) <= ("sources" in names)
    assert bool(found.annotations) <= ("annotations" in names)


@pytest.mark.parametrize("path", ["", "meta.city", "sources..uri", "metadata.", ".id"])
def test_paths_that_name_nothing_are_refused(path: str) -> None:
    """With the names there are."""
    with pytest.raises(InvalidValueError, match="begins with one of"):
        Projection([path])
