"""Exchanging git objects where the git program is not installed: libgit2, in a process of its own.

libgit2 reads no settings but the repository's own, which were judged before (``safety``). Damaged files and hostile
servers can hang or end it (see ``docs/adr/0007-own-reader.md``), so it does nothing else than move objects between
repositories, and what becomes of it concerns nobody else (see ``libgit2worker``).
"""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hdstore.errors import RemoteError
from hdstore.model import Progress
from hdstore.store.process import Answer, run_program

__all__ = ["Libgit2Reach", "ask_libgit2", "libgit2_reach_from_environment"]

_WORKER = Path(__file__).with_name("libgit2worker.py")
_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")


@dataclass(frozen=True, slots=True, kw_only=True)
class Libgit2Reach:
    """How libgit2 logs on to another machine, and whom it trusts there."""

    scheme: str
    user: str = ""
    password: str | None = None
    home: str = ""
    agent: bool = False
    keys: tuple[str, ...] = ()
    ca_file: str | None = None
    ca_folder: str | None = None


def libgit2_reach_from_environment(
    *, scheme: str, host: str, user: str = "", password: str | None = None
) -> Libgit2Reach:
    """Returns how this user reaches ``host``: his ssh agent or keys, his .netrc, the authorities he trusts."""
    environ = os.environ
    home = Path(environ.get("HOME") or Path.home())
    if scheme == "ssh":
        agent = bool(environ.get("SSH_AUTH_SOCK"))
        keys = tuple(str(home / ".ssh" / name) for name in _KEYS if (home / ".ssh" / name).is_file())
        return Libgit2Reach(
            scheme=scheme, user=user or getpass.getuser(), home=str(home), agent=agent, keys=keys
        )
    if password is None and scheme in ("http", "https"):
        user, password = _from_netrc(home / ".netrc", host, user)
    return Libgit2Reach(
        scheme=scheme,
        user=user,
        password=password,
        home=str(home),
        ca_file=environ.get("GIT_SSL_CAINFO") or environ.get("SSL_CERT_FILE"),
        ca_folder=environ.get("GIT_SSL_CAPATH") or environ.get("SSL_CERT_DIR"),
    )


def _from_netrc(path: Path, host: str, user: str) -> tuple[str, str | None]:
    """Returns the user and password that a .netrc holds for ``host``."""
    from netrc import NetrcParseError, netrc  # few have such a file

    if not path.is_file():
        return user, None
    try:
        found = netrc(str(path)).authenticators(host)
    except (NetrcParseError, OSError, UnicodeDecodeError) as error:
        raise RemoteError(f"{path} can not be read: {error}; mend it.") from error
    if found is None or (user and found[0] != user):
        return user, None
    return found[0], found[2] or ""


def ask_libgit2(
    hds: Path,
    do: str,
    url: str,
    *,
    reach: Libgit2Reach,
    specs: Sequence[str] = (),
    updates: Sequence[tuple[str, str | None, str | None]] = (),
    progress: Progress | None = None,
    memory: int | None = None,
    longest: int | None = None,
) -> Answer:
    """Lets libgit2 do one thing (``refs``, ``fetch`` or ``push``) with ``url`` for the repository at ``hds``.

    Returns how that ended, whatever it was; the output is JSON.
    """
    request = {
        "do": do,
        "hds": str(hds),
        "url": url,
        "specs": [*specs],
        "updates": [*updates],
        **asdict(reach),
    }
    if not sys.executable:
        raise RemoteError("This program can not start a Python for libgit2; install git.")
    # Started with its folder on the path, its neighbours would stand before Python's own modules.
    return run_program(
        [sys.executable, "-P", "-s", str(_WORKER)],
        name="libgit2",
        cwd=hds,
        environment={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        input=json.dumps(request).encode(),
        progress=progress,
        memory=memory,
        longest=longest,
    )
