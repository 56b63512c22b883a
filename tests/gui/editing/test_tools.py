"""Tools as state machines."""

from __future__ import annotations

import math

import pytest
from hdstore_gui.editing.hit import HitMap
from hdstore_gui.editing.outlines import Corner, moved, outline_of, reshaped
from hdstore_gui.editing.selection import Selection
from hdstore_gui.editing.tools import BoxTool, Cursor, Pointer, Scene, SelectTool, Step
from hypothesis import given
from hypothesis import strategies as st

from hdstore.model import (
    AddAnnotation,
    Annotation,
    Box,
    Ellipse,
    Keypoints,
    Polygon,
    ReplaceAnnotation,
    SingleFrame,
    Source,
)

CAR = Annotation(id="car", labels=("car",), geometry=Box(x=20, y=20, w=40, h=30))
BUS = Annotation(id="bus", labels=("bus",), geometry=Box(x=100, y=20, w=40, h=30))
FRAME = SingleFrame(id="f", sources=(Source(),), annotations=(CAR, BUS))


def scene(*selected: str, editable: bool = True, frame: SingleFrame = FRAME) -> Scene:
    outlines = {one.id: outline_of(one.geometry) for one in frame.annotations}
    known = {key: one for key, one in outlines.items() if one is not None}
    return Scene(
        frame=frame,
        hits=HitMap(known, {}),
        picture=(200, 100),
        editable=editable,
        labels=("van",),
        selection=Selection(selected),
    )


def gesture(
    tool: SelectTool | BoxTool,
    where: Scene,
    *points: tuple[float, float],
    shift: bool = False,
    ctrl: bool = False,
) -> Step:
    """Presses at the first point, moves over the others, and releases at the last."""
    pointers = [Pointer(x=x, y=y, shift=shift, ctrl=ctrl) for x, y in points]
    pressed = tool.press(pointers[0], where)
    if pressed.selection is not None:
        where = Scene(
            frame=where.frame, hits=where.hits, picture=where.picture, editable=where.editable,
            labels=where.labels, selection=pressed.selection,
        )  # fmt: skip
    for pointer in pointers[1:]:
        tool.move(pointer, where)
    last = tool.release(pointers[-1], where)
    if last.selection is None and pressed.selection is not None:
        return Step(
            edits=last.edits,
            selection=pressed.selection,
            text=last.text,
            cursor=last.cursor,
            drawn=last.drawn,
        )
    return last


def test_a_click_selects_and_edits_nothing() -> None:
    """A hand that trembles within the dead zone has clicked."""
    step = gesture(SelectTool(), scene(), (30, 30), (31, 31))

    assert step.selection == Selection(("car",))
    assert step.edits == ()


def test_a_click_on_empty_ground_selects_nothing() -> None:
    """The selection is dropped."""
    assert gesture(SelectTool(), scene("car"), (180, 90)).selection == Selection()


def test_ctrl_adds_to_the_selection() -> None:
    """The last one chosen is the current."""
    step = gesture(SelectTool(), scene("car"), (110, 30), ctrl=True)

    assert step.selection == Selection(("car", "bus"))


def test_a_drag_moves_what_it_began_on() -> None:
    """One edit per annotation comes out at the release."""
    step = gesture(SelectTool(), scene(), (30, 30), (40, 40), (50, 45))

    (edit,) = step.edits
    assert isinstance(edit, ReplaceAnnotation)
    assert edit.annotation.geometry == Box(x=40, y=35, w=40, h=30)
    assert edit.annotation.labels == ("car",)


def test_all_that_is_selected_moves_together() -> None:
    """Dragging one of several selected moves them all by the same way."""
    step = gesture(SelectTool(), scene("car", "bus"), (30, 30), (40, 30))

    assert [edit.annotation.geometry.x for edit in step.edits] == [30, 110]


def test_nothing_leaves_the_picture() -> None:
    """A drag beyond the border ends at the border."""
    step = gesture(SelectTool(), scene("bus"), (110, 30), (500, -300))

    assert step.edits[0].annotation.geometry == Box(x=160, y=0, w=40, h=30)


def test_a_handle_resizes_and_the_opposite_corner_stays() -> None:
    """The corner under the hand goes where the hand goes."""
    step = gesture(SelectTool(), scene("car"), (60, 50), (70, 60), (80, 70))

    assert step.edits[0].annotation.geometry == Box(x=20, y=20, w=60, h=50)
    assert step.text == "Reshape annotation"


def test_a_corner_dragged_over_the_opposite_one_turns_the_box_inside_out() -> None:
    """Width and height stay positive."""
    step = gesture(SelectTool(), scene("car"), (60, 50), (15, 40), (10, 10))

    assert step.edits[0].annotation.geometry == Box(x=10, y=10, w=10, h=10)


def test_a_drag_on_empty_ground_selects_by_a_band() -> None:
    """What lies wholly in the band is selected."""
    step = gesture(SelectTool(), scene(), (95, 5), (120, 60), (160, 90))

    assert step.selection == Selection(("bus",))


def test_what_can_not_be_edited_refuses() -> None:
    """The refusal comes while dragging, and no edit at the end."""
    tool, where = SelectTool(), scene("car", editable=False)
    tool.press(Pointer(x=30, y=30), where)

    assert tool.move(Pointer(x=60, y=60), where).refused
    assert tool.release(Pointer(x=60, y=60), where).edits == ()


