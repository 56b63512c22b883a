"""Donuts, waffles and coffee, each a surface over a patch."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from drawing.raster import Array, Patch, Scene, Surface, blur, linear, mix, noise, smooth

SPRINKLES = ("#ff4f79", "#ffd23f", "#3bceac", "#3a86ff", "#ffffff", "#ff8c42", "#8f5bd7")
CHOCOLATE_SPRINKLES = ("#2b1610", "#3a1f14", "#6b3f22", "#f4e3cf")

GLAZES = {
    "strawberry": "#f58fb0",
    "chocolate": "#3d2015",
    "vanilla": "#f6ead6",
    "caramel": "#bd7427",
    "matcha": "#a3b766",
    "blueberry": "#8d7fc7",
    "lemon": "#f5d96b",
    "raspberry": "#d23a5b",
}


@dataclass
class Donut:
    """A ring of dough; ``glaze`` names its icing, "" for sugar; ``top`` is what is strewn over it."""

    x: float
    y: float
    radius: float
    glaze: str = "strawberry"
    top: str = "sprinkles"
    hole: float = 0.3
    angle: float = 0.0

    @property
    def reach(self) -> float:
        """How far from its middle it may be seen."""
        return self.radius * 1.15


@dataclass
class Waffle:
    """A waffle, "round" or "square"; ``tops`` lists what lies on it."""

    x: float
    y: float
    radius: float
    kind: str = "round"
    angle: float = 0.3
    tops: tuple[str, ...] = ()

    @property
    def reach(self) -> float:
        """How far from its middle it may be seen."""
        return self.radius * 1.45


@dataclass
class Cup:
    """A cup of coffee seen from above; its handle points along ``angle``."""

    x: float
    y: float
    radius: float
    angle: float = 0.5
    colour: str = "#f4f1ea"
    art: str = "heart"
    keypoints: list[float] = field(default_factory=list)

    @property
    def reach(self) -> float:
        """How far from its middle it may be seen."""
        return self.radius * 1.75


def _waves(rng: np.random.Generator, theta: Array, size: float, count: int = 6, first: int = 2) -> Array:
    """Returns a smooth random function around a circle, about -size to size."""
    total = np.zeros_like(theta)
    for k in range(first, first + count):
        total += np.sin(k * theta + rng.uniform(0, 6.283)) * rng.normal() / np.sqrt(k)
    return np.asarray(total * size / np.sqrt(count / 2), dtype=np.float32)


def draw_donut(scene: Scene, item: Donut, owner: int) -> None:
    """Lays a donut into the scene."""
    rng = scene.rng
    patch = scene.patch(item.x, item.y, item.reach)
    if patch is None:
        return
    distance, theta = patch.polar()
    outer = item.radius * (1 + _waves(rng, theta, 0.012, 4))
    inner = item.radius * item.hole * (1 + _waves(rng, theta, 0.05, 3))
    t = (distance - (outer + inner) / 2) / ((outer - inner) / 2)
    tube = item.radius * (1 - item.hole) / 2
    body = np.sqrt(np.clip(1 - t**2, 0.0, 1.0))
    height = tube * 0.82 * body**0.85

    fine = noise(rng, patch.shape, (12, 12), 4)
    broad = noise(rng, patch.shape, (60, 60), 3)
    crust, pale = linear("#a9672b"), linear("#e6b877")
    band = smooth(0.62, 0.95, t) * 0.85 + smooth(-0.75, -0.98, t) * 0.4
    albedo = mix(crust + np.zeros((*patch.shape, 3), np.float32), pale, np.clip(band + 0.18 * broad, 0, 1))
    albedo *= (1 + 0.10 * fine)[..., None]
    height = height + 0.35 * fine
    gloss: Array = np.full(patch.shape, 0.06, np.float32)

    if item.glaze:
        edge = 0.70 + _waves(rng, theta, 0.10, 7, 4)
        inside = 0.80 + _waves(rng, theta, 0.07, 5, 3)
        covered = np.where(t > 0, smooth(0.05, -0.02, t - edge), smooth(0.05, -0.02, -t - inside))
        icing = linear(GLAZES[item.glaze])
        thin = 1 + 0.05 * broad + 0.10 * smooth(0.25, 0.95, body)
        albedo = mix(albedo, icing * thin[..., None], covered)
        height = height + covered * (1.3 + 0.25 * broad)
        gloss = gloss + covered * (0.62 if item.glaze == "chocolate" else 0.42)
    else:
        dust = smooth(0.15, 0.55, fine + 0.6 * broad + 0.9 * body - 0.75)
        albedo = mix(albedo, linear("#fffaf2"), dust * 0.85)

    surface = Surface((np.abs(t) < 1) & (distance > inner), height, albedo, gloss, 55.0)
    _strew(rng, patch, surface, item, t, theta)
    scene.put(patch, surface, owner, sink=2.0)


def _strew(
    rng: np.random.Generator, patch: Patch, surface: Surface, item: Donut, t: Array, theta: Array
) -> None:
    """Puts sprinkles, stripes or nuts on a donut's surface."""
    middle, tube = item.radius * (1 + item.hole) / 2, item.radius * (1 - item.hole) / 2
    if item.top in ("sprinkles", "dark"):
        colours = SPRINKLES if item.top == "sprinkles" else CHOCOLATE_SPRINKLES
        for _ in range(int(item.radius * 1.25)):
            angle, across = rng.uniform(0, 6.283), rng.uniform(-0.62, 0.55)
            where = middle + across * tube
            x, y = where * np.cos(angle), where * np.sin(angle)
            colour = linear(colours[rng.integers(len(colours))])
            _capsule(
                patch, surface, x, y, rng.uniform(0, 3.142), item.radius * 0.055, item.radius * 0.024, colour
            )
    elif item.top == "nuts":
        for _ in range(int(item.radius * 1.6)):
            angle, across = rng.uniform(0, 6.283), rng.uniform(-0.6, 0.5)
            where = middle + across * tube
            size = item.radius * rng.uniform(0.018, 0.042)
            colour = linear("#d9a766") * rng.uniform(0.7, 1.15)
            _capsule(
                patch,
                surface,
                where * np.cos(angle),
                where * np.sin(angle),
                rng.uniform(0, 3.142),
                size * 0.6,
                size,
                colour,
            )
    elif item.top == "stripes":
        u, v = patch.turned(item.angle)
        pitch = item.radius * 0.23
        sway = pitch * 0.28 * np.sin(v / item.radius * 5 + 1.3)
        line = np.abs((u + sway) / pitch - np.round((u + sway) / pitch)) * pitch
        drawn = smooth(item.radius * 0.042, item.radius * 0.022, line) * smooth(0.66, 0.56, np.abs(t + 0.03))
        icing = linear("#fff8ec" if item.glaze in ("chocolate", "raspberry", "caramel") else "#4a2718")
        surface.albedo[:] = mix(surface.albedo, icing, drawn)
        surface.height += drawn * 0.9


