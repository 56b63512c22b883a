"""The manifest of an index: which segments count, and on which machine they were built."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from hdstore.errors import DamagedError, StorageError
from hdstore.store import files

__all__ = ["MANIFEST", "Manifest"]

MANIFEST = "manifest.json"

_FORMAT = 1
_LIMIT = 16 << 20
_SEGMENT = re.compile(r"segment-[0-9]{1,20}-[0-9a-f]{16}")


class Manifest:
    """The manifest in the folder of an index; replaced whole, so that readers see one state or the other.

    An index is believed only in the very folder it was built in: one that came with a repository from elsewhere may say
    anything, and is built anew.
    """

    def __init__(self, folder: Path, tmp: Path) -> None:
        self._folder = folder
        self._tmp = tmp

    def read(self) -> list[str] | None:
        """Returns the names of the segments, each once, or None where there is no index that can be believed.

        Raises:
            StorageError: the system refused to read it.
        """
        try:
            raw = files.read_file(self._folder / MANIFEST, limit=_LIMIT)
        except DamagedError:
            return None
        except StorageError as error:
            if error.errno == errno.ELOOP:
                return None
            raise
        if raw is None:
            return None
        try:
            found = json.loads(raw)
            place = self._place()
            if found["format"] != _FORMAT or place is None or found["place"] != place:
                return None
            names = [*dict.fromkeys(found["segments"])]
            return names if all(map(_SEGMENT.fullmatch, names)) else None
        except (ValueError, KeyError, TypeError, RecursionError):
            return None

    def write(self, names: list[str]) -> None:
        """Makes these the segments that count.

        After a power cut it is this manifest or the one before, never half of one: then what it does not name is built
        again, and so is what it names but the disk lost.
        """
        text = json.dumps({"format": _FORMAT, "place": self._place(), "segments": names})
        aside = files.new_name(self._tmp, "manifest")
        try:
            descriptor = files.open_new(aside)
            try:
                files.write_all(descriptor, text.encode())
                files.flush(descriptor, aside)
            finally:
                os.close(descriptor)
            files.rename(aside, self._folder / MANIFEST)
        except BaseException:
            with suppress(OSError):
                aside.unlink()
            raise

    def strays(self, names: list[str]) -> list[str]:
        """Returns the segments in the folder that do not count: what a process left that was killed."""
        with os.scandir(self._folder) as entries:
            found = {entry.name for entry in entries if _SEGMENT.fullmatch(entry.name)}
        return sorted(found.difference(names))

    def _place(self) -> list[int] | None:
        """Returns the number of the folder's disk and its own there."""
        state = files.look(self._folder)
        return [state.st_dev, state.st_ino] if state is not None and stat.S_ISDIR(state.st_mode) else None
