"""What the words of git, ssh, curl and libgit2 mean when an exchange fails: one sentence, and whether to retry."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterable
from enum import Enum
from typing import TypeVar

from hdstore.errors import RemoteError
from hdstore.model import Progress
from hdstore.sync.urls import Place

__all__ = ["RETRIES", "Kind", "ReachError", "failure_of", "with_retries"]

T = TypeVar("T")

RETRIES = (0.5, 1.0, 2.0)
"""Seconds before each further try of what failed for a passing reason."""


class Kind(Enum):
    """Why the other side could not be reached, or refused."""

    MISSING = "missing"
    AUTHENTICATION = "authentication"
    UNKNOWN_HOST = "unknown host"
    REFUSED_CONNECTION = "refused connection"
    HOST_KEY = "host key"
    CERTIFICATE = "certificate"
    DISK_FULL = "disk full"
    RULE = "rule"
    OWNER = "owner"
    RIGHTS = "rights"
    NO_GIT = "no git"
    BOUND = "bound"
    DAMAGED = "damaged"
    PASSING = "passing"
    OTHER = "other"


class ReachError(RemoteError):
    """The other repository could not be reached or refused; ``kind`` says why."""

    def __init__(self, message: str, *, kind: Kind = Kind.OTHER) -> None:
        super().__init__(message)
        self.kind = kind


_SENTENCES = {
    Kind.MISSING: "There is no repository at {place}, or it is not shown to you; check the URL and your rights.",
    Kind.AUTHENTICATION: "{place} did not accept who you are ({said}); check your key or your credentials for it.",
    Kind.UNKNOWN_HOST: "The host {host} is not known; check its name and your network.",
    Kind.REFUSED_CONNECTION: "{host} could not be connected ({said}); check the port, and that its server runs.",
    Kind.HOST_KEY: (
        "The host key of {host} is unknown or has changed, so nothing was exchanged; compare it with what its keeper"
        " says, and connect once with ssh."
    ),
    Kind.CERTIFICATE: "The certificate of {host} is not trusted ({said}); install the authority that signed it.",
    Kind.DISK_FULL: "A disk is full ({said}); make room, then try again.",
    Kind.RULE: "{place} refuses this by a rule of its own: {said}.",
    Kind.OWNER: "{host} does not open {place}, because another user owns it ({said}).",
    Kind.RIGHTS: "You may not write to {place} ({said}); ask its keeper for the right.",
    Kind.NO_GIT: "There is no git on {host} that could be called ({said}); install it there.",
    Kind.BOUND: "{place} sent more than a repository needs ({said}), so nothing was taken; check what lies there.",
    Kind.DAMAGED: "What {place} sent is damaged or forged ({said}); nothing was taken.",
    Kind.PASSING: "The connection to {place} broke off ({said}); try again later.",
    Kind.OTHER: "The exchange with {place} failed: {said}.",
}

_WORDS: tuple[tuple[Kind, str], ...] = (
    (
        Kind.HOST_KEY,
        r"host key verification failed|host identification has changed|unknown host key|known_hosts",
    ),
    (
        Kind.CERTIFICATE,
        r"ssl certificate|certificate verif|certificate is (invalid|not)|unable to get local issuer|self[- ]signed"
        r"|no alternative certificate|certificate has expired",
    ),
    (Kind.UNKNOWN_HOST, r"could not resolve|failed to resolve|unable to look up|name or service not known"),
    (Kind.NO_GIT, r"git[a-z-]*: (command )?not found|git-(upload|receive)-pack: not found"),
    (Kind.OWNER, r"dubious ownership"),
    (
        Kind.MISSING,
        r"does not appear to be a git repo|not a git repository|repository not found|repository '.*' not found"
        r"|repository does not exist|could not be found|no such repository|not found: did you run"
        r"|not valid: is this a git|access denied or repository not exported|no such file or directory"
        r"|status code: 404|error: 404|update url base from redirection|no repository",
    ),
    (Kind.DISK_FULL, r"no space left|disk quota|quota exceeded|file too large"),
    (
        Kind.RULE,
        r"hook declined|protected branch|deletion (of .* )?prohibited|deny updating|denying|pre-receive",
    ),
    (
        Kind.RIGHTS,
        r"insufficient permission|unable to create temporary|read-only file system|unable to migrate objects"
        r"|permission denied$|service not enabled",
    ),
    (
        Kind.AUTHENTICATION,
        r"permission denied|authentication (failed|required)|could not read (username|password)|too many authentication"
        r"|access denied|status code: 40[13]|error: 40[13]|credentials|authenticat",
    ),
    (Kind.BOUND, r"out of memory|cannot allocate|malloc failed|memory exhausted|could not allocate"),
    (
        Kind.DAMAGED,
        r"fsck error|index-pack failed|bad (object|pack)|pack (is corrupt|has bad)|inflate|missing (blob|tree|commit)"
        r"|did not send all necessary|sha1 mismatch|invalid (object|pack)|corrupt|object is not valid|malformed"
        r"|protocol error|bad line length",
    ),
    (
        Kind.REFUSED_CONNECTION,
        r"connection refused|failed to connect|couldn't connect|no route to host|unreachable",
    ),
    (
        Kind.PASSING,
        r"connection (reset|closed|was|timed)|reset by peer|early eof|timed out|time-?out|too slow|broken pipe"
        r"|unexpected(ly)?( disconnect|$|.*eof)|hung up|rpc failed|empty reply|closed with|recv failure|send failure"
        r"|(status code|error): (429|5\d\d)|kex_exchange|closed by remote|end of file|unexpected eof|ssl_(read|write)"
        r"|ssl error|resource temporarily|tls packet|could not read|could not write|failed to report status"
        r"|unexpected.*disconnect",
    ),
)
_PATTERNS = tuple((kind, re.compile(words, re.IGNORECASE)) for kind, words in _WORDS)


def failure_of(place: Place, said: str, messages: Iterable[str] = ()) -> ReachError:
    """Returns the error for what was ``said``, the line that says most, among ``messages``."""
    # What ssh warns of, such as a key file that is not there, is not why it failed.
    lines = [line for line in (said, *messages) if not line.startswith("Warning: ")]
    kind, line = next(
        ((kind, line) for kind, pattern in _PATTERNS for line in lines if pattern.search(line)),
        (Kind.OTHER, said),
    )
    words = re.sub(r"^(?:(?:fatal|error|remote|ssh): )+", "", line).strip().rstrip(".")
    where = place.host or str(place)
    sentence = _SENTENCES[kind].format(place=place, host=where, said=words)
    if kind is Kind.MISSING and place.scheme == "ssh":
        user = f"{place.user}@" if place.user else ""
        sentence += f" To begin one there: ssh {user}{place.host} hdstore init {shlex.quote(place.path)}"
    return ReachError(sentence, kind=kind)


def with_retries(
    work: Callable[[], T],
    *,
    sleep: Callable[[float], None] = time.sleep,
    progress: Progress | None = None,
    delays: Iterable[float] = RETRIES,
) -> T:
    """Returns what ``work`` returns; it is called again, after a pause, when it fails for a passing reason."""
    for delay in delays:
        try:
            return work()
        except ReachError as error:
            if error.kind is not Kind.PASSING:
                raise
        if progress is not None:
            progress("Waiting to try again", 0, None)
        sleep(delay)
    return work()