def _capsule(
    patch: Patch, surface: Surface, x: float, y: float, angle: float, half: float, thick: float, colour: Array
) -> None:
    """Adds one rod with round ends, of half length ``half``, to a surface."""
    near = (np.abs(patch.x - x) < half + thick) & (np.abs(patch.y - y) < half + thick)
    rows, columns = np.nonzero(near)
    if not len(rows):
        return
    part = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
    dx, dy = patch.x[part] - x, patch.y[part] - y
    c, s = np.cos(angle), np.sin(angle)
    along = np.clip(dx * c + dy * s, -half, half)
    away = np.hypot(dx - along * c, dy - along * s)
    inside = smooth(thick, thick * 0.75, away)
    surface.albedo[part] = mix(surface.albedo[part], colour, inside)
    surface.height[part] += thick * 1.1 * np.sqrt(np.clip(1 - (away / thick) ** 2, 0, 1))
    surface.gloss[part] += inside * 0.15


def _pocket(place: Array) -> Array:
    """Returns 1 in the pockets of a waffle and 0 on its ribs, which stand at whole numbers."""
    part = place - np.floor(place)
    return smooth(0.20, 0.36, 2 * part * (1 - part))


def draw_waffle(scene: Scene, item: Waffle, owner: int) -> None:
    """Lays a waffle into the scene."""
    rng = scene.rng
    patch = scene.patch(item.x, item.y, item.reach)
    if patch is None:
        return
    u, v = patch.turned(item.angle)
    u, v = u + 0.6 * noise(rng, patch.shape, (60, 60), 2), v + 0.6 * noise(rng, patch.shape, (60, 60), 2)
    _, theta = patch.polar()
    r = item.radius
    if item.kind == "round":
        inside = r * (1 + _waves(rng, theta, 0.012, 5)) - np.hypot(u, v)
    else:
        a, corner = r * 0.95, r * 0.16
        du, dv = np.abs(u) - (a - corner), np.abs(v) - (a - corner)
        inside = corner - np.hypot(np.maximum(du, 0), np.maximum(dv, 0)) - np.minimum(np.maximum(du, dv), 0)
        inside = inside + r * _waves(rng, theta, 0.008, 5)
    thick = r * 0.16
    roll = np.sqrt(np.clip(1 - np.clip(1 - inside / (r * 0.13), 0, 1) ** 2, 0, 1))
    pitch = r * 0.335
    pocket_u, pocket_v = _pocket(u / pitch), _pocket(v / pitch)
    pocket = pocket_u * pocket_v * smooth(r * 0.05, r * 0.13, inside)
    fine, broad = noise(rng, patch.shape, (9, 9), 4), noise(rng, patch.shape, (110, 110), 3)
    height = thick * roll + (r * 0.085) * roll * (1 - pocket) + 0.35 * fine

    brown, gold, pale = linear("#9c5a1e"), linear("#d0913f"), linear("#e9bd6e")
    albedo = mix(
        gold + np.zeros((*patch.shape, 3), np.float32), brown, np.clip(0.45 + 0.5 * broad + 0.2 * fine, 0, 1)
    )
    albedo = mix(albedo, pale, pocket * np.clip(0.55 - 0.35 * broad, 0, 1))
    albedo = mix(albedo, pale, smooth(r * 0.07, 0.0, inside) * 0.5)
    gloss = np.full(patch.shape, 0.10, np.float32)
    surface = Surface(inside > 0, height, albedo, gloss, 110.0)
    for top in item.tops:
        _top(rng, patch, surface, top, item, inside)
    scene.put(patch, surface, owner, sink=2.0)


