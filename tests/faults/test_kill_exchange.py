"""kill -9 of either side of an exchange, at any instant: nothing is lost, and doing it again completes it.

Killed is the whole process, or only the git that it runs, or what answers at the other side, when a number of things
were told to ``progress`` or done to the disk, or after a time.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sync.servers import SshServer, ssh_server  # noqa: F401

import hdstore
from hdstore import Annotation, Author, Box, HdstoreError, Repository, SetFrameMetadata, SingleFrame, Source
from hdstore.store import files

ADA = Author("Ada Lovelace", "ada@example.org")
PROGRAM = str(Path(sys.executable).with_name("hdstore"))
FRAMES = 1200
MEDIA = 4
LARGE = 1 << 20
KINDS = ("push", "pull", "fetch", "clone")
VICTIMS = ("all", "all", "git", "other")


def make(number: int) -> SingleFrame:
    """Returns a frame with two boxes."""
    boxes = tuple(
        Annotation(id=str(n), labels=("car",), geometry=Box(x=number + 0.5, y=n, w=3.25, h=number))
        for n in range(2)
    )
    return SingleFrame(id=f"f{number}", metadata={"n": number * 7919}, annotations=boxes)


def grow(repository: Repository, seed: int) -> None:
    """Saves new frames, media, changes of old frames and a publication."""
    chance = random.Random(seed)
    draft = repository.dataset("plates").current()
    draft.add_frames(make(number) for number in range(seed * FRAMES, (seed + 1) * FRAMES))
    hashes = [repository.media.keep_bytes(chance.randbytes(LARGE)) for _ in range(MEDIA)]
    draft.add_frames(
        SingleFrame(id=f"m{hash[:9]}", sources=(Source(uri=f"media:{hash}"),)) for hash in hashes
    )
    for number in range(3):
        draft.apply(SetFrameMetadata(frame_id=f"f{number}", set={f"by {seed}": number}))
    repository.dataset("plates").create_version(f"of {seed}").publish()


@pytest.fixture(scope="module")
def ages(prepared: Path) -> tuple[Path, Path]:
    """Returns a repository and another one, each of which has work that the other has not seen."""
    ours, theirs = prepared.parent / "ours", prepared.parent / "theirs"
    ours.mkdir()
    with hdstore.init(ours, author=ADA) as repository:
        repository.create_dataset("plates")
        repository.add_remote("origin", str(theirs))
        grow(repository, 0)
        repository.push()
        grow(repository, 1)
    with hdstore.open(theirs, author=ADA) as repository:
        grow(repository, 2)
    return ours, theirs


@dataclass
class Sides:
    """Two repositories and the way from the first to the second."""

    ours: Path
    theirs: Path
    server: SshServer | None

    def url(self) -> str:
        return self.server.url(self.theirs) if self.server else str(self.theirs)


@pytest.fixture(params=["path", "ssh"])
def server(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> SshServer | None:
    """Returns the server of this way to the other side, if it has one."""
    if request.param == "path":
        return None
    found: SshServer = request.getfixturevalue("ssh_server")
    found.admit(tmp_path / "home")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("GIT_SSH_COMMAND", found.command(tmp_path / "home"))
    return found


def make_sides(kind: str, ages: tuple[Path, Path], place: Path, server: SshServer | None) -> Sides:
    """Returns the two sides before an exchange of this kind; who pushes has seen what is at the other side."""
    sides = Sides(place / "ours", place / "theirs", server)
    shutil.copytree(ages[1], sides.theirs)
    if kind != "clone":
        shutil.copytree(ages[0], sides.ours)
        with hdstore.open(sides.ours, author=ADA) as repository:
            repository.remove_remote("origin")
            repository.add_remote("origin", sides.url(), program=PROGRAM)
            if kind == "push":
                repository.pull()
    return sides


def exchange(kind: str, sides: Sides, progress: Callable[[str, int, int | None], None] | None = None) -> Any:
    """Does it once, with all media; a clone that is whole goes on with its media."""
    if kind == "clone" and not (sides.ours / ".hds").exists():
        with hdstore.clone(
            sides.url(), sides.ours, author=ADA, program=PROGRAM, media="all", progress=progress
        ):
            return None
    with hdstore.open(sides.ours, author=ADA) as repository:
        if kind == "fetch":
            return repository.fetch(progress=progress)
        return getattr(repository, "push" if kind == "push" else "pull")(media="all", progress=progress)


# Killing


def processes() -> dict[int, tuple[int, str]]:
    """Returns the parents and names of all processes that run."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                name, _, rest = (entry / "stat").read_text().partition("(")[2].rpartition(")")
                state, parent = rest.split()[:2]
                if state != "Z":
                    found[int(entry.name)] = (int(parent), name)
    return found


