"""Hot keys of labels: the schema's own, then 1 to 9 in the order of the schema."""

from __future__ import annotations

from collections.abc import Iterable

from hdstore.model import Label

__all__ = ["label_keys"]

_DIGITS = "123456789"


def label_keys(labels: Iterable[Label]) -> dict[str, str]:
    """Returns label names by key.

    Only digits are keys of labels: letters choose tools and move between frames. A key that the schema gives
    to two labels belongs to the first; labels without a key take the digits that are left, in order.
    """
    keys: dict[str, str] = {}
    rest: list[str] = []
    for label in labels:
        if label.key in _DIGITS and label.key and label.key not in keys:
            keys[label.key] = label.name
        else:
            rest.append(label.name)
    free = [digit for digit in _DIGITS if digit not in keys]
    keys.update(zip(free, rest, strict=False))
    return keys
