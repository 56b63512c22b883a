"""The one tree of errors, grouped by what a caller would do about them.

    HdstoreError
    ├── InvalidInputError        what was passed in is wrong: mend it and call again
    │   ├── InvalidValueError        a frame, annotation, schema or metadata value breaks a rule
    │   ├── InvalidFileError         a file to import can not be read as the format it should be
    │   └── QuerySyntaxError         a query line, with the column where reading stopped
    ├── NotFoundError            what was named does not exist (also a KeyError)
    │   └── RepositoryNotFoundError
    ├── AmbiguousNameError       a name that several things carry: say which, by id
    ├── AlreadyExistsError       what should be made is there already
    ├── ReadOnlyError            a published version, a newer format, a place that may not be written
    ├── ConflictError            somebody else moved what this call meant to move
    │   ├── EditConflictError        the same frame was changed on both sides
    │   └── DivergedError            two repositories went on from one version in two ways
    ├── LockTimeoutError         another process holds the lock for too long
    ├── DamagedError             stored bytes are not what they must be
    ├── UntrustedError           a repository, place or program that this machine has not allowed
    ├── MediaError               a medium is missing, unreadable or not what its hash says
    ├── RemoteError              the other side could not be reached or refused
    ├── StorageError             the operating system refused to read or write (disk full, permissions)
    ├── MissingPackageError      an optional package is not installed
    └── CancelledError           the caller asked to stop; nothing was changed

Every message is one sentence or two: what was asked, what was found, what to do.
"""

from __future__ import annotations


class HdstoreError(Exception):
    """Base of everything that hdstore raises on purpose."""


class InvalidInputError(HdstoreError, ValueError):
    """What was passed in breaks a rule."""


class InvalidValueError(InvalidInputError):
    """A frame, annotation, schema or metadata value breaks a rule of the model."""


class InvalidFileError(InvalidInputError):
    """A file can not be read as the format it was given for."""


class QuerySyntaxError(InvalidInputError):
    """A query line that can not be parsed.

    ``position`` is the offset of the offending character in ``text``, counted from 0. A traceback shows the line with
    a caret under it.
    """

    def __init__(self, message: str, *, text: str, position: int) -> None:
        super().__init__(message)
        self.text = text
        self.position = position
        self.add_note(self.caret())

    def caret(self) -> str:
        """Returns the query line with a caret under the place where reading stopped."""
        return f"{self.text}\n{' ' * self.position}^"


class NotFoundError(HdstoreError, KeyError):
    """Something that was named does not exist."""

    def __str__(self) -> str:
        # KeyError shows its argument's repr; a sentence reads better bare.
        return str(self.args[0]) if self.args else ""


class RepositoryNotFoundError(NotFoundError):
    """No repository in this folder or above it."""


class AmbiguousNameError(HdstoreError, LookupError):
    """A name that several things carry; ``candidates`` holds their ids."""

    def __init__(self, message: str, *, candidates: tuple[str, ...]) -> None:
        super().__init__(message)
        self.candidates = candidates


class AlreadyExistsError(HdstoreError):
    """What should be made is there already."""


class ReadOnlyError(HdstoreError):
    """The target may not be changed: a published version, or a format newer than this program."""


class ConflictError(HdstoreError):
    """Somebody else moved what this call meant to move."""


class EditConflictError(ConflictError):
    """The same frame was changed here and by another writer since it was read.

    ``frame_id`` names it; ``base``, ``ours`` and ``theirs`` are its three values (None where absent).
    """

    def __init__(self, message: str, *, frame_id: str, base: object, ours: object, theirs: object) -> None:
        super().__init__(message)
        self.frame_id = frame_id
        self.base = base
        self.ours = ours
        self.theirs = theirs


class DivergedError(ConflictError):
    """Two repositories went on from one version in two ways."""


class LockTimeoutError(HdstoreError, TimeoutError):
    """Another process holds a lock for longer than this call would wait."""


class DamagedError(HdstoreError):
    """Stored bytes are not what they must be."""


class UntrustedError(HdstoreError):
    """A repository, place or program that this machine has not allowed."""


class MediaError(HdstoreError):
    """A medium is missing, unreadable or not what its hash says."""


class RemoteError(HdstoreError):
    """The other repository could not be reached or refused."""


class StorageError(HdstoreError, OSError):
    """The operating system refused to read or write."""


class MissingPackageError(HdstoreError, ImportError):
    """What was asked for needs a package that an extra brings and that is not installed."""


class CancelledError(HdstoreError):
    """The caller asked to stop; nothing was changed."""
