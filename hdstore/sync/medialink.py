"""A program at the other end of a pipe, and the messages that go to and fro; never waits for one side alone."""

from __future__ import annotations

import fcntl
import os
import re
import selectors
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from importlib.metadata import version
from itertools import islice
from typing import IO, Any

from hdstore.codec.streams import RecordReader, encode_record
from hdstore.errors import DamagedError, RemoteError, StorageError
from hdstore.sync.mediawire import LIMIT, MAGIC, PROTOCOL, READ

__all__ = ["Ended", "Link", "RefusedError"]

_PREAMBLE = 64 << 10
"""What a login may print before the program begins."""

_UNSENT = 2 << 20
"""Bytes that may wait to be sent."""

_AT_ONCE = 64
"""Messages that are given to the system in one call."""

_PIPE = 1 << 20

_UNREAD = 1024
"""Messages that may wait to be taken; the server answers what it is asked, so more is a flood."""

_TICK = 0.25
"""Seconds after which the caller is asked whether to go on, although nothing comes."""

_SAID = 4096
_PATIENCE = 5.0
_CONTROL = re.compile(r"[^\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\uffff]")


class Ended(Exception):
    """The program ended: its exit code, the last lines it said, and what it printed in the place of messages."""

    def __init__(self, code: int, said: list[str], printed: str) -> None:
        super().__init__(code)
        self.code = code
        self.said = said
        self.printed = printed


class Link:
    """A running server and the messages for it. One thread uses it at a time.

    ``tick`` is called again and again while something is waited for; what it raises comes out.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self.tick: Callable[[], None] = _go_on
        self._reader = RecordReader(limit=LIMIT)
        self._received: deque[list[Any]] = deque()
        self._unsent: deque[memoryview] = deque()
        self._unsent_bytes = 0
        self._said = b""
        self._printed = bytearray()
        self._has_begun = False
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise StorageError(f"Could not run {command[0]}: {error.strerror}.") from error
        self._selector = selectors.DefaultSelector()
        process = self._process
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
            if stream is not process.stderr:
                _widen(stream)
            if stream is not process.stdin:
                self._selector.register(stream, selectors.EVENT_READ)
        self._is_writing = False

    def greet(self) -> None:
        """Exchanges hellos; raises Ended, or RemoteError when the other end is not what it should be."""
        self.send("hello", PROTOCOL, version("hdstore"))
        match self.receive():
            case ["hello", int(protocol), str(program)]:
                if protocol != PROTOCOL:
                    raise RemoteError(
                        f"hdstore {_plain(program)} at the other end speaks version {protocol} of the exchange of"
                        f" media, this one version {PROTOCOL}; install the same hdstore on both."
                    )
            case _:
                raise DamagedError("The other end did not begin with a hello.")

    def send(self, *message: Any) -> None:
        """Sends a message, or puts it into a short queue."""
        data = encode_record(list(message))
        self._unsent.append(memoryview(data))
        self._unsent_bytes += len(data)
        while self._unsent_bytes > _UNSENT:
            self._turn()
        self._turn(0)

    def receive(self) -> list[Any]:
        """Returns the next message."""
        while not self._received:
            self._turn()
        return self._received.popleft()

    def arrived(self) -> Iterator[list[Any]]:
        """Yields the messages that are here already."""
        while self._received:
            yield self._received.popleft()

    def close(self) -> None:
        """Ends the server: it goes by itself when it hears no more, else it is stopped with all it started."""
        process = self._process
        self._selector.close()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _turn(self, timeout: float = _TICK) -> None:
        """Sends and receives what goes now; waits until something does, or for a tick."""
        if timeout:
            self.tick()
        self._want_to_write(bool(self._unsent))
        for key, _ in self._selector.select(timeout):
            if key.fileobj is self._process.stdin:
                self._write()
            elif key.fileobj is self._process.stderr:
                self._hear()
            else:
                self._read()

    def _want_to_write(self, wanted: bool) -> None:
        stdin = self._process.stdin
        if stdin is None or stdin.closed or wanted == self._is_writing:
            return
        self._is_writing = wanted
        if wanted:
            self._selector.register(stdin, selectors.EVENT_WRITE)
        else:
            self._selector.unregister(stdin)

    def _write(self) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        try:
            sent = os.writev(stdin.fileno(), list(islice(self._unsent, _AT_ONCE)))
        except BlockingIOError:
            return
        except OSError:
            # It went away; why, is in what it said before.
            self._selector.unregister(stdin)
            self._is_writing = False
            with suppress(OSError):
                stdin.close()
            self._unsent.clear()
            self._unsent_bytes = 0
            return
        self._unsent_bytes -= sent
        while sent:
            first = self._unsent.popleft()
            if sent < len(first):
                self._unsent.appendleft(first[sent:])
                break
            sent -= len(first)

    def _read(self) -> None:
        data = _take(self._process.stdout)
        if data == b"":
            raise self._ended()
        if data is None:
            return
        if not self._has_begun:
            data = self._after_magic(data)
        self._reader.feed(data)
        for record in self._reader:
            if not isinstance(record, list) or not record or len(self._received) >= _UNREAD:
                raise DamagedError("The other end sent what is no answer.")
            if record[0] == "error":
                raise _refusal(record)
            self._received.append(record)

    def _after_magic(self, data: bytes) -> bytes:
        """Passes over what a login printed, and returns what follows the mark of the program."""
        self._printed += data
        before, found, after = bytes(self._printed).partition(MAGIC)
        if not found:
            if len(self._printed) > _PREAMBLE:
                raise DamagedError(
                    "The login there prints without end, and no answer of hdstore was among it."
                )
            return b""
        self._has_begun = True
        self._printed = bytearray(before)
        return after

    def _hear(self) -> None:
        data = _take(self._process.stderr)
        if data == b"":
            assert self._process.stderr is not None
            self._selector.unregister(self._process.stderr)
        elif data:
            self._said = (self._said + data)[-_SAID:]

    def _ended(self) -> Ended:
        """Returns how the program ended, once it has said all it has to say."""
        try:
            code = self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            code = -signal.SIGKILL
        while data := _take(self._process.stderr):
            self._said = (self._said + data)[-_SAID:]
        lines = [_plain(line) for line in self._said.decode(errors="replace").splitlines()]
        printed = "" if self._has_begun else _plain(self._printed[-200:].decode(errors="replace"))
        return Ended(code, [line for line in lines if line], printed)


class RefusedError(RemoteError):
    """The server said why it does not go on; ``kind`` is its word for it."""

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(said)
        self.kind = kind


def _refusal(record: list[Any]) -> Exception:
    match record:
        case ["error", str(kind), str(text)]:
            return RefusedError(kind, _plain(text)[:1000])
        case _:
            return DamagedError("The other end sent what is no answer.")


def _widen(stream: IO[bytes]) -> None:
    """Lets a pipe hold more, so that its ends need not wait for one another at every step."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):  # the system's limit for one user may be reached
            fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)


def _take(stream: IO[bytes] | None) -> bytes | None:
    """Returns what a stream has; None where that is nothing now, and empty bytes at its end."""
    assert stream is not None
    try:
        return os.read(stream.fileno(), READ)
    except BlockingIOError:
        return None
    except (OSError, ValueError):
        return b""


def _plain(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()


def _go_on() -> None:
    """Does nothing: the caller need not be asked."""
