"""How this user reaches others through git: his own settings, never those of a repository.

Git runs with our options only (see ``git``), but proxies, certificates, credential helpers, the ssh command and
abbreviations of URLs belong to the user and his machine. They are read from his global and the system's configuration,
and handed over in variables, for they may hold secrets that must not stand in a command line.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from hdstore.errors import RemoteError
from hdstore.store.git import GitReach
from hdstore.store.process import plain_line

__all__ = ["reach_from_environment", "ssh_command_from_environment"]

_HONOURED = r"^(credential|http|url)\.|^core\.(sshcommand|askpass|gitproxy)$|^ssh\.variant$"
_CONFIG_VARIABLES = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")
"""What says where the user's own configuration lies."""

_SLOW = (("http.lowSpeedLimit", "1"), ("http.lowSpeedTime", "60"))
"""A server that is silent for a minute is given up; while it works, it says so every few seconds."""

_SSH_OPTIONS = "-o ConnectTimeout=30 -o ServerAliveInterval=20 -o ServerAliveCountMax=3"
_HELPER = '!f() { test "$1" != get || printf "username=%s\\npassword=%s\\n" "$HDSTORE_USER" "$HDSTORE_PASSWORD"; }; f'
"""A credential helper that gives back what our variables hold; git asks it where the server wants to know."""


def reach_from_environment(
    hds: Path, *, site: str = "", user: str = "", password: str | None = None
) -> GitReach:
    """Returns how git is to reach others for the repository at ``hds``.

    A ``password`` is for ``site`` (``https://host:port``) alone. Raises RemoteError when the user's configuration can
    not be read.
    """
    found = [*_user_settings(hds, "--system"), *_user_settings(hds, "--global")]
    ssh_command = _last(found, "core.sshcommand")
    settings = [*_SLOW, *(setting for setting in found if setting[0] != "core.sshcommand")]
    environment = {"GIT_SSH_COMMAND": _ssh_command(ssh_command, _last(found, "ssh.variant"))}
    # Git asks SSH_ASKPASS only where core.askPass is not set at all, and we set it to forget the repository's.
    if not _last(found, "core.askpass") and os.environ.get("SSH_ASKPASS"):
        settings.append(("core.askPass", os.environ["SSH_ASKPASS"]))
    if password is not None:
        key = f"credential.{site}.helper"
        settings += [(key, ""), (key, _HELPER)]
        environment.update(HDSTORE_USER=user, HDSTORE_PASSWORD=password)
    return GitReach(settings=tuple(settings), environment=environment)


def ssh_command_from_environment() -> str:
    """Returns the line for the shell by which this user calls ssh, the same for git and for us."""
    found: list[tuple[str, str]] = []
    if shutil.which("git") is not None:
        # No repository is asked: its settings are not the user's.
        found = [*_user_settings(Path("/"), "--system"), *_user_settings(Path("/"), "--global")]
    return _ssh_command(_last(found, "core.sshcommand"), _last(found, "ssh.variant"))


def _user_settings(hds: Path, scope: str) -> list[tuple[str, str]]:
    """Returns the user's settings that say how others are reached, in their order."""
    if scope == "--system" and os.environ.get("GIT_CONFIG_NOSYSTEM", "") not in (
        "",
        "0",
        "false",
        "no",
        "off",
    ):
        return []
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name in _CONFIG_VARIABLES
    }
    git = shutil.which("git")
    if git is None:
        raise RemoteError("Could not run git; install it or check the PATH.")
    command = [git, f"--git-dir={hds}", "config", scope, "--includes", "--null", "--get-regexp", _HONOURED]
    done = subprocess.run(command, cwd=hds, env={**kept, "LC_ALL": "C"}, capture_output=True, check=False)
    # 1 says that there is nothing of that kind, or no such file.
    if done.returncode not in (0, 1):
        said = plain_line(done.stderr.decode(errors="replace")).rstrip(".")
        raise RemoteError(f"Your git configuration ({scope.strip('-')}) can not be read: {said}; mend it.")
    settings = []
    for item in done.stdout.decode(errors="surrogateescape").split("\0"):
        key, has_value, value = item.partition("\n")
        if key:
            settings.append((key, value if has_value else "true"))
    return settings


def _last(settings: list[tuple[str, str]], key: str) -> str:
    return next((value for name, value in reversed(settings) if name == key), "")


def _ssh_command(configured: str, variant: str) -> str:
    """Returns what git is to call for ssh, told not to ask where nobody would see the question."""
    environ = os.environ
    command = environ.get("GIT_SSH_COMMAND") or configured
    if not command:
        command = shlex.quote(environ["GIT_SSH"]) if environ.get("GIT_SSH") else "ssh"
    try:
        program = Path(shlex.split(command)[0]).name
    except (ValueError, IndexError):
        return command
    if program != "ssh" or environ.get("GIT_SSH_VARIANT", variant) not in ("", "auto", "ssh"):
        return command
    shown = "DISPLAY" in environ or "WAYLAND_DISPLAY" in environ or "SSH_ASKPASS_REQUIRE" in environ
    asks = "SSH_ASKPASS" in environ and shown
    # What stands first is what ssh takes, so the user's own options outrank these.
    return f"{command} {_SSH_OPTIONS}" if asks else f"{command} -o BatchMode=yes {_SSH_OPTIONS}"
