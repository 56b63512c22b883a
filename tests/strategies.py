"""Hypothesis strategies for values of the model: whatever a repository may be given to keep."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from hdstore.model import (
    AddAnnotation,
    Annotation,
    Box,
    Box3D,
    Ellipse,
    Frame,
    FrameEdit,
    FrameGroup,
    Geometry,
    Keypoints,
    Keypoints3D,
    Label,
    Mask,
    MaskLabel,
    MaskValue,
    Metadata,
    Polygon,
    Polygon3D,
    Preview,
    PutFrame,
    RemoveAnnotation,
    RemoveFrame,
    ReplaceAnnotation,
    Rle,
    Schema,
    SetFrameMetadata,
    SingleFrame,
    Skeleton,
    Source,
    replace,
)

coordinates = (
    st.sampled_from([0.0, -0.0, 253.85, 0.1 + 0.2, 5e-324, 2.2250738585072014e-308, 1e15, -1e15, 1 / 3])
    | st.floats(-1e15, 1e15)
    | st.integers(-(10**15), 10**15)
)
"""Integers too: people give them, and they are read back as floats."""

sizes = st.none() | st.integers(0, 2**53)
timestamps = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
names = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("犬/%é🦀 "), min_size=1, max_size=8
)
ids = st.sampled_from(["a", "b", "c", "00", "01", "犬"]) | names
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([-0.0, 5e-324, 253.85, 1e308])
    | texts
)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
metadata: st.SearchStrategy[Metadata] = st.dictionaries(texts, json_values, max_size=3)


def flat(count: int, *, most: int = 4) -> st.SearchStrategy[tuple[float, ...]]:
    """Returns runs of up to ``most`` points of ``count`` coordinates each."""
    point = st.tuples(*[coordinates] * count)
    return st.lists(point, max_size=most).map(lambda points: tuple(n for point in points for n in point))


@st.composite
def keypoints(draw: st.DrawFn) -> Keypoints:
    points = draw(flat(2))
    seen = st.tuples(*[st.integers(0, 2)] * (len(points) // 2))
    return Keypoints(
        points=points, skeleton=draw(texts), visibility=draw(st.just(()) | seen) if points else ()
    )


geometries: dict[type, st.SearchStrategy[Geometry]] = {
    Box: st.builds(
        Box, x=coordinates, y=coordinates, w=coordinates, h=coordinates, angle=st.none() | coordinates
    ),
    Polygon: st.builds(Polygon, rings=st.lists(flat(2), max_size=3).map(tuple)),
    Ellipse: st.builds(
        Ellipse, cx=coordinates, cy=coordinates, rx=coordinates, ry=coordinates, theta=coordinates
    ),
    Keypoints: keypoints(),
    Keypoints3D: st.builds(Keypoints3D, points=flat(3)),
    Polygon3D: st.builds(Polygon3D, rings=st.lists(flat(3), max_size=3).map(tuple)),
    Box3D: st.builds(Box3D, front=st.tuples(*[coordinates] * 5), back=st.tuples(*[coordinates] * 5)),
    MaskValue: st.builds(
        MaskValue,
        mask=texts,
        value=st.sampled_from([1, 3, 4]).flatmap(lambda n: st.tuples(*[st.integers(0, 2**32 - 1)] * n)),
    ),
    Rle: st.builds(
        Rle,
        counts=st.lists(st.integers(0, 2**40), max_size=5).map(tuple) | texts,
        height=st.integers(0, 5000),
        width=st.integers(0, 5000),
    ),
}
"""A strategy for each kind of geometry."""

any_geometry = st.one_of(*geometries.values())


_first_source: st.SearchStrategy[tuple[str, ...]] = st.just(())


def annotations(
    *, ids: st.SearchStrategy[str] = ids, sources: st.SearchStrategy[tuple[str, ...]] = _first_source
) -> st.SearchStrategy[Annotation]:
    return st.builds(
        Annotation,
        confidence=st.none() | st.floats(0, 1) | st.sampled_from([0, 1]),
        geometry=st.none() | any_geometry,
        id=ids,
        labels=st.lists(st.sampled_from(["cat", "dog"]) | names, max_size=3).map(tuple),
        metadata=metadata,
        object_id=st.none() | texts,
        sources=sources,
    )


masks = st.builds(Mask, id=ids, uri=texts, width=sizes, height=sizes, timestamp=timestamps)
previews = st.builds(Preview, uri=texts, size=sizes, content_type=texts)


def sources(*, ids: st.SearchStrategy[str] = ids) -> st.SearchStrategy[Source]:
    return st.builds(
        Source,
        content_type=st.sampled_from(["", "image/jpeg", "image/png", "video/mp4"]),
        id=ids,
        masks=st.lists(masks, max_size=2, unique_by=lambda mask: mask.id).map(tuple),
        metadata=metadata,
        preview=st.none() | previews,
        size=sizes,
        timestamp=timestamps,
        uri=texts,
        width=sizes,
    )


@st.composite
def frames(draw: st.DrawFn, *, ids: st.SearchStrategy[str] = ids, named: bool = False) -> Frame:
    """Returns a frame of either kind; with ``named``, all of its annotations have ids."""
    kind = draw(st.sampled_from([SingleFrame, FrameGroup]))
    most = 1 if kind is SingleFrame else 3
    held = draw(st.lists(sources(), max_size=most, unique_by=lambda source: source.id))
    source_ids = [source.id for source in held]
    on = st.lists(st.sampled_from(source_ids), max_size=2, unique=True).map(tuple) if held else st.just(())
    annotation_ids = st.sampled_from(["a", "b", "c", "d"]) if named else st.sampled_from(["a", "b", "", ""])
    drawn = draw(
        st.lists(
            annotations(ids=annotation_ids, sources=on),
            max_size=3,
            unique_by=(lambda annotation: annotation.id or object()),
        )
    )
    return kind(
        annotations=tuple(drawn),
        blob=draw(texts),
        context_id=draw(texts),
        extra=draw(metadata),
        id=draw(ids),
        metadata=draw(metadata),
        sources=tuple(held),
        timestamp=draw(st.none() | timestamps),
        vectors=draw(
            st.dictionaries(texts, st.lists(coordinates, min_size=1, max_size=3).map(tuple), max_size=1)
        ),
    )


labels = st.builds(
    Label,
    attributes=st.dictionaries(texts, st.lists(texts, max_size=2).map(tuple), max_size=2),
    color=st.sampled_from(["", "#ff0000"]),
    description=texts,
    foreign=metadata,
    key=st.sampled_from(["", "1"]),
    name=st.sampled_from(["cat", "dog", "truck"]) | names,
    skeleton=st.none()
    | st.builds(Skeleton, names=st.lists(texts, max_size=3).map(tuple), edges=st.just(((0, 1), (1, 2)))),
)
schemas = st.builds(
    Schema,
    labels=st.lists(labels, max_size=3, unique_by=lambda label: label.name).map(tuple),
    mask_labels=st.dictionaries(
        ids,
        st.lists(
            st.builds(
                MaskLabel, labels=st.lists(names, max_size=2).map(tuple), value=st.tuples(st.integers(0, 255))
            ),
            max_size=2,
        ).map(tuple),
        max_size=2,
    ),
)


@st.composite
def frame_edits(draw: st.DrawFn, frame: Frame | None, frame_id: str) -> FrameEdit:
    """Returns an edit that can be applied to ``frame`` (None: there is none of this id yet)."""
    put = frames(ids=st.just(frame_id), named=True).map(lambda new: PutFrame(frame=new))
    choices: list[st.SearchStrategy[Any]] = [put, st.just(RemoveFrame(frame_id=frame_id))]
    if frame is not None:
        held = [annotation.id for annotation in frame.annotations]
        free = [name for name in "abcdefgh" if name not in held]
        choices += [
            st.builds(
                AddAnnotation,
                frame_id=st.just(frame_id),
                annotation=annotations(ids=st.sampled_from(free)),
                index=st.none() | st.integers(0, len(held)),
            ),
            st.builds(
                SetFrameMetadata,
                frame_id=st.just(frame_id),
                set=metadata,
                remove=st.lists(st.sampled_from([*frame.metadata, "other"]), max_size=2).map(tuple),
            ),
        ]
        if held:
            choices += [
                st.builds(
                    ReplaceAnnotation,
                    frame_id=st.just(frame_id),
                    annotation=annotations(ids=st.sampled_from(held)),
                ),
                st.builds(RemoveAnnotation, frame_id=st.just(frame_id), annotation_id=st.sampled_from(held)),
            ]
    edit: FrameEdit = draw(st.one_of(choices))
    return edit


_values = st.sampled_from([None, 0, 0.0, -0.0, True, "x", [1], {"k": 1}, {"m": {"k": 2}}])
"""Few and alike, so that two sides of a merge often meet; some are equal without being the same."""
_keys = st.sampled_from(["k", "m", ""])


@st.composite
def changed_maps(draw: st.DrawFn, held: Metadata, depth: int = 0) -> Metadata:
    """Returns metadata that somebody made of ``held``: keys set, removed, or changed inside."""
    key = draw(_keys | st.sampled_from(sorted(held)) if held else _keys)
    inside = held.get(key)
    if isinstance(inside, dict) and depth < 3 and draw(st.booleans()):
        return held | {key: draw(changed_maps(inside, depth + 1))}
    if key in held and draw(st.booleans()):
        return {name: value for name, value in held.items() if name != key}
    return held | {key: draw(_values)}


@st.composite
def _changed_annotation(draw: st.DrawFn, held: Annotation, sources: list[str]) -> Annotation:
    fields: dict[str, st.SearchStrategy[Any]] = {
        "confidence": st.sampled_from([None, 0.0, -0.0, 0.5]),
        "geometry": st.sampled_from([None, Box(x=0.0, y=0.0, w=1.0, h=1.0), Keypoints(points=(1.0, 2.0))]),
        "labels": st.lists(st.sampled_from(["cat", "dog"]), max_size=2).map(tuple),
        "metadata": changed_maps(held.metadata),
        "object_id": st.sampled_from([None, "", "track"]),
        "sources": st.lists(st.sampled_from(sources), max_size=2, unique=True).map(tuple),
    }
    name = draw(st.sampled_from(sorted(fields) if sources else sorted(fields.keys() - {"sources"})))
    return replace(held, **{name: draw(fields[name])})


@st.composite
def _changed_source(draw: st.DrawFn, held: Source) -> Source:
    fields: dict[str, st.SearchStrategy[Any]] = {
        "masks": st.lists(masks, max_size=2, unique_by=lambda mask: mask.id).map(tuple),
        "metadata": changed_maps(held.metadata),
        "preview": st.none() | previews,
        "timestamp": st.sampled_from([0, 1, 1.0]),
        "uri": st.sampled_from(["a", "b"]),
        "width": st.sampled_from([None, 1, 2]),
    }
    name = draw(st.sampled_from(sorted(fields)))
    return replace(held, **{name: draw(fields[name])})


@st.composite
def _changed_sources(draw: st.DrawFn, frame: Frame) -> Frame:
    """Returns the frame with a source changed, added, moved or removed, and no annotation left on one that is gone."""
    held = list(frame.sources)
    most = 1 if isinstance(frame, SingleFrame) else 3
    what = draw(st.sampled_from(["change", "add", "remove", "move"]))
    if what == "add" and len(held) < most:
        free = [name for name in ("left", "right", "back", "00", "front") if frame.source(name) is None]
        new = Source(id=draw(st.sampled_from(free)), uri=draw(st.sampled_from(["a", "b"])))
        held.insert(draw(st.integers(0, len(held))), new)
    elif held and what != "add":
        at = draw(st.integers(0, len(held) - 1))
        old = held.pop(at)
        if what == "change":
            held.insert(at, draw(_changed_source(old)))
        elif what == "move":
            held.insert(draw(st.integers(0, len(held))), old)
    there = {source.id for source in held}
    annotated = (
        replace(annotation, sources=tuple(name for name in annotation.sources if name in there))
        for annotation in frame.annotations
    )
    return replace(frame, sources=tuple(held), annotations=tuple(annotated))


@st.composite
def _changed_annotations(draw: st.DrawFn, frame: Frame) -> Frame:
    """Returns the frame with an annotation changed, added, moved or removed."""
    held = list(frame.annotations)
    on = [source.id for source in frame.sources]
    what = draw(st.sampled_from(["change", "change", "add", "remove", "move"]))
    if what == "add":
        free = [name for name in "abcdefghijklmnopqrstuvwxyz" if frame.annotation(name) is None]
        new = Annotation(id=draw(st.sampled_from(free)), labels=("new",), sources=tuple(on[-1:]))
        held.insert(draw(st.integers(0, len(held))), new)
    elif held:
        at = draw(st.integers(0, len(held) - 1))
        old = held.pop(at)
        if what == "change":
            held.insert(at, draw(_changed_annotation(old, on)))
        elif what == "move":
            held.insert(draw(st.integers(0, len(held))), old)
    return replace(frame, annotations=tuple(held))


@st.composite
def changed_frames(draw: st.DrawFn, frame: Frame, *, least: int = 0) -> Frame:
    """Returns a valid frame of the same id that somebody made of ``frame`` in ``least`` steps or a few more."""
    steps = st.sampled_from(["annotations"] * 5 + ["sources"] * 2 + ["fields"] * 3)
    for what in draw(st.lists(steps, min_size=least, max_size=least + 4)):
        if what == "annotations":
            frame = draw(_changed_annotations(frame))
        elif what == "sources":
            frame = draw(_changed_sources(frame))
        else:
            fields: dict[str, st.SearchStrategy[Any]] = {
                "blob": st.sampled_from(["", "blob"]),
                "context_id": st.sampled_from(["", "night"]),
                "extra": changed_maps(frame.extra),
                "metadata": changed_maps(frame.metadata),
                "timestamp": st.sampled_from([None, 0, 0.0]),
                "vectors": st.dictionaries(_keys, st.sampled_from([(1.0,), (2.0,)]), max_size=2),
            }
            name = draw(st.sampled_from(["kind", *sorted(fields)]))
            if name != "kind":
                frame = replace(frame, **{name: draw(fields[name])})
            elif len(frame.sources) < 2:
                kind = FrameGroup if isinstance(frame, SingleFrame) else SingleFrame
                frame = kind(**{field: getattr(frame, field) for field in frame.__struct_fields__})
    return frame
