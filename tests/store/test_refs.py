"""Refs: compare and swap, beside a git that moves the same refs."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from hdstore.errors import (
    AlreadyExistsError,
    ConflictError,
    DamagedError,
    InvalidValueError,
    LockTimeoutError,
    NotFoundError,
    StorageError,
)
from hdstore.store import files
from hdstore.store.layout import Layout
from hdstore.store.objects import Objects
from hdstore.store.refs import Refs, RefUpdate

HEAD = "refs/heads/hdstore"
A = "refs/heads/street.7k2m9xq4/current.00000000"
B = "refs/tags/street.7k2m9xq4/v1.00000000"


@pytest.fixture
def refs(layout: Layout) -> Refs:
    """Returns the refs of the repository, which wait for nobody."""
    return Refs(layout.hds, patience=0)


@pytest.fixture
def commits(objects: Objects, save: Callable[..., str]) -> list[str]:
    """Returns four commits."""
    with objects.loose() as writer:
        return [save(writer, str(number)) for number in range(4)]


def test_a_ref_is_made_moved_and_removed(
    refs: Refs, commits: list[str], git: Callable[..., str], fsck: Callable[[], None], layout: Layout
) -> None:
    """Git sees each move; nothing is left of a removed ref but its lock."""
    a, b, *_ = commits
    refs.update(RefUpdate(A, None, a))
    assert refs.get(A) == git("rev-parse", A) == a
    refs.update(RefUpdate(A, a, b))
    assert refs.list("refs/") == {A: b}
    fsck()
    refs.update(RefUpdate(A, b, None))
    assert refs.get(A) is None
    assert git("for-each-ref") == ""
    assert list(layout.tmp.iterdir()) == []


def test_a_ref_that_somebody_moved_is_not_overwritten(refs: Refs, commits: list[str]) -> None:
    """The error names what was expected and what was found, and the ref stays."""
    a, b, c, _ = commits
    refs.update(RefUpdate(A, None, a))
    for update in (RefUpdate(A, b, c), RefUpdate(A, None, c), RefUpdate(A, b, None)):
        with pytest.raises(ConflictError, match=f"expected at {update.old or 'no commit'}.*at {a}"):
            refs.update(update)
    with pytest.raises(ConflictError, match="at no commit"):
        refs.update(RefUpdate(B, a, b))
    assert refs.list("refs/") == {A: a}


def test_packed_refs_are_read_moved_and_removed(
    refs: Refs, commits: list[str], git: Callable[..., str], fsck: Callable[[], None], objects: Objects
) -> None:
    """Refs that git has packed are as good as others; removing one keeps the rest, peeled tags too."""
    a, b, *_ = commits
    refs.update(RefUpdate(A, None, a))
    tag = git("-c", "user.name=x", "-c", "user.email=y", "mktag", input=(
        f"object {a}\ntype commit\ntag v\ntagger A <a@b> 1 +0000\n\nv\n".encode()
    ))  # fmt: skip
    refs.update(RefUpdate(B, None, tag))
    refs.update(RefUpdate(HEAD, None, b))
    git("pack-refs", "--all", "--prune")
    assert refs.list("refs/") == {A: a, HEAD: b, B: tag}
    assert refs.get("HEAD") == b
    refs.update(RefUpdate(A, a, b))
    assert refs.get(A) == b
    refs.update(RefUpdate(A, b, None))
    assert refs.list("refs/") == {HEAD: b, B: tag}
    assert git("rev-parse", B + "^{}") == a
    fsck()


def test_a_prefix_selects(refs: Refs, commits: list[str]) -> None:
    """A prefix may end inside a part of a name; a missing folder holds no refs."""
    for name in ("refs/heads/ab/x", "refs/heads/ab/y/z", "refs/heads/ac", "refs/tags/ab"):
        refs.update(RefUpdate(name, None, commits[0]))
    assert list(refs.list("refs/heads/ab/")) == ["refs/heads/ab/x", "refs/heads/ab/y/z"]
    assert list(refs.list("refs/heads/a")) == ["refs/heads/ab/x", "refs/heads/ab/y/z", "refs/heads/ac"]
    assert list(refs.list("refs/t")) == ["refs/tags/ab"]
    assert refs.list("refs/none/") == {}
    with pytest.raises(InvalidValueError):
        refs.list("refs/../hdstore/")


@pytest.mark.parametrize("packed", [False, True])
def test_a_ref_can_not_stand_where_a_folder_of_refs_is(
    refs: Refs, commits: list[str], git: Callable[..., str], packed: bool
) -> None:
    """The error names the ref that is in the way; once that is gone there is room, though its folder stayed."""
    a = commits[0]
    refs.update(RefUpdate("refs/heads/a/b/c", None, a))
    if packed:
        git("pack-refs", "--all", "--prune")
    with pytest.raises(AlreadyExistsError, match="refs/heads/a/b/c is in its way"):
        refs.update(RefUpdate("refs/heads/a", None, a))
    with pytest.raises(AlreadyExistsError, match="refs/heads/a/b/c is in its way"):
        refs.update(RefUpdate("refs/heads/a/b/c/d", None, a))
    refs.update(RefUpdate("refs/heads/a/b/c", a, None))
    refs.update(RefUpdate("refs/heads/a", None, a))
    assert refs.list("refs/") == {"refs/heads/a": a}
    refs.update(RefUpdate("refs/heads/a", a, None))
    refs.update(RefUpdate("refs/heads/a/b", None, a))
    assert refs.list("refs/") == {"refs/heads/a/b": a}


@pytest.mark.parametrize(
    "name",
    ["", "x", "heads/x", "refs", "refs/", "refs/../x", "refs/a..b", "refs/.a", "refs/a.lock", "refs/a.lock/b",
     "refs/a b", "refs/a~1", "refs/a^", "refs/a:b", "refs/a?", "refs/a*", "refs/a[", "refs/a\\b", "refs/a@{1}",
     "refs//a", "refs/a/", "refs/a.", "refs/a\n", "refs/\ud800", "refs/" + "a" * 251, "refs/" + "a/" * 600 + "a"],
)  # fmt: skip
def test_a_name_that_git_refuses_is_refused(refs: Refs, commits: list[str], name: str) -> None:
    """What can not name a ref can be neither read nor made."""
    with pytest.raises(InvalidValueError, match="can not be the name of a ref"):
        refs.get(name)
    with pytest.raises(InvalidValueError, match="can not be the name of a ref"):
        refs.update(RefUpdate(name, None, commits[0]))


@pytest.mark.parametrize(
    "name", ["refs/x", "refs/heads/ä数", "refs/heads/" + "a" * 250, "refs/a@b", "refs/-"]
)
def test_a_name_that_git_takes_is_taken(
    refs: Refs, commits: list[str], git: Callable[..., str], name: str
) -> None:
    """Long names and all scripts work, and have a lock file of their own."""
    refs.update(RefUpdate(name, None, commits[0]))
    assert git("rev-parse", name) == refs.get(name) == commits[0]


@pytest.mark.parametrize(
    "content", [b"", b"x", b"0" * 39 + b"\n", b"ref: ../../etc/passwd\n", b"ref: refs/heads/bad\n"]
)
def test_a_damaged_ref_is_named(refs: Refs, layout: Layout, content: bytes) -> None:
    """A file that holds no object id, or points outside of refs or to itself, is damage."""
    (layout.hds / "refs/heads/bad").write_bytes(content)
    with pytest.raises((DamagedError, InvalidValueError), match=r"refs/heads/bad|passwd"):
        refs.get("refs/heads/bad")


def test_damaged_packed_refs_are_named(refs: Refs, layout: Layout) -> None:
    """The error tells the line."""
    (layout.hds / "packed-refs").write_bytes(b"# pack-refs with: peeled\nnonsense\n")
    with pytest.raises(DamagedError, match="Line 2"):
        refs.list("refs/")


def test_a_ref_does_not_point_into_the_void(refs: Refs) -> None:
    """A ref can not move to an object that is not there."""
    with pytest.raises(NotFoundError, match="not in the repository"):
        refs.update(RefUpdate(A, None, "1" * 40))
    with pytest.raises(InvalidValueError, match="not an object id"):
        refs.update(RefUpdate(A, None, "main"))


# Locks of others


@pytest.fixture
def die_renaming(
    layout: Layout, in_child: Callable[[Callable[[], None]], int]
) -> Callable[[str, RefUpdate], None]:
    """Returns a function that lets a process be killed when it is about to put a file of this name in place."""

    def run(name: str, update: RefUpdate) -> None:
        def die() -> None:
            files.on_step = lambda what, path: os._exit(42) if (what, path.name) == ("rename", name) else None
            Refs(layout.hds).update(update)

        assert in_child(die) == 42

    return run


def test_the_lock_of_a_dead_process_does_not_block(
    refs: Refs, layout: Layout, commits: list[str], die_renaming: Callable[[str, RefUpdate], None]
) -> None:
    """A lock file that a killed hdstore left is recognised and removed, with what it left in tmp."""
    path = layout.hds / A
    die_renaming(path.name, RefUpdate(A, None, commits[1]))
    assert path.with_name(path.name + ".lock").exists()
    refs.update(RefUpdate(A, None, commits[0]))
    assert refs.list("refs/") == {A: commits[0]}
    assert list(layout.tmp.iterdir()) == []


def test_a_dead_lock_of_the_packed_refs_does_not_block(
    refs: Refs,
    layout: Layout,
    commits: list[str],
    git: Callable[..., str],
    die_renaming: Callable[[str, RefUpdate], None],
) -> None:
    """The same holds for the list of packed refs; until the list is replaced the ref is not removed."""
    for name in (A, B):
        refs.update(RefUpdate(name, None, commits[0]))
    git("pack-refs", "--all", "--prune")
    die_renaming("packed-refs", RefUpdate(A, commits[0], None))
    assert (layout.hds / "packed-refs.lock").exists()
    assert refs.list("refs/") == {A: commits[0], B: commits[0]}
    refs.update(RefUpdate(A, commits[0], None))
    assert refs.list("refs/") == {B: commits[0]}
    assert list(layout.tmp.iterdir()) == []


def test_the_lock_of_another_program_is_respected(refs: Refs, layout: Layout, commits: list[str]) -> None:
    """A lock file of git is waited for, then named; the ref does not move and the lock stays."""
    refs.update(RefUpdate(A, None, commits[0]))
    lock = layout.hds / (A + ".lock")
    lock.write_text("")
    with pytest.raises(LockTimeoutError, match=r"another program holds .*\.lock"):
        refs.update(RefUpdate(A, commits[0], commits[1]))
    assert refs.get(A) == commits[0]
    assert lock.exists()
    lock.unlink()
    refs.update(RefUpdate(A, commits[0], commits[1]))


def test_git_waits_for_our_lock(
    refs: Refs, layout: Layout, commits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While we replace a ref, git can not replace it."""
    tried: list[int] = []

    def interfere(what: str, path: Path) -> None:
        if what == "ref":
            command = [
                "git",
                "-C",
                str(layout.hds),
                "-c",
                "core.filesRefLockTimeout=0",
                "update-ref",
                A,
                commits[2],
            ]
            tried.append(subprocess.run(command, capture_output=True, check=False).returncode)

    monkeypatch.setattr(files, "on_step", interfere)
    refs.update(RefUpdate(A, None, commits[0]))
    assert tried[0] != 0
    assert refs.get(A) == commits[0]


