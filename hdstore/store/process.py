"""Running a program that talks to others: bounded, telling its progress, and ended with all it started."""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hdstore.errors import RemoteError, StorageError
from hdstore.model import Progress

__all__ = ["Answer", "plain_line", "run_program"]

_PROGRESS = re.compile(r"(?:remote: )?([A-Z][A-Za-z ]+):\s+\d+% \((\d+)/(\d+)\)")
_KEPT_LINES = 40
_LONGEST_LINE = 300
_HEARTBEAT = 0.25
"""Seconds after which progress is called again although the program is silent, so that a user can stop it."""
_REASONS = ("fatal:", "error:", "ssh:", "!")
_EMPTY_REASONS = (
    "error: failed to push some refs",
    "fatal: Could not read from remote repository",
    "fatal: the remote end hung up",
)
"""What git adds at the end to the line that says more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a program ended: its code, what it printed, and the last lines it said."""

    code: int
    output: bytes
    messages: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The line that says most about why it failed."""
        messages = [line for line in self.messages if line]
        said = [
            line for line in messages if line.startswith(_REASONS) and not line.startswith(_EMPTY_REASONS)
        ] or messages
        return said[-1].rstrip(".") if said else f"it ended with code {self.code} and said nothing"


def run_program(
    command: Sequence[str],
    *,
    name: str,
    cwd: Path,
    environment: Mapping[str, str],
    input: bytes | None = None,
    progress: Progress | None = None,
    timeout: float | None = None,
    memory: int | None = None,
    longest: int | None = None,
) -> Answer:
    """Runs a program, which errors call ``name``, and returns how it ended, whatever that was.

    Lines like git's progress are passed on to ``progress``, which is called again and again while the program is
    silent; what it raises ends the program. ``memory`` bounds the bytes that it and each of its helpers may take,
    ``longest`` those of its output, ``timeout`` the seconds it may run: past them it fails, or is ended with a
    RemoteError.
    """
    if memory is not None:
        # Set before the program starts, and inherited by what it starts. It fails where less is allowed already.
        command = ["/bin/sh", "-c", 'ulimit -d "$0" 2>/dev/null; exec "$@"', str(memory // 1024), *command]
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise StorageError(
            f"Could not run {name}: {error.strerror}; install it or check the PATH."
        ) from error
    with process:
        try:
            output, messages = _Talk(process, name, input, progress, timeout, longest).run()
        except BaseException:
            _end(process)
            raise
    return Answer(code=process.returncode, output=output, messages=messages)


def plain_line(line: str) -> str:
    """Returns a line that another machine wrote without what a terminal would obey, and not too long."""
    text = "".join(char if char.isprintable() else " " for char in line).strip()
    return text if len(text) <= _LONGEST_LINE else text[:_LONGEST_LINE] + "..."


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a program and what it started, such as the other side of a push, which must not move refs later on."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)  # git then removes its lock files
    try:
        process.wait(5)
        for _ in range(500):
            os.killpg(process.pid, 0)
            time.sleep(0.01)
    except ProcessLookupError:
        return
    except subprocess.TimeoutExpired:
        pass
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


class _Talk:
    """One conversation with a process: what goes in, what comes out, and what it says meanwhile."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        name: str,
        input: bytes | None,
        progress: Progress | None,
        timeout: float | None,
        longest: int | None,
    ) -> None:
        self._process = process
        self._name = name
        self._input = input
        self._progress = progress
        self._timeout = timeout
        self._longest = longest
        self._output: list[bytes] = []
        self._too_long = False
        self._last: tuple[str, int, int | None] = (f"Waiting for {name}", 0, None)
        self._lines: list[str] = []

    def run(self) -> tuple[bytes, tuple[str, ...]]:
        """Returns what the process wrote to its output, and its last messages."""
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        helpers = [threading.Thread(target=self._collect, args=(self._process.stdout,), daemon=True)]
        if self._input is not None:
            helpers.append(threading.Thread(target=self._supply, args=(self._process.stdin,), daemon=True))
        for helper in helpers:
            helper.start()
        self._follow(self._process.stderr, deadline)
        while self._process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(self._patience(deadline))
                break
            self._beat(deadline)
        for helper in helpers:
            helper.join()
        if self._too_long:
            raise RemoteError(
                f"The other side sent a list of more than {self._longest} bytes, which is refused."
            )
        return b"".join(self._output), tuple(self._lines)

    @staticmethod
    def _patience(deadline: float | None) -> float:
        return _HEARTBEAT if deadline is None else min(_HEARTBEAT, max(0.0, deadline - time.monotonic()))

    def _beat(self, deadline: float | None) -> None:
        if deadline is not None and time.monotonic() >= deadline:
            raise RemoteError(f"{self._name} did not finish within {self._timeout:g} seconds and was ended.")
        if self._progress is not None:
            self._progress(*self._last)

    def _collect(self, stream: IO[bytes] | None) -> None:
        assert stream is not None
        size = 0
        while chunk := stream.read1(1 << 16):  # type: ignore[attr-defined]
            size += len(chunk)
            if self._longest is not None and size > self._longest:
                self._too_long = True
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                return
            self._output.append(chunk)

    def _supply(self, stream: IO[bytes] | None) -> None:
        assert stream is not None
        assert self._input is not None
        with suppress(BrokenPipeError), stream:
            stream.write(self._input)

    def _follow(self, stream: IO[bytes] | None, deadline: float | None) -> None:
        """Passes on progress as it is printed, and keeps the last of the other lines."""
        assert stream is not None
        rest = b""
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while True:
                if not selector.select(self._patience(deadline)):
                    self._beat(deadline)
                    if self._process.poll() is None:
                        continue
                    break  # what git started and left behind, such as a shared ssh connection, may keep it open
                if not (chunk := os.read(stream.fileno(), 65536)):
                    break
                *whole, rest = re.split(rb"[\r\n]", rest + chunk)
                for line in whole:
                    self._heard(line)
                rest = rest[-65536:]
        self._heard(rest)

    def _heard(self, line: bytes) -> None:
        text = plain_line(line.decode(errors="replace"))
        if match := _PROGRESS.match(text):
            self._last = (match[1], int(match[2]), int(match[3]))
            if self._progress is not None:
                self._progress(*self._last)
        elif text:
            self._lines.append(text)
            del self._lines[:-_KEPT_LINES]
