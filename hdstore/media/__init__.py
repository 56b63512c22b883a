"""Media: bytes kept by their hash, files linked under roots, and what their headers tell."""

from __future__ import annotations

from hdstore.media.linker import Linker, Policy
from hdstore.media.probe import MAX_PIXELS, MediaInfo, probe
from hdstore.media.roots import Roots
from hdstore.media.store import Media

__all__ = ["MAX_PIXELS", "Linker", "Media", "MediaInfo", "Policy", "Roots", "probe"]