def test_without_hard_links_refs_move_too(
    refs: Refs, layout: Layout, commits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk that knows no hard links the lock is made as git makes it."""

    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    refs.update(RefUpdate(A, None, commits[0]))
    refs.update(RefUpdate(A, commits[0], commits[1]))
    assert refs.get(A) == commits[1]
    (layout.hds / (A + ".lock")).write_text("")
    with pytest.raises(LockTimeoutError):
        refs.update(RefUpdate(A, commits[1], commits[2]))
    assert list(layout.tmp.iterdir()) == []


def test_a_failing_disk_leaves_ref_and_lock_as_they_were(
    refs: Refs, layout: Layout, commits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk while a ref is written is an error in a sentence, and no lock stays behind."""
    refs.update(RefUpdate(A, None, commits[0]))

    def fail(what: str, path: Path) -> None:
        if what == "fsync":
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files, "on_step", fail)
        with pytest.raises(StorageError, match="the disk is full"):
            refs.update(RefUpdate(A, commits[0], commits[1]))
    assert refs.get(A) == commits[0]
    assert list(layout.tmp.iterdir()) == []
    refs.update(RefUpdate(A, commits[0], commits[1]))


# Several at once


def test_a_held_ref_keeps_other_threads_out(refs: Refs, layout: Layout, commits: list[str]) -> None:
    """A ref that one thread has locked can be moved by it, and by nobody else."""
    caught: list[type[BaseException]] = []

    def intrude() -> None:
        try:
            with Refs(layout.hds).lock(B, A, timeout=0):
                pass
        except LockTimeoutError as error:
            caught.append(type(error))

    with refs.lock(A, B, A):
        thread = threading.Thread(target=intrude)
        thread.start()
        thread.join()
        refs.update(RefUpdate(A, None, commits[0]))
        refs.transaction([RefUpdate(A, commits[0], commits[1]), RefUpdate(B, None, commits[0])])
    assert caught == [LockTimeoutError]
    assert refs.list("refs/") == {A: commits[1], B: commits[0]}


