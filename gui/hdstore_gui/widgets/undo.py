"""Undo: one command that wraps any edits and their inverses, and a stack for each frame and for the grid."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence

from PySide6.QtCore import QObject
from PySide6.QtGui import QUndoCommand, QUndoGroup, QUndoStack

from hdstore.model import Frame, FrameEdit

__all__ = ["LIST", "EditCommand", "StepCommand", "Undo", "inverses"]

KEPT = 64
"""How many frames keep their undo stack after they were left."""

LIST = "\0conflicts"
"""In place of a frame's id: the stack of what is done in the list of conflicts."""

Apply = Callable[[Sequence[FrameEdit]], None]


def inverses(frame: Frame, edits: Sequence[FrameEdit]) -> tuple[FrameEdit, ...]:
    """Returns the edits that take these back, in the order in which they do."""
    found: list[FrameEdit] = []
    value: Frame | None = frame
    for edit in edits:
        found.append(edit.inverse(value))
        value = edit.apply(value)
    return tuple(reversed(found))


class EditCommand(QUndoCommand):
    """Applies edits, or their inverses."""

    def __init__(
        self,
        text: str,
        edits: Sequence[FrameEdit],
        inverse: Sequence[FrameEdit],
        apply: Apply,
        *,
        done: bool = False,
    ) -> None:
        super().__init__(text)
        self._edits = tuple(edits)
        self._inverse = tuple(inverse)
        self._apply = apply
        self._done = done

    def redo(self) -> None:
        """Applies the edits; the first time not, where that was done already."""
        if self._done:
            self._done = False
        else:
            self._apply(self._edits)

    def undo(self) -> None:
        """Applies the inverses."""
        self._apply(self._inverse)


class StepCommand(QUndoCommand):
    """A step that was done already, and that two functions take back and do again."""

    def __init__(self, text: str, redo: Callable[[], None], undo: Callable[[], None]) -> None:
        super().__init__(text)
        self._redo, self._undo = redo, undo
        self._done = True

    def redo(self) -> None:
        """Does the step again; the first time it was done already."""
        if self._done:
            self._done = False
        else:
            self._redo()

    def undo(self) -> None:
        """Takes the step back."""
        self._undo()


class Undo(QObject):
    """The stacks; the one of what is on the screen is active, so undo never jumps to another frame."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.group = QUndoGroup(self)
        self._stacks: OrderedDict[tuple[str, str], QUndoStack] = OrderedDict()

    def use(self, version_id: str, frame_id: str = "") -> None:
        """Undoes in this frame from now on, or in the grid of a version where no frame is named."""
        self.group.setActiveStack(self._stack(version_id, frame_id))

    def push(self, command: QUndoCommand) -> None:
        """Does a command and keeps it."""
        stack = self.group.activeStack()
        if stack is not None:
            stack.push(command)

    def forget(self, version_id: str, frame_id: str = "") -> None:
        """Drops what could be undone: its values are not what is there any more."""
        stack = self._stacks.get((version_id, frame_id))
        if stack is not None:
            stack.clear()

    def take_back(self, command: QUndoCommand) -> bool:
        """Undoes a command where it was the last thing done in its stack; says whether it was."""
        for stack in self._stacks.values():
            if stack.index() > 0 and stack.command(stack.index() - 1) is command:
                stack.undo()
                return True
        return False

    def forget_frames(self, version_id: str, frame_ids: Collection[str]) -> None:
        """Drops what could be undone in these frames: their values are not what is there any more."""
        for frame_id in frame_ids:
            self.forget(version_id, frame_id)

    def _stack(self, version_id: str, frame_id: str) -> QUndoStack:
        key = (version_id, frame_id)
        stack = self._stacks.get(key)
        if stack is None:
            stack = QUndoStack(self.group)
            self._stacks[key] = stack
        self._stacks.move_to_end(key)
        while len(self._stacks) > KEPT:
            _, oldest = self._stacks.popitem(last=False)
            self.group.removeStack(oldest)
            oldest.deleteLater()
        return stack
