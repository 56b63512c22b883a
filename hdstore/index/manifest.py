"""The manifest of an index: which segments count, and on which machine they were built."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from hdstore.store import files

__all__ = ["Manifest"]

_FORMAT = 1
_NAME = "manifest.json"
_LIMIT = 16 << 20
_SEGMENT = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}")


class Manifest:
    """The manifest in the folder of an index; replaced whole, so that readers see one state or the other.

    An index is believed only in the very folder it was built in: one that came with a repository from elsewhere may say
    anything, and is built anew.
    """

    def __init__(self, folder: Path, tmp: Path) -> None:
        self._folder = folder
        self._tmp = tmp

    def read(self) -> list[str] | None:
        """Returns the names of the segments, or None where there is no index that can be believed."""
        raw = files.read_file(self._folder / _NAME, limit=_LIMIT)
        if raw is None:
            return None
        try:
            found = json.loads(raw)
            if found["format"] != _FORMAT or found["place"] != self._place():
                return None
            names = [str(name) for name in found["segments"]]
        except (ValueError, KeyError, TypeError):
            return None
        return names if all(map(_SEGMENT.fullmatch, names)) else None

    def write(self, names: list[str]) -> None:
        """Makes these the segments that count."""
        text = json.dumps({"format": _FORMAT, "place": self._place(), "segments": names})
        files.write_file(self._folder / _NAME, text.encode(), tmp=self._tmp)

    def _place(self) -> list[int]:
        state = os.stat(self._folder, follow_symlinks=False)
        return [state.st_dev, state.st_ino]
