"""The media of a remote that ssh reaches: hdstore at the other end, asked ahead so that a long way costs little."""

from __future__ import annotations

import os
import shlex
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from hdstore.errors import DamagedError, MediaError, RemoteError
from hdstore.media import Keeper, Media, open_regular
from hdstore.model import Progress
from hdstore.store import ssh_command_from_environment
from hdstore.sync.failures import failure_of
from hdstore.sync.medialink import Ended, Link, RefusedError
from hdstore.sync.mediaplace import Transferred
from hdstore.sync.mediawire import BATCH, CHUNK, check_size, join_hashes, split_hashes
from hdstore.sync.urls import Place

__all__ = ["SshPlace"]

T = TypeVar("T")

_OFFERS = 256
"""Media in one offer; the next one is on its way while these are sent."""

_GETS = 32
"""Media that are asked for ahead."""


class SshPlace:
    """The kept media of a repository on another machine; see ``MediaPlace``. Connected at the first question."""

    def __init__(self, place: Place, program: str = "hdstore") -> None:
        self._place = place
        self._program = program
        self._link: Link | None = None

    def hashes(self) -> Iterator[str]:
        """Yields the hashes of all media that are kept there, in order."""
        after = ""
        while True:
            with self._talking() as link:
                link.send("list", bytes.fromhex(after))
                page = split_hashes(_only(link.receive(), "hashes"))
            if not page:
                return
            if page != sorted(set(page)) or page[0] <= after:
                self.close()
                raise RemoteError(f"{self._place} lists its media in no order, so the list may be endless.")
            yield from page
            after = page[-1]

    def missing(self, hashes: Iterable[str]) -> list[str]:
        """Returns those of the hashes that are not kept there."""
        found: list[str] = []
        asked: deque[list[str]] = deque()
        batches = _batches(hashes, BATCH)
        with self._talking() as link:
            while True:
                while len(asked) < 4 and (batch := next(batches, None)):
                    link.send("missing", join_hashes(batch))
                    asked.append(batch)
                if not asked:
                    return found
                batch = asked.popleft()
                found += _chosen(batch, _only(link.receive(), "missing"))

    def send(self, media: Media, hashes: Iterable[str], *, progress: Progress | None = None) -> Transferred:
        """Brings kept media there."""
        with self._talking(progress) as link:
            return _Sending(link, self._place, media, progress).run(hashes)

    def fetch(self, media: Media, hashes: Iterable[str], *, progress: Progress | None = None) -> Transferred:
        """Brings media from there."""
        with self._talking(progress) as link, media.keeping() as keeper:
            return _Fetching(link, self._place, media, keeper, progress).run(hashes)

    def close(self) -> None:
        """Ends the program at the other end; the next question starts it again."""
        if self._link is not None:
            link, self._link = self._link, None
            link.close()

    @contextmanager
    def _talking(self, progress: Progress | None = None) -> Iterator[Link]:
        """Gives the connection; one that an error left in the middle of something is ended."""
        try:
            yield self._connected(progress)
        except Ended as end:
            self.close()
            raise self._failure(end) from None
        except RefusedError as error:
            self.close()
            raise RemoteError(f"{self._place} refused: {error}") from error
        except DamagedError as error:
            self.close()
            raise RemoteError(f"{self._place} breaks the rules of the exchange of media: {error}") from error
        except BaseException:
            self.close()
            raise

    def _connected(self, progress: Progress | None) -> Link:
        if self._link is None:
            self._link = Link(self._command())
            if progress is not None:
                self._link.tick = lambda: progress(f"Connecting {self._place.host}", 0, None)
            self._link.greet()
        return self._link

    def _command(self) -> list[str]:
        place = self._place
        ssh = ssh_command_from_environment()
        # As git calls it: what the user set is a line for the shell.
        command = ["/bin/sh", "-c", f'{ssh} "$@"', ssh]
        if place.port is not None:
            is_plink = Path(ssh.split()[0]).stem.lower() in ("plink", "tortoiseplink")
            command += ["-P" if is_plink else "-p", str(place.port)]
        command.append(f"{place.user}@{place.host}" if place.user else place.host)
        return [*command, f"{_quote(self._program)} serve-media -- {shlex.quote(place.path)}"]

    def _failure(self, end: Ended) -> RemoteError:
        place, host = self._place, self._place.host
        if end.code == 127:
            return RemoteError(
                f"The program {self._program!r} was not found on {host}, so no media were exchanged; install hdstore"
                " there, or say what it is called there when the remote is added."
            )
        if end.said:
            return failure_of(place, end.said[-1], end.said)
        if end.printed:
            return RemoteError(
                f"{host} did not start hdstore but printed {end.printed!r}; see that ssh can run a command there."
            )
        return RemoteError(f"The connection to {place} ended without a word (code {end.code}); try again.")


