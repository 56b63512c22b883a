"""The window: layout, and who is told what. Deciding and doing lie elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from hdstore.errors import QuerySyntaxError
from hdstore.model import Annotation, Changes, FrameEdit
from hdstore.repository import Repository
from hdstore_gui.catalog import DatasetEntry, OpenVersion
from hdstore_gui.editing.labels import Colours
from hdstore_gui.models.frames import FrameList
from hdstore_gui.services.conflicts import Conflicts
from hdstore_gui.services.desk import Desk, Refusal
from hdstore_gui.services.exchanging import Exchanging
from hdstore_gui.services.images import Images
from hdstore_gui.services.prompts import Prompts
from hdstore_gui.services.session import Session
from hdstore_gui.services.settings import Settings
from hdstore_gui.services.tasks import Activity, Tasks
from hdstore_gui.widgets.actions import ActionTable, Scope, Situation
from hdstore_gui.widgets.bits import EmptyState, NoticeBar
from hdstore_gui.widgets.browse_page import BrowsePage
from hdstore_gui.widgets.commands import Commands
from hdstore_gui.widgets.frame_view import FrameView
from hdstore_gui.widgets.remembering import Remembering
from hdstore_gui.widgets.resolving import Resolving
from hdstore_gui.widgets.sharing import Sharing
from hdstore_gui.widgets.sidebar import Sidebar
from hdstore_gui.widgets.status import StatusLine
from hdstore_gui.widgets.table import table
from hdstore_gui.widgets.theme import Theme
from hdstore_gui.widgets.undo import Undo

__all__ = ["MainWindow", "Parts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a window stands on."""

    session: Session
    tasks: Tasks
    desk: Desk
    images: Images
    frames: FrameList
    conflicts: Conflicts
    exchanging: Exchanging
    prompts: Prompts
    settings: Settings
    theme: Theme


