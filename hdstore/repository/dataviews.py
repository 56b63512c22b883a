"""A view bound to a repository: what trains on it asks here for its frames, in its order."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hdstore.codec import normal_view, view_hash
from hdstore.errors import InvalidValueError
from hdstore.media import Media
from hdstore.model import Author, Frame, Progress, Timestamp, View
from hdstore.repository.core import Core
from hdstore.repository.indexing import rows_of
from hdstore.repository.naming import split_path
from hdstore.repository.pinning import resolve
from hdstore.repository.viewfile import is_view_file, read_view_file
from hdstore.version import VersionState

if TYPE_CHECKING:
    from hdstore.index import VersionRows
    from hdstore.query.found import Found
    from hdstore.repository.repository import Repository
    from hdstore.view import Asked, PrefetchReport, ViewCounts, ViewItem, ViewRun

# numpy and what stands on it are loaded when frames are asked for.

__all__ = ["DataView"]

_log = logging.getLogger(__name__)


class DataView:
    """A view and the repository whose frames it gives; ``Repository.data_view`` makes it.

    Nothing is looked up until something of it is asked for. Then names become ids and commits, queries are answered,
    and all stays as it was found for as long as this object lives, whatever is saved meanwhile. It can be shared by
    threads, and pickled: another process of this machine opens the repository anew and gets the same items.
    """

    def __init__(self, core: Core, value: View) -> None:
        self._core = core
        self.value = normal_view(value)
        """The view as it was given."""
        self._lock = threading.RLock()
        self._resolved: View | None = None
        self._run: ViewRun | None = None

    def __repr__(self) -> str:
        return (
            f"<DataView {self.content_hash[:10]} of {len(self.value.queries)} queries in {self._core.folder}>"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (str(self._core.folder), self._core.author, self.value, self.resolved)

    # What it is

    @property
    def content_hash(self) -> str:
        """The hash of the view's value: equal views have equal ones."""
        return view_hash(self.value)

    @property
    def resolved(self) -> View:
        """What the view means since it was first asked: with ids, without wildcards, pinned."""
        with self._lock:
            if self._resolved is None:
                self._resolved = resolve(self._core, self.value)
            return self._resolved

    def pinned(self) -> DataView:
        """Returns the same view with the commits that it reads, which give the same frames for ever."""
        with self._lock:
            view = DataView(self._core, self.resolved)
            view._resolved, view._run = self._resolved, self._run
            return view

    def with_value(self, value: View) -> DataView:
        """Returns another view bound to the same repository."""
        return DataView(self._core, value)

    @property
    def media(self) -> Media:
        """Finds the media of its frames on this machine."""
        return self._core.media

    def prepare(self, *, progress: Progress | None = None) -> None:
        """Answers the queries, which what needs it does by itself; here with progress, and to be cancelled."""
        self._started(progress)

    def _started(self, progress: Progress | None = None) -> ViewRun:
        from hdstore.view import ViewRun

        with self._lock:
            if self._run is None:
                view = self.resolved
                tmp = self._core.layout.tmp
                self._run = ViewRun(
                    view,
                    self._asked(view, progress),
                    self._core.objects,
                    folder=tmp if os.access(tmp, os.W_OK) else None,
                    progress=progress,
                )
            return self._run

    def _asked(self, view: View, progress: Progress | None) -> list[Asked]:
        from hdstore.query.columnar import compile_filter
        from hdstore.view import Asked

        core, now = self._core, datetime.fromtimestamp(self._core.clock(), UTC)
        filters = [compile_filter(query, now=now) for query in view.queries]
        rows: dict[str, VersionRows] = {}
        asked = []
        for number, (query, compiled) in enumerate(zip(view.queries, filters, strict=True)):
            if query.version not in rows:
                state = VersionState(core.objects, view.pins[query.version])
                rows[query.version] = rows_of(core, state, progress)
            for sentence in compiled.unknown(rows[query.version]):
                _log.warning("queries[%d] of the view: %s", number, sentence)
            dataset, version = split_path(core.path_of(query.dataset, query.version))
            asked.append(Asked(query, compiled, rows[query.version], dataset, version, now))
        return asked

    # How much there is

    def __len__(self) -> int:
        """Returns how many items there are; raises InvalidValueError for a view without an end (row 122)."""
        length = self._started().length
        if length is None:
            raise InvalidValueError(
                "The view is infinite and has no length: set iteration.limit, or ask for its epoch_length."
            )
        return length

    def __bool__(self) -> bool:
        return True  # a view that finds nothing is still a view

    @property
    def epoch_length(self) -> int:
        """How many items make one epoch: in so many each frame comes at least once (row 120)."""
        return self._started().epoch

    def counts(self, *, progress: Progress | None = None) -> ViewCounts:
        """Returns how many frames there are, in all and by queries and their rules (row 122)."""
        return self._started(progress).counts(progress=progress)

    def found(self) -> Found:
        """Returns the frames of all queries without repeats, for statistics, groups and pages over them."""
        return self._started().found()

    # Items and frames

    def __iter__(self) -> Iterator[ViewItem]:
        return self.items()

    def items(
        self, start: int = 0, worker: int = 0, workers: int = 1, *, memory: int | None = None
    ) -> Iterator[ViewItem]:
        """Streams the items at positions from ``start`` on: of these every ``workers``-th, beginning with ``worker``.

        Together the workers get each item once (row 121); for several nodes, number the workers of all of them through.
        To resume, start behind the position of the last item that was used. ``memory`` limits the bytes of frames that
        are held because they come later (256 MiB unless given); beyond it they are set aside in a temporary file.
        """
        from hdstore.view import MEMORY

        return self._started().items(start, worker, workers, memory=MEMORY if memory is None else memory)

    def item(self, position: int) -> ViewItem:
        """Returns the item at a position; raises NotFoundError when there is none."""
        return self._started().item(position)

    def frames(self, start: int = 0, worker: int = 0, workers: int = 1) -> Iterator[Frame]:
        """Streams the frames of the items; those of a clip one after the other."""
        for item in self.items(start, worker, workers):
            if item.clip:
                yield from (inner.frame for inner in item.clip)
            else:
                yield item.frame

    def stored(self, *, progress: Progress | None = None) -> Iterator[Frame]:
        """Streams the frames of all queries as they are stored, without repeats; their order means nothing."""
        return self._started(progress).stored()

    def ids(self, start: int = 0, worker: int = 0, workers: int = 1) -> Iterator[str]:
        """Streams the ids of the frames of the items, without reading the frames."""
        return self._started().ids(start, worker, workers)

    def to_list(self) -> list[ViewItem]:
        """Returns all items; raises InvalidValueError for a view without an end (row 123)."""
        len(self)
        return list(self.items())

    def position(self, context_id: str, timestamp: Timestamp = float("-inf")) -> int | None:
        """Returns where the first frame of a context at or after a time comes, or None (row 124).

        Raises InvalidValueError unless the items are single frames in sequential order.
        """
        return self._started().place(context_id, timestamp)

    # Media

    def prefetch(
        self,
        *,
        workers: int = 8,
        masks: bool = True,
        previews: bool = False,
        progress: Progress | None = None,
    ) -> PrefetchReport:
        """Finds the media of its frames on this machine and has them read ahead; says which are missing (row 127).

        Kept media that are not here are fetched from the remotes, many at once.
        """
        from hdstore.view import different_media, prefetch

        if self._core.roots.noted_remotes():
            frames = self.stored(progress=progress)
            media = different_media(frames, masks=masks, previews=previews)
            self._core.first_use.fetch_all((medium.uri for medium in media), progress=progress)
        return prefetch(
            self.stored(progress=progress),
            self.media,
            workers=workers,
            masks=masks,
            previews=previews,
            progress=progress,
        )

    # Where scripts get it from

    @staticmethod
    def from_environment(default: View | str | DataView, repository: Repository | None = None) -> DataView:
        """Returns the view that ``HDSTORE_VIEW`` names, or else ``default``, so that a run changes it without code.

        The variable holds the name or id of a stored view, or the path of a JSON or YAML file. Without ``repository``
        it is the one that ``HDSTORE_REPO`` names, or else that of the current folder.
        """
        from hdstore.repository.repository import open_repository

        given = os.environ.get("HDSTORE_VIEW", "")
        if repository is None:
            if isinstance(default, DataView) and not given:
                return default
            repository = open_repository(os.environ.get("HDSTORE_REPO") or ".")
        if not given:
            return repository.data_view(default)
        return repository.data_view(read_view_file(Path(given)) if is_view_file(given) else given)


def _reopened(folder: str, author: Author, value: View, resolved: View) -> DataView:
    """Opens the repository of a view again, in a process that its opener started."""
    from hdstore.repository.repository import open_repository

    view = DataView(open_repository(folder, author=author, trusted=True)._core, value)
    view._resolved = resolved
    return view
