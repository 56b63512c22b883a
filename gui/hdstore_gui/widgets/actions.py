"""The table of actions: menus, tool bars, shortcuts and the sheet that lists them are all built from it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QToolButton, QWidget

from hdstore_gui.widgets.theme import Theme

__all__ = ["ActionTable", "Scope", "Situation", "Spec", "always"]


class Scope(enum.Enum):
    """Where a shortcut works."""

    WINDOW = "Everywhere"
    BROWSE = "In the grid"
    FRAME = "In a frame"
    CANVAS = "On the picture"
    CONFLICTS = "In the list of conflicts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What decides whether an action makes sense."""

    has_repository: bool = False
    has_version: bool = False
    is_draft: bool = False
    has_frame: bool = False
    chosen_frames: int = 0
    chosen_annotations: int = 0
    unsaved: bool = False
    can_undo: bool = False
    can_redo: bool = False
    undo_text: str = ""
    redo_text: str = ""
    conflicts: int = 0
    """How many conflicts wait."""
    conflicts_open: bool = False
    sides_known: bool = False
    """Whether it is known of all chosen conflicts which side is ours."""
    can_both: bool = False
    """Whether both sides of all chosen conflicts can be kept."""
    exchanging: bool = False
    remote: str = ""
    """The remote that is meant where none is named."""

    @property
    def can_edit(self) -> bool:
        """Whether annotations may be changed."""
        return self.has_frame and self.is_draft


def always(situation: Situation) -> bool:
    """Says yes."""
    return True


@dataclass(frozen=True, slots=True)
class Spec:
    """One row of the table; an action without a menu is only a shortcut."""

    id: str
    text: str
    handler: Callable[[], object]
    keys: tuple[str, ...] = ()
    icon: str = ""
    menu: str = ""
    scope: Scope = Scope.WINDOW
    enabled: Callable[[Situation], bool] = always
    checkable: bool = False
    checked: bool = False
    group: str = ""
    """Actions of one group exclude each other."""
    separated: bool = False
    """Whether a line stands above it in its menu."""


class ActionTable(QObject):
    """The actions made from the table."""

    def __init__(self, specs: Iterable[Spec], theme: Theme, places: Mapping[Scope, QWidget]) -> None:
        super().__init__(places[Scope.WINDOW])
        self.specs = tuple(specs)
        self._theme = theme
        self._actions: dict[str, QAction] = {}
        self.menus: dict[str, QMenu] = {}
        """The menus of the bar, by what they are called in the table."""
        for spec in self.specs:
            self._actions[spec.id] = self._make(spec, places[spec.scope])
        theme.changed.connect(self._recolor)
        self._recolor()

    def __getitem__(self, action_id: str) -> QAction:
        return self._actions[action_id]

    def _make(self, spec: Spec, place: QWidget) -> QAction:
        action = QAction(spec.text, self)
        action.setShortcuts([QKeySequence(key) for key in spec.keys])
        action.setCheckable(spec.checkable)
        action.setChecked(spec.checked)
        # In a page, a key means what the page says; so Right can move in the grid and turn frames in a frame.
        if spec.scope is Scope.CANVAS:
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        elif spec.scope is not Scope.WINDOW:
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        bare = spec.text.replace("…", "")
        keys = (
            QKeySequence(spec.keys[0]).toString(QKeySequence.SequenceFormat.NativeText) if spec.keys else ""
        )
        action.setToolTip(f"{bare}  ({keys})" if keys else bare)
        action.triggered.connect(lambda _checked=False: self._run(spec))
        place.addAction(action)
        return action

    def _run(self, spec: Spec) -> None:
        if spec.group:
            for other in self.specs:
                if other.group == spec.group:
                    self._actions[other.id].setChecked(other is spec)
        spec.handler()

    def _recolor(self) -> None:
        for spec in self.specs:
            if spec.icon:
                self._actions[spec.id].setIcon(self._theme.icon(spec.icon))

    def refresh(self, situation: Situation) -> None:
        """Enables what makes sense now."""
        for spec in self.specs:
            action = self._actions[spec.id]
            enabled = spec.enabled(situation)
            if action.isEnabled() != enabled:
                action.setEnabled(enabled)
        self._actions["edit.undo"].setText(f"Undo {situation.undo_text.lower()}".strip())
        self._actions["edit.redo"].setText(f"Redo {situation.redo_text.lower()}".strip())
        to = f" {{}} {situation.remote.replace('&', '&&')}" if situation.remote else ""
        for verb, word in (("fetch", "from"), ("pull", "from"), ("push", "to")):
            self._actions[f"sync.{verb}"].setText(verb.capitalize() + to.format(word))
        for name, known, unknown in (("ours", "Ours", "Earlier"), ("theirs", "Theirs", "Later")):
            self._actions[f"conflict.{name}"].setText(
                known if situation.sides_known or not situation.conflicts else unknown
            )

    def fill(self, bar: QMenuBar) -> None:
        """Builds the menus."""
        menus = self.menus
        for spec in self.specs:
            if not spec.menu:
                continue
            if spec.menu not in menus:
                menus[spec.menu] = bar.addMenu(spec.menu)
            if spec.separated:
                menus[spec.menu].addSeparator()
            menus[spec.menu].addAction(self._actions[spec.id])

    def button(self, action_id: str, parent: QWidget) -> QToolButton:
        """Returns a tool button for an action."""
        button = QToolButton(parent)
        button.setDefaultAction(self._actions[action_id])
        button.setAccessibleName(self._actions[action_id].text())
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button
