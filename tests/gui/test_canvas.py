"""What the canvas paints, and how it is moved."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hdstore_gui.editing.labels import Colours
from hdstore_gui.services.images import Loaded
from hdstore_gui.services.pictures import Picture
from hdstore_gui.widgets.canvas import Canvas
from hdstore_gui.widgets.theme import Theme
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from hdstore.model import (
    ALL_MASKS,
    Annotation,
    Box,
    Ellipse,
    Geometry,
    Keypoints,
    Label,
    Mask,
    MaskLabel,
    MaskValue,
    Polygon,
    Rle,
    Schema,
    SingleFrame,
    Skeleton,
    Source,
    Stats,
)

RED = "#ff0000"
SCHEMA = Schema(
    labels=(Label(name="thing", color=RED, skeleton=Skeleton(edges=((0, 1),))),),
    mask_labels={ALL_MASKS: (MaskLabel(labels=("sky",), value=(7,), color="#00ff00"),)},
)


@pytest.fixture
def canvas(qapp: QApplication, qtbot: QtBot) -> Canvas:
    theme = Theme(qapp, "light")
    made = Canvas(theme)
    theme.setParent(made)
    qtbot.addWidget(made)
    made.resize(448, 348)
    made.show()
    qtbot.waitExposed(made)
    return made


@pytest.fixture
def show(canvas: Canvas) -> Callable[..., QImage]:
    """Returns a function that shows annotations on a grey picture of 400 x 300 and gives what is painted, at rest."""

    def paint(*geometries: Geometry | None, masks: dict[str, np.ndarray] | None = None) -> QImage:
        image = QImage(400, 300, QImage.Format.Format_RGB32)
        image.fill(QColor("#808080"))
        annotations = tuple(
            Annotation(id=str(number), labels=("thing",), geometry=one)
            for number, one in enumerate(geometries)
        )
        source = Source(width=400, height=300, masks=tuple(Mask(id=name, uri="m") for name in masks or {}))
        frame = SingleFrame(id="f", sources=(source,), annotations=annotations)
        canvas.show_picture(Loaded(Picture((image,)), masks or {}))
        colours = Colours.of_version(SCHEMA, Stats())
        canvas.show_frame(frame, "00", schema=SCHEMA, colours=colours)
        canvas.show_labels(False)
        canvas._come_to_rest()
        return canvas.grab().toImage()

    return paint


def redness(canvas: Canvas, image: QImage, x: float, y: float) -> int:
    """Returns how much redder than grey the painting is at a picture point."""
    color = painted(canvas, image, x, y)
    return color.red() - color.blue()


def painted(canvas: Canvas, image: QImage, x: float, y: float) -> QColor:
    """Returns the colour at a picture point, at any scale of the screen."""
    at = QPointF(*canvas.viewport.to_view(x, y)) * image.devicePixelRatio()
    return QColor(image.pixel(at.toPoint()))


RUNS = [300 * 100 + 100]
for _ in range(50):
    RUNS += [80, 220]
RUNS[-1] = 400 * 300 - sum(RUNS[:-1])

PAINTED = [
    (Box(x=50, y=50, w=100, h=80), [(50, 90), (100, 50)], [(200, 90)]),
    (Box(x=50, y=90, w=100, h=20, angle=np.pi / 2), [(110, 100), (100, 50)], [(50, 100)]),
    (Polygon(rings=((50, 50, 150, 50, 150, 150, 50, 150), (80, 80, 120, 80, 120, 120, 80, 120))),
     [(50, 100), (80, 100), (65, 100)], [(100, 100)]),
    (Ellipse(cx=100, cy=100, rx=50, ry=30), [(50, 100), (100, 70)], [(52, 72)]),
    (Keypoints(points=(50, 50, 150, 150, 20, 250), visibility=(2, 2, 0)), [(50, 50), (100, 100)], [(20, 250)]),
    (Rle(counts=tuple(RUNS), height=300, width=400), [(120, 140), (101, 101)], [(90, 140), (120, 190)]),
]  # fmt: skip


@pytest.mark.parametrize(("geometry", "inked", "bare"), PAINTED, ids=lambda one: type(one).__name__)
def test_every_kind_is_painted_where_it_lies(
    canvas: Canvas,
    show: Callable[..., QImage],
    geometry: Geometry,
    inked: list[tuple[float, float]],
    bare: list[tuple[float, float]],
) -> None:
    """Lines and fillings in the label's colour; holes, corners and hidden points bare."""
    image = show(geometry)

    for x, y in inked:
        assert redness(canvas, image, x, y) > 10, (x, y)
    for x, y in bare:
        assert redness(canvas, image, x, y) <= 5, (x, y)


