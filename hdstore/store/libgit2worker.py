"""The process in which libgit2 works: one exchange of git objects, said by a line of JSON on standard input.

It is run as a script and imports nothing of ours. What other machines send reaches libgit2's C code here, where it can
neither harm nor stop the process that asked; and libgit2's settings, which are the whole process's, harm nobody.
Progress goes to standard error in git's own form, failures as ``fatal:`` lines, the result to standard output.

The only door to pygit2.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import pygit2
from pygit2.enums import ConfigLevel, CredentialType, Feature, FetchPrune

_CONNECT_TIMEOUT = 30_000
_SERVER_TIMEOUT = 60_000
"""Milliseconds."""
_EVERY = 0.1
"""Seconds between two lines of progress."""


class StopError(Exception):
    """Ends an exchange; the message is what the asking process reads."""


class Callbacks(pygit2.RemoteCallbacks):  # type: ignore[misc, unused-ignore]
    """What libgit2 asks and tells while it works."""

    sideband_progress = None  # type: ignore[assignment]  # pygit2 would stop at a character that two packets share

    def __init__(self, request: dict[str, Any]) -> None:
        super().__init__()
        self._request = request
        self._logons = self._ways_to_log_on()
        self._told = 0.0
        self.moved: list[str] = []
        self.refused: list[tuple[str, str]] = []

    def _ways_to_log_on(self) -> list[Any]:
        request = self._request
        user = request["user"]
        if request["scheme"] != "ssh":
            return [pygit2.UserPass(user, request["password"])] if request["password"] is not None else []
        found: list[Any] = [pygit2.KeypairFromAgent(user)] if request["agent"] else []
        return found + [pygit2.Keypair(user, None, key, "") for key in request["keys"] if is_plain_key(key)]

    def credentials(self, url: str, username_from_url: str | None, allowed_types: Any) -> Any:
        """Returns the next way to log on; libgit2 asks again when one was refused."""
        if not allowed_types & (CredentialType.SSH_KEY | CredentialType.USERPASS_PLAINTEXT):
            if allowed_types & CredentialType.USERNAME:
                return pygit2.Username(self._request["user"])
            raise StopError("Authentication failed: the server asks for what libgit2 does not know")
        while self._logons:
            logon = self._logons.pop(0)
            if logon.credential_type & allowed_types:
                return logon
        raise StopError("Authentication failed: no key or password was accepted")

    def certificate_check(self, certificate: None, valid: bool, host: bytes) -> bool:
        """Believes what libgit2 found in known_hosts or by the authorities; pygit2 alone takes any ssh host."""
        if valid:
            return True
        if self._request["scheme"] == "ssh":
            raise StopError("Host key verification failed")
        raise StopError("certificate verification failed")

    def transfer_progress(self, stats: Any) -> None:
        """Tells what has arrived."""
        self._tell("Receiving objects", stats.received_objects, stats.total_objects)

    def push_transfer_progress(self, objects_pushed: int, total_objects: int, bytes_pushed: int) -> None:
        """Tells what was sent."""
        self._tell("Writing objects", objects_pushed, total_objects)

    def _tell(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if total and (now - self._told >= _EVERY or done == total):
            self._told = now
            tell(f"{what}: {100 * done // total}% ({done}/{total})")

    def push_negotiation(self, updates: list[Any]) -> None:
        """Compares where the refs are with where they are expected, before anything is sent."""
        expected = {name: (old, new) for name, old, new in self._request["updates"]}
        for update in updates:
            old, new = expected[update.dst_refname]
            found = None if not any(update.src.raw) else str(update.src)
            if found not in (old, new):
                self.moved.append(update.dst_refname)
        if self.moved:
            raise StopError("stale info")

    def push_update_reference(self, refname: str, message: str | None) -> None:
        """Notes what the other side refused."""
        if message is not None:
            self.refused.append((refname, message))


def tell(line: str) -> None:
    """Tells the asking process a line at once."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def is_plain_key(path: str) -> bool:
    """Says whether a private key can be read without a passphrase."""
    try:
        data = Path(path).read_bytes()
    except OSError:
        return False
    if b"ENCRYPTED" in data:
        return False
    lines = data.split(b"\n")
    if lines[0].strip() == b"-----BEGIN OPENSSH PRIVATE KEY-----":
        with suppress(ValueError):
            head = base64.b64decode(b"".join(line.strip() for line in lines[1:] if not line.startswith(b"-")))
            return head.startswith(b"openssh-key-v1\0\0\0\0\x04none")
        return False
    return b"PRIVATE KEY" in lines[0]


