"""Between the list of conflicts, the page and the session: what is shown of a conflict, and what resolves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from hdstore.model import Annotation, Changes
from hdstore.repository.resolving import Choice
from hdstore_gui.conflicts import ConflictRow
from hdstore_gui.services.conflicts import Conflicts, Resolved
from hdstore_gui.widgets.conflict_panel import ConflictBar, ConflictPanel
from hdstore_gui.widgets.undo import LIST, StepCommand

if TYPE_CHECKING:
    from hdstore_gui.widgets.main_window import MainWindow

__all__ = ["Resolving", "ghosts_of"]

_DONE = {"ours": "ours", "theirs": "theirs", "both": "both sides", "keep": "as shown"}


def ghosts_of(row: ConflictRow) -> list[tuple[Annotation, str]]:
    """Returns the shapes of a conflict that the frame does not show, each with whose it is."""
    if row.path[2:] not in ((), ("geometry",)):
        return []
    return [
        (side.shape, f"{side.name.lower()} · {side.who}")
        for number, side in enumerate(row.sides)
        if side.shape is not None and number != row.shown
    ]


class Resolving(QObject):
    """Shows and resolves conflicts on behalf of one window."""

    def __init__(self, window: MainWindow, conflicts: Conflicts) -> None:
        super().__init__(window)
        self._window = window
        self._conflicts = conflicts
        self._stays = False
        self._opens = False
        self.bar = ConflictBar(window.theme)
        self.panel = ConflictPanel(window.theme)
        self.panel.hide()
        self.bar.asked.connect(self.open)
        self.panel.chosen.connect(self._chosen)
        self.panel.table.focused.connect(self._focused)
        window.frame_view.altered.connect(self._page_altered)
        conflicts.listed.connect(self._listed)

    @property
    def chosen(self) -> tuple[ConflictRow, ...]:
        """What the buttons act on: the selected conflicts, or all."""
        return self.panel.selected or self._conflicts.rows

    @property
    def count(self) -> int:
        """How many conflicts wait."""
        return len(self._conflicts.rows)

    def open(self) -> None:
        """Shows the list, with its first conflict selected."""
        if not self.count:
            return
        self.panel.show()
        self.bar.hide()
        if not self.panel.selected:
            self.panel.select(0)
        self.panel.table.setFocus()
        self._window.refresh_actions()

    def open_next(self) -> None:
        """Shows the list as soon as a version with conflicts is shown."""
        self._opens = True

    def close(self) -> None:
        """Hides the list; the bar comes back while conflicts wait."""
        had_focus = self.panel.table.hasFocus()
        self.panel.hide()
        self.bar.setVisible(self.count > 0)
        self._window.frame_view.canvas.show_ghosts(())
        if had_focus:
            self._window.focus_page()
        self._window.refresh_actions()

    def toggle(self) -> None:
        """Shows or hides the list."""
        if self.panel.isVisible():
            self.close()
        else:
            self.open()

    def resolve(self, how: Choice) -> None:
        """Resolves what is chosen; it can be undone."""
        window, current = self._window, self._window.session.current
        rows = self.chosen
        if current is None or not rows:
            return
        window.desk.save_all()
        version_id = current.id
        text = "Resolve conflict" if len(rows) == 1 else f"Resolve {len(rows):,} conflicts"

        def done(resolved: Resolved) -> None:
            step = _Step(self, version_id, rows, how, resolved)
            command = StepCommand(text, step.redo, step.undo)
            window.undo.forget_frames(version_id, resolved.frame_ids)
            window.undo.use(version_id, LIST)
            window.undo.push(command)
            many = "Resolved one conflict" if len(rows) == 1 else f"Resolved {len(rows):,} conflicts"
            window.notice.say(
                f"{many}: {_DONE[how]}.",
                [("Undo", lambda: self._undo(command))],
                topic="resolved",
                good=True,
            )
            window.refresh_actions()

        self._conflicts.resolve(version_id, rows, how, done, failed=window.show_problem)

    def _undo(self, command: StepCommand) -> None:
        """Takes a resolution back where it is the last thing that was done."""
        if not self._window.undo.take_back(command):
            self._window.notice.say("Other edits followed; undo those first, with Ctrl+Z.", topic="resolved")
        if self.panel.isVisible():
            self.panel.table.setFocus()

    def again(self, version_id: str, rows: tuple[ConflictRow, ...], how: Choice, step: _Step) -> None:
        """Does again what was taken back."""
        self._window.desk.save_all()

        def done(resolved: Resolved) -> None:
            step.resolved = resolved
            self._window.undo.forget_frames(version_id, resolved.frame_ids)

        self._conflicts.resolve(version_id, rows, how, done, failed=self._refused(version_id))

    def take_back(self, version_id: str, resolved: Resolved) -> None:
        """Brings the conflicts back, and the frames as they were with them."""
        window = self._window
        window.desk.save_all()
        window.notice.dismiss("resolved")

        def done(changes: Changes) -> None:
            window.undo.forget_frames(version_id, resolved.frame_ids)

        self._conflicts.take_back(resolved, done, failed=self._refused(version_id))

    def _refused(self, version_id: str) -> Callable[[Exception], None]:
        def failed(error: Exception) -> None:
            self._window.undo.forget(version_id, LIST)
            self._window.show_problem(error)

        return failed

    def _listed(self, rows: tuple[ConflictRow, ...]) -> None:
        # Who is at work in another frame is not taken away from it because somebody else resolved something.
        before, here = self.panel.selected, self._window.frame_view.heading_for
        self._stays = bool(before) and before[0].frame_id not in ("", here)
        self.panel.show_rows(rows)
        self.bar.show_count(len(rows))
        if not rows and self.panel.isVisible():
            self.close()
            # The hand is on the page now, and what it did last was in the list.
            self._use_stack()
        self.bar.setVisible(bool(rows) and not self.panel.isVisible())
        self._chosen()
        self._stays = False
        if rows and self._opens:
            self._opens = False
            self.open()

    def _focused(self, has_focus: bool) -> None:
        """What is undone is what was done where the keyboard is."""
        if has_focus:
            self._use_stack()
        else:
            self._window.use_stack()

    def _page_altered(self) -> None:
        if self.panel.table.hasFocus():
            self._use_stack()

    def _use_stack(self) -> None:
        current = self._window.session.current
        if current is not None:
            self._window.undo.use(current.id, LIST)

    def _chosen(self) -> None:
        """Opens the frame of the selected conflict, with its annotation selected and the other side's shape drawn."""
        window = self._window
        rows = self.panel.selected
        window.refresh_actions()
        if not self.panel.isVisible() or len(rows) != 1:
            window.frame_view.canvas.show_ghosts(())
        elif rows[0].frame_id and not self._stays:
            row = rows[0]
            window.show_place(row.frame_id, row.annotation_id, ghosts_of(row))


class _Step:
    """A resolution on the undo stack."""

    def __init__(
        self,
        resolving: Resolving,
        version_id: str,
        rows: tuple[ConflictRow, ...],
        how: Choice,
        resolved: Resolved,
    ) -> None:
        self._resolving, self._version_id, self._rows, self._how = resolving, version_id, rows, how
        self.resolved = resolved

    def redo(self) -> None:
        self._resolving.again(self._version_id, self._rows, self._how, self)

    def undo(self) -> None:
        self._resolving.take_back(self._version_id, self.resolved)