class _Meter:
    """Tells how many bytes of an exchange are done."""

    def __init__(self, link: Link, what: str, progress: Progress | None, total: int | None) -> None:
        self._what = what
        self._progress = progress
        self._total = total
        self._done = 0
        link.tick = self.tell

    def add(self, size: int) -> None:
        """Counts bytes and tells them."""
        self._done += size
        self.tell()

    def tell(self) -> None:
        """Tells the caller, who may stop the exchange by what he raises."""
        if self._progress is not None:
            self._progress(self._what, self._done, self._total)


@dataclass(slots=True)
class _Put:
    hash: str
    size: int
    offset: int


class _Sending:
    """One exchange to the other end: offers ahead, then bytes, then what the other end says about each medium."""

    def __init__(self, link: Link, place: Place, media: Media, progress: Progress | None) -> None:
        self._link = link
        self._place = place
        self._media = media
        self._progress = progress
        self._missing: list[str] = []
        self._unanswered: deque[_Put] = deque()
        self._again: list[_Put] = []
        self._answers: deque[list[Any]] = deque()
        self._files = 0
        self._bytes = 0

    def run(self, hashes: Iterable[str]) -> Transferred:
        total = None
        if self._progress is not None and isinstance(hashes, Sequence):
            total = sum(size for _, size in self._here(hashes))
            self._missing.clear()
        self._meter = _Meter(self._link, "Sending media", self._progress, total)
        batches = _batches(self._here(hashes), _OFFERS)
        batch = self._offer(batches)
        while batch:
            offsets = self._offsets(len(batch))
            following = self._offer(batches)
            for (hash, size), offset in zip(batch, offsets, strict=True):
                self._put(_Put(hash, size, offset))
            batch = following
        self._flush()
        # What another sender changed meanwhile, or what an earlier one left there wrong: once more, all of it.
        again, self._again = self._again, []
        for put in again:
            self._put(_Put(put.hash, put.size, 0))
        self._flush()
        self._meter.tell()
        return Transferred(self._files, self._bytes, tuple(self._missing))

    def _here(self, hashes: Iterable[str]) -> Iterator[tuple[str, int]]:
        for hash in dict.fromkeys(hashes) if isinstance(hashes, Sequence) else hashes:
            size = self._media.size_of(hash)
            if size is None:
                self._missing.append(hash)
            else:
                yield hash, size

    def _offer(self, batches: Iterator[list[tuple[str, int]]]) -> list[tuple[str, int]]:
        batch = next(batches, [])
        if batch:
            self._link.send("offer", join_hashes([hash for hash, _ in batch]))
        return batch

    def _offsets(self, count: int) -> list[int]:
        offsets = _only(self._answer(), "offsets")
        if not isinstance(offsets, list) or len(offsets) != count:
            raise DamagedError("An offer was answered with another number of media.")
        return [-1 if offset == -1 else check_size(offset) for offset in offsets]

    def _flush(self) -> None:
        self._link.send("flush")
        if self._answer() != ["flushed"] or self._unanswered:
            raise DamagedError("Media were put and not answered.")

    def _answer(self) -> list[Any]:
        """Returns the next message that is not about what was put."""
        while not self._answers:
            self._take(self._link.receive())
        return self._answers.popleft()

    def _take(self, message: list[Any]) -> None:
        if message[0] not in ("kept", "again", "refused"):
            self._answers.append(message)
            if len(self._answers) > 1:
                raise DamagedError("An answer came that nobody asked for.")
            return
        put = self._unanswered.popleft() if self._unanswered else None
        if put is None or message[1:] != [bytes.fromhex(put.hash)]:
            raise DamagedError("A medium was answered that was not put.")
        if message[0] == "kept":
            self._files += 1
            self._bytes += put.size - put.offset
        elif put.offset or message[0] == "again":
            self._again.append(put)
        else:
            raise MediaError(
                f"The medium {put.hash} is damaged in {self._media.folder}; check this repository with 'hdstore fsck'."
            )

    def _put(self, put: _Put) -> None:
        if put.offset < 0:
            self._meter.add(put.size)
            return
        put.offset = put.offset if put.offset <= put.size else 0
        self._link.send("put", bytes.fromhex(put.hash), put.size, put.offset)
        self._unanswered.append(put)
        self._meter.add(put.offset)
        with open_regular(self._media.path_of(put.hash), follow=False) as stream:
            descriptor, left = stream.fileno(), put.size - put.offset
            os.lseek(descriptor, put.offset, os.SEEK_SET)
            while left and (data := os.read(descriptor, min(CHUNK, left))):
                self._link.send("data", data)
                left -= len(data)
                self._meter.add(len(data))
                for message in self._link.arrived():
                    self._take(message)
        self._link.send("end")


