"""A frame that is being edited: the value as it was read, the edits since, and the value with them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hdstore.errors import NotFoundError
from hdstore.model import Frame, FrameEdit, PutFrame

__all__ = ["WorkingFrame"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingFrame:
    """``frame`` is ``base`` (read at ``commit``) with ``edits`` applied in order."""

    base: Frame
    commit: str
    frame: Frame
    edits: tuple[FrameEdit, ...] = ()

    @classmethod
    def opened(cls, frame: Frame, commit: str) -> WorkingFrame:
        """Returns a frame without edits."""
        return cls(base=frame, commit=commit, frame=frame)

    @property
    def is_dirty(self) -> bool:
        """Whether there is something to save."""
        return bool(self.edits)

    def edited(self, edit: FrameEdit) -> WorkingFrame:
        """Returns the frame with one more edit; edits that lead back to the base cancel out."""
        after = edit.apply(self.frame)
        if after is None:
            raise NotFoundError(
                f"The edit of frame {self.frame.id!r} would remove it; delete it in the grid."
            )
        if after == self.base:
            return replace(self, frame=after, edits=())
        return replace(self, frame=after, edits=(*self.edits, edit))

    def saved(self, sent: WorkingFrame, frame: Frame, commit: str) -> WorkingFrame:
        """Returns this frame after the edits of ``sent`` were saved, giving ``frame`` at ``commit``.

        What was edited (or taken back) while the save ran is kept and waits for the next one.
        """
        if self.frame == sent.frame:
            return WorkingFrame.opened(frame, commit)
        taken = len(sent.edits)
        if self.edits[:taken] != sent.edits:
            return self.onto(frame, commit)
        after: Frame = frame
        for edit in self.edits[taken:]:
            after = edit.apply(after) or after
        return WorkingFrame(base=frame, commit=commit, frame=after, edits=self.edits[taken:])

    def onto(self, theirs: Frame, commit: str) -> WorkingFrame:
        """Returns my value as one edit on top of somebody else's: what "keep mine" saves.

        An empty ``commit`` saves it over whatever is there.
        """
        if self.frame == theirs:
            return WorkingFrame.opened(theirs, commit)
        return WorkingFrame(base=theirs, commit=commit, frame=self.frame, edits=(PutFrame(frame=self.frame),))
