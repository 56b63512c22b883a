"""What stands on the table in each picture, and in what light it was taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from drawing.food import GLAZES, Cup, Donut, Waffle, draw_cup, draw_donut, draw_waffle
from drawing.raster import HEIGHT, WIDTH, Light, Scene
from drawing.table import (
    Plate,
    draw_beans,
    draw_crumbs,
    draw_napkin,
    draw_plate,
    draw_spoon,
    draw_table,
)

Item = Donut | Waffle | Cup | Plate
KINDS: dict[type[Item], str] = {Donut: "donut", Waffle: "waffle", Cup: "coffee", Plate: "plate"}

CHINA = ("#f6f4ef", "#f6f4ef", "#efe9dc", "#dfe7ea", "#e7d5c5", "#40464d", "#c7d6c2")
MUGS = ("#f4f1ea", "#f4f1ea", "#2f5d62", "#c9573f", "#e8c468", "#3d4f7c", "#e3c9c0", "#2b2d31")
RIMS = ("", "", "#3f6ea8", "#b5523b", "#4f7a5b", "#c79a3b")
TOPS = ("sprinkles", "dark", "nuts", "stripes", "none")
ARTS = ("heart", "rosetta", "tulip", "swirl", "black", "foam")
CLOTHS = ("#3f6ea8", "#b5523b", "#4f7a5b", "#8a6d9c")


@dataclass
class Shot:
    """One picture: its name, where and when it was taken, and what makes it hard."""

    name: str
    table: str
    layout: str
    seed: int
    light: str = "day"
    blurred: bool = False
    dark: bool = False


@dataclass
class Table:
    """A scene that is being laid; the owner of a pixel is the place of its item in ``items``, from 1."""

    scene: Scene
    items: list[Item] = field(default_factory=list)
    flip: bool = False

    @property
    def rng(self) -> np.random.Generator:
        """The picture's own chance."""
        return self.scene.rng

    def add(self, item: Item) -> None:
        """Lays an item on top of what is there."""
        if self.flip:
            item.x = WIDTH - item.x
            if isinstance(item, Cup):
                item.angle = np.pi - item.angle
        self.items.append(item)
        owner = len(self.items)
        if isinstance(item, Donut):
            draw_donut(self.scene, item, owner)
        elif isinstance(item, Waffle):
            draw_waffle(self.scene, item, owner)
        elif isinstance(item, Cup):
            draw_cup(self.scene, item, owner)
        else:
            draw_plate(self.scene, item, owner)

    def x(self, value: float) -> float:
        """Returns where something that is no item lies across."""
        return WIDTH - value if self.flip else value

    def pick(self, choices: tuple[str, ...]) -> str:
        """Returns one of some words."""
        return str(choices[self.rng.integers(len(choices))])

    def near(self, value: float, spread: float = 12.0) -> float:
        """Returns a number about a value."""
        return float(value + self.rng.uniform(-spread, spread))

    def plate(self, x: float, y: float, radius: float) -> None:
        """Lays a plate of any kind."""
        colour = self.pick(CHINA)
        speckled = bool(self.rng.random() < 0.3)
        self.add(Plate(x, y, radius, colour, "" if speckled else self.pick(RIMS), speckled))

    def donut(self, x: float, y: float, radius: float) -> None:
        """Lays a donut of any kind."""
        glaze = self.pick((*GLAZES, "strawberry", "chocolate", ""))
        top = self.pick(TOPS)
        if not glaze:
            top = "none"
        hole = float(self.rng.uniform(0.26, 0.34))
        self.add(Donut(x, y, radius, glaze, top, hole, float(self.rng.uniform(0, 3.1))))

    def waffle(self, x: float, y: float, radius: float, kind: str = "") -> None:
        """Lays a waffle of any kind."""
        tops: tuple[str, ...] = (
            (),
            ("sugar",),
            ("syrup", "butter"),
            ("sugar", "raspberries", "cream"),
            ("blueberries", "cream"),
            ("syrup", "raspberries"),
            ("butter",),
        )[self.rng.integers(7)]
        kind = kind or self.pick(("round", "square"))
        self.add(Waffle(x, y, radius, kind, float(self.rng.uniform(0, 1.5)), tops))

    def cup(self, x: float, y: float, radius: float, *, saucer: bool | None = None) -> None:
        """Lays a cup of any kind, with or without a saucer."""
        colour = self.pick(MUGS)
        if saucer if saucer is not None else self.rng.random() < 0.6:
            light = colour in MUGS[:2]
            self.add(Plate(x, y, radius * 1.72, colour, self.pick(RIMS) if light else ""))
        self.add(Cup(x, y, radius, float(self.rng.uniform(-0.9, 0.9)), colour, self.pick(ARTS)))

    def clutter(self, x: float, y: float) -> None:
        """Lays a spoon, fork, beans or crumbs."""
        what = self.rng.integers(4)
        if what == 0:
            draw_spoon(self.scene, self.x(x), y, self.near(125, 10), self.near(1.6, 0.5))
        elif what == 1:
            draw_spoon(self.scene, self.x(x), y, self.near(135, 10), self.near(1.6, 0.5), fork=True)
        elif what == 2:
            draw_beans(self.scene, self.x(x), y, 22, int(self.rng.integers(7, 15)))
        else:
            draw_crumbs(self.scene, self.x(x), y, 26, 40)

    def napkin(self, x: float, y: float, size: float = 70) -> None:
        """Lays a napkin."""
        angle = self.near(0.4, 0.6)
        draw_napkin(self.scene, self.x(x), y, size, angle, self.pick(CLOTHS))


