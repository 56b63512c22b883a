"""Exit codes: the one table of them. ``docs/cli.md`` prints it."""

from __future__ import annotations

import enum

from hdstore.errors import (
    AlreadyExistsError,
    AmbiguousNameError,
    CancelledError,
    ConflictError,
    DamagedError,
    HdstoreError,
    InvalidInputError,
    LockTimeoutError,
    MediaError,
    MissingPackageError,
    NotFoundError,
    ReadOnlyError,
    RemoteError,
    StorageError,
    UntrustedError,
)

__all__ = ["Exit", "exit_of"]


class Exit(enum.IntEnum):
    """What a command's exit code says; numbers are never given a new meaning."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    READ_ONLY = 5
    DAMAGED = 6
    UNTRUSTED = 7
    REMOTE = 8
    STORAGE = 9
    LOCKED = 10
    MEDIA = 11
    UNAVAILABLE = 12
    INTERNAL = 70
    CANCELLED = 130
    OUTPUT_CLOSED = 141

    @property
    def meaning(self) -> str:
        """The sentence that the reference prints beside the number."""
        return _MEANINGS[self]


_MEANINGS = {
    Exit.OK: "Done.",
    Exit.FINDINGS: "`fsck` or `bundle verify` found something wrong; it printed what.",
    Exit.USAGE: "The command line, a query, a file or a value is wrong.",
    Exit.NOT_FOUND: "What was named does not exist, or several things carry the name.",
    Exit.CONFLICT: "It exists already, or somebody else changed it meanwhile.",
    Exit.READ_ONLY: "The version is published, or the repository is of a newer format.",
    Exit.DAMAGED: "Stored bytes are not what they must be.",
    Exit.UNTRUSTED: "This machine has not allowed the repository, place or program.",
    Exit.REMOTE: "The other repository could not be reached, or refused.",
    Exit.STORAGE: "The operating system refused to read or write: disk full, no permission.",
    Exit.LOCKED: "Another process held a lock for too long.",
    Exit.MEDIA: "A medium is missing, unreadable, or not what its hash says.",
    Exit.UNAVAILABLE: "What an extra brings (the app, Parquet) is not installed, or there is no screen for the app.",
    Exit.INTERNAL: "A fault of hdstore itself; please report it.",
    Exit.CANCELLED: "Cancelled with Ctrl-C or at a question; nothing is half done.",
    Exit.OUTPUT_CLOSED: "Whoever read the output went away (for example `head`).",
}

# The first match counts, so a subclass that stands for something else has to come before its base.
_CODES: tuple[tuple[type[HdstoreError], Exit], ...] = (
    (InvalidInputError, Exit.USAGE),
    (NotFoundError, Exit.NOT_FOUND),
    (AmbiguousNameError, Exit.NOT_FOUND),
    (AlreadyExistsError, Exit.CONFLICT),
    (ConflictError, Exit.CONFLICT),
    (ReadOnlyError, Exit.READ_ONLY),
    (DamagedError, Exit.DAMAGED),
    (UntrustedError, Exit.UNTRUSTED),
    (RemoteError, Exit.REMOTE),
    (StorageError, Exit.STORAGE),
    (LockTimeoutError, Exit.LOCKED),
    (MediaError, Exit.MEDIA),
    (MissingPackageError, Exit.UNAVAILABLE),
    (CancelledError, Exit.CANCELLED),
)


def exit_of(error: HdstoreError) -> Exit:
    """Returns the exit code for an error."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return Exit.INTERNAL
