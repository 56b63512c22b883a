"""What a save writes is on the disk before a ref names it, and the ref before the save returns: seen by the system.

A save runs under strace; its calls are replayed into what the disk would hold at each moment if the power went.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

import hdstore
from hdstore import Author

ADA = Author("Ada Lovelace", "ada@example.org")

CALLS = "openat,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat"
RETURNED = "/the/save/has/returned"

SCRIPTS = {
    "edit": "plates.current().apply(hdstore.SetFrameMetadata(frame_id='f3', set={'k': 9}))",
    "add": "plates.current().add_frames([hdstore.SingleFrame(id=f'new{n}') for n in range(2000)])",
    "snapshot": "plates.current().snapshot(name='third')",
    "create": "repository.create_dataset('other')",
    "delete": "plates.version('side').delete()",
    "gc": "repository.gc(grace=0)",
    "pull": "repository.pull()",
    "push": "repository.push()",
    "medium": (
        "plates.current().apply(hdstore.PutFrame(frame=hdstore.SingleFrame(id='new', sources=(hdstore.Source("
        "uri='media:' + repository.media.keep_bytes(b'a new medium')),))))"
    ),
}

PROGRAM = """\
import os, sys, hdstore
with hdstore.open(sys.argv[1], author=hdstore.Author('Ada', 'ada@example.org')) as repository:
    plates = repository.dataset('plates')
    {script}
    try:
        os.open({returned!r}, os.O_RDONLY)
    except OSError:
        pass
"""


@dataclass(frozen=True)
class Call:
    """One call of the system that succeeded: its name and the paths it is about."""

    name: str
    paths: tuple[str, ...]
    flags: str = ""


def parse(trace: str) -> Iterator[Call]:
    """Returns the calls of all processes in the order in which they ended."""
    begun: dict[str, str] = {}
    places: dict[str, str] = {}
    for line in trace.splitlines():
        process, _, text = line.partition(" ")
        text = text.strip()
        if text.endswith("<unfinished ...>"):
            begun[process] = text.removesuffix("<unfinished ...>")
            continue
        if resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", text):
            text = begun.pop(process) + resumed[1]
        match = re.match(r"(\w+)\((.*)\)\s+= (-?\d+)", text)
        if match is None:
            continue
        name, arguments, result = match.groups()
        if working := re.match(r"AT_FDCWD<(.*?)>", arguments):
            places[process] = working[1]
        if name == "openat" and RETURNED in arguments:
            yield Call("returned", ())
        elif result != "-1":
            flags = arguments.rpartition('"')[2] if name == "openat" else ""
            yield Call(name, tuple(paths_in(arguments, places.get(process, ""))), flags)


def paths_in(arguments: str, folder: str) -> Iterator[str]:
    """Returns the paths among the arguments as strace -y writes them: quoted, or behind a descriptor."""
    for handle, quoted in re.findall(r'\w+<(/[^>]*)>|"([^"]*)"', arguments):
        if quoted:
            yield os.path.normpath(f"{folder}/{quoted}" if quoted[0] != "/" else quoted)
        else:
            folder = handle
    if '"' not in arguments:
        yield folder


@dataclass
class Disk:
    """Which bytes and which names have been flushed; a file may have several names."""

    hds: str
    known: dict[str, int] = field(default_factory=dict)
    """Files and folders by their paths: two names of one file have one number."""
    dirty: set[int] = field(default_factory=set)
    unnamed: set[str] = field(default_factory=set)
    """Paths whose folder was not flushed since they were made."""
    numbers: Iterator[int] = field(default_factory=count)

    def take(self, call: Call) -> None:
        if call.name == "openat":
            if "O_CREAT" in call.flags and "O_TMPFILE" not in call.flags:
                self.dirty.add(self.number(call.paths[0]))
        elif call.name in ("fsync", "fdatasync"):
            self.dirty.discard(self.number(call.paths[0]))
            self.unnamed = {path for path in self.unnamed if os.path.dirname(path) != call.paths[0]}
        elif call.name.startswith("mkdir"):
            self.number(call.paths[0])
            self.unnamed.add(call.paths[0])
        elif call.name.startswith("unlink"):
            self.known.pop(call.paths[0], None)
        elif call.name.startswith(("rename", "link")):
            source, target = call.paths[:2]
            self.known[target] = self.number(source)
            self.unnamed.add(target)
            if call.name.startswith("rename"):
                del self.known[source]

    def number(self, path: str) -> int:
        if path not in self.known:
            self.known[path] = next(self.numbers)
        return self.known[path]

    def is_flushed(self, path: str) -> bool:
        return self.number(path) not in self.dirty

    def at_risk(self, *places: str) -> list[str]:
        """Returns what a power cut could take of finished files and folders in these places."""
        found = [path for path in self.known if path in self.unnamed or not self.is_flushed(path)]
        return [
            path.removeprefix(self.hds)
            for path in found
            if path.startswith(tuple(f"{self.hds}/{place}" for place in places))
            # Locks are empty, and what git calls so is no object yet.
            and not re.search(r"\.lock$|/tmp_|\.keep$", path)
        ]


def trace(tmp_path: Path, folder: Path, script: str) -> list[Call]:
    """Returns what the system was asked to do while a script ran on a repository."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed here")
    output = tmp_path / "trace"
    program = PROGRAM.format(script=script, returned=RETURNED)
    command = ["strace", "-f", "-y", "-s", "4096", "-o", str(output), "-e", f"trace={CALLS}"]
    done = subprocess.run(
        [*command, sys.executable, "-c", program, str(folder)], capture_output=True, text=True
    )
    if "ptrace" in done.stderr and "not permitted" in done.stderr:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    return list(parse(output.read_text(errors="replace")))


