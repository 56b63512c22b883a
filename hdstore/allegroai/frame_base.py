"""What single frames and groups of frames have in common."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias

from hdstore.compat.values import deep, number, plain_dict
from hdstore.compat.wire import frame_to_dict
from hdstore.errors import InvalidValueError
from hdstore.ids import new_id
from hdstore.model import Frame as NativeFrame

if TYPE_CHECKING:
    from hdstore.repository import Repository

__all__ = ["FrameBase", "FrameId", "Owner"]

FrameId: TypeAlias = str | int | float


class Owner(Protocol):
    """The version that a frame was read from."""

    @property
    def repository(self) -> Repository:
        """The repository it lies in."""

    @property
    def origin(self) -> dict[str, str]:
        """Ids and names of dataset and version."""

    def get_metadata(self) -> dict[str, Any]:
        """Returns the metadata of the version."""


class FrameBase:
    """Identity, metadata and the fields that belong to no source.

    ``blob`` (a string) and ``meta_blob`` (a dict) are stored but not searched; ``vectors`` are embeddings
    by name, an addition of hdstore.
    """

    def __init__(
        self,
        id: FrameId | None,
        metadata: Mapping[str, Any] | None,
        context_id: str | None,
        *,
        blob: str = "",
        meta_blob: Mapping[str, Any] | None = None,
        vectors: Mapping[str, Iterable[float]] | None = None,
    ) -> None:
        self._id = None if id is None else str(id)
        self._random_id = new_id(20)
        self._metadata = plain_dict(metadata, "The metadata of a frame")
        self._context_id = "" if context_id is None else str(context_id)
        self.blob = blob
        self.meta_blob = plain_dict(meta_blob, "meta_blob")
        self.vectors = {name: list(vector) for name, vector in (vectors or {}).items()}
        self._frame_time: int | float | None = None
        self._owner: Owner | None = None

    # Identity

    @property
    def id(self) -> str:
        """The id of the frame in its version: as given, else derived from its sources, else random."""
        if self._id is not None:
            return self._id
        return self._derived_id() or self._random_id

    @id.setter
    def id(self, id: FrameId | None) -> None:
        self._id = None if id is None else str(id)

    @property
    def has_id(self) -> bool:
        """Whether its id was given, rather than derived from its sources."""
        return self._id is not None

    def _derived_id(self) -> str:
        """Returns the id that follows from its sources, or "" where it has none."""
        raise NotImplementedError

    # Metadata and the like

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata of the frame, to be read and changed."""
        return self._metadata

    @metadata.setter
    def metadata(self, metadata: Mapping[str, Any] | None) -> None:
        self._metadata = plain_dict(metadata, "The metadata of a frame")

    @property
    def meta(self) -> dict[str, Any]:
        """The same as ``metadata``."""
        return self._metadata

    @meta.setter
    def meta(self, metadata: Mapping[str, Any] | None) -> None:
        self.metadata = metadata

    def _first_uri(self) -> str:
        """Returns the URI of the first source, or ""."""
        raise NotImplementedError

    @property
    def context_id(self) -> str:
        """What groups frames of one video or scene: as given, else the URI of the first source."""
        return self._context_id or self._first_uri()

    @context_id.setter
    def context_id(self, context_id: str | None) -> None:
        self._context_id = "" if context_id is None else str(context_id)

    # Where it comes from

    @property
    def origin(self) -> dict[str, str]:
        """Ids and names of the dataset and version it was read from; empty for a new frame."""
        return {} if self._owner is None else self._owner.origin

    @property
    def dataset_version_metadata(self) -> dict[str, Any]:
        """The metadata of the version it was read from; empty for a new frame."""
        return {} if self._owner is None else self._owner.get_metadata()

    # Other forms

    def to_native(self) -> NativeFrame:
        """Returns it as the value that hdstore stores."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Returns it as ClearML's REST interface writes a frame."""
        plain = frame_to_dict(self.to_native())
        if self._owner is not None:
            origin = self._owner.origin
            plain["dataset"] = {"id": origin["dataset_id"], "version": origin["version_id"]}
        return plain

    to_api_object = to_dict

    def copy(self) -> Self:
        """Returns a copy with a new random id."""
        # The version it comes from is shared, not copied.
        twin = copy.deepcopy(self, {id(self._owner): self._owner})
        twin._id = new_id(20)
        return twin

    def _frame_fields(self) -> dict[str, Any]:
        """Returns the fields of the stored value that belong to no source, but for the annotations."""
        if not isinstance(self.blob, str):
            raise InvalidValueError(f"The blob of a frame is a string, not {type(self.blob).__name__}.")
        return {
            "id": self.id,
            "metadata": deep(self._metadata),
            "context_id": self._context_id,
            "blob": self.blob,
            "extra": deep(self.meta_blob),
            "vectors": {
                name: tuple(float(number(value, f"A vector {name!r}")) for value in vector)
                for name, vector in self.vectors.items()
            },
            "timestamp": self._frame_time,
        }

    def _load_frame_fields(self, native: NativeFrame, owner: Owner | None) -> None:
        self._id = native.id
        self._metadata = deep(native.metadata)
        self._context_id = native.context_id
        self.blob = native.blob
        self.meta_blob = deep(native.extra)
        self.vectors = {name: list(vector) for name, vector in native.vectors.items()}
        self._frame_time = native.timestamp
        self._owner = owner
