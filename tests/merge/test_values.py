"""Laws of the three-way merge of frames, for whatever two people make of one."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st
from merging import ABSENT, COMMITS, at, side_value, some_frames, stored, three
from strategies import changed_frames, frames

from hdstore.codec import encode_frame, same_value
from hdstore.merge import MergedFrame, merge_frames
from hdstore.model import Frame, replace

Three = tuple[Frame, Frame, Frame]
Slots = dict[tuple[str, ...], Any]


def merge(base: Frame | None, first: Frame | None, second: Frame | None) -> MergedFrame:
    return merge_frames(base, first, second, commits=COMMITS)


def slots(frame: Frame | None) -> Slots:
    """Returns everything in a frame that merges apart by its path: fields, and what is in maps at any depth."""
    found: Slots = {}
    if frame is None:
        return found
    for field in ("blob", "context_id", "timestamp"):
        found[field,] = getattr(frame, field)
    found["kind",] = type(frame).__name__
    for field in ("extra", "metadata"):
        flatten((field,), getattr(frame, field), found)
    for name, vector in frame.vectors.items():
        found["vectors", name] = vector
    for annotation in frame.annotations:
        path = ("annotations", annotation.id)
        for field in ("confidence", "geometry", "labels", "object_id", "sources"):
            found[*path, field] = getattr(annotation, field)
        flatten((*path, "metadata"), annotation.metadata, found)
    for source in frame.sources:
        path = ("sources", source.id)
        found[*path, "medium"] = at(frame, (*path, "medium"))
        for field in ("preview", "timestamp"):
            found[*path, field] = getattr(source, field)
        flatten((*path, "metadata"), source.metadata, found)
        for mask in source.masks:
            found[*path, "masks", mask.id] = mask
    return found


def flatten(path: tuple[str, ...], value: Any, found: Slots) -> None:
    if isinstance(value, dict):
        found[path] = {}
        for key, inner in value.items():
            flatten((*path, key), inner, found)
    else:
        found[path] = value


def same(a: Any, b: Any) -> bool:
    return a is b or (a is not ABSENT and b is not ABSENT and same_value(a, b))


def same_frame(a: Frame | None, b: Frame | None) -> bool:
    return (a is None) == (b is None) and (a is None or b is None or encode_frame(a) == encode_frame(b))


def paths(merged: MergedFrame) -> list[tuple[str, ...]]:
    return [conflict.path for conflict in merged.conflicts]


def near(path: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Says whether one path lies at or below the other."""
    shorter = min(len(path), len(other))
    return path[:shorter] == other[:shorter]


@given(three())
def test_what_one_side_changed_wins(frames: Three) -> None:
    """Every field and key is what the rule of a three-way merge says, but where there is a conflict."""
    base, first, second = frames
    merged = merge(base, first, second)
    event(f"conflicts: {min(len(merged.conflicts), 3)}")
    event(f"whole: {() in paths(merged)}, sources: {any(path[:1] == ('sources',) for path in paths(merged))}")
    a, b, c, result = slots(base), slots(first), slots(second), slots(merged.frame)
    for path in {*a, *b, *c, *result}:
        if any(near(path, conflict) for conflict in paths(merged)):
            continue
        old, one, two = (side.get(path, ABSENT) for side in (a, b, c))
        expected = two if same(old, one) or same(one, two) else one
        assert same(old, one) or same(old, two) or same(one, two), f"both changed {path}"
        assert same(result.get(path, ABSENT), expected), path


@given(three())
def test_no_annotation_is_lost_or_doubled(frames: Three) -> None:
    """Ids are those of both sides without what one deleted and the other left alone."""
    base, first, second = frames
    merged = merge(base, first, second)
    assert merged.frame is not None
    result = [annotation.id for annotation in merged.frame.annotations]
    assert len(result) == len(set(result))
    if () in paths(merged):
        assert merged.frame == second
        return

    def keeps(name: str) -> bool:
        old, one, two = (frame.annotation(name) for frame in frames)
        if old is None or (one is not None and two is not None):
            return True
        return any(side is not None and not same_value(side, old) for side in (one, two))

    named = {annotation.id for side in (first, second) for annotation in side.annotations}
    assert set(result) == {name for name in named if keeps(name)}


@given(three())
def test_a_merge_is_a_valid_frame(frames: Three) -> None:
    """What comes out can be stored as it is."""
    merged = merge(*frames)
    assert merged.frame is not None
    assert stored(merged.frame) == merged.frame
    assert encode_frame(merged.frame) == encode_frame(stored(merged.frame))