def test_cancelling_leaves_no_trace() -> None:
    """A release after Escape does nothing."""
    tool = SelectTool()
    tool.press(Pointer(x=30, y=30), scene("car"))
    tool.move(Pointer(x=60, y=60), scene("car"))
    tool.cancel()

    assert not tool.active
    assert tool.release(Pointer(x=60, y=60), scene("car")) == Step()


def test_cursors_say_what_a_press_would_do() -> None:
    """Handles, selected bodies, others and empty ground differ."""
    tool = SelectTool()

    assert tool.move(Pointer(x=60, y=50), scene("car")).cursor is Cursor.SIZE_NWSE
    assert tool.move(Pointer(x=35, y=35), scene("car")).cursor is Cursor.MOVE
    assert tool.move(Pointer(x=110, y=35), scene("car")).cursor is Cursor.POINT
    assert tool.move(Pointer(x=180, y=90), scene("car")).cursor is Cursor.ARROW


def test_a_drag_draws_a_box() -> None:
    """The new annotation carries the label of the scene, an id, and is selected."""
    step = gesture(BoxTool(), scene(), (150, 60), (160, 70), (190, 95))

    (edit,) = step.edits
    assert isinstance(edit, AddAnnotation)
    assert edit.annotation.geometry == Box(x=150, y=60, w=40, h=35)
    assert edit.annotation.labels == ("van",)
    assert edit.annotation.id
    assert step.selection == Selection((edit.annotation.id,))


@given(
    st.tuples(st.floats(-50, 300), st.floats(-50, 200)),
    st.tuples(st.floats(-50, 300), st.floats(-50, 200)),
    st.booleans(),
)
def test_a_drawn_box_lies_in_the_picture(
    start: tuple[float, float], end: tuple[float, float], shift: bool
) -> None:
    """Wherever the hand goes, and square or not."""
    for edit in gesture(BoxTool(), scene(), start, end, shift=shift).edits:
        box = edit.annotation.geometry
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + box.w <= 200.02
        assert box.y + box.h <= 100.02
        if shift:
            assert box.w == pytest.approx(box.h, abs=0.02)


def test_a_click_draws_nothing() -> None:
    """A box too small to be meant is dropped."""
    assert gesture(BoxTool(), scene(), (150, 60), (151, 61)).edits == ()


def test_a_box_can_be_resized_without_changing_tools() -> None:
    """A press on a handle of what is selected takes the handle."""
    step = gesture(BoxTool(), scene("car"), (60, 50), (70, 60), (80, 70))

    assert isinstance(step.edits[0], ReplaceAnnotation)


def test_drawing_in_a_published_version_is_refused() -> None:
    """Nothing begins."""
    tool = BoxTool()

    assert tool.press(Pointer(x=10, y=10), scene(editable=False)).refused
    assert not tool.active


def test_the_far_corner_of_a_turned_box_stays_while_resizing() -> None:
    """The maths are done along the box's own axes."""
    box = Box(x=40, y=40, w=40, h=20, angle=0.6)
    before = outline_of(box)
    after = outline_of(reshaped(box, Corner.SE, 110, 90))

    assert before is not None
    assert after is not None
    assert after.rings[0][0] == pytest.approx(before.rings[0][0], abs=0.02)
    assert after.rings[0][2] == pytest.approx((110, 90), abs=0.02)


def test_the_handle_above_turns_a_box() -> None:
    """A quarter turn to the right points it along the x axis; Shift goes in steps of 15 degrees."""
    box = Box(x=40, y=40, w=40, h=20)

    turned = reshaped(box, Corner.ROTATE, 500, 50)
    stepped = reshaped(box, Corner.ROTATE, 61, 0, even=True)

    assert turned.angle == pytest.approx(math.pi / 2, abs=1e-4)
    assert stepped.angle is None


def test_points_of_polygons_and_keypoints_move_alone() -> None:
    """Rings are counted through."""
    polygon = Polygon(rings=((0, 0, 9, 0, 9, 9), (1, 1, 2, 1, 2, 2)))
    keypoints = Keypoints(points=(1, 1, 2, 2), visibility=(2, 1))

    assert reshaped(polygon, 4, 5, 6) == Polygon(rings=((0, 0, 9, 0, 9, 9), (1, 1, 5, 6, 2, 2)))
    assert reshaped(keypoints, 1, 5, 6) == Keypoints(points=(1, 1, 5, 6), visibility=(2, 1))


@pytest.mark.parametrize(
    "geometry",
    [
        Box(x=1, y=2, w=3, h=4, angle=0.5),
        Ellipse(cx=5, cy=5, rx=2, ry=3, theta=0.2),
        Polygon(rings=((0, 0, 9, 0, 9, 9),)),
        Keypoints(points=(1, 1, 2, 2)),
    ],
)
def test_moving_keeps_the_kind_and_all_it_says(geometry: Box | Ellipse | Polygon | Keypoints) -> None:
    """There and back gives the same value, angle and all."""
    there = moved(geometry, 10, -5)

    assert type(there) is type(geometry)
    assert there != geometry
    assert moved(there, -10, 5) == geometry
