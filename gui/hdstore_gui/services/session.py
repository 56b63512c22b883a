"""The open repository and the version that is shown; the one place where the app changes either.

Everything that takes time runs through ``Tasks``; what others need to know comes as a signal with one value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

import hdstore
from hdstore.diff import iter_differing
from hdstore.errors import HdstoreError, NotFoundError
from hdstore.model import Changes, Edit, replace
from hdstore.repository import DatasetVersion, Repository
from hdstore_gui.catalog import DatasetEntry, OpenVersion, open_version, read_catalog
from hdstore_gui.services.tasks import Job, Tasks
from hdstore_gui.services.watching import Watching

__all__ = ["Session"]

MAX_NAMED = 10_000
"""How many changed frames are named one by one; beyond that, views read everything anew."""


class Session(QObject):
    """Opens repositories, selects versions, applies edits, and notices what others do."""

    leaving = Signal()
    """Another repository is about to be opened: what is not saved yet should be asked to be now."""

    opened = Signal(object)
    """The ``Repository``, or None after it was closed."""

    catalogue = Signal(object)
    """A tuple of ``DatasetEntry``: the datasets and versions, read anew."""

    selected = Signal(object)
    """The ``OpenVersion`` that is shown from now on, or None."""

    changed = Signal(object)
    """The ``Changes`` of a save, by this app or another; ``current`` is already the version after it."""

    def __init__(self, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.tasks = tasks
        self.repository: Repository | None = None
        self.datasets: tuple[DatasetEntry, ...] = ()
        self.current: OpenVersion | None = None
        self._own = ""
        self._watching = Watching(self)
        self._watching.moved.connect(self._moved)

    def open(self, folder: Path) -> None:
        """Opens the repository of a folder and shows its latest draft."""
        self.leaving.emit()
        # In the lane of writes, so that saves in the repository that is left come first.
        self.tasks.write(lambda job: hdstore.open(folder), self._opened, what="Opening the repository")

    def create(self, folder: Path) -> None:
        """Makes a repository in a folder and opens it."""
        self.leaving.emit()
        self.tasks.write(lambda job: hdstore.init(folder), self._opened, what="Creating the repository")

    def close(self) -> None:
        """Lets go of the repository; writes that were asked for are finished by ``Tasks.close``."""
        self._watching.stop()
        for lane in ("catalogue", "version", "moved"):
            self.tasks.cancel_lane(lane)
        if self.repository is not None:
            self.repository.close()
        self.repository, self.current, self.datasets = None, None, ()

    def select(self, path: str) -> None:
        """Shows a version, named ``DATASET/VERSION`` by ids or names."""
        repository = self._need()
        self.tasks.read(
            lambda job: open_version(repository.version(path)),
            self._show,
            what="Reading the version",
            lane="version",
        )

    def apply(
        self,
        version_id: str,
        edits: Sequence[Edit],
        done: Callable[[Changes], None],
        *,
        base: str | None = None,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Saves edits in one commit of a draft; ``base`` is the commit the frames were read at."""

        def work(version: DatasetVersion, job: Job) -> Changes:
            return version.apply(*edits, base=base)

        self.save(version_id, work, done, what="Saving", failed=failed)

    def save(
        self,
        version_id: str,
        work: Callable[[DatasetVersion, Job], Changes],
        done: Callable[[Changes], None],
        *,
        what: str,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Changes a draft in one of the library's ways; ``done`` gets what changed before all others are told."""
        version = self._find(version_id)

        def run(job: Job) -> tuple[Changes, OpenVersion]:
            changes = work(version, job)
            return changes, open_version(version)

        def finish(result: tuple[Changes, OpenVersion]) -> None:
            changes, after = result
            self._own = changes.after
            done(changes)
            self._advance(changes, after)

        self.tasks.write(run, finish, what=what, failed=failed)

    def is_own(self, changes: Changes) -> bool:
        """Whether this app made the save that is told of."""
        return changes.after == self._own

    def change(self, work: Callable[[Repository, Job], str], *, what: str) -> None:
        """Changes the repository at large (a new draft, an import), then shows the version it names."""
        repository = self._need()

        def done(path: str) -> None:
            self.refresh()
            self.select(path)

        self.tasks.write(lambda job: work(repository, job), done, what=what)

    def look_again(self) -> None:
        """Reads datasets and the version that is shown anew, where they are not what is shown."""
        self._follow()

    def refresh(self) -> None:
        """Reads the datasets anew."""
        repository = self.repository
        if repository is not None:
            self.tasks.read(
                lambda job: read_catalog(repository), self._catalogue_read, what="", lane="catalogue"
            )

    def _need(self) -> Repository:
        if self.repository is None:
            raise NotFoundError("No repository is open; open or create one first.")
        return self.repository

    def _find(self, version_id: str) -> DatasetVersion:
        if self.current is not None and self.current.id == version_id:
            return self.current.version
        for dataset in self.datasets:
            for version in dataset.versions:
                if version.id == version_id:
                    return self._need().version(version.path)
        raise NotFoundError(f"There is no version {version_id!r} any more; it was deleted.")

    def _opened(self, repository: Repository) -> None:
        self.close()
        self.repository = repository
        self._watching.start(repository)
        self.opened.emit(repository)
        self.selected.emit(None)
        self.refresh()

    def _catalogue_read(self, datasets: tuple[DatasetEntry, ...]) -> None:
        self.datasets = datasets
        self.catalogue.emit(datasets)
        if self.current is None:
            best = _first_shown(datasets)
            if best:
                self.select(best)

    def _show(self, version: OpenVersion) -> None:
        self.current = version
        self.selected.emit(version)

    def _advance(self, changes: Changes, after: OpenVersion) -> None:
        before: str | None = None
        if self.current is not None and self.current.id == after.id:
            before, self.current = self.current.commit, after
        if not changes:
            return
        if before is not None and before != changes.before:
            # Somebody else saved in between: what that changed is not named, so everything is read anew.
            changes = replace(changes, before=before, frame_ids=None)
        self.changed.emit(changes)

    def _moved(self, names: frozenset[str]) -> None:
        """Reads the version that is shown anew, when its ref moved; the datasets, when any did."""
        current = self.current
        if current is not None and any(current.id in name for name in names):
            self._follow()
        else:
            self.refresh()

    def _follow(self) -> None:
        self.refresh()
        current = self.current
        if current is None:
            return

        def work(job: Job) -> tuple[Changes | None, OpenVersion]:
            after = open_version(current.version)
            return _difference(current, after), after

        # A deleted version has no state; the tree, read anew, says so.
        self.tasks.read(work, self._moved_read, lane="moved", failed=self._lost)

    def _moved_read(self, result: tuple[Changes | None, OpenVersion]) -> None:
        changes, after = result
        current = self.current
        if current is None or current.id != after.id:
            return
        if current.is_draft != after.is_draft:
            self._show(after)
        elif changes is not None and current.commit == changes.before:
            self._advance(changes, after)

    def _lost(self, error: Exception) -> None:
        if not isinstance(error, HdstoreError):
            raise error
        self.tasks.problem.emit(error)


def _first_shown(datasets: tuple[DatasetEntry, ...]) -> str:
    """Returns the version to show first: the latest draft with frames, else any draft, else any."""
    versions = [version for dataset in datasets for version in dataset.versions]
    if not versions:
        return ""
    return max(versions, key=lambda one: (one.is_draft and one.frames > 0, one.is_draft, one.updated)).path


def _difference(before: OpenVersion, after: OpenVersion) -> Changes | None:
    """Returns what somebody else's saves changed, or None when it is what is shown already."""
    if before.commit == after.commit:
        return None
    added = updated = removed = 0
    ids: list[str] = []
    for old, new in iter_differing(before.state, after.state):
        added += old is None
        removed += new is None
        updated += old is not None and new is not None
        one = new or old
        if one is not None and len(ids) <= MAX_NAMED:
            ids.append(one.id)
    return Changes(
        version_id=after.id,
        before=before.commit,
        after=after.commit,
        added=added,
        updated=updated,
        removed=removed,
        frame_ids=tuple(ids) if len(ids) <= MAX_NAMED else None,
        inverse=None,
        schema=before.schema != after.schema,
        metadata=before.metadata != after.metadata,
    )
