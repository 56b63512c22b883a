"""The colour of a label: its own from the schema, else one that follows from its name."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterable, Mapping

from hdstore.model import Label, Schema, Stats

__all__ = ["NO_LABEL", "Colours", "Rgb"]

Rgb = tuple[int, int, int]

NO_LABEL: Rgb = (148, 156, 170)
"""The colour of an annotation without labels."""

_HUES = 14
_STEP = 5
"""Slots to go on by when one is taken; shares no divisor with the number of slots, so all are reached."""

_HEX = re.compile(r"#[0-9a-fA-F]{6}")


def _oklch(lightness: float, chroma: float, hue: float) -> Rgb:
    """Returns the sRGB colour of an OKLCH one; OKLCH because equal lightness there looks equally light."""
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    red, green, blue = (_gamma(value) for value in linear)
    return red, green, blue


def _gamma(value: float) -> int:
    value = min(max(value, 0.0), 1.0)
    encoded = 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return round(encoded * 255)


def _palette() -> tuple[Rgb, ...]:
    # Two rings of hues, the second darker and turned by half a step: readable on light and on dark grounds.
    colours = []
    for ring, (lightness, chroma) in enumerate(((0.70, 0.17), (0.58, 0.15))):
        for index in range(_HUES):
            hue = math.radians(25 + (index + ring / 2) * 360 / _HUES)
            colours.append(_oklch(lightness, chroma, hue))
    return tuple(colours)


PALETTE = _palette()


def _parse(text: str) -> Rgb | None:
    if not _HEX.fullmatch(text):
        return None
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


class Colours:
    """The colours of one version's labels.

    A label without a colour of its own takes the slot that its name hashes to, or the next free one, in the
    order of the schema: adding a label at the end changes no other's colour.
    """

    @classmethod
    def of_version(cls, schema: Schema, stats: Stats) -> Colours:
        """Returns the colours of the schema's labels and of those that are in use besides."""
        known = {label.name for label in schema.labels}
        return cls(
            [*schema.labels, *(Label(name=name) for name in sorted(stats.labels) if name not in known)]
        )

    def __init__(self, labels: Iterable[Label] = ()) -> None:
        self._known: dict[str, Rgb] = {}
        taken: set[int] = set()
        for label in labels:
            own = _parse(label.color)
            if own is None:
                slot = self._free(label.name, taken)
                taken.add(slot)
                own = PALETTE[slot]
            self._known[label.name] = own

    @staticmethod
    def _free(name: str, taken: set[int]) -> int:
        slot = zlib.crc32(name.encode()) % len(PALETTE)
        for _ in range(len(PALETTE)):
            if slot not in taken:
                break
            slot = (slot + _STEP) % len(PALETTE)
        return slot

    def of(self, label: str) -> Rgb:
        """Returns the colour of a label, known to the schema or not."""
        known = self._known.get(label)
        if known is None:
            known = PALETTE[zlib.crc32(label.encode()) % len(PALETTE)]
            self._known[label] = known
        return known

    def of_labels(self, labels: tuple[str, ...]) -> Rgb:
        """Returns the colour of an annotation with these labels: that of the first."""
        return self.of(labels[0]) if labels else NO_LABEL

    def known(self) -> Mapping[str, Rgb]:
        """Returns the colours given out so far, by label."""
        return self._known
