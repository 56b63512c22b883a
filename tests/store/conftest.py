"""Fixtures of the store's tests: a fresh repository, the real git as judge, and processes that die."""

from __future__ import annotations

import os
import subprocess
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from hdstore.model import Author
from hdstore.store.gitobjects import BLOB_MODE, Entry, encode_commit, encode_tree
from hdstore.store.layout import Layout
from hdstore.store.objects import Objects, Writer

ADA = Author(name="Ada Lovelace", email="ada@example.org")


class Git(Protocol):
    """Runs the real git in a repository."""

    def __call__(self, *arguments: str, input: bytes | None = None) -> str: ...


class Save(Protocol):
    """Writes a commit of one file."""

    def __call__(self, writer: Writer, text: str, *parents: str, time: int = 1) -> str: ...


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Returns an empty repository."""
    folder = tmp_path / "repository"
    folder.mkdir()
    found = Layout(folder)
    found.create()
    return found


@pytest.fixture
def objects(layout: Layout) -> Objects:
    """Returns the objects of the repository."""
    return Objects(layout.hds)


@pytest.fixture
def git(layout: Layout) -> Git:
    """Returns a function that runs git in the repository and fails the test when git fails."""

    def run(*arguments: str, input: bytes | None = None) -> str:
        command = ["git", "-c", "safe.directory=*", "-C", str(layout.hds), *arguments]
        done = subprocess.run(command, input=input, capture_output=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout.decode()}{done.stderr.decode()}"
        return done.stdout.decode().strip()

    return run


@pytest.fixture
def fsck(git: Git) -> Callable[[], None]:
    """Returns a function that fails the test when git finds anything wrong with the repository."""

    def check() -> None:
        said = git("fsck", "--strict", "--full", "--no-dangling", "--no-progress")
        assert not said, said

    return check


@pytest.fixture
def save() -> Save:
    """Returns a function that writes a commit with one file."""

    def write(writer: Writer, text: str, *parents: str, time: int = 1) -> str:
        blob = writer.write("blob", text.encode())
        tree = writer.write("tree", encode_tree([Entry(BLOB_MODE, "file", blob)]))
        data = encode_commit(tree=tree, parents=parents, author=ADA, time=time, message=text[:50])
        return writer.write("commit", data)

    return write


@pytest.fixture
def in_child() -> Callable[[Callable[[], None]], int]:
    """Returns a function that runs another in a forked process and gives back its exit code, 99 for an exception."""

    def run(work: Callable[[], None]) -> int:
        pid = os.fork()
        if pid == 0:
            try:
                work()
            except BaseException:
                traceback.print_exc()
                os._exit(99)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status)

    return run