def _pair(t: Table) -> None:
    t.clutter(t.near(60), t.near(280, 20))
    t.plate(t.near(190), t.near(185, 10), t.near(120, 6))
    t.donut(t.near(150, 8), t.near(160), t.near(52, 3))
    t.donut(t.near(232, 8), t.near(212), t.near(52, 3))
    t.cup(t.near(400), t.near(110, 20), t.near(41, 3))
    t.clutter(t.near(395), t.near(275))


def _breakfast(t: Table) -> None:
    t.napkin(t.near(90, 20), t.near(270, 20), t.near(72, 6))
    t.plate(t.near(215), t.near(185), t.near(122, 6))
    t.waffle(t.near(215, 6), t.near(185, 6), t.near(72, 4))
    t.cup(t.near(410), t.near(100, 15), t.near(43, 3))
    t.clutter(t.near(385), t.near(270))


def _trio(t: Table) -> None:
    t.plate(t.near(265), t.near(195, 8), t.near(132, 6))
    turn = t.near(0, 3)
    for k in range(3):
        angle = turn + k * 2.094
        t.donut(265 + 50 * np.cos(angle), 195 + 50 * np.sin(angle), t.near(53, 2))
    t.clutter(t.near(60), t.near(180, 60))
    t.cup(t.near(452, 8), t.near(60), t.near(42, 3), saucer=False)


def _rows(t: Table) -> None:
    size = t.near(50, 5)
    pitch, shift = size * 2.18, t.near(0, 30)
    for row in range(-1, 4):
        for column in range(-1, 6):
            x = shift + (column + 0.5 * (row % 2)) * pitch
            y = 55 + shift + row * pitch * 0.90
            if (
                -size * 0.55 < x < WIDTH + size * 0.55
                and -size * 0.55 < y < HEIGHT + size * 0.55
                and t.rng.random() < 0.86
            ):
                t.donut(t.near(x, 3), t.near(y, 3), size)
    draw_crumbs(t.scene, 240, 180, 120, 50)


def _coffees(t: Table) -> None:
    t.cup(t.near(120), t.near(105), t.near(48, 4), saucer=True)
    t.cup(t.near(330, 15), t.near(120), t.near(44, 4))
    t.cup(t.near(215), t.near(265), t.near(46, 4))
    if t.rng.random() < 0.6:
        t.donut(t.near(405), t.near(280), t.near(50, 3))
    t.clutter(t.near(60, 8), t.near(275))


def _close(t: Table) -> None:
    t.plate(t.near(215, 20), t.near(205, 20), t.near(205, 10))
    t.donut(t.near(170), t.near(185), t.near(112, 6))
    t.donut(t.near(385), t.near(275), t.near(104, 6))
    t.cup(t.near(445, 8), t.near(40, 8), t.near(80, 4), saucer=False)


def _close_waffle(t: Table) -> None:
    t.plate(t.near(240, 20), t.near(190, 20), t.near(225, 8))
    t.waffle(t.near(215), t.near(185), t.near(125, 6))
    t.clutter(t.near(430), t.near(200))


def _stack(t: Table) -> None:
    t.plate(t.near(200), t.near(190), t.near(128, 4))
    t.waffle(t.near(175, 6), t.near(215, 6), t.near(60, 3), "square")
    t.waffle(t.near(225, 6), t.near(165, 6), t.near(60, 3), "square")
    t.cup(t.near(405), t.near(255), t.near(45, 3))
    t.clutter(t.near(400), t.near(90))


def _brunch(t: Table) -> None:
    t.napkin(t.near(60), t.near(80), t.near(70, 6))
    t.plate(t.near(150), t.near(230), t.near(105, 4))
    t.waffle(t.near(128, 5), t.near(240, 5), t.near(54, 3))
    t.donut(t.near(200, 5), t.near(190, 5), t.near(44, 3))
    t.plate(t.near(375), t.near(105), t.near(92, 4))
    t.donut(t.near(350, 5), t.near(90, 5), t.near(43, 3))
    t.donut(t.near(405, 5), t.near(130, 5), t.near(43, 3))
    t.cup(t.near(385), t.near(285), t.near(40, 3))
    t.clutter(t.near(275, 6), t.near(290))
    t.clutter(t.near(230), t.near(60))


def _alone(t: Table) -> None:
    t.cup(t.near(250, 50), t.near(180, 25), t.near(66, 8), saucer=bool(t.rng.random() < 0.7))
    t.clutter(t.near(80, 15), t.near(120))
    t.clutter(t.near(410, 15), t.near(250))


