"""Exchange with remotes: one at a time and off the GUI thread; and how the versions stand to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from PySide6.QtCore import QObject, QTimer, Signal

from hdstore.errors import ConflictError
from hdstore.repository import Repository
from hdstore.repository.telling import Told, tell_exchange, tell_fetch
from hdstore_gui.services.session import Session
from hdstore_gui.services.tasks import Job

__all__ = ["Exchanging", "Failure", "Kind", "Outcome", "Standing"]

Kind: TypeAlias = Literal["fetch", "pull", "push"]

_DOING = {"fetch": "Fetching from", "pull": "Pulling from", "push": "Pushing to"}

REST_MS = 300
"""How long saves rest before it is worked out anew how the versions stand."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an exchange did, in sentences."""

    kind: Kind
    remote: str
    told: tuple[Told, ...]

    @property
    def text(self) -> str:
        """All sentences, one a line."""
        return "\n".join(_sentence(one.text) for one in self.told)

    @property
    def conflicted(self) -> str:
        """The path of the first draft in which conflicts wait, or ""."""
        return next((one.version for one in self.told if one.conflicts), "")


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """An exchange that moved nothing."""

    kind: Kind
    remote: str
    error: Exception

    @property
    def needs_pull(self) -> bool:
        """Whether it was a push, and the remote has work that is not here yet."""
        return self.kind == "push" and isinstance(self.error, ConflictError)


@dataclass(frozen=True, slots=True)
class Standing:
    """The remotes, ``origin`` first, and by version id the saves that the first one lacks, and that are lacking here.

    The numbers are of when the remote was last seen.
    """

    remotes: tuple[tuple[str, str], ...] = ()
    versions: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    seen: bool = False

    @property
    def remote(self) -> str:
        """The remote that is meant where none is named, or ""."""
        return self.remotes[0][0] if self.remotes else ""


class Exchanging(QObject):
    """Fetches, pulls and pushes for the repository that is open."""

    finished = Signal(object)
    """An ``Outcome``."""

    failed = Signal(object)
    """A ``Failure``."""

    homeless = Signal()
    """There is no remote to exchange with."""

    began = Signal()
    """An exchange is under way."""

    stands = Signal(object)
    """A ``Standing``."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._job: Job | None = None
        self.standing = Standing()
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self.look)
        session.opened.connect(self._opened)
        session.catalogue.connect(lambda _datasets: self._rest.start())

    @property
    def is_running(self) -> bool:
        """Whether an exchange is under way."""
        return self._job is not None and not self._job.is_over

    def run(self, kind: Kind, remote: str = "") -> None:
        """Begins an exchange, with the first remote unless one is named, once the saves before it are through.

        There is one at a time.
        """
        repository = self._session.repository
        if repository is None or self.is_running:
            return

        def begin(found: str) -> None:
            if not found:
                self.homeless.emit()
            elif not self.is_running and self._session.repository is repository:
                start(found)

        def start(remote: str) -> None:
            self._job = self._session.tasks.apart(
                lambda job: _exchange(repository, kind, remote, job),
                done,
                what=f"{_DOING[kind]} {remote}",
                failed=lambda error: failed(remote, error),
            )
            self.began.emit()

        def done(outcome: Outcome) -> None:
            self._session.look_again()
            self.look()
            self.finished.emit(outcome)

        def failed(remote: str, error: Exception) -> None:
            self.look()
            self.failed.emit(Failure(kind, remote, error))

        self._session.tasks.write(lambda job: remote or _remotes_of(repository).remote, begin)

    def add(self, name: str, url: str, done: Callable[[], None], failed: Callable[[Exception], None]) -> None:
        """Adds a remote."""
        self._change(lambda repository: repository.add_remote(name, url), done, failed)

    def remove(self, name: str, done: Callable[[], None], failed: Callable[[Exception], None]) -> None:
        """Forgets a remote."""
        self._change(lambda repository: repository.remove_remote(name), done, failed)

    def look(self) -> None:
        """Reads the remotes, and how the versions stand to the first one as it was last seen."""
        repository = self._session.repository
        if repository is None:
            return

        def show(standing: Standing) -> None:
            if self._session.repository is repository:
                self._show(standing)

        # Marks in the tree are not worth a message where they can not be worked out.
        self._session.tasks.read(
            lambda job: _standing(repository, job), show, lane="standing", failed=lambda _error: None
        )

    def _opened(self, _repository: Repository) -> None:
        self._show(Standing())
        self.look()

    def _change(
        self,
        work: Callable[[Repository], None],
        done: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        repository = self._session.repository
        if repository is None:
            return

        def run(job: Job) -> Standing:
            work(repository)
            return _standing(repository, job)

        def finish(standing: Standing) -> None:
            self._show(standing)
            done()

        self._session.tasks.write(run, finish, failed=failed)

    def _show(self, standing: Standing) -> None:
        if standing != self.standing:
            self.standing = standing
            self.stands.emit(standing)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def _exchange(repository: Repository, kind: Kind, remote: str, job: Job) -> Outcome:
    if kind == "fetch":
        return Outcome(kind, remote, (tell_fetch(repository.fetch(remote, progress=job), remote),))
    if kind == "pull":
        report = repository.pull(remote, progress=job)
        return Outcome(kind, remote, tuple(tell_exchange(repository, report, f"Pulled from {remote}")))
    report = repository.push(remote, progress=job)
    return Outcome(kind, remote, tuple(tell_exchange(repository, report, f"Pushed to {remote}")))


def _remotes_of(repository: Repository) -> Standing:
    found = repository.remotes().items()
    return Standing(tuple(sorted(found, key=lambda one: (one[0] != "origin", one[0]))))


def _standing(repository: Repository, job: Job) -> Standing:
    known = _remotes_of(repository)
    if not known.remote:
        return known
    status = repository.status(known.remote, progress=job)
    versions = {
        one.version_id: (one.ahead.saves, one.behind.saves)
        for one in status.sync.versions
        if one.ahead.saves or one.behind.saves
    }
    return Standing(known.remotes, versions, status.seen)
