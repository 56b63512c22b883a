"""Media: bytes kept by their hash, files linked under roots, and what their headers tell."""

from __future__ import annotations

from hdstore.media.files import open_regular
from hdstore.media.keeper import Keeper
from hdstore.media.linker import Linker, Policy
from hdstore.media.part import Part, is_part
from hdstore.media.probe import MAX_PIXELS, MediaInfo, probe
from hdstore.media.roots import Roots
from hdstore.media.store import Media, is_hash

__all__ = [
    "MAX_PIXELS",
    "Keeper",
    "Linker",
    "Media",
    "MediaInfo",
    "Part",
    "Policy",
    "Roots",
    "is_hash",
    "is_part",
    "open_regular",
    "probe",
]
