"""The chapter of the tour in which two people correct the same picture, each offline, and exchange their work."""

from __future__ import annotations

from pathlib import Path

from hdstore.demo.screen import Screen
from hdstore.model import (
    Annotation,
    Author,
    Box,
    ConflictSide,
    FrameEdit,
    ReplaceAnnotation,
    SetFrameMetadata,
    replace,
)
from hdstore.repository import Repository, open_repository

__all__ = ["COLLEAGUE", "Together"]

COLLEAGUE = Author(name="Bea", email="bea@example.org")
"""Who works in the clone."""

_FRAME = "bakery-12.jpg"
_BUNDLE = "stick.hdsb"


class Together:
    """Walks through the exchange of a repository with its clone; at the end both hold the same."""

    def __init__(self, repository: Repository, screen: Screen, folder: Path, version: str) -> None:
        self._mine = repository
        self._screen = screen
        self._folder = folder
        self._version = version

    def walk(self) -> None:
        """Does and shows all steps."""
        with open_repository(self._folder, author=COLLEAGUE) as theirs:
            self._work(theirs)
            self._pull(theirs)
            self._resolve(theirs)
            self._blame(theirs)
            self._carry(theirs)

    def _there(self, command: str) -> str:
        return f"hdstore -C {self._folder.name} {command}"

    def _work(self, theirs: Repository) -> None:
        self._screen.step(
            "Work apart",
            f"You and {COLLEAGUE.name} correct the same picture, neither with a network: the boxes of two annotations"
            " each, one of them the same.",
            f"hdstore frame edit {self._version} {_FRAME}",
            self._there(f"frame edit {self._version} {_FRAME}"),
        )
        plate, donut, coffee = (self._labelled(label) for label in ("plate", "donut", "coffee"))
        self._save(self._mine, _moved(plate, x=46, y=117, w=209, h=208), _moved(donut, x=150, y=139))
        self._save(
            theirs,
            _moved(plate, x=44, y=115, w=213, h=212),
            _moved(coffee, w=104, h=90),
            SetFrameMetadata(frame_id=_FRAME, set={"checked": True}),
        )
        self._screen.result("two saves, one in each repository")

    def _labelled(self, label: str) -> Annotation:
        frame = self._mine.version(self._version).frame(_FRAME)
        return next(annotation for annotation in frame.annotations if annotation.labels == (label,))

    def _save(self, repository: Repository, *edits: FrameEdit) -> None:
        repository.version(self._version).apply(*edits, message=f"Correct {_FRAME}")

    def _pull(self, theirs: Repository) -> None:
        self._screen.step(
            "Bring it together",
            f"You push, {COLLEAGUE.name} pulls. What does not meet is merged, annotation by annotation; what both"
            " changed differently is a conflict. It waits, and stops nobody.",
            "hdstore push",
            self._there("pull"),
            self._there(f"conflicts {self._version}"),
        )
        self._mine.push()
        theirs.pull()
        draft = theirs.version(self._version)
        (conflict,) = draft.conflicts()
        commits = draft.side_commits([conflict])
        self._screen.line("      " + "/".join(conflict.path))
        self._screen.rows(
            ("", commits[side.commit].author.name if side.commit else "was", _box(side))
            for side in (conflict.base, *conflict.sides)
        )
        self._screen.result("1 conflict; the other boxes of both are in the draft")

    def _resolve(self, theirs: Repository) -> None:
        self._screen.step(
            "Decide",
            f"{COLLEAGUE.name} finds yours the better one. Ours and theirs mean what they say on each machine.",
            self._there(f"resolve {self._version} --all --theirs"),
        )
        draft = theirs.version(self._version)
        draft.resolve(choice="theirs")
        self._screen.result("no conflict is left" if not draft.conflicts() else "conflicts are left")

    def _blame(self, theirs: Repository) -> None:
        self._screen.step(
            "See who drew what",
            "Every box knows who added it, who changed it last, and what it was before. Merges take no credit.",
            self._there(f"blame {self._version} {_FRAME}"),
            self._there(f"log {self._version} --frame {_FRAME}"),
        )
        blame = theirs.version(self._version).blame(_FRAME)
        rows = [
            (
                " ".join(one.annotation.labels),
                one.annotation.id,
                f"last changed by {one.last.commit.author.name}",
            )
            for one in blame.annotations
            if one.last.commit.id != one.added.commit.id
        ]
        self._screen.rows(rows)
        self._screen.result(
            f"{len(rows)} of {len(blame.annotations)} annotations were changed since the import"
        )

    def _carry(self, theirs: Repository) -> None:
        self._screen.step(
            "Carry it back in one file",
            "A bundle goes on a stick or in a mail. It holds what the other side lacks, and is checked byte by byte"
            " before anything of it is used.",
            self._there(f"bundle create {_BUNDLE} --since origin"),
            f"hdstore bundle apply {_BUNDLE}",
        )
        path = self._mine.folder / _BUNDLE
        made = theirs.create_bundle(path, since=["origin"])
        self._mine.apply_bundle(path)
        self._mine.push()
        same = self._mine.version(self._version).commit == theirs.version(self._version).commit
        told = "both repositories are at the same commit" if same else "what it brought is merged"
        self._screen.result(f"{made.size / 1e3:.1f} kB with {made.objects} objects; {told}")


def _moved(annotation: Annotation, **sides: float) -> ReplaceAnnotation:
    """Returns the edit that gives an annotation's box other sides."""
    box = annotation.geometry
    assert isinstance(box, Box), "the picture has boxes only"
    return ReplaceAnnotation(frame_id=_FRAME, annotation=replace(annotation, geometry=replace(box, **sides)))


def _box(side: ConflictSide) -> str:
    """Returns what a side of a conflict over a box holds."""
    return "{w:g} x {h:g} at {x:g}, {y:g}".format(**side.value)
