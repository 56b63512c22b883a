"""What becomes of the local files that new frames name: kept by the repository, or linked where they lie."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hdstore.allegroai.dataframe import AnyFrame, FrameGroup, SingleFrame
from hdstore.allegroai.places import PathLike, file_of, to_uri
from hdstore.errors import HdstoreError, InvalidInputError, MediaError
from hdstore.ids import derive_id
from hdstore.media import Linker
from hdstore.model import Mask, Preview, Source, replace
from hdstore.repository import Repository

__all__ = ["Placement", "Storing"]

_log = logging.getLogger("hdstore.allegroai")


class Placement(NamedTuple):
    """Where the media of one single frame lie from now on.

    ``name`` is what the frame's id follows from: the same on every machine, where that can be.
    """

    source: Source | None
    preview: Preview | None
    masks: tuple[Mask, ...]
    name: str


class Storing:
    """How one call treats local files.

    Those that ``destination`` or ``mapping`` asks to upload are kept by their content in the repository,
    and travel with it; others are linked: under a root as ``root:`` URIs, else by their path.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        destination: str | bool | None = None,
        root_path: PathLike | None = None,
        mapping: Mapping[str, str] | None = None,
        force: bool = False,
        retries: int = 0,
        link_on_failure: bool = False,
    ) -> None:
        if destination and mapping:
            raise InvalidInputError(
                "auto_upload_destination and src_to_dst_mapping can not be given together."
            )
        if root_path is not None and mapping:
            raise InvalidInputError(
                "local_dataset_root_path and src_to_dst_mapping can not be given together."
            )
        if destination and root_path is None:
            raise InvalidInputError(
                "auto_upload_destination needs local_dataset_root_path, the folder in which all the files lie."
            )
        if force and not (destination or mapping):
            raise InvalidInputError("force_upload needs auto_upload_destination.")
        if retries < 0:
            raise InvalidInputError(f"upload_retries is 0 or more, not {retries}.")
        if isinstance(destination, str) and "://" in destination:
            _log.warning(
                "Local files are kept by the repository of %s; nothing is sent to %s",
                repository.folder,
                destination,
            )
        self._repository = repository
        self._keep_all = bool(destination)
        self._keep = {to_uri(place) for place in mapping or ()}
        self._base = None if root_path is None else Path(os.path.realpath(root_path))
        self._force = force
        self._attempts = retries + 1
        self._link_on_failure = link_on_failure
        self._linker: Linker = repository.media.linker(policy="file")
        self._keeper: Linker = repository.media.linker(policy="store")

    @property
    def keeps(self) -> bool:
        """Whether any file is to be kept, not only linked."""
        return self._keep_all or bool(self._keep)

    def settle(self, frame: AnyFrame) -> None:
        """Gives all media of a frame their place and the frame its id; on an error the frame is as it was."""
        singles = frame if isinstance(frame, FrameGroup) else {"": frame}
        placements = {key: self._place(single) for key, single in singles.items()}
        if not frame.has_id:
            names = [(key, placement.name) for key, placement in sorted(placements.items())]
            if not any(name for _, name in names):
                frame.id = frame.id
            elif isinstance(frame, FrameGroup):
                frame.id = derive_id("group", *(part for name in names for part in name))
            else:
                frame.id = derive_id("frame", names[0][1])
        for key, single in singles.items():
            placement = placements[key]
            single.take(placement.source, placement.preview, placement.masks)

    def _place(self, frame: SingleFrame) -> Placement:
        value = frame.source_value("00")
        if value is None:
            return Placement(None, None, (), "")
        known = frame.known_media()
        preview = value.preview
        if preview is not None:
            found = self._find(preview.uri, known)
            if found is not None:
                preview = replace(preview, **_fields(found, "uri", "hash", "size", "content_type"))
        masks = []
        for mask in value.masks:
            found = self._find(mask.uri, known)
            names = ("uri", "hash", "size", "content_type", "width", "height")
            masks.append(replace(mask, **_fields(found, *names)) if found is not None else mask)
        return Placement(self._find(value.uri, known), preview, tuple(masks), self._name(value.uri))

    def _name(self, uri: str) -> str:
        path = file_of(uri)
        if path is None:
            return uri
        linked = self._linker.uri(path)
        real = Path(os.path.realpath(path))
        if linked.startswith("file:") and self._base is not None and real.is_relative_to(self._base):
            return real.relative_to(self._base).as_posix()
        return linked

    def _find(self, uri: str, known: frozenset[str]) -> Source | None:
        """Returns what is known of a local file in its new place; None for what shall stay as it is.

        What a frame had when it was read is opened only where this machine allows it, and only to keep it:
        the URI may be a stranger's.
        """
        wanted = self._keep_all or uri in self._keep
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


def _fields(source: Source, *names: str) -> dict[str, Any]:
    return {name: getattr(source, name) for name in names}
