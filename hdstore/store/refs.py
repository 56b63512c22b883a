"""Refs: the only things in a repository that move.

A ref moves by compare-and-swap. An hdstore process first takes our own lock of the ref, which the kernel
frees when it dies, then git's, so that a ``git push`` into this repository and we do not lose each other's
updates. Several refs move through a journal: either none of them moves, or all do, if need be by the hand of
whoever comes next.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from hdstore.errors import (
    AlreadyExistsError,
    ConflictError,
    DamagedError,
    InvalidValueError,
    LockTimeoutError,
    NotFoundError,
)
from hdstore.store import files
from hdstore.store.gitlock import GitLock, left_files
from hdstore.store.gitobjects import check_oid
from hdstore.store.journal import Intent, Journal, RefUpdate
from hdstore.store.locks import Lock, backoff
from hdstore.store.objects import Objects
from hdstore.store.packedrefs import PackedRefs
from hdstore.store.presence import Presence
from hdstore.store.refnames import check_ref_name, file_name_of, is_ref_name

__all__ = ["RefUpdate", "Refs"]

_log = logging.getLogger(__name__)

_REF_LIMIT = 4096
_DEPTH = 5
"""How many symbolic refs are followed; git follows as many."""
_OID = re.compile(rb"([0-9a-f]{40})\s*")
_SYMBOLIC = re.compile(rb"ref:\s*(\S+)\s*")
_RECOVERED = "refs/hdstore/recovered/"


class _Thread(threading.local):
    """What one thread holds and has open."""

    def __init__(self, objects: Path) -> None:
        self.held: set[str] = set()
        self.presence = Presence(objects)


class Refs:
    """The refs of the repository at ``hds``; safe to share between threads.

    ``patience`` says for how many seconds another program's lock of a ref is waited for.
    """

    def __init__(self, hds: Path, *, patience: float = 10.0) -> None:
        self._hds = hds
        self._patience = patience
        own = hds / "hdstore"
        self._tmp = own / "tmp"
        self._locks = own / "locks"
        self._journal = Journal(own / "journal", self._tmp)
        self._packed = PackedRefs(hds)
        self._thread = _Thread(hds / "objects")

    # Reading

    def get(self, name: str) -> str | None:
        """Returns the object a ref points to (for an annotated tag the tag's), or None when there is no such ref."""
        for _ in range(_DEPTH):
            check_ref_name(name)
            found = self._read_loose(name)
            if found is None:
                # Read in this order, a ref that git packs meanwhile is found in one place or in both.
                return self._packed.all().get(name)
            if not found.startswith("ref:"):
                return found
            name = found[4:]
        raise DamagedError(f"The ref {name} is reached through more than {_DEPTH} symbolic refs.")

    def list(self, prefix: str) -> dict[str, str]:
        """Returns all refs whose name begins with ``prefix``, in the order of their names."""
        # Read in this order, a ref that git packs meanwhile is found in one place or in both.
        found = {name: oid for name in self.loose_names(prefix) if (oid := self.get(name)) is not None}
        for name, oid in self._packed.all().items():
            if name.startswith(prefix):
                found.setdefault(name, oid)
        return dict(sorted(found.items()))

    def loose_names(self, prefix: str) -> Iterator[str]:
        """Yields the names of the refs that have a file, without reading it."""
        folder = check_ref_name(prefix.rpartition("/")[0] + "/x").removesuffix("/x")
        return (name for name in self._walk(folder) if name.startswith(prefix))

    def packed_names(self) -> Iterator[str]:
        """Yields the names of the refs that git has gathered into one file."""
        return iter(self._packed.all())

    def _read_loose(self, name: str) -> str | None:
        """Returns the object id in a ref's file, or ``ref:`` and the name of another ref."""
        data = files.read_file(self._hds / name, limit=_REF_LIMIT)
        if data is None:
            return None
        if match := _OID.fullmatch(data):
            return match[1].decode()
        if match := _SYMBOLIC.fullmatch(data):
            return "ref:" + match[1].decode(errors="replace")
        raise DamagedError(f"The ref {name} holds neither an object id nor the name of a ref.")

    def _walk(self, folder: str) -> Iterator[str]:
        try:
            with os.scandir(self._hds / folder) as entries:
                found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        except (FileNotFoundError, NotADirectoryError):
            return
        for name, is_folder in found:
            # git passes these over as well.
            if name.startswith(".") or name.endswith(".lock"):
                continue
            if is_folder:
                yield from self._walk(f"{folder}/{name}")
            elif is_ref_name(f"{folder}/{name}"):
                yield f"{folder}/{name}"

    # Moving

    @contextmanager
    def lock(self, *names: str, timeout: float = 60.0) -> Iterator[None]:
        """Keeps others from moving these refs; finishes first what a dead process began with them."""
        wanted = sorted(set(names))
        held = self._thread.held
        for _ in backoff(timeout):
            self._finish_journals()
            with ExitStack() as stack:
                for name in wanted:
                    stack.enter_context(self._lock_of(name, timeout))
                if self._journal.mentions(wanted):
                    # Its writer held these locks, so it is dead: the locks go back, the work is finished
                    # first.
                    continue
                held.update(wanted)
                try:
                    yield
                finally:
                    held.difference_update(wanted)
                return
        raise LockTimeoutError(
            f"Waited {timeout:g} seconds for the unfinished change of {', '.join(wanted)} that a process left "
            "behind; another process seems to be stuck finishing it."
        )

    def update(self, update: RefUpdate) -> None:
        """Moves one ref, durably; raises ConflictError when it is not where ``update.old`` says."""
        with self._holding([update]), self._target_kept([update]), self._git_lock(update.name) as lock:
            self._check(update)
            with files.storage_errors(f"move the ref {update.name}"):
                self._prepare(update, lock)
                self._apply(update, lock)

    def transaction(self, updates: Sequence[RefUpdate]) -> None:
        """Moves several refs in order: none when one is not where expected, else all, even over a crash."""
        if not updates:
            return
        if len({update.name for update in updates}) != len(updates):
            raise InvalidValueError("A ref can be moved only once in a transaction.")
        with ExitStack() as stack:
            stack.enter_context(self._holding(updates))
            stack.enter_context(self._target_kept(updates))
            names = sorted(update.name for update in updates)
            locks = {name: stack.enter_context(self._git_lock(name)) for name in names}
            for update in updates:
                self._check(update)
            with files.storage_errors(f"move the refs {', '.join(names)}"):
                for update in updates:
                    self._prepare(update, locks[update.name])
                intent = stack.enter_context(self._journal.write(updates))
                try:
                    for update in updates:
                        self._apply(update, locks[update.name])
                    intent.done = True
                except BaseException:
                    # Once a ref has moved the journal must stay, for whoever comes next to finish.
                    intent.done = all(self.get(update.name) == update.old for update in updates)
                    raise

    def recover(self) -> None:
        """Finishes the changes of several refs whose process died between them, and removes the locks it left."""
        self._finish_journals()
        if self._journal.writable:
            self._remove_stale_locks()

    def _remove_stale_locks(self) -> None:
        """Removes git's locks whose makers are dead, for git itself would wait for them to be removed by hand."""
        left = left_files(self._tmp)
        if not left:
            return
        with files.storage_errors(f"examine the locks of {self._hds}"):
            for name in ("packed-refs", "config"):
                self._remove_stale_lock(name, Lock(self._locks / f"{name}.lock"), left)
            for folder, _, names in os.walk(self._hds / "refs"):
                for found in names:
                    name = (Path(folder) / found).relative_to(self._hds).as_posix().removesuffix(".lock")
                    with suppress(InvalidValueError):
                        self._remove_stale_lock(name, self._lock_of(name, 0), left)

    def _remove_stale_lock(self, name: str, ours: Lock, left: dict[int, Path]) -> None:
        target = self._hds / name
        with suppress(FileNotFoundError):
            aside = left.get(target.lstat().st_ino)
            if aside is not None:
                # The lock has become the file; only its holder's own link was not removed any more.
                files.remove(aside)
        # Whoever lives and holds git's lock holds ours too.
        if target.with_name(target.name + ".lock").is_file() and ours.try_acquire():
            try:
                GitLock(target, self._tmp).remove_stale()
            finally:
                ours.release()

    def _finish_journals(self) -> None:
        names = self._journal.names()
        if not names or not self._journal.writable:
            return
        for name in names:
            with self._journal.claim(name) as intent:
                if intent is not None:
                    self._finish(intent)

    def _finish(self, intent: Intent) -> None:
        with ExitStack() as stack:
            for name in sorted(update.name for update in intent.updates):
                stack.enter_context(self._lock_of(name, 60.0))
            for number, update in enumerate(intent.updates):
                with self._git_lock(update.name) as lock:
                    self._finish_one(update, lock, f"{_RECOVERED}{intent.name}-{number}")
        intent.done = True

    def _finish_one(self, update: RefUpdate, lock: GitLock, keep: str) -> None:
        found = self.get(update.name)
        if found == update.new:
            return
        if update.new is not None and not self._thread.presence.has(update.new):
            _log.warning("An unfinished change of %s names the missing object %s.", update.name, update.new)
            return
        with files.storage_errors(f"move the ref {update.name}"):
            if found == update.old:
                self._prepare(update, lock)
                self._apply(update, lock)
                return
            if self._went_on(update.new, found):
                return
            _log.warning(
                "An unfinished change would move %s from %s to %s, but it is at %s now and stays there.",
                update.name, update.old, update.new, found,
            )  # fmt: skip
            if update.new is not None:
                with self._git_lock(keep) as aside:
                    aside.write(update.new.encode() + b"\n")
                    aside.commit()

    def _went_on(self, intended: str | None, found: str | None) -> bool:
        """Says whether the ref got where it was to go and was then moved on by a program that reads no journal."""
        if intended is None or found is None:
            return False
        try:
            return Objects(self._hds).is_ancestor(intended, found)
        except DamagedError:
            return False  # an annotated tag has no descendants

    def _lock_of(self, name: str, timeout: float) -> Lock:
        return Lock(self._locks / f"{file_name_of(check_ref_name(name))}.lock", timeout=timeout, what=name)

    def _git_lock(self, name: str) -> GitLock:
        self._check_room(name)
        return GitLock(self._hds / name, self._tmp, timeout=self._patience)

    @contextmanager
    def _holding(self, updates: Sequence[RefUpdate]) -> Iterator[None]:
        for update in updates:
            check_ref_name(update.name)
            for oid in (update.old, update.new):
                if oid is not None:
                    check_oid(oid)
        missing = [update.name for update in updates if update.name not in self._thread.held]
        if not missing:
            yield
            return
        with self.lock(*missing):
            yield

    @contextmanager
    def _target_kept(self, updates: Sequence[RefUpdate]) -> Iterator[None]:
        """Sees to it that no ref ever points to an object that was never written or has been collected."""
        with Lock(self._locks / "objects.lock", what="the objects", shared=True):
            for update in updates:
                if update.new is not None and not self._thread.presence.has(update.new):
                    raise NotFoundError(
                        f"The ref {update.name} can not point to {update.new} , which is not in the repository."
                    )
            yield

    def _check(self, update: RefUpdate) -> None:
        found = self.get(update.name)
        if found != update.old:
            raise ConflictError(
                f"The ref {update.name} was expected at {update.old or 'no commit'} , but it is at "
                f"{found or 'no commit'} : somebody else moved it. Read it again and repeat the change."
            )

    def _check_room(self, name: str) -> None:
        """Refuses a new ref whose name is the folder of another, or the other way round."""
        packed = self._packed.all()
        if name in packed or self._read_loose(name) is not None:
            return
        parts = name.split("/")
        for end in range(3, len(parts)):
            above = "/".join(parts[:end])
            if above in packed or self._read_loose(above) is not None:
                raise AlreadyExistsError(f"The ref {name} can not be made: the ref {above} is in its way.")
        below = next(iter(self._walk(name)), None) or next(
            (ref for ref in packed if ref.startswith(name + "/")), None
        )
        if below is not None:
            raise AlreadyExistsError(f"The ref {name} can not be made: the ref {below} is in its way.")

    @staticmethod
    def _prepare(update: RefUpdate, lock: GitLock) -> None:
        if update.new is not None:
            lock.write(update.new.encode() + b"\n")

    def _apply(self, update: RefUpdate, lock: GitLock) -> None:
        path = self._hds / update.name
        files.step("ref", path)
        if update.new is not None:
            self._remove_empty_folders(path)
            lock.commit()
            return
        # In this order, a crash between the two leaves the ref as it was.
        self._packed.remove(update.name)
        if files.remove(path):
            files.flush_folder(path.parent)

    @staticmethod
    def _remove_empty_folders(path: Path) -> None:
        """Removes what deleted refs left where a ref is to stand."""
        if path.is_dir():
            for folder, _, _ in os.walk(path, topdown=False):
                with suppress(FileNotFoundError):
                    os.rmdir(folder)
