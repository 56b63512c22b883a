"""The grid of frames."""

from __future__ import annotations

import pytest
from hdstore_gui.editing.selection import Ranges
from hdstore_gui.widgets.frame_grid import FrameGrid, Layout
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

SHIFT, CTRL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
NONE = Qt.KeyboardModifier.NoModifier


def click(grid: FrameGrid, row: int, held: Qt.KeyboardModifier = NONE) -> None:
    place = grid.layout_now.rect(row).center() - QPoint(0, grid.verticalScrollBar().value())
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, held, place)


@pytest.fixture
def grid(window: object) -> FrameGrid:
    return window.main.browse.grid


def test_a_million_cells_are_laid_out_by_arithmetic() -> None:
    """Rows and places agree, at the beginning and at the end."""
    layout = Layout(1_000_000, 184, 1000)

    for row in (0, 1, 4, 5, 777_777, 999_999):
        assert layout.row_at(layout.rect(row).center()) == row
    assert layout.row_at(QPoint(2, 2)) == -1
    assert layout.rect(999_999).bottom() < layout.height < 2**31
    seen = layout.rows_in(layout.height // 2, layout.height // 2 + 800)
    assert len(seen) <= 40


@pytest.mark.parametrize("width", [60, 200, 500, 1234])
def test_cells_fill_the_width_and_stay_inside(width: int) -> None:
    """None is cut off, however narrow the window."""
    layout = Layout(100, 184, width)

    assert layout.rect(layout.columns - 1).right() <= max(width, 90)


def test_clicks_select(grid: FrameGrid) -> None:
    """Alone, with Ctrl one more, with Shift a range."""
    click(grid, 1)
    assert list(grid.selection) == [1]
    click(grid, 4, CTRL)
    assert list(grid.selection) == [1, 4]
    click(grid, 2)
    click(grid, 5, SHIFT)
    assert list(grid.selection) == [2, 3, 4, 5]


def test_a_drag_on_empty_ground_selects_what_it_touches(grid: FrameGrid) -> None:
    """A band, as in a file manager."""
    first, second = grid.layout_now.rect(0), grid.layout_now.rect(1)
    start = QPoint(4, 4)
    end = QPoint(second.center().x(), first.center().y())
    QTest.mousePress(grid.viewport(), Qt.MouseButton.LeftButton, NONE, start)
    QTest.mouseMove(grid.viewport(), end)
    QTest.mouseRelease(grid.viewport(), Qt.MouseButton.LeftButton, NONE, end)

    assert list(grid.selection) == [0, 1]


def test_keys_move_and_select(window: object, grid: FrameGrid) -> None:
    """Arrows, Home and End, Shift and Space."""
    grid.setFocus()
    window.key(Qt.Key.Key_Right)
    window.key(Qt.Key.Key_Right)
    assert grid.current == 1
    window.key(Qt.Key.Key_End)
    assert grid.current == 11
    window.key(Qt.Key.Key_Home)
    window.key(Qt.Key.Key_Right, SHIFT)
    assert list(grid.selection) == [0, 1]
    window.key(Qt.Key.Key_Space)
    assert list(grid.selection) == [0]
    window.key(Qt.Key.Key_A, CTRL)
    assert len(grid.selection) == 12


def test_enter_and_double_click_open(window: object, grid: FrameGrid) -> None:
    """Both lead to the frame."""
    grid.setFocus()
    window.key(Qt.Key.Key_Right)
    window.key(Qt.Key.Key_Return)
    assert window.main.frame_view.frame.id == "img0"
    window.key(Qt.Key.Key_Escape)
    place = grid.layout_now.rect(3).center() - QPoint(0, grid.verticalScrollBar().value())
    QTest.mouseDClick(grid.viewport(), Qt.MouseButton.LeftButton, NONE, place)
    window.settle()
    assert window.main.frame_view.frame.id == "img3"


def test_the_wheel_with_ctrl_changes_the_size(window: object, grid: FrameGrid) -> None:
    """The slider follows."""
    before = grid.cell_width
    event = QWheelEvent(
        QPointF(50, 50), QPointF(50, 50), QPoint(), QPoint(0, 240), Qt.MouseButton.NoButton, CTRL,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(grid.viewport(), event)

    assert grid.cell_width > before
    assert window.main.browse.slider.value() == grid.cell_width


def test_thumbnails_are_painted_with_annotations(window: object, grid: FrameGrid) -> None:
    """The picture's red square and the outline of the car are seen."""
    window.settle()
    window.app.images.ready.connect(lambda keys: None)
    window.qtbot.waitUntil(lambda: not window.app.images.is_busy)
    QApplication.processEvents()
    image = grid.viewport().grab().toImage()
    rect = grid.layout_now.rect(0)
    colors = {
        image.pixelColor(x, y).name()
        for x in range(rect.left(), rect.right())
        for y in range(rect.top(), rect.bottom() - 50)
    }

    red, green, blue = window.main.frame_view._colours.of("car")
    near = [name for name in colors if _near(name, (red, green, blue))]
    assert near
    assert any(_near(name, (220, 60, 40)) for name in colors)


def test_selected_frames_stay_selected_when_the_list_changes(window: object, grid: FrameGrid) -> None:
    """They are known by id, not by row."""
    grid.select(Ranges.of([2, 7]), current=7)
    window.main.browse.query.set_text("NOT rois.label:person")
    window.settle()
    assert [window.main.frames.id_at(row) for row in grid.selection] == ["img7"]
    assert window.main.frames.id_at(grid.current) == "img7"


def _near(name: str, wanted: tuple[int, int, int]) -> bool:
    value = int(name[1:], 16)
    parts = (value >> 16, value >> 8 & 255, value & 255)
    return all(abs(a - b) < 40 for a, b in zip(parts, wanted, strict=True))
