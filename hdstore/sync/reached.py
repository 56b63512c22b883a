"""What every transport is made of: a place, what was learnt of it, and bounds on what it may cost."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

from hdstore.model import Progress
from hdstore.store import Layout
from hdstore.sync.failures import with_retries
from hdstore.sync.reaching import Candidates, open_folder
from hdstore.sync.urls import Place

__all__ = ["Reached"]

T = TypeVar("T")

_MEMORY = 4 << 30
"""Bytes that the program which does the work, and each of its helpers, may take."""
_LONGEST_LIST = 256 << 20
"""Bytes of a list of refs."""


class Reached(ABC):
    """The base of both transports; see ``transport.connect`` for what is given."""

    def __init__(
        self,
        layout: Layout,
        place: Place,
        *,
        create: bool = False,
        inner: bool | None = None,
        sleep: Callable[[float], None] = time.sleep,
        memory: int = _MEMORY,
        longest: int = _LONGEST_LIST,
    ) -> None:
        self._layout = layout
        self._place = place
        self._folder = None if place.folder is None else open_folder(layout, place, create=create)
        self._candidates = Candidates(
            place, inner if self._folder is None else self._folder.layout is not None
        )
        self._sleep = sleep
        self._memory = memory
        self._longest = longest

    @property
    def place(self) -> Place:
        """Where the other repository lies."""
        return self._place

    @property
    def inner(self) -> bool:
        """Whether the git repository lies in ``.hds`` below the place; looks there when nobody has looked yet."""
        if self._candidates.inner is None:
            self.refs()
        return bool(self._candidates.inner)

    @abstractmethod
    def refs(self, *, progress: Progress | None = None) -> dict[str, str]:
        """Returns the other side's branches and tags."""

    def _try(self, work: Callable[[str], T], progress: Progress | None) -> T:
        return with_retries(lambda: self._candidates.first(work), sleep=self._sleep, progress=progress)
