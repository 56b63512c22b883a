"""What food lies on and beside: tables, plates, napkins, spoons, beans and crumbs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drawing.raster import FINE, Array, Scene, Surface, linear, mix, noise, smooth


def draw_table(scene: Scene, kind: str) -> None:
    """Covers the whole picture with a table of wood, stone, cloth or paint."""
    painters = {
        "oak": lambda: _wood(scene, "#c99a63", "#8a5a2d", 62),
        "walnut": lambda: _wood(scene, "#7d5233", "#3f2415", 74),
        "painted": lambda: _wood(scene, "#a9c3c6", "#7f9da3", 56, worn=0.25),
        "white": lambda: _wood(scene, "#e9e4da", "#c2b8a6", 68, worn=0.35),
        "marble": lambda: _marble(scene),
        "linen": lambda: _linen(scene, "#d8cbb4"),
        "rose": lambda: _linen(scene, "#dcb0a8"),
        "gingham": lambda: _gingham(scene),
        "slate": lambda: _slate(scene),
        "terrazzo": lambda: _terrazzo(scene),
        "mint": lambda: _plain(scene, "#a8d5c2"),
        "mustard": lambda: _plain(scene, "#e3b04b"),
    }
    painters[kind]()


def _whole(scene: Scene) -> tuple[Array, Array]:
    y, x = np.mgrid[0 : scene.shape[0], 0 : scene.shape[1]].astype(np.float32) / FINE
    return x, y


def _bumps(scene: Scene, height: Array) -> None:
    down, right = np.gradient(height * FINE)
    normal = np.dstack([-right, -down, np.ones_like(right)])
    scene.normal[:] = normal / np.linalg.norm(normal, axis=2, keepdims=True)


def _wood(scene: Scene, light: str, dark: str, plank: float, worn: float = 0.0) -> None:
    rng = scene.rng
    x, y = _whole(scene)
    if rng.random() < 0.5:
        x, y = y, x
        flip = True
    else:
        flip = False
    scale = (26.0, 900.0) if not flip else (900.0, 26.0)
    long = noise(rng, scene.shape, scale, 5, 0.62)
    broad = noise(rng, scene.shape, (300, 300), 2)
    row = np.floor((y + 17) / plank)
    shift = np.sin(row * 12.9898) * 43758.5453
    tone = shift - np.floor(shift)
    rings = np.sin((y * 0.35 + 9 * broad + 5 * long + row * 40) * 0.9) * 0.5 + 0.5
    weight = np.clip(0.30 + 0.28 * long + 0.25 * (rings - 0.5) + 0.28 * (tone - 0.5), 0, 1)
    if worn:
        weight = np.clip(weight * 0.55 + worn * smooth(0.35, 0.8, long), 0, 1)
    albedo = mix(linear(light) + np.zeros((*scene.shape, 3), np.float32), linear(dark), weight)
    seam = np.abs((y + 17) / plank - np.round((y + 17) / plank)) * plank
    groove = smooth(1.3, 0.3, seam)
    scene.albedo[:] = albedo * (1 - 0.65 * groove)[..., None]
    scene.gloss[:] = 0.10 * (1 - groove)
    scene.sharp[:] = 18.0
    _bumps(scene, 0.10 * long - 0.9 * groove)


def _marble(scene: Scene) -> None:
    rng = scene.rng
    warp = noise(rng, scene.shape, (420, 420), 4, 0.6)
    field = noise(rng, scene.shape, (700, 500), 3) + 0.55 * warp
    second = noise(rng, scene.shape, (300, 500), 4) + 0.4 * warp
    veins = np.exp(-((field / 0.035) ** 2)) * 0.55 + np.exp(-((second / 0.02) ** 2)) * 0.25
    cloud = np.clip(0.25 + 0.3 * warp, 0, 1) * 0.35
    albedo = mix(
        linear("#f1efec") + np.zeros((*scene.shape, 3), np.float32),
        linear("#a7a9ad"),
        np.clip(veins + cloud, 0, 1),
    )
    scene.albedo[:] = albedo
    scene.gloss[:] = 0.22
    scene.sharp[:] = 25.0


def _linen(scene: Scene, colour: str) -> None:
    rng = scene.rng
    x, y = _whole(scene)
    warp, weft = noise(rng, scene.shape, (400, 7), 3), noise(rng, scene.shape, (7, 400), 3)
    weave = np.sin(x * 2.4 + weft) * np.sin(y * 2.4 + warp)
    folds = noise(rng, scene.shape, (330, 800), 2)
    tone = 1 + 0.07 * weave + 0.07 * (warp + weft)
    scene.albedo[:] = linear(colour) * tone[..., None]
    _bumps(scene, 0.22 * weave + 9.0 * folds)


def _gingham(scene: Scene) -> None:
    x, y = _whole(scene)
    turn = 0.25
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    size = 25.0
    bands = (
        smooth(-0.12, 0.12, np.sin(u / size * 3.1416)) + smooth(-0.12, 0.12, np.sin(v / size * 3.1416))
    ) / 2
    weave = np.sin(x * 2.6) * np.sin(y * 2.6)
    folds = noise(scene.rng, scene.shape, (400, 700), 2)
    albedo = mix(linear("#f7f1e6") + np.zeros((*scene.shape, 3), np.float32), linear("#c23b3b"), bands)
    scene.albedo[:] = albedo * (1 + 0.05 * weave)[..., None]
    _bumps(scene, 0.15 * weave + 9.0 * folds)


def _slate(scene: Scene) -> None:
    rough = noise(scene.rng, scene.shape, (90, 200), 6, 0.65)
    broad = noise(scene.rng, scene.shape, (500, 500), 2)
    scene.albedo[:] = linear("#4b5157") * (1 + 0.16 * rough + 0.15 * broad)[..., None]
    scene.gloss[:] = 0.07
    scene.sharp[:] = 10.0
    _bumps(scene, 1.0 * rough)


def _terrazzo(scene: Scene) -> None:
    rng = scene.rng
    base = linear("#ece4da") + np.zeros((*scene.shape, 3), np.float32)
    scene.albedo[:] = base * (1 + 0.03 * noise(rng, scene.shape, (30, 30), 3))[..., None]
    for _ in range(420):
        cx, cy, size = rng.uniform(0, 480), rng.uniform(0, 360), float(rng.gamma(3.0, 1.0)) + 1
        patch = scene.patch(cx, cy, size * 1.6)
        if patch is None:
            continue
        distance, theta = patch.polar()
        phase = rng.uniform(0, 6.283)
        edge = size * (1 + 0.25 * np.sin(2 * theta + phase) + 0.15 * np.sin(3 * theta + 2 * phase))
        colour = linear(("#c98b6b", "#6f7f86", "#d9b38c", "#8c4f42", "#b9b2a7")[rng.integers(5)])
        part = (patch.rows, patch.columns)
        scene.albedo[part] = mix(scene.albedo[part], colour, smooth(0.35, -0.35, distance - edge))
    scene.gloss[:] = 0.15


def _plain(scene: Scene, colour: str) -> None:
    soft = noise(scene.rng, scene.shape, (500, 500), 3)
    fine = noise(scene.rng, scene.shape, (5, 5), 2)
    scene.albedo[:] = linear(colour) * (1 + 0.03 * soft + 0.015 * fine)[..., None]
    scene.gloss[:] = 0.05
    scene.sharp[:] = 8.0


@dataclass
class Plate:
    """A round plate or saucer; ``rim`` colours its edge, ``speckled`` makes it stoneware."""

    x: float
    y: float
    radius: float
    colour: str = "#f6f4ef"
    rim: str = ""
    speckled: bool = False

    @property
    def reach(self) -> float:
        """How far from its middle it may be seen."""
        return self.radius


def draw_plate(scene: Scene, item: Plate, owner: int) -> None:
    """Lays a plate into the scene."""
    patch = scene.patch(item.x, item.y, item.radius * 1.02)
    if patch is None:
        return
    distance, _ = patch.polar()
    ring = distance / item.radius
    slope = smooth(0.60, 0.74, ring)
    lip = np.sqrt(np.clip(1 - ((ring - 0.97) / 0.03) ** 2, 0, 1))
    height = 2.0 + 5.0 * slope + 3.0 * np.clip((ring - 0.70) / 0.3, 0, 1) + 0.9 * lip
    albedo = linear(item.colour) + np.zeros((*patch.shape, 3), np.float32)
    if item.speckled:
        spots = smooth(0.75, 0.95, noise(scene.rng, patch.shape, (5, 5), 2))
        albedo = mix(albedo, linear("#5d4a3a"), spots * 0.55)
        albedo *= (1 + 0.05 * noise(scene.rng, patch.shape, (120, 120), 2))[..., None]
    if item.rim:
        albedo = mix(albedo, linear(item.rim), smooth(0.925, 0.94, ring))
        albedo = mix(albedo, linear(item.rim), smooth(0.012, 0.006, np.abs(ring - 0.88)))
    gloss = np.full(patch.shape, 0.16 if item.speckled else 0.34, np.float32)
    scene.put(patch, Surface(ring < 1.0, height.astype(np.float32), albedo, gloss, 60.0), owner)


def draw_napkin(scene: Scene, x: float, y: float, size: float, angle: float, colour: str) -> None:
    """Lays a folded napkin with a striped border."""
    patch = scene.patch(x, y, size * 1.5)
    if patch is None:
        return
    rng = scene.rng
    u, v = patch.turned(angle)
    u = u + 1.2 * noise(rng, patch.shape, (120, 120), 2)
    v = v + 1.2 * noise(rng, patch.shape, (120, 120), 2)
    inside = size - np.maximum(np.abs(u), np.abs(v) * 1.25)
    weave = np.sin(u * 2.6) * np.sin(v * 2.6)
    fold = smooth(2.0, 0.0, np.abs(v - size * 0.08))
    albedo = mix(
        linear("#f5efe3") + np.zeros((*patch.shape, 3), np.float32),
        linear(colour),
        smooth(1.0, 0.0, np.abs(np.abs(inside - size * 0.14) - 3.2) - 1.2),
    )
    albedo *= (1 + 0.06 * weave - 0.10 * fold)[..., None]
    height = 2.2 + 0.25 * weave + 2.2 * noise(rng, patch.shape, (130, 130), 2) - 1.0 * fold
    height *= smooth(0.0, 2.5, inside)
    scene.put(
        patch, Surface(inside > 0, height.astype(np.float32), albedo, np.zeros(patch.shape, np.float32))
    )


def draw_spoon(scene: Scene, x: float, y: float, length: float, angle: float, *, fork: bool = False) -> None:
    """Lays a teaspoon or a dessert fork."""
    patch = scene.patch(x, y, length * 0.62)
    if patch is None:
        return
    u, v = patch.turned(angle)
    head, width = length * 0.15, length * 0.085
    start = -length * 0.33
    bowl = 1 - np.hypot((u - start) / head, v / width)
    along = np.clip((u - start) / (length * 0.80), 0, 1)
    stem = length * (0.014 + 0.020 * along**3) - np.abs(v) - 9 * ((u < start) | (along >= 1))
    if fork:
        flat = 1 - np.maximum(np.abs((u - start) / head), (np.abs(v) / (width * 0.85)) ** 1.0)
        slots = smooth(0.20, 0.34, np.abs(v / width * 2.4 - np.round(v / width * 2.4))) + (
            u > start + head * 0.1
        )
        bowl = np.where(slots > 0.5, flat, -1.0)
    dish = smooth(0.0, 0.5, bowl)
    height = np.where(bowl > 0, 4.0 - (0.8 if fork else 3.0) * dish, 3.0 + np.clip(stem, 0, 2.2) * 0.9)
    albedo = np.full((*patch.shape, 3), 0.33, np.float32) * linear("#f3f3f5")
    gloss = np.full(patch.shape, 0.75, np.float32)
    scene.put(patch, Surface((bowl > 0) | (stem > 0), height.astype(np.float32), albedo, gloss, 28.0))


def draw_beans(scene: Scene, x: float, y: float, spread: float, count: int) -> None:
    """Strews coffee beans about a place."""
    rng = scene.rng
    for _ in range(count):
        away, turn = abs(rng.normal(0, spread)), rng.uniform(0, 6.283)
        size, angle = rng.uniform(5.0, 6.4), rng.uniform(0, 6.283)
        patch = scene.patch(x + away * np.cos(turn), y + away * np.sin(turn), size * 1.3)
        if patch is None:
            continue
        u, v = patch.turned(angle)
        ring = np.hypot(u / size, v / (size * 0.68))
        groove = smooth(0.16, 0.05, np.abs(v / size + 0.08 * np.sin(u / size * 4)))
        height = size * 0.6 * np.sqrt(np.clip(1 - ring**2, 0, 1)) - 1.3 * groove
        albedo = linear("#4a2814") * float(rng.uniform(0.75, 1.3)) * (1 - 0.6 * groove)[..., None]
        gloss = np.full(patch.shape, 0.30, np.float32)
        scene.put(patch, Surface(ring < 1, height.astype(np.float32), albedo.astype(np.float32), gloss, 22.0))


def draw_crumbs(scene: Scene, x: float, y: float, spread: float, count: int, colour: str = "#c98f4a") -> None:
    """Strews crumbs about a place."""
    rng = scene.rng
    for _ in range(count):
        size = float(rng.gamma(2.0, 0.45)) + 0.5
        patch = scene.patch(x + rng.normal(0, spread), y + rng.normal(0, spread), size * 1.6 + 1)
        if patch is None:
            continue
        distance, theta = patch.polar()
        edge = size * (1 + 0.3 * np.sin(3 * theta + rng.uniform(0, 6.283)))
        height = size * np.sqrt(np.clip(1 - (distance / edge) ** 2, 0, 1))
        albedo = linear(colour) * float(rng.uniform(0.65, 1.2)) + np.zeros((*patch.shape, 3), np.float32)
        scene.put(
            patch,
            Surface(
                distance < edge,
                height.astype(np.float32),
                albedo.astype(np.float32),
                np.zeros(patch.shape, np.float32),
            ),
        )
