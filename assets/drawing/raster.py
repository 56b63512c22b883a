"""The picture in the making: colours, heights and normals per pixel, and the light that falls on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Array: TypeAlias = NDArray[np.floating[Any]]
Flags: TypeAlias = NDArray[np.bool_]
Colour: TypeAlias = tuple[int, int, int]

WIDTH, HEIGHT = 480, 360
FINE = 3
"""Every pixel of a picture is drawn as FINE x FINE ones and averaged at the end, so edges are smooth."""


def linear(colour: Colour | str) -> Array:
    """Returns an sRGB colour (triplet or "#rrggbb") in linear light, 0 to 1."""
    if isinstance(colour, str):
        colour = (int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16))
    return np.asarray([(c / 255.0) ** 2.2 for c in colour], dtype=np.float32)


def smooth(low: float, high: float, value: Array) -> Array:
    """Returns 0 below ``low``, 1 above ``high``, a smooth step between; ``high`` < ``low`` turns it round."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), dtype=np.float32)


def mix(first: Array, second: Array, weight: Array) -> Array:
    """Returns colours between two, by a weight per pixel."""
    return np.asarray(first + (second - first) * weight[..., None], dtype=np.float32)


def noise(
    rng: np.random.Generator,
    shape: tuple[int, int],
    scale: tuple[float, float],
    octaves: int = 4,
    fade: float = 0.5,
) -> Array:
    """Returns smooth noise of about -1 to 1; its largest waves are ``scale`` = (height, width) pixels."""
    total = np.zeros(shape, dtype=np.float32)
    weight, power = 1.0, 0.0
    for octave in range(octaves):
        rows = max(2, int(shape[0] / scale[0] * 2**octave) + 2)
        columns = max(2, int(shape[1] / scale[1] * 2**octave) + 2)
        coarse = rng.normal(size=(min(rows, shape[0]), min(columns, shape[1]))).astype(np.float32)
        layer = Image.fromarray(coarse).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
        total += weight * np.asarray(layer, dtype=np.float32)
        power += weight**2
        weight *= fade
    return np.asarray(total / (2.0 * np.sqrt(power)), dtype=np.float32)


def blur(values: Array, radius: float) -> Array:
    """Returns values averaged over about ``radius`` pixels."""
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-6:
        return values
    # Pillow's Gaussian blur knows no floats: three box blurs by running sums come near enough.
    size = max(1, round(radius))
    out = values
    for _ in range(3):
        for axis in (0, 1):
            padded = np.concatenate(
                [
                    np.repeat(out.take([0], axis), size + 1, axis),
                    out,
                    np.repeat(out.take([-1], axis), size, axis),
                ],
                axis,
            )
            sums = np.cumsum(padded, axis=axis, dtype=np.float64)
            window = 2 * size + 1
            count = out.shape[axis]
            upper = sums.take(range(window, window + count), axis)
            out = ((upper - sums.take(range(count), axis)) / window).astype(np.float32)
    return out


@dataclass
class Patch:
    """A part of the picture around (cx, cy), with the distance of each of its pixels from there."""

    rows: slice
    columns: slice
    x: Array
    y: Array

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return (self.x.shape[0], self.x.shape[1])

    def turned(self, angle: float) -> tuple[Array, Array]:
        """Returns the coordinates in axes that are turned by ``angle`` radians."""
        c, s = float(np.cos(angle)), float(np.sin(angle))
        return self.x * c + self.y * s, self.y * c - self.x * s

    def polar(self) -> tuple[Array, Array]:
        """Returns distance and angle of each pixel."""
        return np.hypot(self.x, self.y), np.arctan2(self.y, self.x)


@dataclass
class Surface:
    """What an object looks like on its patch: where it is, how high, and of what colour and gloss."""

    mask: Flags
    height: Array
    albedo: Array
    gloss: Array
    sharp: float = 40.0


@dataclass
class Light:
    """One lamp, the light of the room, and what a camera makes of them."""

    azimuth: float = -2.3
    elevation: float = 0.85
    sun: Colour | str = "#fff3e0"
    sky: Colour | str = "#dfe8ff"
    strength: float = 1.0
    ambient: float = 0.42
    spot: tuple[float, float, float] | None = None
    vignette: float = 0.25
    grain: float = 0.008
    blur: float = 0.0


