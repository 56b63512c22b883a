"""Running the ``git`` program with our options only.

What a repository says is to run (hooks, ssh commands, monitors) is what a stranger says: it is switched off
here even though ``safety`` has refused it before. Neither the system's nor the user's settings are read, so
that results do not depend on the machine; how this user reaches others is read by ``gitreach`` and handed over.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hdstore.errors import RemoteError, StorageError
from hdstore.model import Progress
from hdstore.store.process import Answer, run_program

__all__ = ["GitReach", "ask_git", "git_available", "local_program", "run_git"]

_OPTIONS = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.alternateRefsCommand", ""),
    ("protocol.allow", "never"),
    ("protocol.file.allow", "always"),
    ("protocol.git.allow", "always"),
    ("protocol.http.allow", "always"),
    ("protocol.https.allow", "always"),
    ("protocol.ssh.allow", "always"),
    ("protocol.ext.allow", "never"),
    ("transfer.fsckObjects", "true"),
    ("fetch.fsckObjects", "true"),
    # What arrives is one pack, and on the disk before a ref names it: git alone flushes neither few objects nor refs.
    ("core.fsync", "all"),
    ("fetch.unpackLimit", "1"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("push.recurseSubmodules", "no"),
    ("push.followTags", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("safe.directory", "*"),
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

_NETWORK = frozenset({"clone", "fetch", "ls-remote", "push"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GitReach:
    """How git reaches others: settings that hold where ours are silent, and variables (see ``gitreach``)."""

    settings: tuple[tuple[str, str], ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


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
    answer = ask_git(hds, *arguments, input=input, progress=progress, timeout=timeout)
    if answer.code:
        words = [word for word in arguments if not word.startswith("-") and "=" not in word]
        what = words[0] if words else "git"
        kind = RemoteError if what in _NETWORK else StorageError
        raise kind(f"git {what} failed: {answer.reason}.")
    return answer.output


def ask_git(
    hds: Path,
    *arguments: str,
    input: bytes | None = None,
    progress: Progress | None = None,
    timeout: float | None = None,
    reach: GitReach | None = None,
    memory: int | None = None,
    longest: int | None = None,
) -> Answer:
    """Runs git on the repository at ``hds`` and returns how it ended, whatever that was (see ``run_program``)."""
    git = shutil.which("git")
    if git is None:
        raise StorageError("Could not run git: it was not found; install it or check the PATH.")
    return run_program(
        [git, f"--git-dir={hds}", *arguments],
        name="git",
        cwd=hds,
        environment=_environment(reach or GitReach()),
        input=input,
        progress=progress,
        timeout=timeout,
        memory=memory,
        longest=longest,
    )


def _environment(reach: GitReach) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _KEPT}
    if "GIT_SSH_COMMAND" not in kept:
        # Set, it outranks the repository's core.sshCommand, which can not be switched off otherwise.
        kept["GIT_SSH_COMMAND"] = shlex.quote(kept["GIT_SSH"]) if "GIT_SSH" in kept else "ssh"
    kept.update(
        GIT_CONFIG_NOSYSTEM="1",
        GIT_CONFIG_GLOBAL=os.devnull,
        GIT_ATTR_NOSYSTEM="1",
        GIT_NO_REPLACE_OBJECTS="1",
        GIT_TERMINAL_PROMPT="0",
        LC_ALL="C",
    )
    kept.update(reach.environment)
    # The empty helper and the empty askpass forget those that the repository names; variables hide from "ps".
    settings = [("credential.helper", ""), ("core.askPass", ""), *reach.settings, *_OPTIONS]
    kept["GIT_CONFIG_COUNT"] = str(len(settings))
    for number, (key, value) in enumerate(settings):
        kept[f"GIT_CONFIG_KEY_{number}"] = key
        kept[f"GIT_CONFIG_VALUE_{number}"] = value
    return kept
