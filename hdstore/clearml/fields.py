"""Field mappings: which fields of metadata are vectors, and of how many numbers (row 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hdstore.compat.errors import ExistsError
from hdstore.compat.values import number
from hdstore.errors import InvalidValueError
from hdstore.model import Frame, replace

if TYPE_CHECKING:
    from hdstore.repository import Dataset

__all__ = ["FIELD_MAPPINGS", "check_fields", "read_fields", "same_fields", "with_vectors"]

FIELD_MAPPINGS = "field_mappings"
"""The key of a dataset's metadata under which they are kept."""

_VECTOR = "dense_vector"


def check_fields(field_mappings: Mapping[Any, Any]) -> dict[str, Any]:
    """Returns field mappings as a plain dict.

    Raises:
        InvalidValueError: a key is no path inside metadata, or a mapping has no type; a vector says how many numbers
            it has ("dims").
    """
    if not isinstance(field_mappings, Mapping):
        raise InvalidValueError(
            f"field_mappings is a dict by field of metadata, not {type(field_mappings).__name__}."
        )
    for path, mapping in field_mappings.items():
        if not isinstance(path, str) or not path.removeprefix("meta.") or not path.startswith("meta."):
            raise InvalidValueError(f"field_mappings names fields of metadata as meta.NAME, not {path!r}.")
        if not isinstance(mapping, Mapping) or not isinstance(mapping.get("type"), str):
            raise InvalidValueError(
                f"field_mappings says the type of {path!r}: {{'type': 'dense_vector', ...}}."
            )
        dims = mapping.get("dims")
        if mapping["type"] == _VECTOR and (type(dims) is not int or dims < 1):
            raise InvalidValueError(f"The vector {path!r} has 'dims', a number from 1, not {dims!r}.")
    return {path: dict(mapping) for path, mapping in field_mappings.items()}


def read_fields(dataset: Dataset) -> dict[str, Any]:
    """Returns the field mappings of a dataset."""
    found = dataset.metadata.get(FIELD_MAPPINGS)
    return found if isinstance(found, dict) else {}


def same_fields(dataset: Dataset, field_mappings: Mapping[str, Any]) -> None:
    """Checks that a dataset that is there has these field mappings: they are set when it is made."""
    if check_fields(field_mappings) != read_fields(dataset):
        raise ExistsError(
            f"Dataset {dataset.name!r} is there, with other field_mappings; they are set when a dataset is made. Leave"
            " them out, or choose another name."
        )


def with_vectors(native: Frame, fields: Mapping[str, Any]) -> Frame:
    """Returns a frame in which the vectors among its metadata stand among its vectors.

    Raises:
        InvalidValueError: a vector has not as many numbers as its mapping says.
    """
    for path, mapping in fields.items():
        if not isinstance(mapping, Mapping) or mapping.get("type") != _VECTOR:
            continue
        name = path.removeprefix("meta.")
        found = native.metadata.get(name)
        if isinstance(found, list | tuple):
            rest = {key: value for key, value in native.metadata.items() if key != name}
            numbers = tuple(float(number(value, f"A number of the vector {name!r}")) for value in found)
            native = replace(native, metadata=rest, vectors={**native.vectors, name: numbers})
        vector = native.vectors.get(name)
        if vector is not None and len(vector) != mapping.get("dims"):
            raise InvalidValueError(
                f"The vector {name!r} of entry {native.id!r} has {len(vector)} numbers, not {mapping.get('dims')}."
            )
    return native