class MainWindow(QMainWindow):
    """Side bar, pages, notices and status line."""

    closed = Signal()

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.session, self.tasks, self.desk = parts.session, parts.tasks, parts.desk
        self.frames, self.prompts, self.settings, self.theme = (
            parts.frames, parts.prompts, parts.settings, parts.theme,
        )  # fmt: skip
        self.images = parts.images
        self.undo = Undo(self)
        self._dataset = ""
        self.sidebar = Sidebar(parts.theme)
        self.browse = BrowsePage(parts.frames, parts.images, parts.theme)
        self.frame_view = FrameView(parts.desk, parts.images, parts.frames, self.undo, parts.theme)
        self.welcome = EmptyState(
            parts.theme,
            "app",
            "Welcome to hdstore",
            "Open a repository, or create one in the folder where your data lie. Images stay where they are;"
            " labels and versions are kept beside them.",
        )
        self.nothing = EmptyState(
            parts.theme,
            "dataset",
            "No dataset yet",
            "A dataset holds versions of frames and their annotations.",
        )
        self.notice = NoticeBar(parts.theme)
        self.status = StatusLine(self._stop)
        self.resolving = Resolving(self, parts.conflicts)
        self.sharing = Sharing(self, parts.exchanging)
        self.remembering = Remembering(self)
        self._commands = Commands(self)
        places: dict[Scope, QWidget] = {
            Scope.WINDOW: self, Scope.BROWSE: self.browse, Scope.FRAME: self.frame_view,
            Scope.CANVAS: self.frame_view.canvas, Scope.CONFLICTS: self.resolving.panel,
        }  # fmt: skip
        self.table = ActionTable(table(self._commands), parts.theme, places)
        self._build()
        self._connect()
        self._offer()
        self.refresh_actions()

    def _build(self) -> None:
        self.setWindowTitle("hdstore")
        self.resize(1320, 840)
        self.setStatusBar(self.status)
        self.table.fill(self.menuBar())
        for part in (self.sidebar, self.browse, self.frame_view, self.resolving.panel):
            part.furnish(self.table)
        self._pages = QStackedWidget()
        for page in (self.welcome, self.nothing, self.browse, self.frame_view):
            self._pages.addWidget(page)
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.notice)
        column.addWidget(self.resolving.bar)
        below = QSplitter(Qt.Orientation.Vertical)
        below.setHandleWidth(1)
        below.setChildrenCollapsible(False)
        below.addWidget(self._pages)
        below.addWidget(self.resolving.panel)
        below.setStretchFactor(0, 1)
        below.setSizes([600, 230])
        column.addWidget(below, 1)
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setHandleWidth(1)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.addWidget(self.sidebar)
        self._splitter.addWidget(middle)
        self._splitter.setStretchFactor(1, 1)
        self._splitter.setSizes(self.settings.sizes("window") or [240, 1080])
        self.setCentralWidget(self._splitter)
        self.sidebar.hide()
        self.restoreGeometry(self.settings.geometry)
        self.browse.slider.setValue(self.settings.thumbnail)
        self.table[f"view.{self.settings.theme}"].setChecked(True)

    def _connect(self) -> None:
        session = self.session
        session.opened.connect(self._opened)
        session.catalogue.connect(self._catalogue)
        session.selected.connect(self._selected)
        session.changed.connect(self._changed)
        self.tasks.problem.connect(self.show_problem)
        self.tasks.activity.connect(self._activity)
        self.desk.refused.connect(self._save_refused)
        self.sidebar.chosen.connect(session.select)
        self.browse.altered.connect(self.refresh_actions)
        self.browse.grid.opened.connect(self.show_frame)
        self.frame_view.altered.connect(self.refresh_actions)
        self.frame_view.refused.connect(self._offer_draft)
        self.frame_view.problem.connect(self.show_problem)
        self.frame_view.left.connect(self.show_grid)
        self.desk.saving.connect(lambda _state: self.refresh_actions())
        for signal in (self.undo.group.canUndoChanged, self.undo.group.canRedoChanged):
            signal.connect(lambda _can: self.refresh_actions())
        self.frames.overlay(self.desk.unsaved)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.applicationStateChanged.connect(self._application_state)

    def _offer(self) -> None:
        """Fills the empty states with what to do next."""
        do = self._commands
        recent = [folder for folder in self.settings.recent if folder.is_dir()][:3]
        self.welcome.offer(
            ("Open a repository…", do.open_repository),
            ("Create a repository…", do.create_repository),
            *((f"Open {folder.name}", _opener(do, folder)) for folder in recent),
        )
        self.nothing.offer(("New dataset…", do.create_dataset), ("Import COCO…", do.import_coco))
        self.browse.empty.offer(
            ("Import images from a folder…", do.import_folder),
            ("Import COCO…", do.import_coco),
            ("Import YOLO…", do.import_yolo),
        )

    # Pages

    @property
    def page(self) -> QWidget | None:
        """The page that is shown."""
        return self._pages.currentWidget()

    def show_frame(self, row: int) -> None:
        """Opens the frame in a row of the grid."""
        self.frame_view.open(self.frames.id_at(row))
        self._show(self.frame_view)
        self.frame_view.canvas.setFocus()

    def show_place(self, frame_id: str, annotation_id: str, ghosts: Sequence[tuple[Annotation, str]]) -> None:
        """Shows a frame with an annotation selected and shapes that it could have; the focus stays where it is."""
        if self.page is self.frame_view and self.frame_view.heading_for == frame_id:
            self.frame_view.point_at(annotation_id, ghosts)
            return
        self.frame_view.open(frame_id, annotation_id=annotation_id, ghosts=ghosts)
        self._show(self.frame_view)

    def use_stack(self) -> None:
        """Undoes what was done on the page that is shown from now on."""
        current, frame = self.session.current, self.frame_view.frame
        if current is not None:
            in_frame = self.page is self.frame_view and frame is not None
            self.undo.use(current.id, frame.id if frame is not None and in_frame else "")

    def focus_page(self) -> None:
        """Gives the keyboard to the page that is shown."""
        (self.frame_view.canvas if self.page is self.frame_view else self.browse.grid).setFocus()

    def show_grid(self) -> None:
        """Goes back to the grid, with the frame that was open in sight."""
        if self.page is self.frame_view:
            row = self.frame_view.row
            self.frame_view.close_frame()
            self._show(self.browse)
            if row >= 0:
                self.browse.grid.select(self.browse.grid.selection, current=row)
        if self.session.current is not None:
            self.undo.use(self.session.current.id)
        self.browse.grid.setFocus()

    def _show(self, page: QWidget) -> None:
        if self.page is not page:
            self._pages.setCurrentWidget(page)
        self.refresh_actions()

    # News

    def _opened(self, repository: Repository) -> None:
        self.settings.remember(repository.folder)
        self.setWindowTitle(f"{repository.folder.name} – hdstore")
        self.sidebar.show_folder(repository.folder)
        self.sidebar.show()
        self.notice.dismiss()

    def _catalogue(self, datasets: tuple[DatasetEntry, ...]) -> None:
        current = self.session.current
        self.sidebar.show_datasets(datasets, current.id if current is not None else "")
        if not any(dataset.versions for dataset in datasets):
            self._show(self.nothing)

    def _selected(self, version: OpenVersion | None) -> None:
        """Shows another version; a frame that is open stays open where the version holds it."""
        self.notice.dismiss()
        kept = self.frame_view.frame.id if self.page is self.frame_view and self.frame_view.frame else ""
        self.frame_view.close_frame()
        colours = Colours.of_version(version.schema, version.stats) if version is not None else Colours()
        if version is None or version.dataset != self._dataset:
            # A query speaks of the labels of one dataset; in another it would only hide the frames.
            self.browse.query.line.clear()
        self._dataset = version.dataset if version is not None else ""
        self.frame_view.show_version(version, colours)
        self.frames.show(version)
        self.browse.show_version(version, colours)
        if version is None:
            self._show(self.nothing if self.session.datasets else self.welcome)
            return
        self.sidebar.mark(version.id)
        self._tell_empty(version)
        self.undo.use(version.id)
        self._tell_place(version)
        if kept:
            self._reopen(version, kept)
        else:
            self._show(self.browse)
            self.browse.grid.setFocus()

    def _reopen(self, version: OpenVersion, frame_id: str) -> None:
        state = version.state

        def decide(present: bool) -> None:
            if present and self.session.current is version:
                self.frame_view.open(frame_id)
            else:
                self._show(self.browse)

        self.tasks.read(lambda job: frame_id in state, decide, lane="reopen")

    def _changed(self, changes: Changes) -> None:
        version = self.session.current
        if version is None or version.id != changes.version_id:
            return
        if not self.session.is_own(changes) and self.frame_view.frame is not None:
            # Somebody else's save: what undo would bring back may not fit what is there now.
            frame_id = self.frame_view.frame.id
            if changes.frame_ids is None or frame_id in changes.frame_ids:
                self.undo.forget(version.id, frame_id)
        colours = Colours.of_version(version.schema, version.stats)
        self.frames.follow(version, changes)
        self.frame_view.show_version(version, colours)
        self.browse.show_version(version, colours)
        self._tell_place(version)
        self.refresh_actions()

    def _tell_place(self, version: OpenVersion) -> None:
        kind = "draft" if version.is_draft else "published"
        self.status.show_place(f"{version.dataset}  /  {version.name}   {kind}   {version.commit[:8]}")

    def _tell_empty(self, version: OpenVersion) -> None:
        if version.is_draft:
            self.browse.empty.say(
                "No frames yet", f"Import images into {version.name}, or annotations that already exist."
            )
        else:
            self.browse.empty.say("No frames", "This version was published without frames.")

    def _activity(self, activity: Activity | None) -> None:
        self.status.show_activity(activity)
        if activity is None:
            self.refresh_actions()

    def _stop(self) -> None:
        self.tasks.cancel_all()
        self.frames.stop()

    # Notices

    def show_problem(self, error: Exception) -> None:
        """Says what went wrong."""
        if not isinstance(error, QuerySyntaxError):
            self.notice.say(str(error) or type(error).__name__, topic="problem")

    def _offer_draft(self) -> None:
        current = self.session.current
        if current is not None and not current.is_draft:
            self.notice.say(
                f"{current.name} is published and can not change.",
                [("Create a draft to edit", self._commands.create_draft)],
                topic="published",
            )

    def _save_refused(self, refusal: Refusal) -> None:
        choices: list[tuple[str, Callable[[], object]]]
        if refusal.is_conflict:
            text = f"{refusal.frame_id} was changed by somebody else while you edited it."
            choices = [
                ("Keep mine", lambda: self.desk.keep_mine(refusal)),
                ("Keep theirs", lambda: self._keep_theirs(refusal)),
            ]
        else:
            text = f"{refusal.frame_id} could not be saved: {refusal.error}"
            choices = [
                ("Try again", self.desk.save_all),
                ("Drop my edits", lambda: self._keep_theirs(refusal)),
            ]
        self.notice.say(text, choices, topic="refused")

    def _keep_theirs(self, refusal: Refusal) -> None:
        self.undo.forget(refusal.version_id, refusal.frame_id)
        self.desk.keep_theirs(refusal)

    def apply_in_grid(self, version_id: str, edits: Sequence[FrameEdit]) -> None:
        """Applies edits of whole frames at once, as one commit."""

        def failed(error: Exception) -> None:
            self.undo.forget(version_id)
            self.show_problem(error)

        self.session.apply(version_id, edits, lambda changes: None, failed=failed)

    # Actions

    def refresh_actions(self) -> None:
        """Enables the actions that make sense now."""
        current = self.session.current
        in_frame = self.page is self.frame_view
        conflicts = self.resolving.chosen
        self.table.refresh(
            Situation(
                has_repository=self.session.repository is not None,
                has_version=current is not None,
                is_draft=current is not None and current.is_draft,
                has_frame=in_frame and self.frame_view.frame is not None,
                chosen_frames=len(self.browse.grid.selection),
                chosen_annotations=len(self.frame_view.selection),
                unsaved=self.desk.has_unsaved,
                can_undo=self.undo.group.canUndo(),
                can_redo=self.undo.group.canRedo(),
                undo_text=self.undo.group.undoText(),
                redo_text=self.undo.group.redoText(),
                conflicts=self.resolving.count,
                conflicts_open=self.resolving.panel.isVisible(),
                sides_known=all(row.is_ours_known for row in conflicts),
                exchanging=self.sharing.is_running,
                remote=self.sharing.remote,
                can_both=all(row.can_both for row in conflicts),
            )
        )

    def _application_state(self, state: Qt.ApplicationState) -> None:
        # Whoever looks at the repository from elsewhere finds the work saved.
        if state is not Qt.ApplicationState.ApplicationActive:
            self.desk.save()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Saves what is open, and how the window looks."""
        self.settings.geometry = self.saveGeometry()
        self.settings.thumbnail = self.browse.grid.cell_width
        self.settings.keep_sizes("window", self._splitter.sizes())
        self.sharing.close()
        self.closed.emit()
        super().closeEvent(event)


def _opener(do: Commands, folder: Path) -> Callable[[], None]:
    return lambda: do.open_recent(folder)