def test_no_update_is_lost_among_processes(
    layout: Layout, objects: Objects, save: Callable[..., str], git: Callable[..., str]
) -> None:
    """Processes that each put commits on one ref, git among them, find every commit in its history."""
    with objects.loose() as writer:
        root = save(writer, "root")
    Refs(layout.hds).update(RefUpdate(A, None, root))

    def work(number: int) -> None:
        mine, refs = Objects(layout.hds), Refs(layout.hds)
        for turn in range(8):
            while True:
                tip = refs.get(A)
                assert tip is not None
                with mine.loose() as writer:
                    commit = save(writer, f"{number} {turn}", tip)
                try:
                    refs.update(RefUpdate(A, tip, commit))
                    break
                except ConflictError:
                    continue

    pids = []
    for number in range(3):
        pid = os.fork()
        if pid == 0:
            try:
                work(number)
            except BaseException:
                os._exit(1)
            os._exit(0)
        pids.append(pid)
    theirs = 0
    while theirs < 5:
        tip = git("rev-parse", A)
        with objects.loose() as writer:
            commit = save(writer, f"git {theirs}", tip)
        command = ["git", "-C", str(layout.hds), "update-ref", A, commit, tip]
        theirs += subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0, 0, 0]
    assert int(git("rev-list", "--count", A)) == 1 + 3 * 8 + 5


