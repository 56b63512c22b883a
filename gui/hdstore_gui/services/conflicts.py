"""The conflicts of the version that is shown: read anew after every save, resolved as saves, taken back as saves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from hdstore.errors import ConflictError
from hdstore.model import Changes, replace
from hdstore.repository import DatasetVersion
from hdstore.repository.resolving import Choice
from hdstore.version import VersionState
from hdstore_gui.catalog import OpenVersion
from hdstore_gui.conflicts import ConflictRow, read_conflicts
from hdstore_gui.services.session import Session
from hdstore_gui.services.tasks import Job

__all__ = ["Conflicts", "Pick", "Resolved", "picks_of"]


@dataclass(frozen=True, slots=True)
class Pick:
    """One call of the library: which conflicts, and how; None means all frames, or all paths."""

    frame_id: str | None
    paths: tuple[tuple[str, ...], ...] | None
    choice: Choice | None = None
    side: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Resolved:
    """A resolution that was saved: what it changed, which frames it was about, and what the draft held after it."""

    changes: Changes
    frame_ids: tuple[str, ...]
    state: VersionState


def picks_of(
    chosen: Sequence[ConflictRow], everything: Sequence[ConflictRow], how: Choice
) -> tuple[Pick, ...]:
    """Returns the fewest saves that resolve what is chosen, and nothing else; "ours" is the left side.

    Where it is not known whose a side is, it is named by its commit.
    """
    left = {"ours": 0, "theirs": 1}.get(how)
    ways: dict[tuple[Choice | None, str | None], list[ConflictRow]] = {}
    for row in chosen:
        way = (None, row.sides[left].commit) if left is not None and not row.is_ours_known else (how, None)
        ways.setdefault(way, []).append(row)
    picks: list[Pick] = []
    for (choice, side), rows in ways.items():
        if len(rows) == len(everything):
            picks.append(Pick(None, None, choice, side))
            continue
        paths = tuple(dict.fromkeys(row.path for row in rows))
        if len(rows) == sum(row.path in set(paths) for row in everything):
            picks.append(Pick(None, paths, choice, side))
            continue
        frames = dict.fromkeys(row.frame_id for row in rows)
        picks += [
            Pick(frame_id, tuple(row.path for row in rows if row.frame_id == frame_id), choice, side)
            for frame_id in frames
        ]
    return tuple(picks)


class Conflicts(QObject):
    """What waits in the version that is shown."""

    listed = Signal(object)
    """A tuple of ``ConflictRow``."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.rows: tuple[ConflictRow, ...] = ()
        session.selected.connect(self._selected)
        session.changed.connect(lambda _changes: self._read())

    def resolve(
        self,
        version_id: str,
        chosen: Sequence[ConflictRow],
        how: Choice,
        done: Callable[[Resolved], None],
        *,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Resolves conflicts of a draft; ``done`` gets what came of it."""
        picks, ids = picks_of(chosen, self.rows, how), tuple(dict.fromkeys(row.frame_id for row in chosen))
        made: list[Resolved] = []

        def work(version: DatasetVersion, job: Job) -> Changes:
            saves = [
                version.resolve(pick.frame_id, choice=pick.choice, side=pick.side, paths=pick.paths)
                for pick in picks
            ]
            made.append(Resolved(_together(saves), ids, version.state()))
            return made[0].changes

        self._session.save(version_id, work, lambda _changes: done(made[0]), what="Resolving", failed=failed)

    def take_back(
        self,
        resolved: Resolved,
        done: Callable[[Changes], None],
        *,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Brings frames and conflicts back to what they were before a resolution, as one more save.

        Where the draft was saved since, only the frames of the resolution go back, and only if they are what the
        resolution made of them: else ``failed`` gets a ConflictError.
        """
        changes = resolved.changes

        def work(version: DatasetVersion, job: Job) -> Changes:
            if version.commit == changes.after:
                return version.restore(changes.before)
            if not _is_untouched(version, resolved):
                raise ConflictError(
                    "The draft was changed since these conflicts were resolved, so that is not taken back; 'hdstore"
                    f" restore {version.path} --at {changes.before[:12]}' goes back to before it."
                )
            return version.restore(changes.before, resolved.frame_ids)

        self._session.save(changes.version_id, work, done, what="Taking back", failed=failed)

    def _selected(self, version: OpenVersion | None) -> None:
        self._show(())
        if version is not None:
            self._read()

    def _read(self) -> None:
        current = self._session.current
        if current is None:
            return
        version = current.version

        def show(rows: tuple[ConflictRow, ...]) -> None:
            if self._session.current is not None and self._session.current.id == version.id:
                self._show(rows)

        self._session.tasks.read(
            lambda job: read_conflicts(version, job), show, lane="conflicts", failed=lambda _error: None
        )

    def _show(self, rows: tuple[ConflictRow, ...]) -> None:
        if rows != self.rows:
            self.rows = rows
            self.listed.emit(rows)


def _together(made: Sequence[Changes]) -> Changes:
    """Returns several saves in a row as one."""
    named = [changes.frame_ids for changes in made]
    ids = None if None in named else tuple(dict.fromkeys(one for some in named for one in some or ()))
    return replace(
        made[-1],
        before=made[0].before,
        added=sum(changes.added for changes in made),
        updated=sum(changes.updated for changes in made),
        removed=sum(changes.removed for changes in made),
        frame_ids=ids,
        schema=any(changes.schema for changes in made),
        metadata=any(changes.metadata for changes in made),
        conflicts=any(changes.conflicts for changes in made),
    )


def _is_untouched(version: DatasetVersion, resolved: Resolved) -> bool:
    """Says whether the frames of a resolution are still what it made of them; not where it was about the schema."""
    now = version.state()
    return all(
        frame_id and now.find(frame_id) == resolved.state.find(frame_id) and not version.conflicts(frame_id)
        for frame_id in resolved.frame_ids
    )