class Scene:
    """All pixels of one picture, from the table upwards."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.shape = (HEIGHT * FINE, WIDTH * FINE)
        self.z: Array = np.zeros(self.shape, dtype=np.float32)
        self.normal: Array = np.zeros((*self.shape, 3), dtype=np.float32)
        self.normal[..., 2] = 1.0
        self.albedo: Array = np.full((*self.shape, 3), 0.5, dtype=np.float32)
        self.gloss: Array = np.zeros(self.shape, dtype=np.float32)
        self.sharp: Array = np.full(self.shape, 30.0, dtype=np.float32)
        self.owner: NDArray[np.int16] = np.zeros(self.shape, dtype=np.int16)

    def patch(self, cx: float, cy: float, radius: float) -> Patch | None:
        """Returns the pixels within ``radius`` of a place, or None when it is out of the picture."""
        top, bottom = max(0, int((cy - radius) * FINE)), min(self.shape[0], int((cy + radius) * FINE) + 1)
        left, right = max(0, int((cx - radius) * FINE)), min(self.shape[1], int((cx + radius) * FINE) + 1)
        if bottom - top < 2 or right - left < 2:
            return None
        y, x = np.mgrid[top:bottom, left:right].astype(np.float32)
        return Patch(
            slice(top, bottom),
            slice(left, right),
            (x + 0.5) / FINE - cx,
            (y + 0.5) / FINE - cy,
        )

    def put(self, patch: Patch, surface: Surface, owner: int = 0, sink: float = 0.0) -> None:
        """Lays an object on whatever lies there; ``sink`` lets it settle that deep into it."""
        mask = surface.mask
        if not mask.any():
            return
        place = (patch.rows, patch.columns)
        base = float(np.percentile(self.z[place][mask], 85)) - sink
        down, right = np.gradient(surface.height * FINE)
        normal = np.dstack([-right, -down, np.ones_like(right)])
        normal /= np.linalg.norm(normal, axis=2, keepdims=True)
        self.normal[place][mask] = normal[mask]
        self.z[place][mask] = base + surface.height[mask]
        self.albedo[place][mask] = surface.albedo[mask]
        self.gloss[place][mask] = surface.gloss[mask]
        self.sharp[place][mask] = surface.sharp
        self.owner[place][mask] = owner

    def render(self, light: Light) -> Image.Image:
        """Returns the picture under a light."""
        direction = np.asarray(
            [
                np.cos(light.azimuth) * np.cos(light.elevation),
                np.sin(light.azimuth) * np.cos(light.elevation),
                np.sin(light.elevation),
            ],
            dtype=np.float32,
        )
        sun, sky = linear(light.sun), linear(light.sky)
        facing = np.clip(self.normal @ direction, 0.0, None) / direction[2]
        lit = self._shadow(light) * self._spot(light)
        hollow = np.clip((blur(self.z, 7 * FINE) - self.z) / 26.0, 0.0, 0.6)
        near = np.clip((blur(self.z, 2 * FINE) - self.z) / 14.0, 0.0, 0.5)
        open_sky = (1.0 - hollow) * (1.0 - near) * (0.75 + 0.25 * self.normal[..., 2])
        room = sky * (light.ambient * open_sky)[..., None]
        lamp = sun * ((1.0 - light.ambient) * facing * lit)[..., None]
        colour = self.albedo * (room + lamp) * light.strength

        half = direction + np.asarray([0.0, 0.0, 1.0], dtype=np.float32)
        half /= np.linalg.norm(half)
        shine = np.clip(self.normal @ half, 0.0, 1.0) ** self.sharp
        window = smooth(0.55, 0.95, np.clip(self.normal @ half, 0.0, 1.0)) * 0.02
        colour += sun * (self.gloss * (shine + window) * (0.25 + 0.75 * lit) * light.strength)[..., None]
        return self._develop(colour, light)

    def _shadow(self, light: Light) -> Array:
        """Returns how much of the lamp each pixel sees, by walking towards several points of the lamp."""
        rows, columns = HEIGHT, WIDTH
        z = self.z.reshape(rows, FINE, columns, FINE).mean(axis=(1, 3))
        reach = 130
        padded = np.pad(z, reach, mode="edge")
        total = np.zeros_like(z)
        count = 0
        for turn in (-0.16, -0.05, 0.05, 0.16):
            for rise in (-0.14, 0.0, 0.14):
                azimuth, slope = light.azimuth + turn, np.tan(light.elevation + rise)
                dx, dy = np.cos(azimuth), np.sin(azimuth)
                seen = np.ones_like(z)
                for step in range(1, min(reach, int(70 / slope)) + 1):
                    x, y = round(dx * step), round(dy * step)
                    above = padded[reach + y : reach + y + rows, reach + x : reach + x + columns]
                    seen = np.minimum(seen, 1.0 - np.clip((above - z - step * slope - 0.8) / 2.5, 0.0, 1.0))
                total += seen
                count += 1
        small = Image.fromarray(blur((total / count).astype(np.float32), 1.0))
        large = small.resize((self.shape[1], self.shape[0]), Image.Resampling.BICUBIC)
        return np.asarray(np.clip(np.asarray(large), 0.0, 1.0), dtype=np.float32)

    def _spot(self, light: Light) -> Array:
        """Returns the pool of light of a lamp that hangs over the table, or light everywhere."""
        y, x = np.mgrid[0 : self.shape[0], 0 : self.shape[1]].astype(np.float32) / FINE
        if light.spot is None:
            across = (
                np.cos(light.azimuth) * (x - WIDTH / 2) + np.sin(light.azimuth) * (y - HEIGHT / 2)
            ) / WIDTH
            return np.asarray(1.0 + 0.22 * across, dtype=np.float32)
        cx, cy, radius = light.spot
        return np.asarray(np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * radius**2)), dtype=np.float32)

    def _develop(self, colour: Array, light: Light) -> Image.Image:
        """Returns what the camera makes of light: lens, film and sensor."""
        y, x = np.mgrid[0 : self.shape[0], 0 : self.shape[1]].astype(np.float32)
        off = np.hypot(x / self.shape[1] - 0.5, y / self.shape[0] - 0.5) * 1.35
        colour = colour * (1.0 - light.vignette * off**2)[..., None]
        colour = colour * (1.0 + 0.25 * colour) / (1.0 + 0.42 * colour)
        colour = np.clip(colour * 1.16, 0.0, 1.0) ** (1 / 2.2)
        picture = Image.fromarray((colour * 255 + 0.5).astype(np.uint8))
        if light.blur:
            picture = picture.filter(ImageFilter.GaussianBlur(light.blur * FINE))
        picture = picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
        pixels = np.asarray(picture, dtype=np.float32)
        grain = self.rng.normal(0.0, light.grain * 255, size=pixels.shape[:2])
        return Image.fromarray(np.clip(pixels + grain[..., None], 0, 255).astype(np.uint8))
