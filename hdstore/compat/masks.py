"""What pixel values of masks mean, in ClearML's forms: a dict by value, and "mask_labels" in a version's metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from hdstore.compat.values import label_list
from hdstore.errors import InvalidValueError
from hdstore.model import ALL_MASKS, MaskLabel

__all__ = ["MASK_LABELS", "MaskLabels", "from_metadata", "from_values", "to_metadata", "to_values"]

MASK_LABELS = "mask_labels"
"""The key of a version's metadata under which ClearML keeps them."""

MaskLabels: TypeAlias = Mapping[Any, Iterable[str] | str]
"""Labels by pixel value: a number, or red, green, blue and perhaps alpha."""

_Stored: TypeAlias = dict[str, tuple[MaskLabel, ...]]


def _mask_label(value: Any, labels: Any) -> MaskLabel:
    numbers = [value] if isinstance(value, int) else list(value) if isinstance(value, Iterable) else []
    if len(numbers) not in (1, 3, 4) or not all(
        isinstance(number, int) and number >= 0 for number in numbers
    ):
        raise InvalidValueError(
            f"A value of a mask is one number, or red, green, blue and perhaps alpha, not {value!r}."
        )
    return MaskLabel(value=tuple(numbers), labels=tuple(label_list(labels)))


def from_values(mapping: MaskLabels) -> _Stored:
    """Returns {(r, g, b): labels} as the stored form, for all masks."""
    if not isinstance(mapping, Mapping):
        raise InvalidValueError(f"Mask labels are a dict by pixel value, not {type(mapping).__name__}.")
    return {ALL_MASKS: tuple(_mask_label(value, labels) for value, labels in mapping.items())}


def to_values(stored: _Stored) -> dict[tuple[int, ...], list[str]]:
    """Returns the labels by pixel value; what holds for all masks wins over what holds for one."""
    ordered = sorted(stored, key=lambda mask_id: mask_id == ALL_MASKS)
    return {entry.value: list(entry.labels) for mask_id in ordered for entry in stored[mask_id]}


def to_metadata(stored: _Stored) -> dict[str, list[dict[str, Any]]]:
    """Returns the form that ClearML keeps in a version's metadata."""
    return {
        mask_id: [{"value": list(entry.value), "labels": list(entry.labels)} for entry in entries]
        for mask_id, entries in stored.items()
    }


def from_metadata(plain: Any) -> _Stored:
    """Returns the stored form of what ClearML keeps in a version's metadata."""
    try:
        return {
            mask_id: tuple(_mask_label(entry["value"], entry["labels"]) for entry in entries)
            for mask_id, entries in plain.items()
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise InvalidValueError(
            "mask_labels is a dict of lists by mask id ('_all_' for all), each entry with 'value' and 'labels'."
        ) from error
