"""Two repositories and the ways between their media, for the tests of exchanging them."""

from __future__ import annotations

import os
import random
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import hdstore
from hdstore import Repository
from hdstore.media import Media
from hdstore.sync.mediaplace import MediaPlace, media_place
from hdstore.sync.urls import parse_place

PROGRAM = str(Path(sys.executable).with_name("hdstore"))


@dataclass
class Ends:
    """This side, the other side, and how the other side's media are reached.

    ``kind`` is "path" or "ssh". Where ssh is but a program that runs the command here, ``server`` is the id of the
    process that answered last.
    """

    near: Repository
    far: Repository
    kind: str
    folder: Path
    opened: list[MediaPlace] = field(default_factory=list)

    def connect(self) -> MediaPlace:
        """Returns the other end's media."""
        url = str(self.far.folder) if self.kind == "path" else f"ssh://somewhere{self.far.folder}"
        place = media_place(parse_place(url), program=PROGRAM)
        assert place is not None
        self.opened.append(place)
        return place

    @property
    def server(self) -> int:
        return int((self.folder / "server").read_text())


def make_ends(folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ends]:
    """Makes two empty repositories below a folder."""
    use_as_ssh(folder, monkeypatch, f'echo $$ > {folder}/server; exec sh -c "exec $last"')
    for name in ("near", "far"):
        (folder / name).mkdir()
    with hdstore.init(folder / "near") as near, hdstore.init(folder / "far") as far:
        ends = Ends(near, far, kind, folder)
        yield ends
        for place in ends.opened:
            place.close()


def use_as_ssh(folder: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """Puts a script in the place of ssh; the command for the other machine is ``$last`` there."""
    script = folder / "ssh"
    script.write_text(f"#!/bin/sh\nfor last; do :; done\n{line}\n")
    script.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", shlex.quote(str(script)))


def fill(media: Media, count: int, *, seed: int = 0, large: int = 1, size: int = (2 << 20) + 7) -> list[str]:
    """Keeps ``count`` media, an empty one and ``large`` ones of several chunks among them; returns their hashes."""
    chance = random.Random(seed)
    sizes = [0, *[size] * large, *(chance.randrange(1, 3000) for _ in range(count - 1 - large))]
    with media.keeping() as keeper:
        return [keeper.keep_bytes(chance.randbytes(size)) for size in sizes]


def size_of(media: Media, hashes: list[str]) -> int:
    """Returns how many bytes kept media have."""
    return sum(media.size_of(hash) or 0 for hash in hashes)


def left(media: Media) -> list[str]:
    """Returns what lies in the tmp folder."""
    return sorted(os.listdir(media.folder.parent / "tmp"))


def is_running(process: int) -> bool:
    """Says whether a process, which may be nobody's child any more, is still at work."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
