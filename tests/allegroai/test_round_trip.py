"""Laws: what is stored comes back exactly from the mutable classes and from the REST form."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hdstore import model
from hdstore.allegroai.dataframe import SingleFrame, frame_from_native
from hdstore.codec import decode_frame, encode_frame
from hdstore.compat.wire import frame_from_dict, frame_to_dict

numbers = st.floats(-1e9, 1e9, allow_nan=False) | st.integers(-1000, 1000).map(float) | st.just(-999999999.0)
texts = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), max_size=6)
names = st.text("abcä_ .", min_size=1, max_size=4)
keys = texts | st.sampled_from(["_type", "_id", "_metadata", "_rings", "_values", "hash", "00", "front"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)
metadata = st.dictionaries(keys, values, max_size=3)
times = st.integers(0, 10**6) | st.floats(0, 1e6)


def runs(step: int) -> st.SearchStrategy[tuple[float, ...]]:
    return st.lists(st.lists(numbers, min_size=step, max_size=step), max_size=4).map(
        lambda points: tuple(number for point in points for number in point)
    )


faces = st.tuples(numbers, numbers, numbers, numbers, numbers)
geometry = st.one_of(
    st.none(),
    st.builds(model.Box, x=numbers, y=numbers, w=numbers, h=numbers, angle=st.none() | numbers),
    st.builds(model.Polygon, rings=st.lists(runs(2), max_size=3).map(tuple)),
    st.builds(model.Polygon3D, rings=st.lists(runs(3), max_size=3).map(tuple)),
    st.builds(model.Ellipse, cx=numbers, cy=numbers, rx=numbers, ry=numbers, theta=numbers),
    runs(2).flatmap(
        lambda run: st.builds(
            model.Keypoints,
            points=st.just(run),
            skeleton=texts,
            visibility=st.just(()) | st.tuples(*[st.integers(0, 2)] * (len(run) // 2)),
        )
    ),
    st.builds(model.Keypoints3D, points=runs(3)),
    st.builds(model.Box3D, front=faces, back=faces),
    st.builds(
        model.MaskValue,
        mask=texts,
        value=st.sampled_from([1, 3, 4]).flatmap(lambda n: st.tuples(*[st.integers(0, 255)] * n)),
    ),
    st.builds(
        model.Rle,
        counts=st.lists(st.integers(0, 99), max_size=4).map(tuple) | st.text("0123PQ", max_size=5),
        height=st.integers(0, 99),
        width=st.integers(0, 99),
    ),
)
uris = st.sampled_from(
    [
        "",
        "s3://b/a.jpg",
        "root:photos/a.jpg",
        "media:" + "a" * 64,
        "file:///x y/%41.jpg",
        "file:///a%20b#c?.jpg",
    ]
)
sizes = st.none() | st.integers(0, 5000)
hashes = st.sampled_from(["", "b" * 64])
masks = st.lists(
    st.builds(
        model.Mask,
        id=names,
        uri=uris,
        content_type=texts,
        hash=hashes,
        size=sizes,
        width=sizes,
        height=sizes,
        timestamp=times,
    ),
    max_size=2,
    unique_by=lambda mask: mask.id,
).map(tuple)
previews = st.builds(model.Preview, uri=uris, content_type=texts, hash=hashes, size=sizes, timestamp=times)


def sources(ids: st.SearchStrategy[str]) -> st.SearchStrategy[model.Source]:
    return st.builds(
        model.Source,
        id=ids,
        uri=uris,
        content_type=texts,
        hash=hashes,
        size=sizes,
        width=sizes,
        height=sizes,
        timestamp=times,
        metadata=metadata,
        masks=masks,
        preview=st.none() | previews,
    )


@st.composite
def frames(draw: st.DrawFn) -> model.Frame:
    group = draw(st.booleans())
    limit = 3 if group else 1
    ids = names | st.sampled_from(["00", "front"])
    placed = draw(st.lists(sources(ids), max_size=limit, unique_by=lambda source: source.id))
    on = st.lists(st.sampled_from([s.id for s in placed]), max_size=3).map(tuple) if placed else st.just(())
    annotation = st.builds(
        model.Annotation,
        id=names,
        object_id=st.none() | texts,
        labels=st.lists(names, max_size=2).map(tuple),
        confidence=st.none() | st.floats(0, 1),
        geometry=geometry,
        metadata=metadata,
        sources=on,
    )
    frame = (model.FrameGroup if group else model.SingleFrame)(
        id=draw(names),
        annotations=tuple(draw(st.lists(annotation, max_size=4, unique_by=lambda a: a.id))),
        blob=draw(texts),
        context_id=draw(texts),
        extra=draw(metadata),
        metadata=draw(metadata),
        sources=tuple(placed),
        timestamp=draw(st.none() | times),
        vectors=draw(
            st.dictionaries(names, st.lists(numbers, min_size=1, max_size=3).map(tuple), max_size=2)
        ),
    )
    return decode_frame(encode_frame(frame))


@given(frames())
def test_a_stored_frame_comes_back_exactly_from_the_classes(frame: model.Frame) -> None:
    """native -> SingleFrame or FrameGroup -> native changes nothing, not even an order or a default."""
    assert frame_from_native(frame).to_native() == frame


@given(frames())
def test_a_copy_in_the_rest_form_comes_back(frame: model.Frame) -> None:
    """native -> dict -> native keeps all; context and time given as the source's own become the default."""
    back = frame_from_dict(frame_to_dict(frame))
    assert (back.context, back.time) == (frame.context, frame.time)
    assert model.replace(back, context_id=frame.context_id, timestamp=frame.timestamp) == frame


@given(frames())
def test_reading_a_frame_does_not_tie_it_to_the_stored_value(frame: model.Frame) -> None:
    """Changing every dict and list of the mutable form leaves the frozen one as it was."""
    before = encode_frame(frame)
    mutable = frame_from_native(frame)
    mutable.metadata["new"] = 1
    mutable.meta_blob["new"] = 1
    mutable.vectors["new"] = [1.0]
    singles = [mutable] if isinstance(mutable, SingleFrame) else list(mutable.values())
    for single in singles:
        single.sourcedata["new"] = 1
        for annotation in single.annotations:
            annotation.metadata["new"] = 1
            annotation.labels.append("new")
    assert encode_frame(frame) == before
