"""Errors that ClearML's scripts catch as ValueError, inside the library's own tree."""

from __future__ import annotations

from hdstore.errors import AlreadyExistsError, MediaError, NotFoundError

__all__ = ["ExistsError", "HyperDatasetWarning", "MissingError", "UnreadableError"]


class MissingError(NotFoundError, ValueError):
    """A dataset, version or frame that was named does not exist."""


class ExistsError(AlreadyExistsError, ValueError):
    """What should be made, with ``raise_if_exists``, is there already."""


class UnreadableError(MediaError, ValueError):
    """There is no local file for a source, preview or mask."""


class HyperDatasetWarning(UserWarning):
    """Several things are meant by one name, or a frame is added twice."""