def _top(
    rng: np.random.Generator, patch: Patch, surface: Surface, top: str, item: Waffle, inside: Array
) -> None:
    """Puts one kind of topping on a waffle's surface."""
    r = item.radius
    if top == "syrup":
        away = np.hypot(patch.x + r * 0.1, patch.y - r * 0.05)
        pool = smooth(0.05, -0.06, away / r - 0.52 - 0.22 * noise(rng, patch.shape, (70, 70), 3))
        pool *= smooth(0.0, r * 0.06, inside)
        level = np.percentile(surface.height[surface.mask], 42)
        surface.albedo[:] = mix(surface.albedo, linear("#5a2204"), pool * 0.80)
        poured = np.maximum(blur(surface.height, 5.0), level - (1 - pool) * r * 0.3)
        surface.height[:] = surface.height + (poured - surface.height) * pool
        surface.gloss += pool * 0.9
    elif top == "sugar":
        dust = smooth(
            0.0, 0.75, noise(rng, patch.shape, (7, 7), 3) + 0.5 * noise(rng, patch.shape, (90, 90), 2) + 0.15
        )
        surface.albedo[:] = mix(surface.albedo, linear("#fffdf8"), dust * 0.8)
    elif top == "butter":
        u, v = patch.turned(item.angle + 0.5)
        half = r * 0.17
        square = half * 1.15 - (np.abs(u) ** 5 + np.abs(v) ** 5) ** 0.2
        _blob(surface, square, half * 0.7, linear("#ffe680"), 0.35, flat=True)
    elif top == "cream":
        distance, theta = patch.polar()
        swirl = 1 + 0.10 * np.cos(7 * theta + distance / r * 9)
        _blob(surface, r * 0.36 - distance * swirl, r * 0.26, linear("#fffaf0"), 0.18)
    else:
        dark, bright = ("#c21830", "#e8394b") if top == "raspberries" else ("#28305f", "#4a5796")
        for _ in range(rng.integers(4, 7)):
            angle, where = rng.uniform(0, 6.283), r * rng.uniform(0.12, 0.62)
            size = r * rng.uniform(0.095, 0.13)
            dx, dy = patch.x - where * np.cos(angle), patch.y - where * np.sin(angle)
            away = np.hypot(dx, dy)
            bumps = 0.06 * np.sin(dx / size * 7) * np.sin(dy / size * 7) if top == "raspberries" else 0.0
            colour = linear(dark) + (linear(bright) - linear(dark)) * float(rng.uniform(0.2, 0.9))
            _blob(surface, size * (1 + bumps) - away, size * 0.95, colour, 0.4)


