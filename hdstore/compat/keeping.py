"""What becomes of the local files that new frames name: kept by the repository, or linked where they lie."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hdstore.compat.places import PathLike, file_of, to_uri
from hdstore.errors import HdstoreError, InvalidInputError, MediaError
from hdstore.media import Linker
from hdstore.model import Mask, Preview, Source, replace
from hdstore.repository import Repository

__all__ = ["Keeping", "Placement", "kept_uris", "real_folder"]

_log = logging.getLogger("hdstore.compat")


class Placement(NamedTuple):
    """Where the media of one source lie from now on.

    ``name`` is what a frame's id can follow from: the same on every machine, where that can be.
    """

    source: Source | None
    preview: Preview | None
    masks: tuple[Mask, ...]
    name: str


class Keeping:
    """How one call treats local files.

    Those that ``keep_all`` or ``keep`` (their URIs) ask for are kept by their content in the repository, and travel
    with it; others are linked: under a root as ``root:`` URIs, else by their path. With ``base``, kept files lie in
    that folder.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        keep_all: bool = False,
        keep: frozenset[str] = frozenset(),
        base: Path | None = None,
        force: bool = False,
        retries: int = 0,
        link_on_failure: bool = False,
    ) -> None:
        if retries < 0:
            raise InvalidInputError(f"upload_retries is 0 or more, not {retries}.")
        self._repository = repository
        self._keep_all = keep_all
        self._keep = keep
        self._base = base
        self._force = force
        self._attempts = retries + 1
        self._link_on_failure = link_on_failure
        self._linker: Linker = repository.media.linker(policy="file")
        self._keeper: Linker = repository.media.linker(policy="store")

    @property
    def keeps(self) -> bool:
        """Whether any file is to be kept, not only linked."""
        return self._keep_all or bool(self._keep)

    def tell_of(self, destination: str | bool | None) -> None:
        """Tells the log that nothing is sent to a bucket or server that was named as the destination."""
        if isinstance(destination, str) and "://" in destination:
            _log.warning(
                "Local files are kept by the repository of %s; nothing is sent to %s",
                self._repository.folder,
                destination,
            )

    def place(self, value: Source | None, known: frozenset[str], *, keep: bool = False) -> Placement:
        """Returns where the media of a source lie from now on.

        ``known`` are the URIs that were read, rather than given by this script; with ``keep`` its files are kept
        whatever holds for others.
        """
        if value is None:
            return Placement(None, None, (), "")
        preview = value.preview
        if preview is not None:
            found = self._find(preview.uri, known, keep)
            if found is not None:
                preview = replace(preview, **_fields(found, "uri", "hash", "size", "content_type"))
        masks = []
        for mask in value.masks:
            found = self._find(mask.uri, known, keep)
            names = ("uri", "hash", "size", "content_type", "width", "height")
            masks.append(replace(mask, **_fields(found, *names)) if found is not None else mask)
        source = self._find(value.uri, known, keep)
        return Placement(source, preview, tuple(masks), self._name(value.uri))

    def _name(self, uri: str) -> str:
        path = file_of(uri)
        if path is None:
            return uri
        linked = self._linker.uri(path)
        real = Path(os.path.realpath(path))
        if linked.startswith("file:") and self._base is not None and real.is_relative_to(self._base):
            return real.relative_to(self._base).as_posix()
        return linked

    def _find(self, uri: str, known: frozenset[str], keep: bool) -> Source | None:
        """Returns what is known of a local file in its new place; None for what shall stay as it is.

        What a frame had when it was read is opened only where this machine allows it, and only to keep it:
        the URI may be a stranger's.
        """
        wanted = keep or self._keep_all or uri in self._keep
        path = None if uri in known else file_of(uri)
        if path is None and wanted and not uri.startswith("media:"):
            path = self._repository.media.local_path(uri)
        if path is None:
            return None
        if not wanted:
            return self._linked(path)
        try:
            return self._kept(path)
        except HdstoreError:
            if self._link_on_failure:
                return self._linked(path)
            raise

    def _linked(self, path: Path) -> Source:
        # A file that is not there (yet) is linked all the same, as ClearML does.
        return self._linker.source(path) if path.is_file() else Source(uri=self._linker.uri(path))

    def _kept(self, path: Path) -> Source:
        if self._base is not None and not Path(os.path.realpath(path)).is_relative_to(self._base):
            raise InvalidInputError(f"{path} does not lie in local_dataset_root_path, {self._base}.")
        failures = 0
        while True:
            try:
                if self._force:
                    # Reads the bytes again, also of a file that is known by its date and size.
                    self._repository.media.keep(path)
                return self._keeper.source(path)
            except MediaError:
                failures += 1
                if failures == self._attempts:
                    raise


def kept_uris(mapping: Mapping[str, Any] | None) -> frozenset[str]:
    """Returns the URIs of the files that a mapping from files to destinations names."""
    return frozenset(to_uri(place) for place in mapping or ())


def real_folder(place: PathLike | None) -> Path | None:
    """Returns where a folder really lies; None stays None."""
    return None if place is None else Path(os.path.realpath(place))


def _fields(source: Source, *names: str) -> dict[str, Any]:
    return {name: getattr(source, name) for name in names}
