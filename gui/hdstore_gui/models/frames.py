"""The frames that are shown: ids in order, and the frames themselves as far as they were looked at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from hdstore import query
from hdstore.errors import QuerySyntaxError
from hdstore.model import Changes, Frame, Progress
from hdstore_gui.catalog import OpenVersion
from hdstore_gui.editing.selection import Ranges
from hdstore_gui.models.listing import Listing

__all__ = ["FrameList"]

CACHE = 4_000
"""How many frames are kept; a screen shows at most some hundred."""

T = TypeVar("T")


class Reads(Protocol):
    """Runs work beside the GUI thread and hands its result over on it."""

    def read(
        self, work: Callable[[Progress], T], done: Callable[[T], None], *, what: str = "", lane: str = ""
    ) -> object:
        """Reads; a newer read in the same lane replaces an older one."""

    def cancel_lane(self, lane: str) -> None:
        """Stops the read in a lane, if there is one."""


_Index = QModelIndex | QPersistentModelIndex


class FrameList(QAbstractListModel):
    """The frames of a version that match a query, by name."""

    FRAME = Qt.ItemDataRole.UserRole + 1

    arrived = Signal(object)
    """A ``Ranges`` of rows whose frames came."""

    refused = Signal(object)
    """The ``QuerySyntaxError`` of a query, or None when the query is sound."""

    counted = Signal()
    """The number of matching frames is known, or being counted anew."""

    def __init__(self, tasks: Reads, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._version: OpenVersion | None = None
        self._listing: Listing | None = None
        self._ids: list[str] = []
        self._rows: dict[str, int] | None = None
        self._frames: OrderedDict[str, Frame] = OrderedDict()
        self._asked: set[str] = set()
        self._stale: set[str] = set()
        """Frames that were changed since: shown as they were until they are read anew."""
        self.text = ""
        self.is_counting = False
        self._overlay: Callable[[str, str], Frame | None] = lambda version_id, frame_id: None

    @property
    def total(self) -> int:
        """How many frames the version holds."""
        return self._version.stats.frames if self._version is not None else 0

    @property
    def version(self) -> OpenVersion | None:
        """The version whose frames these are."""
        return self._version

    def overlay(self, unsaved: Callable[[str, str], Frame | None]) -> None:
        """Shows frames as ``unsaved(version_id, frame_id)`` says they are, where it says anything."""
        self._overlay = unsaved

    def show(self, version: OpenVersion | None) -> None:
        """Shows a version's frames from the beginning."""
        self._version = version
        self._frames.clear()
        self._stale.clear()
        self._asked.clear()
        self._put([])
        self._read()

    def filter(self, text: str) -> None:
        """Shows the frames that a query matches; an unsound query leaves those that are shown."""
        self.text = text.strip()
        self._read()

    def follow(self, version: OpenVersion, changes: Changes) -> None:
        """Takes in a save: frames that changed are read anew, the order only where frames came or went."""
        self._version = version
        self._stale.update(self._frames if changes.frame_ids is None else changes.frame_ids)
        self._asked.clear()
        if changes.added or changes.removed or changes.frame_ids is None:
            self._read()
        else:
            self.arrived.emit(Ranges.of(row for row in map(self.row_of, changes.frame_ids) if row >= 0))
        self.counted.emit()

    def stop(self) -> None:
        """Gives up reading; what is shown stays."""
        self._tasks.cancel_lane("frames")
        self.is_counting = False
        self.counted.emit()

    def touch(self, frame: Frame) -> None:
        """Takes in a frame that was edited and not saved yet."""
        if frame.id in self._frames:
            self._frames[frame.id] = frame
        row = self.row_of(frame.id)
        if row >= 0:
            self.arrived.emit(Ranges.span(row, row + 1))

    def id_at(self, row: int) -> str:
        """Returns the id of the frame in a row."""
        return self._ids[row]

    def ids_at(self, rows: Iterable[int]) -> list[str]:
        """Returns the ids of several rows."""
        return [self._ids[row] for row in rows if row < len(self._ids)]

    def row_of(self, frame_id: str) -> int:
        """Returns the row of a frame, or -1 when it is not shown."""
        if self._rows is None:
            self._rows = {one: row for row, one in enumerate(self._ids)}
        return self._rows.get(frame_id, -1)

    def frame_at(self, row: int) -> Frame | None:
        """Returns the frame in a row, if it is here already: ask with ``want``."""
        return self.get(self._ids[row])

    def get(self, frame_id: str) -> Frame | None:
        """Returns a frame, with edits that are not saved yet, if it is here already."""
        if self._version is not None:
            unsaved = self._overlay(self._version.id, frame_id)
            if unsaved is not None:
                return unsaved
        found = self._frames.get(frame_id)
        if found is not None:
            self._frames.move_to_end(frame_id)
        return found

    def want(self, rows: range) -> None:
        """Asks for the frames of the rows on the screen; an older request that was not begun is dropped."""
        version = self._version
        wanted = (self._ids[row] for row in rows)
        missing = [one for one in wanted if one not in self._frames or one in self._stale]
        if version is None or not missing or set(missing) <= self._asked:
            return
        self._asked = set(missing)
        state = version.state

        def work(job: Progress) -> list[Frame]:
            found = []
            for number, frame_id in enumerate(missing):
                job("", number, None)
                frame = state.find(frame_id)
                if frame is not None:
                    found.append(frame)
            return found

        self._tasks.read(work, lambda frames: self._take(version, frames), lane="grid")

    def fetch(self, frame_id: str, done: Callable[[Frame], None]) -> None:
        """Hands over one frame, now or when it is read."""
        here, version = self.get(frame_id), self._version
        if here is not None and frame_id not in self._stale:
            done(here)
            return
        if version is None:
            return
        state = version.state

        def take(frame: Frame) -> None:
            if self._version is version:
                done(frame)
            else:
                # The version moved on meanwhile: this value may be an old one.
                self.fetch(frame_id, done)

        self._tasks.read(lambda job: state.frame(frame_id), take, lane="frame")

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        """Returns the number of frames shown."""
        return 0 if parent.isValid() else len(self._ids)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Returns the id of a frame, or the frame itself if it is here."""
        if not index.isValid():
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return self._ids[index.row()]
        return self.frame_at(index.row()) if role == self.FRAME else None

    def _read(self) -> None:
        version, text = self._version, self.text
        self._tasks.cancel_lane("frames")
        if version is None:
            self._put([])
            return
        try:
            query.compile(text)
        except QuerySyntaxError as error:
            self.is_counting = False
            self.refused.emit(error)
            return
        self.refused.emit(None)
        self.is_counting = True
        self.counted.emit()
        known = self._listing

        def work(job: Progress) -> tuple[Listing, list[str]]:
            listing = known
            if listing is None or listing.tree != version.state.trie.tree:
                listing = Listing(version, job)
            return listing, listing.matching(text, job) if text else listing.names

        what = "Filtering" if text else "Reading frames"
        self._tasks.read(work, self._found, what=what, lane="frames")

    def _found(self, found: tuple[Listing, list[str]]) -> None:
        self._listing, ids = found
        self.is_counting = False
        if ids != self._ids:
            self._put(ids)
        else:
            self.arrived.emit(Ranges.span(0, len(ids)))
        self.counted.emit()

    def _put(self, ids: list[str]) -> None:
        self.beginResetModel()
        self._ids, self._rows = ids, None
        self.endResetModel()

    def _take(self, version: OpenVersion, frames: Sequence[Frame]) -> None:
        self._asked.clear()
        if self._version is None or self._version.commit != version.commit:
            return
        for frame in frames:
            self._frames[frame.id] = frame
            self._stale.discard(frame.id)
        while len(self._frames) > CACHE:
            self._frames.popitem(last=False)
        rows = (self.row_of(frame.id) for frame in frames)
        self.arrived.emit(Ranges.of(row for row in rows if row >= 0))
