"""The frames with unsaved edits, and when they are saved.

Edits take effect here at once and are noted in the journal. All edits of one frame are saved together, as one
commit: when the user goes on to another frame, asks for it, or has let the frame rest for a while.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from hdstore.errors import EditConflictError, HdstoreError
from hdstore.model import Changes, Frame, FrameEdit, SingleFrame
from hdstore_gui.catalog import OpenVersion
from hdstore_gui.editing.working import WorkingFrame
from hdstore_gui.services.journal import Journal
from hdstore_gui.services.session import Session

__all__ = ["Desk", "Refusal", "Saving"]

REST_MS = 8_000
"""How long a frame rests before it is saved by itself; a crash before that is mended from the journal."""

_Key = tuple[str, str]
"""Version id and frame id."""


class Saving(enum.Enum):
    """How the frame on the desk stands to the repository."""

    CLEAN = enum.auto()
    UNSAVED = enum.auto()
    RUNNING = enum.auto()
    REFUSED = enum.auto()


@dataclass(frozen=True, slots=True, eq=False)
class Refusal:
    """A frame that could not be saved, and why; ``theirs`` is what somebody else made of it meanwhile."""

    version_id: str
    frame_id: str
    error: Exception
    theirs: Frame | None = None

    @property
    def is_conflict(self) -> bool:
        """Whether somebody else changed the same frame."""
        return isinstance(self.error, EditConflictError)


class Desk(QObject):
    """Holds the frame that is being edited, and every other one whose save is not through yet."""

    shown = Signal(object)
    """The ``Frame`` on the desk after an edit or when another lies there; None when it is empty."""

    saving = Signal(object)
    """A ``Saving``: how the frame on the desk stands."""

    refused = Signal(object)
    """A ``Refusal`` that needs a decision; the edits are kept until it is made."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._journal: Journal | None = None
        self._frames: dict[_Key, WorkingFrame] = {}
        self._sent: dict[_Key, WorkingFrame] = {}
        self._refused: set[_Key] = set()
        self._key: _Key | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self.save)
        session.changed.connect(self._changed)
        session.leaving.connect(self.save_all)

    @property
    def frame(self) -> Frame | None:
        """The frame on the desk with its edits."""
        return self._frames[self._key].frame if self._key is not None else None

    @property
    def state(self) -> Saving:
        """How the frame on the desk stands to the repository."""
        key = self._key
        if key is None or not self._frames[key].is_dirty:
            return Saving.CLEAN
        if key in self._refused:
            return Saving.REFUSED
        return Saving.RUNNING if key in self._sent else Saving.UNSAVED

    @property
    def has_unsaved(self) -> bool:
        """Whether any frame waits to be saved."""
        return any(working.is_dirty for working in self._frames.values())

    def use(self, journal: Journal | None) -> None:
        """Notes unsaved work in this journal from now on; the desk is empty then.

        What could not be saved stays in the journal before, and is found again at the next opening.
        """
        self._rest.stop()
        self._key = None
        self._frames.clear()
        self._sent.clear()
        self._refused.clear()
        if self._journal is not None:
            self._journal.close()
        self._journal = journal

    def unsaved(self, version_id: str, frame_id: str) -> Frame | None:
        """Returns a frame as it stands with edits that are not saved yet, or None when it has none."""
        working = self._frames.get((version_id, frame_id))
        return working.frame if working is not None and working.is_dirty else None

    def lay(self, version: OpenVersion, frame: Frame) -> None:
        """Puts a frame, read at this version's commit, on the desk; the one before is saved."""
        self.clear()
        key = (version.id, frame.id)
        if key not in self._frames:
            self._frames[key] = WorkingFrame.opened(frame, version.commit)
        self._key = key
        self._tell()

    def clear(self) -> None:
        """Saves the frame on the desk and takes it away."""
        self.save()
        key, self._key = self._key, None
        if key is not None:
            self._forget(key)
            self.shown.emit(None)

    def recover(self, version_id: str, working: WorkingFrame) -> None:
        """Takes over work that a dead app left, and saves it."""
        key = (version_id, working.frame.id)
        if key not in self._frames:
            self._frames[key] = working
            self._save(key)

    def apply(self, edits: Sequence[FrameEdit]) -> None:
        """Edits the frame on the desk, all or nothing; only undo commands call this."""
        key = self._key
        if key is None:
            return
        working = self._frames[key]
        for edit in edits:
            working = working.edited(edit)
        self._frames[key] = working
        if self._journal is not None:
            if working.is_dirty:
                self._journal.keep(key[0], working)
            else:
                self._journal.drop(*key)
        self._rest.start()
        self._tell()

    def save(self) -> None:
        """Saves the frame on the desk, if there is something to save."""
        self._rest.stop()
        if self._key is not None:
            self._save(self._key)

    def save_all(self) -> None:
        """Saves every frame that waits, also those that were refused before."""
        self._rest.stop()
        self._refused.clear()
        for key in list(self._frames):
            self._save(key)

    def keep_mine(self, refusal: Refusal) -> None:
        """Saves my value of a frame over theirs."""
        key = (refusal.version_id, refusal.frame_id)
        if key not in self._frames:
            return
        mine = self._frames[key]
        theirs = refusal.theirs
        # A frame they deleted comes back whole: its base is then an empty one.
        base = theirs if theirs is not None else SingleFrame(id=refusal.frame_id)
        self._frames[key] = mine.onto(base, "")
        self._refused.discard(key)
        self._save(key)
        self._tell()

    def keep_theirs(self, refusal: Refusal) -> None:
        """Drops my edits of a frame; on the desk it stands again as it is in the repository."""
        key = (refusal.version_id, refusal.frame_id)
        current = self._session.current
        self._refused.discard(key)
        self._drop(key)
        before = self._frames.pop(key, None)
        if self._key != key:
            return
        kept = refusal.theirs if refusal.is_conflict or before is None else before.base
        if kept is None or current is None:
            self._key = None
            self.shown.emit(None)
            return
        self._frames[key] = WorkingFrame.opened(kept, current.commit)
        self._tell()

    def _save(self, key: _Key) -> None:
        working = self._frames[key]
        if not working.is_dirty or key in self._sent or key in self._refused:
            return
        self._sent[key] = working

        def failed(error: Exception) -> None:
            self._failed(key, error)

        try:
            self._session.apply(
                key[0],
                working.edits,
                lambda changes: self._saved(key, changes),
                base=working.commit or None,
                failed=failed,
            )
        except HdstoreError as error:
            failed(error)
        self._tell_state()

    def _saved(self, key: _Key, changes: Changes) -> None:
        sent = self._sent.pop(key)
        after = self._frames[key].saved(sent, sent.frame, changes.after)
        self._frames[key] = after
        if after.is_dirty:
            if key != self._key:
                self._save(key)
        else:
            self._drop(key)
            self._forget(key)
        self._tell_state()

    def _failed(self, key: _Key, error: Exception) -> None:
        self._sent.pop(key)
        self._refused.add(key)
        theirs = error.theirs if isinstance(error, EditConflictError) else None
        self.refused.emit(Refusal(*key, error, theirs if isinstance(theirs, Frame) else None))
        self._tell_state()

    def _changed(self, changes: Changes) -> None:
        """Takes in what a save changed: a clean frame follows, one with edits waits for its own save."""
        current, key = self._session.current, self._key
        if current is None or key is None or key[0] != changes.version_id:
            return
        working = self._frames[key]
        touched = changes.frame_ids is None or key[1] in changes.frame_ids
        if working.is_dirty or working.commit == changes.after:
            return
        if not touched and working.commit == changes.before:
            self._frames[key] = WorkingFrame.opened(working.frame, changes.after)
            return
        state = current.state

        def show(frame: Frame | None) -> None:
            if self._key == key and not self._frames[key].is_dirty and frame is not None:
                self._frames[key] = WorkingFrame.opened(frame, state.commit)
                self._tell()

        self._session.tasks.read(lambda job: state.find(key[1]), show, lane="desk")

    def _drop(self, key: _Key) -> None:
        if self._journal is not None:
            self._journal.drop(*key)

    def _forget(self, key: _Key) -> None:
        if key != self._key and not self._frames[key].is_dirty:
            del self._frames[key]

    def _tell(self) -> None:
        self.shown.emit(self.frame)
        self._tell_state()

    def _tell_state(self) -> None:
        self.saving.emit(self.state)
