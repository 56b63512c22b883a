"""Between the menu of remotes, the session and the window: what is exchanged, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from hdstore_gui.services.exchanging import Exchanging, Failure, Kind, Outcome, Standing
from hdstore_gui.widgets.remotes_dialog import RemotesDialog

if TYPE_CHECKING:
    from hdstore_gui.widgets.main_window import MainWindow

__all__ = ["Sharing"]

_VERBS: tuple[tuple[Kind, str], ...] = (("fetch", "Fetch"), ("pull", "Pull"), ("push", "Push"))


class Sharing(QObject):
    """Fetches, pulls and pushes on behalf of one window."""

    def __init__(self, window: MainWindow, exchanging: Exchanging) -> None:
        super().__init__(window)
        self._window = window
        self._exchanging = exchanging
        self._dialog: RemotesDialog | None = None
        self._others: list[QAction] = []
        exchanging.homeless.connect(self.edit_remotes)
        exchanging.began.connect(window.refresh_actions)
        exchanging.finished.connect(self._finished)
        exchanging.failed.connect(self._failed)
        exchanging.stands.connect(self._stands)

    @property
    def remote(self) -> str:
        """The remote that is meant where none is named, or ""."""
        return self._exchanging.standing.remote

    @property
    def is_running(self) -> bool:
        """Whether an exchange is under way."""
        return self._exchanging.is_running

    def run(self, kind: Kind, remote: str = "") -> None:
        """Exchanges with a remote, or with the first one; where there is none, asks for one."""
        self._window.desk.save_all()
        self._window.notice.dismiss("exchange")
        self._exchanging.run(kind, remote)

    def edit_remotes(self) -> None:
        """Shows the dialog of remotes."""
        if self._dialog is None:
            self._dialog = RemotesDialog(self._exchanging, self._window)
        self._exchanging.look()
        self._dialog.show()
        self._dialog.raise_()

    def close(self) -> None:
        """Closes the dialog."""
        if self._dialog is not None:
            self._dialog.close()

    def _finished(self, outcome: Outcome) -> None:
        choices: list[tuple[str, Callable[[], object]]] = []
        path, current = outcome.conflicted, self._window.session.current
        if path and (current is None or current.path != path):
            # Those of the draft that is shown are told by the bar.
            choices.append(("Show conflicts", lambda: self._show_conflicts(path)))
        self._window.images.try_again()
        self._window.notice.say(outcome.text, choices, topic="exchange", good=not path)
        self._window.refresh_actions()

    def _show_conflicts(self, path: str) -> None:
        self._window.resolving.open_next()
        self._window.session.select(path)

    def _failed(self, failure: Failure) -> None:
        if failure.needs_pull:
            text = (
                f"{failure.remote} has work that is not here yet, so nothing was sent. Pull, then push again."
            )
            choices = [("Pull", lambda: self.run("pull", failure.remote))]
            self._window.notice.say(text, choices, topic="exchange")
        else:
            self._window.show_problem(failure.error)
        self._window.refresh_actions()

    def _stands(self, standing: Standing) -> None:
        self._window.sidebar.show_standing(standing)
        self._build_others(standing)
        self._window.refresh_actions()

    def _build_others(self, standing: Standing) -> None:
        """Offers the other remotes as menus below the first one's actions."""
        menu = self._window.table.menus["Re&pository"]
        for action in self._others:
            menu.removeAction(action)
            held = action.menu()
            if isinstance(held, QMenu):
                held.deleteLater()
        before = self._window.table["sync.remotes"]
        self._others = []
        for name, url in standing.remotes[1:]:
            inner = QMenu(name.replace("&", "&&"), menu)
            inner.setToolTip(url)
            for kind, verb in _VERBS:
                inner.addAction(verb).triggered.connect(self._runner(kind, name))
            self._others.append(menu.insertMenu(before, inner))

    def _runner(self, kind: Kind, remote: str) -> Callable[[], None]:
        return lambda: self.run(kind, remote)