def _blob(
    surface: Surface, inside: Array, rise: float, colour: Array, gloss: float, *, flat: bool = False
) -> None:
    """Adds something round (or flat with round edges) that stands ``rise`` above a surface."""
    size = float(inside.max())
    if size <= 0:
        return
    depth = np.clip(inside / size, 0, 1)
    dome = smooth(0.0, 0.35, depth) if flat else np.sqrt(np.clip(1 - (1 - depth) ** 2, 0, 1))
    drawn = inside > 0
    level = float(np.percentile(surface.height[drawn], 70))
    surface.height[drawn] = (level + rise * dome)[drawn]
    surface.albedo[drawn] = colour
    surface.gloss[drawn] = gloss


def draw_cup(scene: Scene, item: Cup, owner: int) -> None:
    """Lays a cup of coffee into the scene and notes where its handle and rim are."""
    rng = scene.rng
    r = item.radius
    c, s = float(np.cos(item.angle)), float(np.sin(item.angle))
    item.keypoints[:] = [
        item.x + c * r * 1.52,
        item.y + s * r * 1.52,
        item.x + s * r,
        item.y - c * r,
        item.x - s * r,
        item.y + c * r,
    ]
    patch = scene.patch(item.x, item.y, item.reach)
    if patch is None:
        return
    china = linear(item.colour) + np.zeros((*patch.shape, 3), np.float32)
    u, v = patch.turned(item.angle)
    along = np.clip(u, 0, r * 1.38)
    width = r * (0.15 + 0.05 * smooth(r * 1.15, r * 1.45, u))
    away = np.hypot(u - along, v)
    bar = np.sqrt(np.clip(1 - (away / width) ** 2, 0, 1))
    handle = Surface(
        (away < width) & (u > 0),
        r * 0.55 + width * bar,
        china.copy(),
        np.full(patch.shape, 0.5, np.float32),
        70.0,
    )
    scene.put(patch, handle, owner)

    distance, _ = patch.polar()
    ring = distance / r
    lip = np.sqrt(np.clip(1 - ((ring - 0.945) / 0.055) ** 2, 0, 1))
    wall = smooth(0.80, 0.93, ring)
    height = r * (0.62 + 0.26 * wall + 0.05 * lip)
    level = r * 0.62
    coffee = ring < 0.845
    height = np.where(coffee, level + r * 0.012 * smooth(0.76, 0.845, ring), height)
    drink = _coffee(rng, patch, item)
    albedo = np.where(coffee[..., None], drink, china)
    gloss = np.where(coffee, 0.22, 0.5).astype(np.float32)
    # The body stands on what lies under it, not on its own handle.
    place = (patch.rows, patch.columns)
    scene.z[place][handle.mask] -= handle.height[handle.mask]
    body = Surface(ring < 1.0, height.astype(np.float32), albedo.astype(np.float32), gloss, 70.0)
    scene.put(patch, body, owner)
    rest = handle.mask & ~body.mask
    scene.z[place][rest] += handle.height[rest]


