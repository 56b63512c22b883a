"""The composition root: builds services, models and window, connects them, and takes them down in order."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QObject, QSettings, Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from hdstore.repository import Repository
from hdstore_gui.catalog import DatasetEntry
from hdstore_gui.models.frames import FrameList
from hdstore_gui.services.collecting import Collector
from hdstore_gui.services.conflicts import Conflicts
from hdstore_gui.services.desk import Desk
from hdstore_gui.services.exchanging import Exchanging
from hdstore_gui.services.images import Images
from hdstore_gui.services.journal import Journal, Unsaved
from hdstore_gui.services.prompts import Dialogs, Prompts
from hdstore_gui.services.session import Session
from hdstore_gui.services.settings import Settings
from hdstore_gui.services.tasks import Tasks
from hdstore_gui.services.whereabouts import why_missing
from hdstore_gui.widgets.main_window import MainWindow, Parts
from hdstore_gui.widgets.theme import Theme

__all__ = ["App", "run"]


class App(QObject):
    """One window with all it stands on."""

    def __init__(self, application: QApplication, *, settings: Settings, prompts: Prompts) -> None:
        super().__init__(application)
        self.theme = Theme(application, settings.theme, self)
        self._collector = Collector(self)
        self.tasks = Tasks(self)
        self.session = Session(self.tasks, self)
        self.desk = Desk(self.session, self)
        self.images = Images(self)
        self.frames = FrameList(self.tasks, self)
        self.conflicts = Conflicts(self.session, self)
        self.exchanging = Exchanging(self.session, self)
        self._left: list[Unsaved] = []
        self._closed = False
        self.session.opened.connect(self._opened)
        self.session.catalogue.connect(self._recover)
        self.window = MainWindow(
            Parts(
                session=self.session,
                tasks=self.tasks,
                desk=self.desk,
                images=self.images,
                frames=self.frames,
                conflicts=self.conflicts,
                exchanging=self.exchanging,
                prompts=prompts,
                settings=settings,
                theme=self.theme,
            )
        )
        self.window.closed.connect(self.close)

    def _opened(self, repository: Repository) -> None:
        own = repository.hds / "hdstore"
        media = repository.media
        self.images.use(
            lambda one: media.local_path(one.uri, hash=one.hash, size=one.size, fetch=False),
            own / "index" / "thumbs",
            fetch=lambda one: media.local_path(one.uri, hash=one.hash, size=one.size),
            explain=lambda one: why_missing(repository, one),
        )
        journal = Journal(own / "unsaved")
        self._left = journal.take_over()
        self.desk.use(journal)

    def _recover(self, datasets: tuple[DatasetEntry, ...]) -> None:
        """Saves what an app that died left behind, once the versions are known."""
        left, self._left = self._left, []
        for one in left:
            self.desk.recover(one.version_id, one.working)
        if left:
            frames = "a frame" if len(left) == 1 else f"{len(left)} frames"
            self.window.notice.say(f"Unsaved work on {frames} was found and is saved now.", topic="recovered")

    def close(self) -> None:
        """Saves what is unsaved, then ends threads, watching and repository."""
        if self._closed:
            return
        self._closed = True
        self.desk.save_all()
        self.tasks.close()
        self.images.stop()
        self.desk.use(None)
        # A picture that is just being fetched ends with its repository.
        self.session.close()
        self.images.close()
        self._collector.stop()


def run(folder: Path | None = None) -> int:
    """Shows the window and returns when it is closed; ``folder`` is the repository to open."""
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    application.setApplicationName("hdstore")
    application.setOrganizationName("hdstore")
    application.setAttribute(Qt.ApplicationAttribute.AA_DontShowIconsInMenus, on=False)
    app = App(application, settings=Settings(QSettings()), prompts=Dialogs())
    application.setWindowIcon(QIcon(app.theme.pixmap("app", "accent", size=64)))
    app.window.show()
    if folder is not None:
        app.session.open(folder)
    return application.exec()