def below(*roots: int) -> list[tuple[int, str]]:
    """Returns the processes that were started by some, and by those."""
    running = processes()
    known, found = set(roots), []
    while more := [pid for pid, (parent, _) in running.items() if parent in known and pid not in known]:
        known.update(more)
        found += [(pid, running[pid][1]) for pid in more]
    return found


def sessions(server: SshServer | None) -> list[tuple[int, str]]:
    """Returns what the server has started."""
    return below(server._process.pid) if server and server._process else []


def kill(victim: str, server: SshServer | None) -> None:
    """Ends this process, or only what it started, or what answers at the other side."""
    if victim == "all":
        os.kill(os.getpid(), signal.SIGKILL)
    started = below(os.getpid())
    if victim == "other":
        answering = ("git-upload-pack", "git-receive-pack", "git-index-pack")
        started = sessions(server) or [row for row in started if row[1].startswith(answering)]
    for pid, _ in started:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def run(kind: str, sides: Sides, victim: str, instant: int | float) -> int:
    """Exchanges in a child of which something is killed at an instant; returns how many there were, 0 if it died."""
    ears, words = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        count = 0

        def happened(*_: object) -> None:
            nonlocal count
            count += 1
            if count == instant:
                kill(victim, sides.server)

        if isinstance(instant, float):
            # What this signal does to a process that takes no notice of it is what kill -9 does.
            signal.setitimer(signal.ITIMER_REAL, instant)
        files.on_step = happened
        try:
            with suppress(HdstoreError):
                exchange(kind, sides, happened)
            os.write(words, str(count).encode())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(words)
    with os.fdopen(ears, "rb") as stream:
        said = stream.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL, -signal.SIGALRM), "the exchange failed; see the captured output"
    # What it had started goes on for a moment, and is to have ended when the result is judged.
    while any(is_exchanging(pid, sides) for pid in processes()) or sessions(sides.server):
        pass
    return int(said or b"0")


