"""Changes that fit nowhere together though each is fine alone: a larger part is a conflict as one thing."""

from __future__ import annotations

from typing import Any

from merging import COMMITS, stored

from hdstore.merge import merge_frames, resolve
from hdstore.model import Annotation, Conflict, Frame, FrameGroup, SingleFrame, Source, replace

LEFT, RIGHT = Source(id="left", uri="l"), Source(id="right", uri="r")
CAT = Annotation(id="cat", labels=("cat",), sources=("left",))
GROUP = FrameGroup(id="x", annotations=(CAT,), sources=(LEFT, RIGHT))
SINGLE = SingleFrame(id="x", annotations=(replace(CAT, sources=()),), sources=(LEFT,))


def merge(base: Frame | None, first: Frame, second: Frame) -> tuple[Frame, tuple[Conflict, ...]]:
    """Returns the merge, which can be stored and whose conflicts resolve to what either side had."""
    frame, conflicts = merge_frames(base, first, second, commits=COMMITS)
    assert frame is not None
    assert stored(frame) == frame
    for side in (0, 1):
        resolved = resolve(frame, conflicts, side)
        assert resolved is not None
        assert stored(resolved) == resolved
    return frame, conflicts


def paths(conflicts: tuple[Conflict, ...]) -> list[tuple[str, ...]]:
    return [conflict.path for conflict in conflicts]


def changed(frame: Any, **fields: Any) -> Any:
    """Returns the frame with its first annotation changed."""
    return replace(frame, annotations=(replace(frame.annotations[0], **fields), *frame.annotations[1:]))


def test_a_tie_takes_the_place_of_conflicts_of_parts() -> None:
    """An annotation that moved to a source the other side deleted is one conflict, its labels included."""
    first = replace(changed(GROUP, labels=("dog",)), sources=(LEFT,))
    second = changed(GROUP, labels=("cow",), sources=("right",))
    frame, conflicts = merge(GROUP, first, second)
    assert frame == second
    assert paths(conflicts) == [("annotations", "cat"), ("sources", "right")]
    frame, conflicts = merge(GROUP, second, first)
    # The second side's annotation is shown; the source stays for the other choice.
    assert frame == changed(GROUP, labels=("dog",))
    assert paths(conflicts) == [("annotations", "cat"), ("sources", "right")]


def test_a_conflict_about_where_an_annotation_lies_keeps_both_places() -> None:
    """Each side moved an annotation onto a source that the other deleted: both sources stay for either choice."""
    base = replace(
        GROUP, sources=(LEFT, RIGHT, Source(id="back")), annotations=(replace(CAT, sources=("back",)),)
    )
    first = replace(changed(base, sources=("left",)), sources=(LEFT, base.sources[2]))
    second = replace(changed(base, sources=("right",)), sources=(RIGHT, base.sources[2]))
    frame, conflicts = merge(base, first, second)
    assert paths(conflicts) == [("annotations", "cat"), ("sources", "left"), ("sources", "right")]
    assert [source.id for source in frame.sources] == ["left", "right", "back"]
    assert resolve(frame, conflicts, 0) == first
    assert resolve(frame, conflicts, 1) == second


def test_a_changed_source_that_was_deleted_ties_what_lies_on_it() -> None:
    """One side deleted a source, the other changed it and drew on it: they come and go together."""
    first = replace(GROUP, sources=(LEFT,))
    drawn = Annotation(id="new", sources=("right",))
    second = replace(GROUP, sources=(LEFT, replace(RIGHT, uri="r2")), annotations=(CAT, drawn))
    frame, conflicts = merge(GROUP, first, second)
    assert frame == second
    assert paths(conflicts) == [("annotations", "new"), ("sources", "right")]
    assert resolve(frame, conflicts, 0) == first


def test_what_only_one_side_moved_is_shown() -> None:
    """The second side deleted the source and left the annotation alone, so the first side's change of it is shown."""
    first = changed(GROUP, sources=("left", "right"))
    second = replace(GROUP, sources=(LEFT,))
    frame, conflicts = merge(GROUP, first, second)
    assert frame == first
    assert paths(conflicts) == [("annotations", "cat"), ("sources", "right")]


def test_two_sources_do_not_fit_a_single_frame() -> None:
    """Each side named the only source anew, or one did and the other changed it: the frame is decided as a whole."""
    renamed = replace(SINGLE, sources=(replace(LEFT, id="a"),), blob="first")
    for other in (replace(LEFT, id="b"), replace(LEFT, uri="l2")):
        second = replace(SINGLE, sources=(other,))
        frame, conflicts = merge(SINGLE, renamed, second)
        assert frame == second
        assert paths(conflicts) == [()]


def test_a_renamed_source_of_a_single_frame_keeps_what_lies_on_it() -> None:
    """In a single frame there is one source to lie on, whatever its name."""
    first = replace(SINGLE, sources=(replace(LEFT, id="a"),))
    second = changed(SINGLE, labels=("dog",))
    frame, conflicts = merge(SINGLE, first, second)
    assert conflicts == ()
    assert frame == replace(second, sources=first.sources)


def test_which_source_is_first_is_not_changed_below_an_annotation() -> None:
    """An annotation that names no source would come to lie on another one: the frame is decided as a whole."""
    base = changed(GROUP, sources=())
    first = replace(base, sources=(RIGHT, LEFT))
    second = changed(base, labels=("dog",))
    frame, conflicts = merge(base, first, second)
    assert frame == second
    assert paths(conflicts) == [()]
    # With the source named there is nothing to mistake.
    frame, conflicts = merge(GROUP, replace(GROUP, sources=(RIGHT, LEFT)), changed(GROUP, labels=("dog",)))
    assert conflicts == ()
    assert frame == replace(changed(GROUP, labels=("dog",)), sources=(RIGHT, LEFT))


def test_a_frame_that_one_side_made_a_group() -> None:
    """The kind is what one side made of it; two frames of different kinds that both added are decided as wholes."""
    group = FrameGroup(id="x", annotations=SINGLE.annotations, sources=(LEFT, RIGHT))
    for first, second in (
        (group, changed(SINGLE, labels=("dog",))),
        (changed(SINGLE, labels=("dog",)), group),
    ):
        frame, conflicts = merge(SINGLE, first, second)
        assert conflicts == ()
        assert frame == changed(group, labels=("dog",))
    frame, conflicts = merge(None, SINGLE, group)
    assert frame == group
    assert paths(conflicts) == [()]
