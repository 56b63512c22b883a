"""Fixtures of the tests of faults: a small repository, processes that are stopped, and two judges of what is left."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from faults.forger import bounded, hub  # noqa: F401

import hdstore
from hdstore import Annotation, Author, Box, Repository, SetFrameMetadata, SingleFrame, Source
from hdstore.store import (
    BLOB_MODE,
    TREE_MODE,
    Entry,
    Objects,
    Refs,
    RefUpdate,
    encode_commit,
    encode_tree,
    files,
)

ADA = Author("Ada Lovelace", "ada@example.org")


def make_frames(first: int, last: int, *, label: str = "cell") -> Iterable[SingleFrame]:
    """Returns the frames f<first> to f<last>, without the last, each with one annotation."""
    return [
        SingleFrame(
            id=f"f{number}",
            metadata={"n": number},
            annotations=(Annotation(id="a", labels=(label,), geometry=Box(x=1.5, y=2.0, w=3.0, h=number)),),
        )
        for number in range(first, last)
    ]


def make_repository(folder: Path) -> None:
    """Makes a repository with two published versions, two drafts, a medium, packed and loose objects."""
    folder.mkdir()
    with hdstore.init(folder, author=ADA) as repository:
        dataset = repository.create_dataset("plates")
        draft = dataset.current()
        draft.add_frames(make_frames(0, 90))
        kept = repository.media.keep_bytes(b"bytes of a medium")
        draft.add_frames([SingleFrame(id="kept", sources=(Source(uri=f"media:{kept}"),))])
        first, draft = draft.snapshot(name="first")
        draft.apply(SetFrameMetadata(frame_id="f1", set={"k": 1}))
        _, draft = draft.snapshot(name="second")
        dataset.create_version("side", parents=[first])
        repository.gc(grace=0)
        draft.apply(SetFrameMetadata(frame_id="f1", set={"k": 2}))


MEMORY = Path("/dev/shm")
ROOM = 2 << 30
"""Bytes that must be free there; in a container it may be tiny."""


@contextmanager
def _place(otherwise: Path) -> Iterator[Path]:
    # Hundreds of repositories are made, and nobody pulls the plug: flushing them to a disk would only take time.
    if not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < ROOM:
        yield otherwise
        return
    with tempfile.TemporaryDirectory(prefix="hdstore-faults-", dir=MEMORY) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yields a folder with a repository that is to be copied, not used."""
    with _place(tmp_path_factory.mktemp("prepared")) as place:
        make_repository(place / "repository")
        yield place / "repository"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Yields an empty folder, in memory where the system has room there."""
    with _place(tmp_path) as found:
        yield found


@pytest.fixture
def folder(prepared: Path, place: Path) -> Path:
    """Returns a folder with a repository of the test's own."""
    target = place / "repository"
    shutil.copytree(prepared, target)
    return target


@pytest.fixture
def repository(folder: Path) -> Iterator[Repository]:
    """Yields the test's own repository, open."""
    with hdstore.open(folder, author=ADA) as found:
        yield found


class Frames(Protocol):
    """Makes frames."""

    def __call__(self, first: int, last: int, *, label: str = "cell") -> Iterable[SingleFrame]: ...


@pytest.fixture
def frames() -> Frames:
    """Returns the function that makes frames."""
    return make_frames


