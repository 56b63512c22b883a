"""The other end of an exchange of media over ssh: answers on standard output what it is asked on standard input."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

from hdstore.codec.streams import RecordReader, encode_record
from hdstore.errors import (
    DamagedError,
    HdstoreError,
    MediaError,
    ReadOnlyError,
    RepositoryNotFoundError,
    StorageError,
    UntrustedError,
)
from hdstore.media import Keeper, Media, Roots, open_regular
from hdstore.store import Layout, check_layout
from hdstore.sync.mediawire import (
    BATCH,
    CHUNK,
    LIMIT,
    MAGIC,
    PROTOCOL,
    READ,
    check_size,
    join_hashes,
    split_hashes,
)

__all__ = ["open_served", "serve_media"]

_UNSETTLED_FILES = 128
_UNSETTLED_BYTES = 64 << 20
"""What may wait for its flush before it is acknowledged."""

_KINDS: tuple[tuple[type[HdstoreError], str], ...] = (
    (UntrustedError, "untrusted"),
    (RepositoryNotFoundError, "missing"),
    (ReadOnlyError, "read-only"),
    (StorageError, "storage"),
    (DamagedError, "damaged"),
)


class _ClosedError(Exception):
    """The client went away."""


def serve_media(path: str, *, input: int, output: int) -> None:
    """Answers a client until it goes away; ``input`` and ``output`` are descriptors.

    ``path`` names the folder of a repository; one that begins with "~" or without a slash begins at the user's home,
    where ssh starts programs. The client is told why a repository is not opened; then the same error is raised here.
    Media are only read, and written through the tmp folder; nothing else can be reached.
    """
    wire = _Wire(input, output)
    with suppress(_ClosedError):
        try:
            wire.begin()
            media = open_served(path)
            with media.keeping() as keeper, ThreadPoolExecutor(1, "hdstore-flush") as flusher:
                _Session(wire, media, keeper, flusher).run()
        except HdstoreError as error:
            kind = next((name for of, name in _KINDS if isinstance(error, of)), "other")
            wire.send("error", kind, str(error))
            raise


def open_served(path: str) -> Media:
    """Returns the media of the repository in a folder; raises UntrustedError when it may not be opened."""
    layout = Layout(Path(path).expanduser().absolute())
    if not layout.exists:
        raise RepositoryNotFoundError(f"There is no repository of hdstore in {layout.folder}.")
    check_layout(layout)
    layout.restore_folders()
    return Media(layout.media, Roots(layout.local), layout.tmp)


class _Wire:
    """Messages over two descriptors; each call waits until it can go on."""

    def __init__(self, input: int, output: int) -> None:
        self._input = input
        self._output = output
        self._reader = RecordReader(limit=LIMIT)
        self._records = iter(self._reader)

    def begin(self) -> None:
        """Says hello, and hears it."""
        self._write(MAGIC)
        self.send("hello", PROTOCOL, version("hdstore"))
        match self.receive():
            case ["hello", int(protocol), str()]:
                if protocol != PROTOCOL:
                    raise DamagedError(
                        f"This end speaks version {PROTOCOL} of the exchange of media, the other one version"
                        f" {protocol}; install the same hdstore on both."
                    )
            case _:
                raise DamagedError("The other end did not begin with a hello.")

    def send(self, *message: Any) -> None:
        """Sends one message."""
        self._write(encode_record(list(message)))

    def receive(self) -> list[Any]:
        """Returns the next message."""
        while True:
            for record in self._records:
                if not isinstance(record, list) or not record:
                    raise DamagedError("A message of the other end is no list with a kind.")
                return record
            self._records = iter(self._reader)
            data = os.read(self._input, READ)
            if not data:
                raise _ClosedError
            self._reader.feed(data)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._output, view) :]
        except BrokenPipeError as error:
            raise _ClosedError from error


class _Session:
    """What one client asks."""

    def __init__(self, wire: _Wire, media: Media, keeper: Keeper, flusher: ThreadPoolExecutor) -> None:
        self._wire = wire
        self._media = media
        self._keeper = keeper
        self._flusher = flusher
        self._flushing: tuple[Future[None], list[tuple[str, str]]] | None = None
        self._answers: list[tuple[str, str]] = []
        self._unsettled = 0

    def run(self) -> None:
        """Answers until the client goes away; what arrived by then is kept."""
        with suppress(_ClosedError):
            while True:
                self._answer(self._wire.receive())

    def _answer(self, message: list[Any]) -> None:
        match message:
            case ["put", bytes(hash), size, offset]:
                self._put(split_hashes(hash, most=1), check_size(size), check_size(offset))
            case ["get", bytes(hash), offset]:
                self._get(split_hashes(hash, most=1), check_size(offset))
            case ["offer", bytes(hashes)]:
                offsets = [
                    -1 if self._media.has(h) else self._media.part_size(h) for h in split_hashes(hashes)
                ]
                self._wire.send("offsets", offsets)
            case ["missing", bytes(hashes)]:
                self._wire.send("missing", _bits([not self._media.has(h) for h in split_hashes(hashes)]))
            case ["list", bytes(after)]:
                found = islice(self._media.hashes(after="".join(split_hashes(after, most=1))), BATCH)
                self._wire.send("hashes", join_hashes(list(found)))
            case ["flush"]:
                self._settle()
                self._acknowledge()
                self._wire.send("flushed")
            case _:
                raise DamagedError("The other end asked for something that this program does not know.")

    def _put(self, hashes: list[str], size: int, offset: int) -> None:
        (hash,) = hashes
        answer = "kept"
        with self._keeper.part(hash, size) as part:
            if not offset:
                part.restart()
            elif part.offset != offset:
                answer = "again"
            for data in self._chunks():
                if answer == "kept" and not _is_taken(part.write, data):
                    answer = "refused"
            if answer == "kept" and not _is_taken(part.finish):
                answer = "refused"
        self._answers.append((answer, hash))
        self._unsettled += size
        if len(self._answers) >= _UNSETTLED_FILES or self._unsettled >= _UNSETTLED_BYTES:
            self._settle()

    def _chunks(self) -> Iterator[bytes]:
        while True:
            match self._wire.receive():
                case ["data", bytes(data)] if len(data) <= CHUNK:
                    yield data
                case ["end"]:
                    return
                case _:
                    raise DamagedError("The bytes of a medium were broken off by another message.")

    def _settle(self) -> None:
        """Begins to flush what was put, while more is received; what was flushed before is acknowledged."""
        self._acknowledge()
        self._flushing = self._flusher.submit(self._keeper.flush), self._answers
        self._answers, self._unsettled = [], 0

    def _acknowledge(self) -> None:
        """Acknowledges what was being flushed, once it is on the disk."""
        if self._flushing is not None:
            (flush, answers), self._flushing = self._flushing, None
            flush.result()
            for answer, hash in answers:
                self._wire.send(answer, bytes.fromhex(hash))

    def _get(self, hashes: list[str], offset: int) -> None:
        (hash,) = hashes
        if not self._media.has(hash):
            self._wire.send("absent", bytes.fromhex(hash))
            return
        with open_regular(self._media.path_of(hash), follow=False) as stream:
            descriptor = stream.fileno()
            size = os.fstat(descriptor).st_size
            begin = offset if offset <= size else 0
            os.lseek(descriptor, begin, os.SEEK_SET)
            self._wire.send("medium", bytes.fromhex(hash), size, begin)
            while data := os.read(descriptor, CHUNK):
                self._wire.send("data", data)
            self._wire.send("end")


def _is_taken(write: Callable[..., None], *data: bytes) -> bool:
    try:
        write(*data)
    except MediaError:
        return False
    return True


def _bits(flags: list[bool]) -> bytes:
    """Returns one bit for each flag, the first one highest in its byte."""
    text = "".join("1" if flag else "0" for flag in flags)
    return int(text.ljust(-len(text) % 8 + len(text), "0") or "0", 2).to_bytes((len(text) + 7) // 8, "big")