def prepare(request: dict[str, Any]) -> None:
    """Makes libgit2 read no settings but the repository's, which were judged before."""
    if request["scheme"] == "ssh" and not pygit2.features & Feature.SSH:
        raise StopError("this libgit2 was built without ssh; install git")
    for level in (ConfigLevel.SYSTEM, ConfigLevel.GLOBAL, ConfigLevel.XDG, ConfigLevel.PROGRAMDATA):
        pygit2.settings.search_path[level] = ""
    pygit2.settings.owner_validation = False
    pygit2.settings.enable_fsync_gitdir(True)
    pygit2.settings.server_connect_timeout = _CONNECT_TIMEOUT
    pygit2.settings.server_timeout = _SERVER_TIMEOUT
    if request["home"]:
        pygit2.settings.homedir = request["home"]
    if request["ca_file"] or request["ca_folder"]:
        pygit2.settings.set_ssl_cert_locations(request["ca_file"], request["ca_folder"])


def exchange(request: dict[str, Any]) -> dict[str, Any]:
    """Does what is asked and returns what is to be answered."""
    repository = pygit2.Repository(request["hds"])
    if request["do"] == "move":
        return {"moved": move(repository, request["updates"]), "refused": []}
    remote = repository.remotes.create_anonymous(request["url"])
    callbacks = Callbacks(request)
    proxy: Literal[True] | None = True if request["scheme"] in ("http", "https") else None
    if request["do"] == "push":
        return push(remote, callbacks, request["updates"], proxy)
    heads = remote.list_heads(callbacks=callbacks, proxy=proxy)
    found = {head.name: str(head.oid) for head in heads if head.name is not None}
    if request["do"] == "refs":
        return {"refs": found}
    try:
        # Before the fetch, for the name of a ref that is gone may have become the folder of others.
        prune(repository, request["specs"], found)
        remote.fetch(request["specs"], callbacks=callbacks, prune=FetchPrune.NO_PRUNE, proxy=proxy)
    finally:
        with suppress(OSError):
            (Path(request["hds"]) / "FETCH_HEAD").unlink()
    return {}


def prune(repository: pygit2.Repository, specs: list[str], found: dict[str, str]) -> None:
    """Removes refs of ours that ``specs`` name and that the other side does not have."""
    for spec in specs:
        source, _, target = spec.removeprefix("+").partition(":")
        if not target.endswith("/*"):
            continue
        source, target = source.removesuffix("*"), target.removesuffix("*")
        for name in [name for name in repository.references if name.startswith(target)]:
            if source + name.removeprefix(target) not in found:
                repository.references.delete(name)


def push(
    remote: pygit2.Remote, callbacks: Callbacks, updates: list[Any], proxy: Literal[True] | None
) -> dict[str, Any]:
    """Moves refs of the other side; returns which were not where they should be, and which it refused to move."""
    # The leases are compared with what the other side has; from there on it compares itself.
    specs = [f"+{new}:{name}" if new else f":{name}" for name, _, new in updates]
    try:
        remote.push(specs, callbacks=callbacks, proxy=proxy)
    except StopError:
        if not callbacks.moved:
            raise
    return {"moved": callbacks.moved, "refused": callbacks.refused}


def move(repository: pygit2.Repository, updates: list[Any]) -> list[str]:
    """Moves refs, all or none; returns those that were not where they should be."""
    with repository.transaction() as transaction:
        for name, _, _ in updates:
            transaction.lock_ref(name)
        moved = []
        for name, old, _ in updates:
            found = repository.references.get(name)
            if (None if found is None else str(found.target)) != old:
                moved.append(name)
        for name, old, new in [] if moved else updates:
            if new is not None:
                transaction.set_target(name, new)
            elif old is not None:
                transaction.remove(name)
    return moved


def main() -> int:
    """Reads one request, answers it, and returns the exit code."""
    request = json.loads(sys.stdin.read())
    try:
        prepare(request)
        answer = exchange(request)
    except (StopError, pygit2.GitError, KeyError, ValueError, TypeError, OSError, MemoryError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        tell(f"fatal: {said}")
        return 1
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