def _coffee(rng: np.random.Generator, patch: Patch, item: Cup) -> Array:
    """Returns the colours of the drink: crema, milk and what the barista drew with it."""
    r = item.radius * 0.845
    turn = item.angle + 1.2
    u, v = patch.turned(turn)
    wobble = noise(rng, patch.shape, (45, 45), 3)
    u, v = u / r + 0.012 * wobble, v / r + 0.012 * noise(rng, patch.shape, (45, 45), 3)
    ring = np.hypot(u, v)
    fine = noise(rng, patch.shape, (8, 8), 3)
    crema, dark = linear("#a9682f"), linear("#5a2e12")
    edge = np.clip(0.25 + 0.6 * smooth(0.55, 1.0, ring) + 0.3 * wobble, 0, 1)
    base = mix(crema + np.zeros((*patch.shape, 3), np.float32), dark, edge)
    if item.art == "black":
        base = mix(linear("#22100a") + np.zeros_like(base), linear("#8a5425"), smooth(0.86, 0.99, ring) * 0.9)
        bubbles = smooth(0.62, 0.8, fine) * smooth(0.7, 0.95, ring)
        return mix(base, linear("#b9824a"), bubbles)
    milk = _art(item.art, u, v)
    if item.art == "foam":
        cocoa = smooth(0.35, 0.9, fine + 0.5 * wobble) * smooth(0.62, 0.35, ring)
        milk = milk * (1 - 0.55 * cocoa)
    base = mix(base, linear("#f7e8cf"), milk * 0.95)
    return np.asarray(base * (1 + 0.05 * fine)[..., None], dtype=np.float32)


def _art(art: str, u: Array, v: Array) -> Array:
    """Returns where the milk is, for coordinates in which the cup is the unit circle."""
    if art == "heart":
        x, y = u * 1.62, -v * 1.62 + 0.10
        inside = np.cbrt((x**2 + y**2 - 1) ** 3 - x**2 * y**3)
        waves = smooth(0.35, 0.95, np.sin(np.hypot(u, v + 1.0) * 30)) * smooth(
            0.55, 0.15, np.hypot(u, v + 0.35)
        )
        return smooth(0.06, -0.06, inside) * (1 - 0.35 * waves)
    if art == "rosetta":
        leaf = 0.60 * np.sqrt(np.clip(1 - (v / 0.82) ** 2, 0, 1)) * (1 - 0.25 * v) - np.abs(u)
        stripes = smooth(-0.15, 0.30, np.sin((v + 0.75 * np.abs(u) ** 0.8) * 21))
        stem = smooth(0.045, 0.02, np.abs(u)) * smooth(0.86, 0.80, np.abs(v))
        return np.maximum(smooth(-0.01, 0.04, leaf) * stripes, stem)
    if art == "tulip":
        total = np.zeros_like(u)
        for k, (middle, size) in enumerate(((0.46, 0.42), (0.12, 0.40), (-0.22, 0.34), (-0.52, 0.24))):
            away = np.hypot(u, (v - middle) * 1.25)
            cut = np.hypot(u * 0.9, (v - middle - 0.26) * 1.25) if k < 3 else away + 9
            total = np.maximum(total, smooth(size, size - 0.05, away) * smooth(size - 0.09, size - 0.03, cut))
        return total
    if art == "swirl":
        angle, ring = np.arctan2(v, u), np.hypot(u, v)
        return smooth(0.0, 0.45, np.sin(2 * angle + ring * 11)) * smooth(0.82, 0.68, ring)
    ring = np.hypot(u, v)
    return smooth(0.93, 0.72, ring) * 0.92
