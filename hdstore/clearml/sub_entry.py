"""Sub-entries: one named medium of an entry, with its metadata."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from hdstore.compat.errors import UnreadableError
from hdstore.compat.keeping import Placement
from hdstore.compat.places import PathLike
from hdstore.compat.readable import Readable
from hdstore.compat.session import reopened
from hdstore.compat.values import number, plain_dict
from hdstore.errors import HdstoreError, InvalidInputError, InvalidValueError
from hdstore.model import Source

if TYPE_CHECKING:
    from hdstore.repository import Repository

__all__ = ["DataSubEntry", "Medium"]

_Found = TypeVar("_Found")


class Medium(Readable):
    """The source of a sub-entry with its preview and masks; ``home`` is the repository that it was read from."""

    def __init__(self, source: PathLike | None) -> None:
        super().__init__(source)
        self.home: Repository | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "home": None if self.home is None else str(self.home.folder)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.home = None if state["home"] is None else reopened(state["home"])

    def _home(self) -> Repository | None:
        return self.home

    @property
    def time(self) -> int | float:
        """The place in the medium in milliseconds; 0 for stills."""
        return self._source_time

    @time.setter
    def time(self, time: int | float | None) -> None:
        self._source_time = 0 if time is None else number(time, "The timestamp of a sub-entry")

    def value(self, name: str) -> Source:
        """Returns the source as the library's own value."""
        return self.source_value(name) or Source(id=name)


class DataSubEntry:
    """One named medium of an entry: the place of its source, of a preview, and metadata.

    Subclasses add what they need; the public attributes they set are saved too.
    """

    def __init__(
        self,
        name: str,
        source: PathLike | None,
        preview_source: PathLike | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        if not name:
            raise InvalidValueError("A sub-entry has a name, which can not be empty.")
        self._name = str(name)
        self._medium = Medium(source)
        self._medium.preview_uri = preview_source
        self._metadata = plain_dict(metadata, "The metadata of a sub-entry")
        self._upload_destination: str | bool | None = None
        self._class_name = ""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name!r} {self.source}>"

    @property
    def name(self) -> str:
        """Its name, which no other sub-entry of its entry has."""
        return self._name

    @property
    def metadata(self) -> dict[str, Any]:
        """Its metadata, to be read and changed."""
        return self._metadata

    # Where its media lie

    @property
    def source(self) -> str | None:
        """The URI of the source, or the path of a local file."""
        return self._medium.source

    @property
    def preview_source(self) -> str | None:
        """The URI, or local path, of what is shown instead of the source."""
        return self._medium.preview_uri

    def get_source(self, source_field: str = "source") -> str | None:
        """Returns the place that a field holds: "source", "preview_source" or "mask_source" (the first mask)."""
        place = getattr(self._medium, _field(source_field))
        return None if place is None else str(place)

    def set_source(self, source_field: str, uri: PathLike | None) -> None:
        """Sets the place that a field holds: "source" or "preview_source"; masks have calls of their own."""
        if _field(source_field) == "mask_source":
            raise InvalidInputError("A mask is set by set_mask_source or set_masks_source.")
        setattr(self._medium, source_field, uri)

    def set_local_sources_upload_destination(
        self, local_sources_upload_destination: str | bool | None
    ) -> None:
        """Lets the repository keep its local files when it is added; which destination is named does not matter."""
        self._upload_destination = local_sources_upload_destination

    # Local files

    def get_local_source(self, raise_on_error: bool = False, force_download: bool = False) -> str | None:
        """Returns the path of a local file of the source; None, and a line in the log, where there is none.

        ``force_download`` verifies kept bytes against their hash.

        Raises:
            UnreadableError: with ``raise_on_error`` (a ValueError), there is no such file.
        """
        return self._local(self._medium.get_local_source, raise_on_error, force_download)

    def get_local_preview_source(
        self, raise_on_error: bool = False, force_download: bool = False
    ) -> str | None:
        """Returns the path of a local file of the preview, as ``get_local_source`` does."""
        return self._local(self._medium.get_local_preview_source, raise_on_error, force_download)

    def _local(
        self, find: Callable[..., _Found], raise_on_error: bool, force_download: bool, **options: Any
    ) -> _Found:
        try:
            return find(raise_on_error=raise_on_error, force_download=force_download, **options)
        except HdstoreError as error:
            raise UnreadableError(str(error)) from error

    # Hashes

    def get_hash(self, source_field: str = "source") -> str | None:
        """Returns the SHA-256 of a field where it is known: it was added with ``hash_sources``, or given before."""
        found = self._medium.get_source_hash().get(_field(source_field))
        if isinstance(found, list | tuple):
            found = next(iter(found), None)
        return None if found is None else str(found)

    def _hash_files(self) -> None:
        self._medium.update_source_files_hash()

    # Being saved and read

    def _take(self, placement: Placement) -> None:
        self._medium.take(placement.source, placement.preview, placement.masks)

    def _load(self, source: Source, home: Repository | None) -> None:
        self._medium.load_source(source)
        self._medium.home = home


def _field(name: str) -> str:
    if name not in ("source", "preview_source", "mask_source"):
        raise InvalidInputError(f"A field is source, preview_source or mask_source, not {name!r}.")
    return name