def is_exchanging(pid: int, sides: Sides) -> bool:
    """Says whether a process is at work on one of the two sides."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return False
    return pid != os.getpid() and str(sides.ours.parent) in words


# Judging


def refs(folder: Path, prefix: str = "refs/") -> dict[str, str]:
    with hdstore.open(folder, author=ADA) as repository:
        found: dict[str, str] = repository._core.refs.list(prefix)
        return found


def own_refs(folder: Path) -> dict[str, str]:
    return {**refs(folder, "refs/heads/"), **refs(folder, "refs/tags/")}


def judge(
    folder: Path,
    before: dict[str, str],
    where: str,
    git_fsck: Callable[[Path], str],
    *,
    wholly: bool = True,
) -> None:
    """Checks that a repository is whole and has all that was saved before."""
    with hdstore.open(folder, author=ADA) as repository:
        core: Any = repository._core
        now = core.refs.list("refs/")
        for name, oid in now.items():
            assert core.objects.exists(oid), f"{where}: {name}"
        for name, oid in before.items():
            if name.startswith("refs/heads/"):
                assert core.objects.is_ancestor(oid, now[name]), f"{where}: {name}"
            else:
                assert now[name] == oid, f"{where}: {name}"
        assert not wholly or repository.fsck() == [], where
    assert git_fsck(folder) == "", where


def size_of_media(folder: Path) -> int:
    """Returns how many bytes of media have arrived, in place or in parts."""
    own = folder / ".hds" / "hdstore"
    paths = [*own.glob("media/*/*"), *own.glob("tmp/media-*.part")]
    return sum(path.stat().st_size for path in paths)


@dataclass
class Aim:
    """An exchange that nothing disturbs: how many instants it has, and what it ends in."""

    sides: Sides
    instants: int
    refs: dict[str, str]


@pytest.fixture
def aims(ages: tuple[Path, Path], place: Path, server: SshServer | None) -> Callable[[str], Aim]:
    """Returns a function that exchanges undisturbed."""

    def make_aim(kind: str) -> Aim:
        (place / "end").mkdir()
        sides = make_sides(kind, ages, place / "end", server)
        instants = run(kind, sides, "nobody", 0)
        return Aim(sides, instants, own_refs(sides.ours))

    return make_aim


def kill_and_repeat(
    kind: str, kills: int, seed: int, aim: Aim, sides: Sides, git_fsck: Callable[[Path], str]
) -> None:
    """Kills an exchange at several instants, one after the other, on what the last one left; then lets it end."""
    chance = random.Random(f"{kind} {seed}")
    both = (sides.ours, sides.theirs)
    target, undisturbed = (sides.theirs, aim.sides.theirs) if kind == "push" else (sides.ours, aim.sides.ours)
    before = {side: own_refs(side) for side in both if side.exists()}
    struck = 0
    for number in range(kills):
        victim = chance.choice(VICTIMS)
        instant = chance.uniform(0.05, 0.5) if number % 4 == 2 else chance.randrange(1, aim.instants + 1)
        met = run(kind, sides, victim, instant)
        struck += met == 0 or met >= instant
        where = f"{kind} {seed}.{number}: {victim} at {instant}"
        # Git judges both sides each time; the one that changes is judged wholly, the other one at the end.
        for side in both:
            if (side / ".hds").exists():
                judge(side, before.get(side, {}), where, git_fsck, wholly=side == target)
    assert struck

    where = f"{kind} {seed}: again"
    is_whole = (target / ".hds").exists()
    arrived = size_of_media(target)
    report = exchange(kind, sides)
    for side in both:
        judge(side, before.get(side, {}), where, git_fsck)
    assert own_refs(sides.ours) == aim.refs, where
    assert own_refs(sides.theirs) == own_refs(aim.sides.theirs), where
    assert size_of_media(target) == size_of_media(undisturbed), where
    if report is not None and kind != "fetch" and is_whole:
        assert report.media_bytes == size_of_media(target) - arrived, where
    assert not exchange(kind, sides), where


@pytest.mark.parametrize("kind", KINDS)
def test_an_exchange_killed_at_any_instant_loses_nothing(
    kind: str,
    ages: tuple[Path, Path],
    aims: Callable[[str], Aim],
    place: Path,
    server: SshServer | None,
    git_fsck: Callable[[Path], str],
) -> None:
    """Again and again on what the last one left: both sides are whole each time, and it ends in the same refs."""
    aim = aims(kind)
    kill_and_repeat(kind, 5, 0, aim, make_sides(kind, ages, place, server), git_fsck)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seeds", [range(start, start + 5) for start in range(100, 120, 5)])
def test_many_killed_exchanges_lose_nothing(
    kind: str,
    seeds: range,
    ages: tuple[Path, Path],
    aims: Callable[[str], Aim],
    place: Path,
    server: SshServer | None,
    git_fsck: Callable[[Path], str],
) -> None:
    """The same, a hundred times for each kind."""
    aim = aims(kind)
    for seed in seeds:
        (place / str(seed)).mkdir()
        kill_and_repeat(kind, 5, seed, aim, make_sides(kind, ages, place / str(seed), server), git_fsck)
        shutil.rmtree(place / str(seed))


# Between the steps


def packed(folder: Path) -> list[str]:
    """Returns what the packs of a repository hold, or of a clone that is being made: each as often as it is there."""
    found = []
    for path in [
        *folder.glob(".hds/objects/pack/*.idx"),
        *folder.glob(".hds.unfinished/.hds/objects/pack/*.idx"),
    ]:
        listed = subprocess.run(
            ["git", "show-index"], input=path.read_bytes(), capture_output=True, check=True
        )
        found += [line.split()[1] for line in listed.stdout.decode().splitlines()]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_what_has_arrived_whole_is_not_sent_again(
    kind: str, ages: tuple[Path, Path], place: Path, server: SshServer | None, git_fsck: Callable[[Path], str]
) -> None:
    """Killed when all objects, or all media, are there and no ref has moved: it brings nothing twice."""
    sides = make_sides(kind, ages, place, server)
    child = os.fork()
    if child == 0:
        # All has arrived when it is judged; a push has sent its media when git begins to send.
        def told(what: str, done: int, total: int | None) -> None:
            if what == ("Writing objects" if kind == "push" else "Verifying frames"):
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            exchange(kind, sides, told)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    while any(is_exchanging(pid, sides) for pid in processes()) or sessions(server):
        pass
    before = packed(sides.ours)
    assert before
    report = exchange(kind, sides)
    if kind == "push":
        assert report.media == 0
    else:
        # What is new was merged here.
        after = packed(sides.ours)
        assert len(after) - len(set(after)) == len(before) - len(set(before))
    judge(sides.ours, {}, kind, git_fsck)