class RefsMachine(RuleBasedStateMachine):
    """Moves refs by us and by git in any order and compares with a dict."""

    names = st.sampled_from(
        ["refs/heads/a", "refs/heads/a/b", "refs/heads/ab", "refs/tags/a", "refs/tags/x/y", HEAD]
    )
    layout: Layout
    commits: list[str]

    @initialize()
    def begin(self) -> None:
        self.refs = Refs(self.layout.hds)
        for name in self.refs.list("refs/"):
            self.refs.update(RefUpdate(name, self.refs.get(name), None))
        self.model: dict[str, str] = {}

    def room(self, name: str) -> bool:
        return not any(f"{name}/".startswith(f"{other}/") != (name == other) or other.startswith(f"{name}/")
                       for other in self.model)  # fmt: skip

    @rule(name=names, which=st.integers(0, 3), stale=st.booleans())
    def move(self, name: str, which: int, stale: bool) -> None:
        old, new = self.model.get(name), self.commits[which]
        if stale:
            wrong = self.commits[(which + 1) % 4]
            if old != wrong and self.room(name):
                with pytest.raises(ConflictError):
                    self.refs.update(RefUpdate(name, wrong, new))
        elif self.room(name):
            self.refs.update(RefUpdate(name, old, new))
            self.model[name] = new
        else:
            with pytest.raises(AlreadyExistsError):
                self.refs.update(RefUpdate(name, old, new))

    @rule(name=names)
    def remove(self, name: str) -> None:
        if name in self.model:
            self.refs.update(RefUpdate(name, self.model.pop(name), None))

    @rule(name=names, which=st.integers(0, 3))
    def move_by_git(self, name: str, which: int) -> None:
        if self.room(name):
            self.git("update-ref", name, self.commits[which])
            self.model[name] = self.commits[which]

    @rule(name=names)
    def remove_by_git(self, name: str) -> None:
        if name in self.model:
            self.git("update-ref", "-d", name)
            del self.model[name]

    @rule()
    def pack_by_git(self) -> None:
        self.git("pack-refs", "--all", "--prune")

    @rule(which=st.integers(0, 3), names=st.lists(names, unique=True, min_size=1, max_size=3))
    def move_together(self, which: int, names: list[str]) -> None:
        if all(name in self.model for name in names):
            self.refs.transaction([RefUpdate(name, self.model[name], self.commits[which]) for name in names])
            self.model.update(dict.fromkeys(names, self.commits[which]))

    @invariant()
    def the_refs_are_those_of_the_model(self) -> None:
        assert self.refs.list("refs/") == dict(sorted(self.model.items()))
        assert list(self.layout.tmp.iterdir()) == []

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", "-C", str(self.layout.hds), *arguments], check=True, capture_output=True)

    def teardown(self) -> None:
        listed = subprocess.run(
            ["git", "-C", str(self.layout.hds), "for-each-ref", "--format=%(refname) %(objectname)"],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        assert dict(line.split(" ") for line in listed.splitlines()) == self.model


@pytest.fixture
def machine(layout: Layout, commits: list[str]) -> type[RefsMachine]:
    """Returns the machine, bound to one repository that each run empties first."""
    RefsMachine.layout, RefsMachine.commits = layout, commits
    return RefsMachine


def test_refs_are_a_dict_that_git_shares(machine: type[RefsMachine]) -> None:
    """Any sequence of moves by us and by git leaves the refs that a dict would hold."""
    run_state_machine_as_test(machine, settings=settings(max_examples=15, stateful_step_count=25))
