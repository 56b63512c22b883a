"""A process of its own that edits and searches a repository; run by the tests of many processes."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path

import hdstore
from hdstore import DatasetVersion, Repository, SetFrameMetadata
from hdstore.index import VersionRows, building
from hdstore.index import index as index_module

ADA = hdstore.Author("Ada Lovelace", "ada@example.org")


def numbers(rows: VersionRows) -> dict[str, float]:
    """Returns what the columns say: the number of each frame by its id."""
    found: dict[str, float] = {}
    for part in rows.parts:
        ids, cells = part.segment.text("frame.id"), part.segment.cells("frame", ("n",))
        assert cells is not None
        assert cells.numbers is not None
        assert cells.owners is None
        live = slice(None) if part.live is None else part.live
        for code, number in zip(ids.codes[live].tolist(), cells.numbers[live].tolist(), strict=True):
            assert ids.texts[code] not in found
            found[ids.texts[code]] = number
    return found


def check(version: DatasetVersion) -> None:
    """Compares the rows of a version with its frames, at one moment."""
    state = version.state()
    core = version._core
    rows = core.index.rows(state.trie.tree, near=hdstore.version.earlier_trees(core.objects, state.commit))
    assert numbers(rows) == {frame.id: frame.metadata["n"] for frame in state.frames()}


def work(repository: Repository, chance: random.Random, rounds: int) -> None:
    """Edits its own draft, looks at everybody's, and sometimes compacts or drops the index under the others' feet."""
    dataset = repository.dataset("plates")
    own = dataset.create_version(f"draft {chance.random()}", parents=["first"])
    for number in range(rounds):
        what = chance.random()
        if what < 0.6:
            own.apply(SetFrameMetadata(frame_id=f"f{chance.randrange(200)}", set={"n": number + 1000}))
            check(own)
        elif what < 0.85:
            check(chance.choice(dataset.versions()))
        elif what < 0.95:
            repository.build_index([own])
        else:
            repository.drop_index()
    check(own)


def build(repository: Repository, say: Callable[[str], None]) -> None:
    """Builds the index, and waits in the middle of it until it is killed."""

    building.MAX_FRAMES = 100

    def progress(what: str, done: int, total: int | None) -> None:
        if done >= 64:
            say("building")
            sys.stdin.read()

    repository.version("plates/first").rows(progress=progress)


def main(what: str, folder: str, seed: str) -> None:
    index_module._MANY = 3
    with hdstore.open(Path(folder), author=ADA) as repository:
        if what == "build":
            build(repository, lambda text: print(text, flush=True))
        else:
            print("ready", flush=True)
            sys.stdin.readline()
            work(repository, random.Random(int(seed)), 25)
            print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