@given(three())
def test_conflicts_say_what_both_sides_have(frames: Three) -> None:
    """A conflict holds what base and sides have at its path; the frame shows one of the sides, the second if it can."""
    base, first, second = frames
    merged = merge(base, first, second)
    assert len(set(paths(merged))) == len(merged.conflicts)
    for conflict in merged.conflicts:
        old, one, two = (at(frame, conflict.path) for frame in frames)
        assert not any(near(conflict.path, path) for path in paths(merged) if path != conflict.path)
        assert conflict.frame_id == base.id
        assert [side.commit for side in (conflict.base, *conflict.sides)] == ["", *COMMITS]
        assert same(conflict.base.value if conflict.base.present else ABSENT, old)
        assert same(side_value(conflict, 0), one)
        assert same(side_value(conflict, 1), two)
        assert not same(one, two)
        shown = at(merged.frame, conflict.path)
        unchanged = same(two, old) and one is not ABSENT
        assert same(shown, one if two is ABSENT or unchanged else two)


@given(three())
def test_equal_sides_and_one_sided_changes_need_no_decision(frames: Three) -> None:
    """Equal sides give that side, and where one side did nothing the other's value comes out as it is."""
    base, first, _ = frames
    for sides in ((base, first, first), (base, base, first), (base, first, base), (None, first, first)):
        assert merge(*sides) == MergedFrame(first)
    assert merge(base, first, None).frame == (None if first == base else first)
    assert merge(None, first, None) == merge(None, None, first) == MergedFrame(first)
    assert merge(base, None, None) == merge(base, base, None) == MergedFrame(None)


@given(three())
def test_which_side_is_first_matters_only_where_both_changed_a_thing(frames: Three) -> None:
    """With the sides exchanged there are the same conflicts, their sides exchanged, and the same rest."""
    base, first, second = frames
    one, other = merge(base, first, second), merge(base, second, first)
    assert paths(one) == paths(other)
    for a, b in zip(one.conflicts, other.conflicts, strict=True):
        assert [side_value(a, k) for k in (0, 1)] == [side_value(b, k) for k in (1, 0)]
    ours, theirs = slots(one.frame), slots(other.frame)
    for path in {*ours, *theirs}:
        if not any(near(path, conflict) for conflict in paths(one)):
            assert same(ours.get(path, ABSENT), theirs.get(path, ABSENT))


@given(some_frames(), st.data())
def test_changes_at_different_annotations_and_keys_do_not_meet(base: Frame, data: st.DataObject) -> None:
    """Whoever works on other annotations and keys is in nobody's way, and the order of sides makes no difference."""
    names = [annotation.id for annotation in base.annotations]
    mine = data.draw(st.sets(st.sampled_from(names)) if names else st.just(set()))
    changed = stored(data.draw(changed_frames(base)))

    def part(own: bool) -> Frame:
        """Returns what ``changed`` made of the annotations that are (or are not) one's own."""
        taken = (changed.annotation(name) for name in names)
        annotations = tuple(
            new if new is not None and (old.id in mine) is own else old
            for old, new in zip(base.annotations, taken, strict=True)
        )
        known = {source.id for source in base.sources}
        annotations = tuple(
            replace(annotation, sources=tuple(name for name in annotation.sources if name in known))
            for annotation in annotations
        )
        return stored(replace(base, annotations=annotations, metadata=base.metadata | {str(own): 1}))

    first, second = part(True), part(False)
    merged = merge(base, first, second)
    assert merged == merge(base, second, first)
    assert merged.conflicts == ()
    assert merged.frame is not None
    assert merged.frame.metadata == base.metadata | {"True": 1, "False": 1}
    for name in names:
        assert merged.frame.annotation(name) == (first if name in mine else second).annotation(name)


@given(frames(named=True, ids=st.just("x")), frames(named=True, ids=st.just("x")))
def test_two_frames_of_one_id_that_both_added_merge_too(first: Frame, second: Frame) -> None:
    """Without an ancestor what is equal is no conflict, what only one side has is kept, the rest is a conflict."""
    first, second = stored(first), stored(second)
    merged = merge(None, first, second)
    assert merged.frame is not None
    assert stored(merged.frame) == merged.frame
    a, b, result = slots(first), slots(second), slots(merged.frame)
    for path in {*a, *b}:
        if any(near(path, conflict) for conflict in paths(merged)):
            continue
        assert path not in a or path not in b or same(a[path], b[path])
        assert same(result[path], a.get(path, b.get(path)))
    if () not in paths(merged):
        ids_of = [{annotation.id for annotation in frame.annotations} for frame in (first, second)]
        assert {annotation.id for annotation in merged.frame.annotations} == set().union(*ids_of)