@pytest.fixture
def pair(folder: Path, place: Path) -> tuple[Path, Path]:
    """Returns a repository and its remote, each with something that the other lacks and can have."""
    hub = place / "hub"
    with hdstore.open(folder, author=ADA) as ours:
        ours.add_remote("origin", str(hub))
        ours.push()
    with hdstore.open(hub, author=ADA) as theirs:
        theirs.version("plates/side").apply(hdstore.SetFrameMetadata(frame_id="f3", set={"k": 9}))
        theirs.version("plates/Current").add_frames([hdstore.SingleFrame(id=f"hub{n}") for n in range(200)])
    return folder, hub


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name != "push"])
def test_objects_are_on_the_disk_before_the_ref_that_names_them(
    name: str, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    """When a ref gets its new value all objects and media are flushed, and the ref itself when the save returns."""
    folder, _ = pair
    hds = str(folder / ".hds")
    disk, moved, is_over = Disk(hds), 0, False
    for call in trace(tmp_path, folder, SCRIPTS[name]):
        target = call.paths[-1] if call.paths else ""
        if call.name.startswith("rename") and target.startswith((f"{hds}/refs/heads", f"{hds}/refs/tags")):
            assert disk.at_risk("objects", "hdstore/media") == [], f"before {target}"
            assert disk.is_flushed(call.paths[0]), f"{target} is not flushed"
            moved += 1
        disk.take(call)
        if call.name == "returned":
            assert (
                disk.at_risk("objects", "refs/heads", "refs/tags", "hdstore/media", "hdstore/journal") == []
            )
            is_over = True
    assert is_over
    assert moved > 0 or name in ("delete", "gc")


def test_a_push_is_on_the_disk_of_the_remote_when_it_returns(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """Git flushes what it received before it moves the refs there, and the refs too."""
    folder, hub = pair
    with hdstore.open(folder, author=ADA) as ours:
        ours.pull()
        ours.version("plates/Current").apply(hdstore.SetFrameMetadata(frame_id="f7", set={"k": 9}))
    hds = str(hub / ".hds")
    disk, moved = Disk(hds), 0
    for call in trace(tmp_path, folder, SCRIPTS["push"]):
        target = call.paths[-1] if call.paths else ""
        if call.name.startswith("rename") and target.startswith(f"{hds}/refs/heads"):
            # Names of folders are git's business: it flushes none.
            packs = [
                path for path in disk.known if path.startswith(f"{hds}/objects") and path.endswith(".pack")
            ]
            assert all(map(disk.is_flushed, packs)), f"before {target}"
            assert disk.is_flushed(call.paths[0]), f"{target} is not flushed"
            moved += 1
        disk.take(call)
    assert moved == 1