@pytest.fixture
def git_fsck() -> Callable[[Path], str]:
    """Returns a function that returns what ``git fsck --strict`` finds wrong with the repository of a folder."""

    def check(folder: Path) -> str:
        command = ["git", "-C", str(folder / ".hds"), "fsck", "--strict", "--full", "--no-dangling"]
        done = subprocess.run([*command, "--no-progress"], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr + (f"code {done.returncode}" if done.returncode else "")

    return check


Say = Callable[[str], None]


@dataclass(frozen=True)
class Stopped:
    """How a process ended that was to be stopped at some step: what it said before, and where it was."""

    finished: bool
    said: list[str]
    place: str


class StopAt(Protocol):
    """Runs a function in a process of its own that is stopped at its nth step."""

    def __call__(self, script: Callable[[Say], None], step: int, *, audit: bool = False) -> Stopped: ...


_EVENTS = frozenset({"os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "sqlite3.connect"})
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def _is_change(event: str, arguments: tuple[object, ...]) -> bool:
    if event == "open":
        flags = arguments[2]
        return isinstance(flags, int) and bool(flags & _WRITING)
    return event in _EVENTS


def _play(script: Callable[[Say], None], step: int, audit: bool, words: int) -> None:
    """Runs in the child: ends the process at the given step, whoever's code is at work."""
    count = 0

    def at_step(what: str, path: object) -> None:
        nonlocal count
        count += 1
        if count == step:
            os.write(words, f"@{what} {path}\n".encode())
            os._exit(9)

    def at_event(event: str, arguments: tuple[object, ...]) -> None:
        if _is_change(event, arguments):
            at_step(event, arguments[0])

    if audit:
        sys.addaudithook(at_event)
    else:
        files.on_step = at_step
    script(lambda text: (os.write(words, f"{text}\n".encode()), None)[1])


@pytest.fixture
def stop_at() -> StopAt:
    """Returns a function that runs a script in a process that is stopped, and hears what it said."""

    def run(script: Callable[[Say], None], step: int, *, audit: bool = False) -> Stopped:
        ears, words = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                _play(script, step, audit, words)
                os._exit(0)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        os.close(words)
        with os.fdopen(ears, "rb") as stream:
            said = stream.read().decode().splitlines()
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        assert code in (0, 9), "the script failed by itself; its traceback is in the captured output"
        place = said.pop()[1:] if code == 9 else ""
        return Stopped(finished=code == 0, said=said, place=place)

    return run


# Objects put in by hand: whole, and wrong


class Forge(Protocol):
    """Makes the next commit of the draft Current with some parts of its tree put in by hand; returns its id."""

    def __call__(self, parts: dict[str, bytes | str | None]) -> str: ...


@pytest.fixture
def forge(folder: Path) -> Forge:
    """Returns a function that puts bytes (as a blob), an object or nothing in the place of parts of a version."""

    def write(parts: dict[str, bytes | str | None]) -> str:
        with hdstore.open(folder, author=ADA) as repository:
            draft = repository.version("plates/Current")
            name, state = f"refs/heads/{draft.dataset.id}/{draft.id}", draft.state()
        objects, refs = Objects(folder / ".hds"), Refs(folder / ".hds")
        with objects.loose() as writer:
            held = {part: state.oid(part) for part in ("version", "schema", "stats", "frames")}
            for part, value in parts.items():
                held[part] = writer.write("blob", value) if isinstance(value, bytes) else value
            modes = {part: TREE_MODE if part == "frames" else BLOB_MODE for part in held}
            tree = encode_tree([Entry(modes[part], part, oid) for part, oid in held.items() if oid])
            commit = encode_commit(
                tree=writer.write("tree", tree), parents=(state.commit,), author=ADA, time=1, message="Forged"
            )
            oid = writer.write("commit", commit)
        refs.update(RefUpdate(name, state.commit, oid))
        return oid

    return write


class ForgeCatalog(Protocol):
    """Makes the next commit of the catalog by hand: its documents by file name, and its format."""

    def __call__(self, documents: dict[str, bytes] | None = None, *, format: bytes = b"1\n") -> None: ...


@pytest.fixture
def forge_catalog(folder: Path) -> ForgeCatalog:
    """Returns a function that writes a catalog of any bytes, with trees that git would refuse if need be."""

    def git(*arguments: str, input: bytes = b"") -> str:
        command = ["git", "-C", str(folder / ".hds"), "-c", "user.name=x", "-c", "user.email=x", *arguments]
        return subprocess.run(command, check=True, capture_output=True, input=input).stdout.decode().strip()

    def blob(data: bytes) -> str:
        return git("hash-object", "-w", "--stdin", input=data)

    def tree(rows: dict[str, tuple[bytes, str]]) -> str:
        data = b"".join(
            b"%s %s\0%s" % (mode, name.encode(), bytes.fromhex(oid))
            for name, (mode, oid) in sorted(rows.items())
        )
        return git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", input=data)

    def write(documents: dict[str, bytes] | None = None, *, format: bytes = b"1\n") -> None:
        if documents is None:
            listed = git("rev-parse", "hdstore:datasets")
        else:
            listed = tree({name: (b"100644", blob(data)) for name, data in documents.items()})
        root = tree({"datasets": (b"40000", listed), "format": (b"100644", blob(format))})
        git("update-ref", "refs/heads/hdstore", git("commit-tree", "-p", "hdstore", "-m", "Forged", root))

    return write
