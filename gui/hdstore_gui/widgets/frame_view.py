"""The page of one frame: picture, tools and lists; every change can be undone and goes through the desk."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from hdstore.errors import HdstoreError
from hdstore.model import (
    Annotation,
    Frame,
    FrameEdit,
    RemoveAnnotation,
    ReplaceAnnotation,
    Schema,
    Source,
    replace,
)
from hdstore_gui.catalog import OpenVersion
from hdstore_gui.editing.labels import Colours
from hdstore_gui.editing.selection import Selection
from hdstore_gui.editing.tools import BoxTool, SelectTool, Step
from hdstore_gui.models.annotations import AnnotationList
from hdstore_gui.models.frames import FrameList
from hdstore_gui.models.labels import LabelList
from hdstore_gui.services.desk import Desk, Saving
from hdstore_gui.services.images import Images, Loaded
from hdstore_gui.widgets.actions import ActionTable
from hdstore_gui.widgets.annotation_panel import AnnotationPanel
from hdstore_gui.widgets.bits import Chooser, bar, label, retone, vertical_line
from hdstore_gui.widgets.canvas import Canvas
from hdstore_gui.widgets.theme import Theme
from hdstore_gui.widgets.undo import EditCommand, Undo, inverses

__all__ = ["FrameView"]

_STATES = {
    Saving.CLEAN: "Saved",
    Saving.UNSAVED: "Unsaved",
    Saving.RUNNING: "Saving…",
    Saving.REFUSED: "Not saved",
}


class FrameView(QWidget):
    """Shows one frame and lets the hand change its annotations."""

    refused = Signal()
    """The hand tried to change a published version."""

    problem = Signal(object)
    """An error to show."""

    altered = Signal()
    """What is shown or selected changed: actions may make sense now that did not before."""

    left = Signal()
    """There is no frame to show any more."""

    def __init__(
        self,
        desk: Desk,
        images: Images,
        frames: FrameList,
        undo: Undo,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._desk, self._images, self._frames, self._undo = desk, images, frames, undo
        self._version: OpenVersion | None = None
        self._colours = Colours()
        self._frame: Frame | None = None
        self._heading_for = ""
        self._pointed: tuple[str, Sequence[tuple[Annotation, str]]] = ("", ())
        self._label: tuple[str, ...] = ()
        self._hidden: frozenset[str] = frozenset()
        self.annotations = AnnotationList(self)
        self.labels = LabelList(self)
        self.canvas = Canvas(theme)
        self.panel = AnnotationPanel(theme, self.annotations, self.labels)
        self._name = label("", "heading")
        self._place = label("", "faint")
        self._zoom = label("", "soft")
        self._zoom.setFixedWidth(48)
        self._zoom.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._state = label("", "chip")
        self._source = Chooser(theme, "Source")
        self._source.chosen.connect(self._source_chosen)
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setHandleWidth(1)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.addWidget(self.canvas)
        self._splitter.addWidget(self.panel)
        self._splitter.setStretchFactor(0, 1)
        self._splitter.setSizes([900, 300])
        self.panel.setMinimumWidth(240)
        self._connect()

    def _connect(self) -> None:
        self.canvas.edited.connect(self._drawn)
        self.canvas.selected.connect(self._canvas_selected)
        self.canvas.refused.connect(self.refused)
        self.canvas.relabel.connect(self._relabel_asked)
        self.canvas.zoomed.connect(lambda scale: self._zoom.setText(f"{scale:.0%}"))
        self.panel.selected.connect(self._list_selected)
        self.panel.label_chosen.connect(self.give_label)
        self.annotations.relabelled.connect(self._relabelled)
        self._desk.shown.connect(self._shown)
        self._desk.saving.connect(self._tell_state)
        self._frames.counted.connect(self._tell_place)
        self._frames.modelReset.connect(self._tell_place)

    def furnish(self, actions: ActionTable) -> None:
        """Builds the tool bar from the action table."""
        top, row = bar()
        for action_id in ("frame.close", "", "frame.previous", "frame.next"):
            row.addWidget(actions.button(action_id, top) if action_id else vertical_line())
        row.addSpacing(6)
        row.addWidget(self._name)
        row.addSpacing(4)
        row.addWidget(self._place)
        row.addWidget(self._source)
        row.addStretch(1)
        rest = ("tool.select", "tool.box", "", "edit.undo", "edit.redo", "annotation.delete", "")
        for action_id in (*rest, "view.annotations", "view.labels", "", "view.zoom_out"):
            row.addWidget(actions.button(action_id, top) if action_id else vertical_line())
        row.addWidget(self._zoom)
        for action_id in ("view.zoom_in", "view.fit", "view.actual", ""):
            row.addWidget(actions.button(action_id, top) if action_id else vertical_line())
        row.addSpacing(4)
        row.addWidget(self._state, 0, Qt.AlignmentFlag.AlignVCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(top)
        column.addWidget(self._splitter, 1)

    # What is shown

    @property
    def frame(self) -> Frame | None:
        """The frame that is shown."""
        return self._frame

    @property
    def selection(self) -> Selection:
        """The selected annotations."""
        return self.canvas.selection

    @property
    def can_edit(self) -> bool:
        """Whether annotations of this frame may be changed."""
        return self._frame is not None and self._version is not None and self._version.is_draft

    @property
    def row(self) -> int:
        """The row of the frame among those that are shown, or -1."""
        return self._frames.row_of(self._heading_for) if self._heading_for else -1

    def show_version(self, version: OpenVersion | None, colours: Colours) -> None:
        """Takes the labels and colours of a version, and what it allows."""
        self._version, self._colours = version, colours
        if version is not None:
            before = self.labels.rowCount()
            self.labels.show(version.schema, version.stats, colours)
            if self.labels.rowCount() != before:
                self.panel.fit_labels()
            if self._frame is not None:
                self._show_annotations(self._frame)
        self.canvas.set_editable(version is not None and version.is_draft)
        self._tell_state()

    def open(
        self, frame_id: str, *, annotation_id: str = "", ghosts: Sequence[tuple[Annotation, str]] = ()
    ) -> None:
        """Goes to a frame; the one before is saved.

        An annotation can be selected there, and shapes drawn that it could have, each with what is written below it.
        """
        self._heading_for, self._pointed = frame_id, (annotation_id, ghosts)
        self.canvas.show_ghosts(())
        self._frames.fetch(frame_id, self._lay)

    def step(self, by: int) -> None:
        """Goes some frames on or back, to the first or last at most."""
        count, row = self._frames.rowCount(), self.row
        if count:
            target = min(max(row + by, 0), count - 1) if row >= 0 else 0
            if target != row:
                self.open(self._frames.id_at(target))

    def point_at(self, annotation_id: str, ghosts: Sequence[tuple[Annotation, str]] = ()) -> None:
        """Selects an annotation of the frame that is shown, and draws shapes that it could have; see ``open``."""
        self.canvas.show_ghosts(ghosts)
        frame = self._frame
        if frame is not None and frame.annotation(annotation_id) is not None:
            self._select(Selection((annotation_id,)))

    @property
    def heading_for(self) -> str:
        """The id of the frame that is shown or about to be."""
        return self._heading_for

    def close_frame(self) -> None:
        """Saves the frame and shows none."""
        self._heading_for = ""
        self.canvas.show_ghosts(())
        self._frame = None
        self._desk.clear()

    def _lay(self, frame: Frame) -> None:
        version = self._version
        if version is None or frame.id != self._heading_for:
            return
        self._undo.use(version.id, frame.id)
        self.canvas.select(Selection())
        self.panel.select(Selection())
        self._hide(frozenset())
        self._desk.lay(version, frame)
        self._images_ahead()
        self.point_at(*self._pointed)
        self.altered.emit()

    def _shown(self, frame: Frame | None) -> None:
        """Shows the frame as it now is on the desk."""
        before, self._frame = self._frame, frame
        if frame is None:
            if self._heading_for and before is not None and before.id == self._heading_for:
                self.left.emit()
            self.altered.emit()
            return
        if before is None or before.id != frame.id or before.sources != frame.sources:
            self._show_sources(frame)
            self._load_picture()
        self._show_annotations(frame)
        self._frames.touch(frame)
        self._tell_place()
        self.altered.emit()

    def _show_annotations(self, frame: Frame) -> None:
        schema = self._version.schema if self._version is not None else Schema()
        self.canvas.show_frame(frame, self._source_id(), schema=schema, colours=self._colours)
        self.annotations.show(frame, self._colours, editable=self.can_edit)
        self.labels.count_in(frame)
        self.panel.show_frame(frame)

    def _show_sources(self, frame: Frame) -> None:
        ids = [source.id for source in frame.sources]
        # A group's next moment is looked at through the same camera.
        kept = self._source.text()
        self._source.offer(ids, kept if kept in ids else ids[0] if ids else "")
        self._source.setVisible(len(frame.sources) > 1)

    def _source_id(self) -> str:
        return self._source.text()

    def _source_chosen(self) -> None:
        if self._frame is not None:
            self._load_picture()
            self._show_annotations(self._frame)

    def _load_picture(self) -> None:
        frame = self._frame
        source = frame.source(self._source_id()) if frame is not None else None
        if source is None:
            self.canvas.show_message("This frame has no source to show.", (640, 480))
            return
        size = _size(source)

        def done(loaded: Loaded) -> None:
            if self._is_shown(source):
                self.canvas.show_picture(loaded, size)

        def failed(error: Exception) -> None:
            if self._is_shown(source):
                self.canvas.show_message(str(error), size or (640, 480))

        def waiting() -> None:
            if self._is_shown(source):
                self.canvas.show_message("Fetching the picture…", size or (640, 480))

        self._images.load(source, done, failed, waiting)

    def _is_shown(self, source: Source) -> bool:
        frame = self._frame
        return frame is not None and frame.source(self._source_id()) is source

    def _images_ahead(self) -> None:
        row = self.row
        if 0 <= row < self._frames.rowCount() - 1:
            self._frames.want(range(row, min(row + 12, self._frames.rowCount())))
            after = self._frames.frame_at(row + 1)
            if after is not None and after.sources:
                self._images.prefetch(after.sources[0])

    def _tell_place(self) -> None:
        row, count = self.row, self._frames.rowCount()
        name = self._heading_for
        metrics = self._name.fontMetrics()
        self._name.setText(metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, 320))
        self._name.setToolTip(name)
        self._place.setText(f"{row + 1:,} of {count:,}" if row >= 0 else "")

    def _tell_state(self) -> None:
        draft = self._version is not None and self._version.is_draft
        state = self._desk.state
        self._state.setText(_STATES[state] if draft else "Published, read only")
        retone(self._state, "tone", "draft" if draft and state is not Saving.CLEAN else "")

    # Changing

    def push(self, edits: tuple[FrameEdit, ...], text: str) -> None:
        """Does edits of the frame so that they can be undone."""
        frame = self._frame
        if frame is None or not edits:
            return
        if not self.can_edit:
            self.refused.emit()
            return
        if self._version is not None:
            self._undo.use(self._version.id, frame.id)
        self._undo.push(EditCommand(text, edits, inverses(frame, edits), self._apply))
        self.altered.emit()

    def _apply(self, edits: Sequence[FrameEdit]) -> None:
        try:
            self._desk.apply(edits)
        except HdstoreError as error:
            if self._version is not None and self._frame is not None:
                self._undo.forget(self._version.id, self._frame.id)
            self.problem.emit(error)

    def _drawn(self, step: Step) -> None:
        self.push(step.edits, step.text)
        if step.drawn and step.selection is not None:
            self.canvas.select(step.selection)
            self.panel.select(step.selection)
            if not self._label and step.selection.current is not None:
                self.panel.edit(step.selection.current)

    def delete(self) -> None:
        """Deletes what is selected."""
        frame = self._frame
        if frame is None or not self.selection:
            return
        edits = tuple(
            RemoveAnnotation(frame_id=frame.id, annotation_id=annotation.id)
            for annotation in frame.annotations
            if annotation.id in self.selection
        )
        self.push(edits, _plural("Delete", len(edits)))

    def give_label(self, name: str) -> None:
        """Gives a label to what is selected, and to what is drawn from now on."""
        self._label = (name,)
        self.labels.add(name)
        self.canvas.set_label(self._label)
        self.panel.choose_label(name)
        for_selected = tuple(self.selection.ids)
        if for_selected:
            self._relabel(for_selected, (name,))
        self.canvas.setFocus()

    def give_key(self, key: str) -> None:
        """Gives the label that a digit stands for."""
        name = self.labels.for_key(key)
        if name is not None:
            self.give_label(name)

    def edit_label(self) -> None:
        """Lets the user type the labels of the current annotation."""
        if self.selection.current is not None:
            self._relabel_asked(self.selection.current)

    def _relabel_asked(self, annotation_id: str) -> None:
        if not self.can_edit:
            self.refused.emit()
            return
        self._select(Selection((annotation_id,)))
        self.panel.edit(annotation_id)

    def _relabelled(self, annotation_id: str, labels: tuple[str, ...]) -> None:
        self._relabel((annotation_id,), labels)
        for name in labels:
            self.labels.add(name)
        if labels:
            self._label = labels
            self.canvas.set_label(labels)
            self.panel.choose_label(labels[0])
        self.canvas.setFocus()

    def _relabel(self, ids: tuple[str, ...], labels: tuple[str, ...]) -> None:
        frame = self._frame
        if frame is None:
            return
        edits = tuple(
            ReplaceAnnotation(frame_id=frame.id, annotation=replace(annotation, labels=labels))
            for annotation in frame.annotations
            if annotation.id in ids and annotation.labels != labels
        )
        self.push(edits, _plural("Relabel", len(edits)))

    # Selecting

    def select_all(self) -> None:
        """Selects every annotation of the source that is shown."""
        self._select(Selection(tuple(self.canvas.drawing.items)))

    def select_next(self, by: int) -> None:
        """Selects the next annotation, or the one before."""
        ids = list(self.canvas.drawing.items)
        if not ids:
            return
        current = self.selection.current
        place = ids.index(current) + by if current in ids else (0 if by > 0 else -1)
        self._select(Selection((ids[place % len(ids)],)))

    def toggle_hidden(self) -> None:
        """Hides what is selected, or shows it where it is hidden; with nothing selected shows everything."""
        chosen = frozenset(self.selection.ids)
        if not chosen:
            self._hide(frozenset())
        elif chosen <= self._hidden:
            self._hide(self._hidden - chosen)
        else:
            self._hide(self._hidden | chosen)

    def _hide(self, hidden: frozenset[str]) -> None:
        self._hidden = hidden
        self.canvas.hide_annotations(hidden)
        self.annotations.hide(hidden)

    def escape(self) -> bool:
        """Drops the gesture, else the selection; says whether there was either."""
        if self.canvas.cancel():
            return True
        if self.selection:
            self._select(Selection())
            return True
        return False

    def use_tool(self, name: str) -> None:
        """Works with the tool of this name: select or box."""
        self.canvas.use(BoxTool() if name == "box" else SelectTool())
        self.canvas.setFocus()

    def _select(self, selection: Selection) -> None:
        self.canvas.select(selection)
        if selection.current is not None:
            self.canvas.reveal(selection.current)
        self.panel.select(selection)
        self.altered.emit()

    def _canvas_selected(self, selection: Selection) -> None:
        self.panel.select(selection)
        self.altered.emit()

    def _list_selected(self, selection: Selection) -> None:
        self.canvas.select(selection)
        if selection.current is not None:
            self.canvas.reveal(selection.current)
        self.altered.emit()


def _size(source: Source) -> tuple[float, float] | None:
    return (source.width, source.height) if source.width and source.height else None


def _plural(verb: str, count: int) -> str:
    return f"{verb} annotation" if count == 1 else f"{verb} {count} annotations"
