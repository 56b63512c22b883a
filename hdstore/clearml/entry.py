"""Entries: the unit of data of a version, with its sub-entries, metadata, vectors and labels."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hdstore.clearml.rois import Roi, RoiList, make_rois
from hdstore.clearml.sub_entry import DataSubEntry
from hdstore.compat.values import number, plain_dict
from hdstore.errors import InvalidValueError
from hdstore.model import Timestamp

__all__ = ["DataEntry", "Rest"]


class Rest:
    """What a stored frame says and an entry has no call for; it is written back as it was."""

    def __init__(self) -> None:
        self.blob = ""
        self.context_id = ""
        self.extra: dict[str, Any] = {}
        self.is_group = False
        self.timestamp: Timestamp | None = None


class DataEntry:
    """Named sub-entries that belong together, with metadata, vectors and labels of the whole.

    Without ``data_entry_id`` the id is random: adding a script's entries again adds them twice. Subclasses add what
    they need; the public attributes they set are saved too, and the class is found again when the entry is read.
    """

    def __init__(self, data_entry_id: str | None = None, metadata: Mapping[str, Any] | None = None) -> None:
        self._id = uuid.uuid4().hex if not data_entry_id else str(data_entry_id)
        self._metadata = plain_dict(metadata, "The metadata of an entry")
        self._vectors: dict[str, list[float]] = {}
        self._sub_entries: dict[str, DataSubEntry] = {}
        self._annotations = RoiList()
        self._rest = Rest()
        self._class_name = ""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._id} {list(self._sub_entries)}>"

    def __iter__(self) -> Iterator[DataSubEntry]:
        return iter(self._sub_entries.values())

    @property
    def id(self) -> str:
        """The id of the entry in its version."""
        return self._id

    @property
    def metadata(self) -> dict[str, Any]:
        """Its metadata, to be read and changed."""
        return self._metadata

    @property
    def sub_data_entries(self) -> list[DataSubEntry]:
        """Its sub-entries, in the order they were added."""
        return list(self._sub_entries.values())

    def add_sub_entries(self, sub_entries: Iterable[DataSubEntry]) -> None:
        """Adds sub-entries; one of a name that is there replaces it."""
        for sub_entry in sub_entries:
            if not isinstance(sub_entry, DataSubEntry):
                raise InvalidValueError(f"A DataSubEntry is needed, not a {type(sub_entry).__name__}.")
            self._sub_entries[sub_entry.name] = sub_entry

    # Vectors

    def set_vector(self, vector: Any, metadata_field: Any) -> None:
        """Gives the entry a vector under the name that ``vector_search`` is asked for (row 45).

        Raises:
            TypeError: the vector is no list or tuple, or the name no string.
        """
        if not isinstance(vector, list | tuple):
            raise TypeError(f"A vector is a list or a tuple of numbers, not a {type(vector).__name__}.")
        if not isinstance(metadata_field, str) or not metadata_field:
            raise TypeError(f"metadata_field is a string that is not empty, not {metadata_field!r}.")
        name = metadata_field.removeprefix("meta.")
        self._vectors[name] = [float(number(value, f"A number of the vector {name!r}")) for value in vector]

    @property
    def vectors(self) -> dict[str, list[float]]:
        """Its vectors by name."""
        return self._vectors

    # Labels of the whole

    def add_annotation(
        self,
        id: str | None = None,
        labels: Iterable[str] | None = None,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> int:
        """Labels the entry as a whole and returns the index of the annotation."""
        made = make_rois(
            {},
            frame_class=None,
            id=id,
            labels=labels,
            confidence=confidence,
            metadata=metadata,
            mask_id=None,
            seed=(),
        )
        return self._annotations.append(made)[0]

    def get_all_annotations(self) -> list[Roi]:
        """Returns the annotations of the entry as a whole, as dicts."""
        return list(self._annotations)

    def get_annotations(self, id: str | None = None, index: int | None = None) -> list[Roi]:
        """Returns the annotation at ``index``, those of an ``id``, or all; an empty list where nothing matches."""
        return self._annotations.select(id, index)

    def remove_annotation(self, index: int | None = None, *, id: str | None = None) -> Roi | None:
        """Removes and returns the annotation at ``index``; of those of an ``id``, removes all, returns the first."""
        return self._annotations.remove_one(index, id)

    def remove_annotations(
        self, id: str | None = None, label: str | None = None, labels: Iterable[str] | None = None
    ) -> list[Roi]:
        """Removes and returns the annotations of an ``id`` that have any of the labels; without arguments, all."""
        return self._annotations.remove(id, label, labels)

    # Other forms

    def to_api_object(self) -> dict[str, Any]:
        """Returns it as ClearML's REST interface writes a frame."""
        # Deferred: what converts entries knows their classes.
        from hdstore.clearml.converting import entry_to_dict

        return entry_to_dict(self)

    @classmethod
    def from_api_object(cls, data_entry: Mapping[str, Any]) -> DataEntry:
        """Returns the entry that ``to_api_object`` describes, of the class that it names."""
        from hdstore.clearml.converting import entry_from_dict

        return entry_from_dict(data_entry, cls)
