"""The source of a single frame: where it lies, its size, preview and masks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from hdstore.compat.places import PathLike, shown, to_uri
from hdstore.compat.values import deep, number, plain_dict, whole
from hdstore.errors import InvalidInputError, InvalidValueError
from hdstore.model import Mask as NativeMask
from hdstore.model import Preview, Source, replace

__all__ = ["MaskSources", "Sourced"]

MaskSources: TypeAlias = Mapping[str, PathLike] | Iterable[PathLike]


class Sourced:
    """One source with what belongs to it; plain attributes, checked when it becomes a value."""

    def __init__(self, source: PathLike | None) -> None:
        self._stored = Source()
        self._uri = None if source is None else to_uri(source)
        self._source_time: int | float = 0
        self._preview_uri: str | None = None
        self._preview_time: int | float = 0
        self._masks: dict[str, PathLike] = {}
        self.width: int | None = None
        self.height: int | None = None
        self.sourcedata: dict[str, Any] = {}
        self._is_stored = False

    # The source itself

    @property
    def source(self) -> str | None:
        """The URI of the source, or the path of a local file; None where it has none."""
        return None if self._uri is None else shown(self._uri)

    @source.setter
    def source(self, source: PathLike | None) -> None:
        uri = None if source is None else to_uri(source)
        if uri != self._uri:
            # What was known of the old file does not hold for the new one.
            self._stored = replace(self._stored, hash="", size=None, content_type="")
        self._uri = uri

    @property
    def content_type(self) -> str:
        """The MIME type of the source, where it is known."""
        return self._stored.content_type

    @property
    def size(self) -> int | None:
        """The size of the source file in bytes."""
        return self._stored.size

    @size.setter
    def size(self, size: int | None) -> None:
        self._stored = replace(self._stored, size=whole(size, "The size of a source"))

    @property
    def hash(self) -> str | None:
        """The hash of the source: the one given (ClearML's are SHA-2), else the BLAKE3 that hdstore keeps."""
        given = self.sourcedata.get("hash")
        found = given.get("source") if isinstance(given, dict) else given
        return str(found) if found else self._stored.hash or None

    @hash.setter
    def hash(self, value: str | None) -> None:
        hashes = self.sourcedata.get("hash")
        rest = {k: v for k, v in hashes.items() if k != "source"} if isinstance(hashes, dict) else {}
        self.sourcedata.pop("hash", None)
        if value is not None and value != self._stored.hash:
            rest["source"] = str(value)
        if rest:
            self.sourcedata["hash"] = rest

    # Preview

    @property
    def preview_uri(self) -> str | None:
        """The URI, or local path, of what is shown instead of the source."""
        return None if self._preview_uri is None else shown(self._preview_uri)

    @preview_uri.setter
    def preview_uri(self, uri: PathLike | None) -> None:
        self._preview_uri = None if uri is None else to_uri(uri)

    preview_source = preview_uri

    @property
    def preview_uri_timestamp(self) -> int | float:
        """The time of the preview in its medium, in milliseconds."""
        return self._preview_time

    @preview_uri_timestamp.setter
    def preview_uri_timestamp(self, timestamp: int | float | None) -> None:
        self._preview_time = 0 if timestamp is None else number(timestamp, "preview_uri_timestamp")

    preview_source_timestamp = preview_uri_timestamp

    # Masks

    @property
    def masks_source(self) -> dict[str, PathLike]:
        """The masks: id to URI or local path; a list that is set gets the ids "00", "01" and so on."""
        return self._masks

    @masks_source.setter
    def masks_source(self, masks: MaskSources | None) -> None:
        if masks is None:
            self._masks = {}
        elif isinstance(masks, str):
            raise InvalidInputError("masks_source is a dict or a list; a single mask goes to mask_source.")
        elif isinstance(masks, Mapping):
            self._masks = {str(mask_id): _shown(uri) for mask_id, uri in masks.items()}
        else:
            self._masks = {f"{index:02}": _shown(uri) for index, uri in enumerate(masks)}

    @property
    def mask_source(self) -> PathLike | None:
        """The first mask; setting it replaces all of them by one with the id "00"."""
        return next(iter(self._masks.values()), None)

    @mask_source.setter
    def mask_source(self, uri: PathLike | None) -> None:
        self.masks_source = None if uri is None else {"00": uri}

    # To and from the library's value

    def source_value(self, source_id: str) -> Source | None:
        """Returns the source as the library's own value, or None where there is nothing to say of one."""
        value = replace(
            self._stored,
            id=source_id,
            uri=self._uri or "",
            timestamp=self._source_time,
            width=whole(self.width, "The width of a frame"),
            height=whole(self.height, "The height of a frame"),
            metadata=deep(plain_dict(self.sourcedata, "sourcedata")),
            preview=self._preview_value(),
            masks=tuple(self._mask_value(mask_id, uri) for mask_id, uri in self._masks.items()),
        )
        return value if self._is_stored or value != Source(id=source_id) or self._uri is not None else None

    def _preview_value(self) -> Preview | None:
        if self._preview_uri is None:
            if self._preview_time:
                raise InvalidValueError("A frame has a preview_uri_timestamp, but no preview_uri.")
            return None
        known = self._stored.preview
        preview = known if known and known.uri == self._preview_uri else Preview(uri=self._preview_uri)
        return replace(preview, timestamp=self._preview_time)

    def _mask_value(self, mask_id: str, place: PathLike) -> NativeMask:
        for known in self._stored.masks:
            if known.id == mask_id and shown(known.uri) == _shown(place):
                return known
        return NativeMask(id=mask_id, uri=to_uri(place))

    def load_source(self, value: Source) -> None:
        """Takes over all that a stored source says."""
        self._stored = value
        self._is_stored = True
        self._uri = value.uri
        self._source_time = value.timestamp
        self.width, self.height = value.width, value.height
        self.sourcedata = deep(value.metadata)
        self._preview_uri = value.preview.uri if value.preview else None
        self._preview_time = value.preview.timestamp if value.preview else 0
        self._masks = {mask.id: shown(mask.uri) for mask in value.masks}

    def take(self, source: Source | None, preview: Preview | None, masks: tuple[NativeMask, ...]) -> None:
        """Takes over where its media lie from now on; what was said of the picture's size stays."""
        if source is not None:
            self._uri = source.uri
            self._stored = replace(
                self._stored, hash=source.hash, size=source.size, content_type=source.content_type
            )
            self.width = source.width if self.width is None else self.width
            self.height = source.height if self.height is None else self.height
        self._stored = replace(self._stored, preview=preview, masks=masks)
        self._preview_uri = preview.uri if preview else None
        self._masks.update({mask.id: shown(mask.uri) for mask in masks})


def _shown(place: PathLike) -> PathLike:
    return shown(place) if isinstance(place, str) else place
