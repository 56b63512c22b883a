"""A source whose files can be read: local paths of source, preview and masks, and their hashes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hdstore.compat.local_files import local_file
from hdstore.compat.session import current_or_none
from hdstore.compat.sourced import Sourced

if TYPE_CHECKING:
    from hdstore.repository import Repository

__all__ = ["Readable"]


class Readable(Sourced):
    """A source that knows which repository it was read from."""

    def _home(self) -> Repository | None:
        """Returns the repository that it was read from; None for a new one."""
        raise NotImplementedError

    def known_media(self) -> frozenset[str]:
        """Returns the URIs that it had when it was read from a version; those of a new frame are the script's own."""
        if self._home() is None:
            return frozenset()
        stored = self._stored
        previews = () if stored.preview is None else (stored.preview.uri,)
        return frozenset((stored.uri, *previews, *(mask.uri for mask in stored.masks)))

    def _local(self, uri: str | None, hash: str, size: int | None, what: str, **options: bool) -> str | None:
        repository = self._home()
        if repository is None and uri and not uri.startswith("file:"):
            repository = current_or_none()
        return local_file(uri, repository=repository, hash=hash, size=size, what=what, **options)

    def get_local_source(
        self, raise_on_error: bool = False, skip_size_check: bool = False, force_download: bool = False
    ) -> str | None:
        """Returns the path of a local file of the source; None, and a line in the log, where there is none.

        Empty files are refused unless ``skip_size_check``; ``force_download`` verifies kept bytes against
        their hash.
        """
        return self._local(
            self._uri,
            self._stored.hash,
            self._stored.size,
            "source",
            raise_on_error=raise_on_error,
            skip_size_check=skip_size_check,
            force_download=force_download,
        )

    def get_local_preview_source(
        self, raise_on_error: bool = False, skip_size_check: bool = False, force_download: bool = False
    ) -> str | None:
        """Returns the path of a local file of the preview, as ``get_local_source`` does."""
        preview = self._preview_value()
        return self._local(
            preview.uri if preview else None,
            preview.hash if preview else "",
            preview.size if preview else None,
            "preview",
            raise_on_error=raise_on_error,
            skip_size_check=skip_size_check,
            force_download=force_download,
        )

    def get_local_mask_source(
        self,
        raise_on_error: bool = False,
        mask_id: str | None = None,
        skip_size_check: bool = False,
        force_download: bool = False,
    ) -> str | None:
        """Returns the path of a local file of the first mask, or of the one with ``mask_id``."""
        place = self.mask_source if mask_id is None else self._masks.get(str(mask_id))
        found = next((i for i in self._masks if mask_id is None or i == str(mask_id)), "")
        mask = None if place is None else self._mask_value(found, place)
        return self._local(
            mask.uri if mask else None,
            mask.hash if mask else "",
            mask.size if mask else None,
            "mask" if mask_id is None else f"mask {mask_id!r}",
            raise_on_error=raise_on_error,
            skip_size_check=skip_size_check,
            force_download=force_download,
        )

    def get_local_masks_source(
        self, raise_on_error: bool = False, skip_size_check: bool = False, force_download: bool = False
    ) -> dict[str, str | None]:
        """Returns the paths of local files of all masks, by mask id."""
        return {
            mask_id: self.get_local_mask_source(raise_on_error, mask_id, skip_size_check, force_download)
            for mask_id in self._masks
        }

    # Hashes

    def get_source_hash(self) -> dict[str, Any]:
        """Returns the hashes that are known: "source", "preview_source" and the list "mask_source"."""
        hashes = self.sourcedata.get("hash")
        return dict(hashes) if isinstance(hashes, dict) else {}

    def update_source_files_hash(self, allow_download: bool = False) -> None:
        """Puts the SHA-256 of source, preview and masks into ``sourcedata["hash"]``.

        Of local files only, or with ``allow_download`` also of what the repository keeps or finds under a
        root.
        """
        masks = [self._mask_value(mask_id, place) for mask_id, place in self._masks.items()]
        found = {
            "source": self._sha256(self._uri, self._stored.hash, self._stored.size, allow_download),
            "preview_source": self._sha256(self._preview_uri, "", None, allow_download),
            "mask_source": [self._sha256(m.uri, m.hash, m.size, allow_download) for m in masks],
        }
        if not all(found["mask_source"] or ()):
            del found["mask_source"]
        known = {name: value for name, value in found.items() if value}
        if known:
            self.sourcedata["hash"] = {**self.get_source_hash(), **known}

    def _sha256(self, uri: str | None, hash: str, size: int | None, allow_download: bool) -> str | None:
        if not uri or not (allow_download or uri.startswith("file:")):
            return None
        path = self._local(uri, hash, size, "source", skip_size_check=True)
        if path is None:
            return None
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
