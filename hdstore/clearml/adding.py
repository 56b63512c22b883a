"""Entries saved into a draft: their files kept or linked, those that can not be saved named."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from hdstore.clearml.converting import bind_entry, entry_to_native
from hdstore.clearml.entry import DataEntry
from hdstore.clearml.fields import with_vectors
from hdstore.codec import decode_frame, encode_frame
from hdstore.compat.keeping import Keeping
from hdstore.errors import HdstoreError, InvalidValueError
from hdstore.model import Frame

__all__ = ["Intake"]

_log = logging.getLogger("hdstore.clearml")


class Intake:
    """Turns entries into stored frames; those that can not be are gathered by their ids.

    ``upload_errors`` are those whose files can not be kept, ``register_errors`` all others.
    """

    def __init__(
        self,
        make_keeping: Callable[[], Keeping],
        *,
        fields: Mapping[str, Any],
        hash_sources: bool,
        max_bytes: float | None,
    ) -> None:
        self.upload_errors: dict[str, str] = {}
        self.register_errors: dict[str, str] = {}
        self._make_keeping = make_keeping
        # What links files is used by one thread at a time.
        self._local = threading.local()
        self._fields = fields
        self._hash_sources = hash_sources
        self._max_bytes = max_bytes

    def stream(
        self, entries: Iterable[DataEntry], *, batch_size: int, workers: int | None, show_progress: bool
    ) -> Iterator[Frame]:
        """Yields the stored frames of those entries that can be saved; a batch at a time is read by the workers."""
        rest, done = iter(entries), 0
        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="hdstore-clearml") as pool:
            while batch := list(islice(rest, batch_size)):
                for native in pool.map(self._take, batch):
                    if native is not None:
                        yield native
                done += len(batch)
                if show_progress:
                    _log.info("Added: %d entries", done)

    def _take(self, entry: DataEntry) -> Frame | None:
        if not isinstance(entry, DataEntry):
            raise InvalidValueError(f"A DataEntry is needed, not a {type(entry).__name__}.")
        errors = self.register_errors
        try:
            # Checked before its files are touched: what can not be saved shall not be kept either.
            encode_frame(with_vectors(entry_to_native(entry), self._fields))
            errors = self.upload_errors
            self._settle(entry)
            errors = self.register_errors
            encoded = encode_frame(with_vectors(entry_to_native(entry), self._fields))
            # With the ids that annotations without one were given.
            native = decode_frame(encoded)
            if self._max_bytes is not None and len(encoded) > self._max_bytes:
                raise InvalidValueError(
                    f"Entry {entry.id!r} has {len(encoded)} bytes, more than max_request_size_mb allows."
                )
            bind_entry(entry, native)
        except (HdstoreError, OSError) as error:
            errors[entry.id] = str(error)
            return None
        return native

    def _settle(self, entry: DataEntry) -> None:
        """Gives the media of an entry their place; on an error the entry is as it was."""
        keeping: Keeping | None = getattr(self._local, "keeping", None)
        if keeping is None:
            keeping = self._local.keeping = self._make_keeping()
        subs = entry.sub_data_entries
        placements = []
        for sub in subs:
            if self._hash_sources:
                sub._hash_files()
            value = sub._medium.source_value(sub.name)
            keep = bool(sub._upload_destination)
            placements.append(keeping.place(value, sub._medium.known_media(), keep=keep))
        for sub, placement in zip(subs, placements, strict=True):
            sub._take(placement)
