"""A root for media that are linked from a folder of which this machine knows no root yet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from hdstore.cli.output import say

if TYPE_CHECKING:
    from hdstore.media import Roots

__all__ = ["root_for"]


@contextmanager
def root_for(roots: Roots, place: Path) -> Iterator[None]:
    """Makes a root for a folder, or that of a file, unless one holds it; an error takes it back."""
    folder = place.resolve()
    if not folder.exists():  # the reader says so better
        yield
        return
    if not folder.is_dir():
        folder = folder.parent
    known = roots.list()
    if any(folder.is_relative_to(root.resolve()) for root in known.values()):
        yield
        return
    name = _free_name(folder, known)
    roots.add(name, folder)
    try:
        yield
    except BaseException:
        roots.remove(name)
        raise
    say(f"Made root {name} for the files in {folder}")


def _free_name(folder: Path, known: dict[str, Path]) -> str:
    base = re.sub(r"[^\w.-]+", "-", folder.name)[:48].strip("-.") or "files"
    return next(
        name for number in count(1) if (name := base if number == 1 else f"{base}-{number}") not in known
    )