def _edge(t: Table) -> None:
    t.plate(t.near(60), t.near(80), t.near(125, 6))
    t.donut(t.near(20, 6), t.near(75), t.near(54, 3))
    t.donut(t.near(105, 6), t.near(110), t.near(54, 3))
    t.plate(t.near(430), t.near(320), t.near(120, 6))
    t.waffle(t.near(430, 6), t.near(320, 6), t.near(66, 3))
    t.cup(t.near(300, 10), t.near(110), t.near(44, 3), saucer=True)
    t.clutter(t.near(200), t.near(285))


def _mixed(t: Table) -> None:
    t.plate(t.near(170), t.near(175), t.near(128, 5))
    t.waffle(t.near(140, 5), t.near(190, 5), t.near(62, 3))
    t.donut(t.near(222, 5), t.near(140, 5), t.near(50, 3))
    t.cup(t.near(375), t.near(235), t.near(52, 4))
    t.clutter(t.near(380), t.near(70))


def _heap(t: Table) -> None:
    t.plate(t.near(190), t.near(190), t.near(145, 4))
    for k in range(19):
        away, turn = 27 * np.sqrt(k) * t.near(0.92, 0.06), k * 2.39996
        t.donut(190 + away * np.cos(turn), 190 + away * np.sin(turn), t.near(25, 2))
    t.cup(t.near(410), t.near(110), t.near(43, 3))


LAYOUTS: dict[str, Callable[[Table], None]] = {
    "pair": _pair,
    "breakfast": _breakfast,
    "trio": _trio,
    "rows": _rows,
    "coffees": _coffees,
    "close": _close,
    "close waffle": _close_waffle,
    "stack": _stack,
    "brunch": _brunch,
    "alone": _alone,
    "edge": _edge,
    "mixed": _mixed,
    "heap": _heap,
}


def _light(shot: Shot, rng: np.random.Generator) -> Light:
    azimuth = float(rng.uniform(-2.7, -0.4))
    if shot.light == "night":
        spot = (float(rng.uniform(170, 310)), float(rng.uniform(130, 220)), float(rng.uniform(190, 250)))
        light = Light(azimuth, 0.95, "#ffd19a", "#7d7f9c", 1.0, 0.26, spot, 0.35, 0.012)
    else:
        sun = ("#fff3e0", "#fffaf2", "#ffe9c8")[rng.integers(3)]
        light = Light(azimuth, float(rng.uniform(0.68, 0.95)), sun, "#dfe8ff", 1.02, 0.42)
    if shot.dark:
        light.strength, light.grain = light.strength * 0.34, 0.02
    if shot.blurred:
        light.blur = float(rng.uniform(2.2, 3.2))
    return light


def take(shot: Shot) -> tuple[Image.Image, Table]:
    """Returns the picture of a shot and what stands on its table."""
    rng = np.random.default_rng(shot.seed)
    table = Table(Scene(rng), flip=bool(rng.random() < 0.4))
    draw_table(table.scene, shot.table)
    LAYOUTS[shot.layout](table)
    return table.scene.render(_light(shot, rng)), table


def _shots(place: str, rows: str) -> list[Shot]:
    """Returns the shots of a place from lines of "table; layout; light; flaws"."""
    shots = []
    for number, row in enumerate(rows.strip().splitlines(), start=1):
        table, layout, light, flaws = (part.strip() for part in row.split(";"))
        seed = sum(ord(c) for c in place) * 1000 + number * 17
        shots.append(
            Shot(f"{place}-{number:02}", table, layout, seed, light, "blurred" in flaws, "dark" in flaws)
        )
    return shots


CAFE = """
oak; pair; day;
marble; breakfast; day;
walnut; trio; night;
terrazzo; coffees; day;
slate; mixed; day;
oak; alone; day;
marble; close; day;
walnut; brunch; night; dark
slate; stack; night;
mustard; edge; day;
oak; coffees; day; blurred
terrazzo; pair; day;
walnut; close waffle; day;
marble; alone; night;
"""

KITCHEN = """
painted; breakfast; day;
gingham; pair; day;
linen; stack; day;
mint; coffees; day;
white; brunch; day;
gingham; mixed; day; blurred
painted; close waffle; day;
linen; alone; day;
white; edge; day;
oak; breakfast; night; dark
mint; trio; day;
painted; mixed; night;
gingham; close; day;
linen; brunch; day;
"""

BAKERY = """
white; rows; day;
rose; trio; day;
marble; rows; day;
mustard; heap; day;
slate; rows; night;
rose; breakfast; day;
white; close; day; blurred
marble; stack; day;
walnut; rows; day;
mint; pair; day;
rose; coffees; night; dark
terrazzo; brunch; day;
slate; close; day;
mustard; mixed; day; blurred
"""

SHOTS = [*_shots("cafe", CAFE), *_shots("kitchen", KITCHEN), *_shots("bakery", BAKERY)]
