"""Paths and URIs: what scripts write as the source of a frame, and what is stored."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

__all__ = ["PathLike", "file_of", "is_cloud", "shown", "to_uri"]

PathLike: TypeAlias = str | os.PathLike[str]

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|media:|root:")
_CLOUD = ("s3", "gs", "azure", "az")


def to_uri(place: PathLike) -> str:
    """Returns a URI as it is, and a local path as an absolute ``file://`` URI."""
    text = os.fspath(place)
    return text if _URI.match(text) or not text else Path(text).absolute().as_uri()


def file_of(uri: str) -> Path | None:
    """Returns the path that a ``file://`` URI of this machine means, else None."""
    if not uri.startswith("file://"):
        return None
    parts = urlsplit(uri.replace("#", "%23").replace("?", "%3F"))
    return Path(unquote(parts.path)) if parts.netloc in ("", "localhost") else None


def shown(uri: str) -> str:
    """Returns a ``file://`` URI as the path it means, any other as it is."""
    path = file_of(uri)
    return uri if path is None else str(path)


def is_cloud(uri: str) -> bool:
    """Says whether a URI means an object in a bucket."""
    return uri.partition("://")[0] in _CLOUD and "://" in uri