def test_mask_values_and_labelled_masks_are_painted(canvas: Canvas, show: Callable[..., QImage]) -> None:
    """A mask annotation in its label's colour, other values as the schema says."""
    values = np.zeros((300, 400), dtype=np.int64)
    values[100:150, 100:200] = 3
    values[200:250, 100:200] = 7

    image = show(MaskValue(value=(3,), mask="m"), masks={"m": values})

    assert redness(canvas, image, 150, 120) > 10
    sky = painted(canvas, image, 150, 220)
    assert sky.green() - sky.red() > 10
    assert canvas.drawing.hits.at(150, 120, reach=1).annotation_id == "0"


def test_a_frame_label_is_written_over_the_picture(canvas: Canvas, show: Callable[..., QImage]) -> None:
    """It has no geometry to stand at."""
    show(None)
    canvas.show_labels(True)
    image = canvas.grab().toImage()

    assert any(redness(canvas, image, x, 20) > 60 for x in range(10, 60))


def test_pixels_stay_pixels_when_zoomed_in(canvas: Canvas, qtbot: QtBot) -> None:
    """Nothing is smoothed: two neighbours have a hard border."""
    image = QImage(2, 2, QImage.Format.Format_RGB32)
    image.fill(QColor("black"))
    image.setPixelColor(1, 0, QColor("white"))
    canvas.show_picture(Loaded(Picture((image,)), {}))
    canvas.zoom(4)
    canvas._come_to_rest()
    shown = canvas.grab().toImage()

    across = [painted(canvas, shown, 0.05 + step / 100, 0.5) for step in range(190)]
    levels = {color.lightness() for color in across}
    assert levels <= {0, 255}
    assert len(levels) == 2


def test_the_wheel_zooms_about_the_pointer(canvas: Canvas, show: Callable[..., QImage]) -> None:
    """What is under it stays under it; the way is told."""
    show()
    before = canvas.viewport.to_picture(100, 100)
    event = QWheelEvent(
        QPointF(100, 100), QPointF(100, 100), QPoint(), QPoint(0, 480), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.ControlModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(canvas, event)

    assert canvas.viewport.scale > 1.5
    assert canvas.viewport.to_picture(100, 100) == pytest.approx(before)


def test_space_and_the_hand_move_the_picture(canvas: Canvas, show: Callable[..., QImage]) -> None:
    """Nothing is selected meanwhile."""
    show(Box(x=100, y=100, w=200, h=150))
    canvas.zoom(2)
    before = canvas.viewport
    canvas.setFocus()
    QTest.keyPress(canvas, Qt.Key.Key_Space)
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(200, 150))
    QTest.mouseMove(canvas, QPoint(230, 170))
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(230, 170))
    QTest.keyRelease(canvas, Qt.Key.Key_Space)

    assert (canvas.viewport.x - before.x, canvas.viewport.y - before.y) == pytest.approx((30, 20))
    assert not canvas.selection


def test_hidden_annotations_are_neither_seen_nor_hit(canvas: Canvas, show: Callable[..., QImage]) -> None:
    """One by one, or all."""
    show(Box(x=50, y=50, w=100, h=80))
    canvas.hide_annotations(frozenset({"0"}))
    assert redness(canvas, canvas.grab().toImage(), 100, 50) <= 5
    assert not canvas.drawing.hits.at(100, 90, reach=2)

    canvas.hide_annotations(frozenset())
    canvas.show_annotations(False)
    assert redness(canvas, canvas.grab().toImage(), 100, 50) <= 5


def test_a_fitted_picture_stays_fitted_when_the_window_changes(
    canvas: Canvas, show: Callable[..., QImage]
) -> None:
    """Until the user zooms."""
    show()
    canvas.resize(300, 300)
    assert canvas.viewport.scale == pytest.approx(canvas.viewport.fit_scale)
    canvas.zoom(2)
    scale = canvas.viewport.scale
    canvas.resize(500, 400)
    assert canvas.viewport.scale == scale


def test_a_thousand_annotations_are_all_painted(canvas: Canvas, show: Callable[..., QImage]) -> None:
    """Plainly, but every one."""
    boxes = [Box(x=10 * (n % 38) + 5, y=11 * (n // 38) + 5, w=7, h=8) for n in range(1000)]
    image = show(*boxes)

    for n in (0, 500, 999):
        near = (boxes[n].x + step / 2 for step in (-2, -1, 0, 1, 2))
        assert max(redness(canvas, image, x, boxes[n].y + 4) for x in near) > 10