@dataclass(slots=True)
class _Get:
    hash: str
    offset: int
    is_again: bool = False


class _Fetching:
    """One exchange from the other end: media are asked for ahead, and taken in that order."""

    def __init__(
        self, link: Link, place: Place, media: Media, keeper: Keeper, progress: Progress | None
    ) -> None:
        self._link = link
        self._place = place
        self._media = media
        self._keeper = keeper
        self._meter = _Meter(link, "Fetching media", progress, None)
        self._asked: deque[_Get] = deque()
        self._missing: list[str] = []
        self._files = 0
        self._bytes = 0

    def run(self, hashes: Iterable[str]) -> Transferred:
        wanted = self._lacking(hashes)
        while True:
            for hash in islice(wanted, _GETS - len(self._asked)):
                self._ask(_Get(hash, self._media.part_size(hash)))
            if not self._asked:
                break
            self._take(self._asked.popleft())
        self._meter.tell()
        return Transferred(self._files, self._bytes, tuple(self._missing))

    def _lacking(self, hashes: Iterable[str]) -> Iterator[str]:
        for hash in dict.fromkeys(hashes) if isinstance(hashes, Sequence) else hashes:
            size = self._media.size_of(hash)
            if size is None:
                yield hash
            else:
                self._meter.add(size)

    def _ask(self, get: _Get) -> None:
        self._link.send("get", bytes.fromhex(get.hash), get.offset)
        self._asked.append(get)

    def _take(self, get: _Get) -> None:
        match self._link.receive():
            case ["absent", bytes(hash)] if hash.hex() == get.hash:
                self._missing.append(get.hash)
            case ["medium", bytes(hash), size, offset] if hash.hex() == get.hash:
                if check_size(offset) not in (0, get.offset):
                    raise DamagedError("A medium was sent from a place on that nobody asked for.")
                if not self._receive(get, check_size(size), offset):
                    self._ask(_Get(get.hash, 0, is_again=True))
            case _:
                raise DamagedError("Another medium was sent than was asked for.")

    def _receive(self, get: _Get, size: int, offset: int) -> bool:
        """Takes the bytes of a medium; False where they do not fit to what is here, and all of it must come again."""
        with self._keeper.part(get.hash, size) as part:
            if not offset:
                part.restart()
            # Another process may have changed it since it was asked for.
            fits = part.offset == offset
            self._meter.add(offset)
            for data in self._chunks():
                if fits:
                    part.write(data)
                self._meter.add(len(data))
            if not fits:
                return False
            try:
                part.finish()
            except MediaError as error:
                if offset and not get.is_again:
                    return False
                raise MediaError(
                    f"{self._place} sent other bytes than those of the medium {get.hash}; its keeper should check that"
                    " repository with 'hdstore fsck'."
                ) from error
        self._files += 1
        self._bytes += size - offset
        return True

    def _chunks(self) -> Iterator[bytes]:
        while True:
            match self._link.receive():
                case ["data", bytes(data)] if 0 < len(data) <= CHUNK:
                    yield data
                case ["end"]:
                    return
                case _:
                    raise DamagedError("The bytes of a medium were broken off by another message.")


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _only(message: list[Any], kind: str) -> Any:
    """Returns the one value of an answer."""
    if len(message) != 2 or message[0] != kind:
        raise DamagedError(f"The answer {kind!r} was expected, and another one came.")
    return message[1]


def _chosen(batch: list[str], bits: Any) -> list[str]:
    """Returns those of a batch whose bit is set."""
    if not isinstance(bits, bytes) or len(bits) != (len(batch) + 7) // 8:
        raise DamagedError("An answer has another number of bits than media were asked about.")
    return [hash for number, hash in enumerate(batch) if bits[number // 8] & 0x80 >> number % 8]


def _quote(program: str) -> str:
    """Returns the name of a program for the shell at the other end, where only "~/" keeps its meaning."""
    home, rest = ("~/", program[2:]) if program.startswith("~/") else ("", program)
    return home + shlex.quote(rest)
