"""What the actions do: each method is the handler of one row of the table."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

from hdstore.model import FrameEdit, PutFrame, RemoveFrame
from hdstore.repository import Repository, quote_name
from hdstore.repository.resolving import Choice
from hdstore_gui.editing.selection import Ranges
from hdstore_gui.services.exchanging import Kind
from hdstore_gui.services.importing import import_into
from hdstore_gui.services.tasks import Job
from hdstore_gui.widgets.shortcut_sheet import ShortcutSheet
from hdstore_gui.widgets.undo import EditCommand

if TYPE_CHECKING:
    from hdstore_gui.widgets.main_window import MainWindow

__all__ = ["Commands"]

UNDOABLE = 2_000
"""How many frames a deletion may hold in memory so that it can be undone."""


class Commands:
    """The handlers, on behalf of one window."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._sheet: ShortcutSheet | None = None

    # File

    def open_repository(self) -> None:
        """Asks for a folder and opens its repository."""
        folder = self._window.prompts.folder("Open a repository")
        if folder is not None:
            self._window.session.open(folder)

    def open_recent(self, folder: Path) -> None:
        """Opens a repository that was open before."""
        self._window.session.open(folder)

    def create_repository(self) -> None:
        """Asks for a folder and makes a repository in it."""
        folder = self._window.prompts.folder("Create a repository in a folder")
        if folder is not None:
            self._window.session.create(folder)

    def create_dataset(self) -> None:
        """Asks for a name and makes a dataset."""
        name = self._window.prompts.text("New dataset", "Name of the dataset")
        if name is None:
            return

        def work(repository: Repository, job: Job) -> str:
            return repository.create_dataset(name).current().path

        self._window.session.change(work, what="Creating the dataset")

    def create_draft(self) -> None:
        """Makes a draft child of the version that is shown, and goes there."""
        current = self._window.session.current
        if current is None:
            return
        name = self._window.prompts.text(
            "New draft", f"Name of the draft that continues {current.name}", "Current"
        )
        if name is None:
            return
        version = current.version

        def work(repository: Repository, job: Job) -> str:
            return version.dataset.create_version(name, parents=[version]).path

        self._window.session.change(work, what="Creating the draft")

    def snapshot(self) -> None:
        """Publishes the draft in place, and goes on in a draft that continues it."""
        current = self._window.session.current
        if current is None:
            return
        name = self._window.prompts.text("Snapshot", "Name of the published version")
        if name is None:
            return
        self._window.desk.save_all()
        version = current.version

        def work(repository: Repository, job: Job) -> str:
            _, child = version.snapshot(name=name)
            return child.path

        self._window.session.change(work, what="Publishing")

    def import_folder(self) -> None:
        """Imports the images of a folder."""
        folder = self._window.prompts.folder("Import images from a folder")
        self._import("folder", folder)

    def import_coco(self) -> None:
        """Imports a COCO file."""
        self._import("coco", self._window.prompts.file("Import COCO annotations", "COCO (*.json)"))

    def import_voc(self) -> None:
        """Imports a Pascal VOC folder."""
        self._import("voc", self._window.prompts.folder("Import a Pascal VOC folder"))

    def import_yolo(self) -> None:
        """Imports a YOLO folder."""
        self._import("yolo", self._window.prompts.folder("Import a YOLO folder"))

    def _import(self, kind: str, path: Path | None) -> None:
        if path is None:
            return
        current = self._window.session.current
        to = current.path if current is not None and current.is_draft else ""
        if not to:
            name = self._window.prompts.text("Import", "Name of the dataset to import into", path.stem)
            if name is None:
                return
            to = quote_name(name)

        def work(repository: Repository, job: Job) -> str:
            return import_into(repository, kind, path, to, job)

        self._window.session.change(work, what="Importing")

    def save(self) -> None:
        """Saves everything that is not saved yet."""
        self._window.desk.save_all()

    def quit(self) -> None:
        """Closes the window, which saves."""
        self._window.close()

    # Edit

    def undo(self) -> None:
        """Takes the last edit back."""
        self._window.undo.group.undo()

    def redo(self) -> None:
        """Does again what was taken back."""
        self._window.undo.group.redo()

    def find(self) -> None:
        """Goes to the query line."""
        line = self._window.browse.query.line
        line.setFocus()
        line.selectAll()

    def select_all_frames(self) -> None:
        """Selects every frame that is shown."""
        self._window.browse.grid.select_all()

    def select_no_frame(self) -> None:
        """Selects nothing."""
        self._window.browse.grid.select(Ranges())

    def copy_ids(self) -> None:
        """Copies the ids of the selected frames, one a line."""
        ids = self._window.frames.ids_at(self._window.browse.grid.selection)
        QGuiApplication.clipboard().setText("\n".join(ids))

    def delete_frames(self) -> None:
        """Deletes the selected frames; a few can be undone, for many the user is asked."""
        window = self._window
        current, rows = window.session.current, window.browse.grid.selection
        if current is None or not rows:
            return
        version, count = current.version, len(rows)
        if count > UNDOABLE:
            text = (
                f"{count:,} frames are deleted from this draft in one commit. Too many to undo here; the"
                " version's history keeps them."
            )
            if window.prompts.confirm(f"Delete {count:,} frames?", text, action="Delete"):
                ids = window.frames.ids_at(rows)

                def work(repository: Repository, job: Job) -> str:
                    version.delete_frames(ids, progress=job)
                    return version.path

                window.session.change(work, what="Deleting frames")
            return
        edits = [RemoveFrame(frame_id=frame_id) for frame_id in window.frames.ids_at(rows)]
        state, version_id = current.state, current.id

        def push(inverse: list[PutFrame]) -> None:
            def apply(some: Sequence[FrameEdit]) -> None:
                window.apply_in_grid(version_id, some)

            text = "Delete frame" if count == 1 else f"Delete {count} frames"
            window.undo.use(version_id)
            window.undo.push(EditCommand(text, edits, inverse, apply))
            window.refresh_actions()

        window.tasks.read(lambda job: [PutFrame(frame=state.frame(edit.frame_id)) for edit in edits], push)

    # Frame

    def use_tool(self, name: str) -> None:
        """Works with another tool."""
        self._window.frame_view.use_tool(name)

    def edit_label(self) -> None:
        """Lets the user type a label."""
        self._window.frame_view.edit_label()

    def delete_annotations(self) -> None:
        """Deletes the selected annotations."""
        self._window.frame_view.delete()

    def select_all_annotations(self) -> None:
        """Selects every annotation."""
        self._window.frame_view.select_all()

    def select_annotation(self, by: int) -> None:
        """Selects the next or the previous annotation."""
        self._window.frame_view.select_next(by)

    def change_focus(self) -> None:
        """Goes from the picture to the list of annotations, or back."""
        view = self._window.frame_view
        (view.panel.list if view.canvas.hasFocus() else view.canvas).setFocus()

    def show_history(self) -> None:
        """Shows who made what is selected what it is."""
        self._window.remembering.open()

    def give_key(self, digit: str) -> None:
        """Gives the label of a digit."""
        self._window.frame_view.give_key(digit)

    def step(self, by: int) -> None:
        """Goes some frames on or back."""
        self._window.frame_view.step(by)

    def close_frame(self) -> None:
        """Ends the gesture or the selection; with neither, goes back to the grid."""
        if not self._window.frame_view.escape():
            self._window.show_grid()

    # Exchange, conflicts

    def exchange(self, kind: Kind) -> None:
        """Fetches, pulls or pushes."""
        self._window.sharing.run(kind)

    def edit_remotes(self) -> None:
        """Shows the remotes."""
        self._window.sharing.edit_remotes()

    def toggle_conflicts(self) -> None:
        """Shows or hides the list of conflicts."""
        self._window.resolving.toggle()

    def close_conflicts(self) -> None:
        """Hides the list of conflicts."""
        self._window.resolving.close()

    def resolve(self, how: Choice) -> None:
        """Resolves the selected conflicts, or all where none is selected."""
        self._window.resolving.resolve(how)

    # View

    def fit(self) -> None:
        """Shows the whole picture."""
        self._window.frame_view.canvas.fit()

    def actual(self) -> None:
        """Shows the picture at its own size."""
        self._window.frame_view.canvas.actual()

    def zoom_in(self) -> None:
        """Makes the picture larger."""
        self._window.frame_view.canvas.zoom(1.25)

    def zoom_out(self) -> None:
        """Makes the picture smaller."""
        self._window.frame_view.canvas.zoom(0.8)

    def grow(self, factor: float) -> None:
        """Makes the thumbnails larger or smaller."""
        grid = self._window.browse.grid
        grid.set_cell_width(round(grid.cell_width * factor))

    def toggle_annotations(self) -> None:
        """Shows or hides the annotations of the frame."""
        self._window.frame_view.canvas.show_annotations(self._window.table["view.annotations"].isChecked())

    def toggle_hidden(self) -> None:
        """Hides or shows the selected annotations."""
        self._window.frame_view.toggle_hidden()

    def toggle_labels(self) -> None:
        """Shows or hides the labels at the annotations."""
        self._window.frame_view.canvas.show_labels(self._window.table["view.labels"].isChecked())

    def toggle_thumbnails(self) -> None:
        """Shows or hides annotations on the thumbnails."""
        action = self._window.table["view.thumbnail_annotations"]
        self._window.browse.grid.show_annotations(action.isChecked())

    def toggle_sidebar(self) -> None:
        """Shows or hides the datasets."""
        self._window.sidebar.setVisible(self._window.table["view.sidebar"].isChecked())

    def choose_theme(self, name: str) -> None:
        """Puts on a look and remembers it."""
        self._window.settings.theme = name
        self._window.theme.choose(name)

    def toggle_theme(self) -> None:
        """Changes from light to dark or back."""
        name = "light" if self._window.theme.is_dark else "dark"
        for other in ("light", "dark", "system"):
            self._window.table[f"view.{other}"].setChecked(other == name)
        self.choose_theme(name)

    # Help

    def show_keys(self) -> None:
        """Shows the sheet of shortcuts."""
        if self._sheet is None:
            self._sheet = ShortcutSheet(self._window.table.specs, self._window)
        self._sheet.show()
        self._sheet.raise_()

    def about(self) -> None:
        """Says what this is."""
        try:
            version = f"hdstore {metadata.version('hdstore')}"
        except metadata.PackageNotFoundError:
            version = "hdstore, from a checkout"
        self._window.prompts.show(
            "About hdstore", f"{version}\nGit for dataset metadata.\nApache License 2.0"
        )
