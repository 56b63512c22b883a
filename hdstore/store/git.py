"""Running the ``git`` program with our options only.

What a repository says is to run (hooks, ssh commands, monitors) is what a stranger says: it is switched off
here even though ``safety`` has refused it before. Neither the system's nor the user's settings are read, so
that results do not depend on the machine; how the user's ssh is to be called comes from the environment, as
for git itself.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from hdstore.errors import RemoteError, StorageError
from hdstore.model import Progress

__all__ = ["git_available", "local_program", "run_git"]

_OPTIONS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.alternateRefsCommand=",
    "credential.helper=",
    "protocol.allow=never",
    "protocol.file.allow=always",
    "protocol.git.allow=always",
    "protocol.http.allow=always",
    "protocol.https.allow=always",
    "protocol.ssh.allow=always",
    "protocol.ext.allow=never",
    "transfer.fsckObjects=true",
    # What arrives is one pack, and on the disk before a ref names it: git alone flushes neither few objects nor refs.
    "core.fsync=all",
    "fetch.unpackLimit=1",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
)
_KEPT = frozenset(
    {
        "GIT_ASKPASS",
        "GIT_EXEC_PATH",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSH_VARIANT",
        "GIT_SSL_CAINFO",
        "GIT_SSL_CAPATH",
        "GIT_SSL_CERT",
        "GIT_SSL_KEY",
    }
)
"""Variables that say how this user reaches others; all other ``GIT_*`` would redirect git or its files."""

_PROGRESS = re.compile(r"(?:remote: )?([A-Z][A-Za-z ]+):\s+\d+% \((\d+)/(\d+)\)")
_NETWORK = frozenset({"clone", "fetch", "ls-remote", "push"})
_KEPT_LINES = 40
_REASONS = ("fatal:", "error:", "ssh:", "!")
_EMPTY_REASONS = (
    "error: failed to push some refs",
    "fatal: Could not read from remote repository",
    "fatal: the remote end hung up",
)
"""What git adds at the end to the line that says more."""


def git_available() -> bool:
    """Says whether the ``git`` program can be run here."""
    return shutil.which("git") is not None


def local_program(name: str) -> str:
    """Returns the value of ``--upload-pack`` or ``--receive-pack`` for a remote that is a path on this machine.

    Such a remote's git runs as this user: its hooks must not, whoever wrote them; and whose files it reads
    was judged before (git itself would refuse another owner's).
    """
    return (
        "git -c safe.directory=* -c core.hooksPath=/dev/null -c core.fsmonitor=false -c core.fsync=all"
        f" -c receive.unpackLimit=1 {name}"
    )


def run_git(
    hds: Path,
    *arguments: str,
    input: bytes | None = None,
    progress: Progress | None = None,
    timeout: float | None = None,
) -> bytes:
    """Returns what git printed when run on the repository at ``hds``.

    With ``progress`` git's own progress lines are passed on (give the command its ``--progress``), and what
    it raises ends git. Raises RemoteError for commands that reach another repository, StorageError for
    others.
    """
    command = ["git", f"--git-dir={hds}"]
    for option in _OPTIONS:
        command += ["-c", option]
    try:
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=hds,
            env=_environment(),
            stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise StorageError(f"Could not run git: {error.strerror}; install it or check the PATH.") from error
    with process:
        try:
            output, messages = _talk(process, input, progress, timeout)
        except BaseException:
            _end(process)
            raise
    if process.returncode:
        raise _failure(arguments, messages, process.returncode)
    return output


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends git and what it started, such as the other side of a push, which must not move refs later on."""
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


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _KEPT}
    if "GIT_SSH_COMMAND" not in kept:
        # Set, it outranks the repository's core.sshCommand, which can not be switched off otherwise.
        kept["GIT_SSH_COMMAND"] = shlex.quote(kept["GIT_SSH"]) if "GIT_SSH" in kept else "ssh"
    kept.update(
        GIT_CONFIG_NOSYSTEM="1",
        GIT_CONFIG_GLOBAL=os.devnull,
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0="safe.directory",
        GIT_CONFIG_VALUE_0="*",
        GIT_ATTR_NOSYSTEM="1",
        GIT_NO_REPLACE_OBJECTS="1",
        GIT_TERMINAL_PROMPT="0",
        LC_ALL="C",
    )
    return kept


def _talk(
    process: subprocess.Popen[bytes], input: bytes | None, progress: Progress | None, timeout: float | None
) -> tuple[bytes, list[str]]:
    """Returns what the process wrote to its output and to its messages."""
    if progress is None:
        try:
            output, errors = process.communicate(input, timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise RemoteError(f"git did not finish within {timeout:g} seconds and was ended.") from error
        return output, errors.decode(errors="replace").splitlines()
    output_parts: list[bytes] = []
    helpers = [threading.Thread(target=_collect, args=(process.stdout, output_parts), daemon=True)]
    if input is not None:
        helpers.append(threading.Thread(target=_supply, args=(process.stdin, input), daemon=True))
    for helper in helpers:
        helper.start()
    expired = threading.Event()
    timer = threading.Timer(timeout or 0, _expire, (process, expired)) if timeout else None
    if timer is not None:
        timer.start()
    try:
        messages = _follow(process.stderr, progress)
        process.wait()
    finally:
        if timer is not None:
            timer.cancel()
    for helper in helpers:
        helper.join()
    if expired.is_set():
        raise RemoteError(f"git did not finish within {timeout:g} seconds and was ended.")
    return b"".join(output_parts), messages


def _expire(process: subprocess.Popen[bytes], expired: threading.Event) -> None:
    expired.set()
    process.kill()


def _collect(stream: IO[bytes] | None, into: list[bytes]) -> None:
    assert stream is not None
    into.append(stream.read())


def _supply(stream: IO[bytes] | None, data: bytes) -> None:
    assert stream is not None
    with suppress(BrokenPipeError), stream:
        stream.write(data)


def _follow(stream: IO[bytes] | None, progress: Progress) -> list[str]:
    """Passes on progress as it is printed, and returns the last of the other lines."""
    assert stream is not None
    lines: list[str] = []
    rest = b""
    while chunk := stream.read1(65536):  # type: ignore[attr-defined]
        *whole, rest = re.split(rb"[\r\n]", rest + chunk)
        for line in whole:
            text = line.decode(errors="replace").strip()
            if match := _PROGRESS.match(text):
                progress(match[1], int(match[2]), int(match[3]))
            elif text:
                lines.append(text)
        del lines[:-_KEPT_LINES]
        rest = rest[-65536:]
    if rest.strip():
        lines.append(rest.decode(errors="replace").strip())
    return lines


def _failure(arguments: Iterable[str], messages: list[str], code: int) -> RemoteError | StorageError:
    words = [word for word in arguments if not word.startswith("-") and "=" not in word]
    what = words[0] if words else "git"
    messages = [line.strip() for line in messages if line.strip()]
    said = [
        line for line in messages if line.startswith(_REASONS) and not line.startswith(_EMPTY_REASONS)
    ] or messages
    last = said[-1].rstrip(".") if said else f"it ended with code {code} and said nothing"
    if what in _NETWORK:
        return RemoteError(f"git {what} failed: {last}.")
    return StorageError(f"git {what} failed: {last}.")
