"""Why a picture can not be shown, in a few words."""

from __future__ import annotations

from hdstore.model import Mask, Preview, Source
from hdstore.repository import Repository

__all__ = ["why_missing"]


def why_missing(repository: Repository, medium: Source | Mask | Preview) -> str:
    """Says why a medium is not on this machine, in a sentence short enough for a cell of the grid."""
    scheme, _, rest = medium.uri.partition(":")
    if not medium.uri:
        return "This source names no file."
    if scheme == "media":
        known = "at no remote" if repository.remotes() else "there is no remote to ask"
        return f"Not here, and {known}."
    if scheme == "root":
        name, _, path = rest.partition("/")
        if name not in repository.roots.list():
            return f"The root {name} is not set on this machine."
        return f"{path.rpartition('/')[2]} is not in the root {name} any more."
    if scheme == "file":
        return f"{rest.rpartition('/')[2]} is not there any more."
    return f"Pictures on servers ({scheme}) are not shown."
