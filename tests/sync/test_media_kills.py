"""kill -9 of either end of an exchange of media: all arrives in the end, and nothing of it twice."""

from __future__ import annotations

import os
import random
import signal
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sync.media_ends import Ends, fill, is_running, left, make_ends, size_of

from hdstore.errors import RemoteError
from hdstore.media import Media

KILLS = 4


@pytest.fixture(params=["path", "ssh"])
def ends(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ends]:
    """Two repositories."""
    yield from make_ends(tmp_path, request.param, monkeypatch)


def arrived(media: Media) -> int:
    """Returns how many bytes of media are on the disk, in place or in parts."""
    parts = media.folder.parent / "tmp"
    return size_of(media, list(media.hashes())) + sum(path.stat().st_size for path in parts.iterdir())


def move_until(ends: Ends, hashes: list[str], *, fetching: bool, limit: int, victim: str) -> None:
    """Exchanges in a child until so many bytes are done, then kills one end, and waits until both are gone."""
    child = os.fork()
    if child == 0:
        try:
            place = ends.connect()

            def strike(what: str, done: int, total: int | None) -> None:
                if what.endswith("media") and done >= limit:
                    with suppress(ProcessLookupError):
                        os.kill(os.getpid() if victim == "client" else ends.server, signal.SIGKILL)

            move = place.fetch if fetching else place.send
            move(ends.near.media, hashes, progress=strike)
            os._exit(0)
        except RemoteError:
            os._exit(7)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended in ({-signal.SIGKILL} if victim == "client" else {7, 0})
    if ends.kind == "ssh":
        # What was on its way when the client died still arrives.
        while is_running(ends.server):
            pass


def run(ends: Ends, seed: int) -> None:
    """Kills an exchange several times, then lets it end."""
    chance = random.Random(seed)
    fetching = chance.random() < 0.5
    source, target = (ends.far.media, ends.near.media) if fetching else (ends.near.media, ends.far.media)
    hashes = fill(source, 300, seed=seed, large=3, size=3_000_000)
    total = size_of(source, hashes)
    for _ in range(KILLS):
        victim = chance.choice(["client", "server"]) if ends.kind == "ssh" else "client"
        here = arrived(target)
        if here == total:
            break
        limit = chance.randrange(here, total)
        move_until(ends, hashes, fetching=fetching, limit=limit, victim=victim)
        assert all(target.verify(hash) for hash in target.hashes())
    here = arrived(target)

    place = ends.connect()
    moved = (place.fetch if fetching else place.send)(ends.near.media, hashes)

    assert moved.bytes == total - here
    assert list(target.hashes()) == sorted(hashes)
    assert all(target.verify(hash) for hash in hashes)
    assert left(target) == []


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_exchange_goes_on(ends: Ends, seed: int) -> None:
    """At random instants: what had arrived is not sent again, what is in place is whole."""
    run(ends, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 113))
def test_many_killed_exchanges_go_on(ends: Ends, seed: int) -> None:
    """The same, a hundred times."""
    run(ends, seed)
