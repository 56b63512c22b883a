"""The media of a repository: bytes kept by their hash, and files linked under roots."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import unquote

from hdstore.errors import InvalidValueError, MediaError, UntrustedError
from hdstore.ids import content_hash, hash_stream
from hdstore.media.facts import stamp_of
from hdstore.media.filecache import FileCache
from hdstore.media.files import (
    media_errors,
    open_regular,
    storage_errors,
    sync_folder,
    temporary_file,
)
from hdstore.media.linker import Linker, Policy
from hdstore.media.moved import MovedFiles
from hdstore.media.paths import check_relative, inside, is_inside, parse_root_uri, real
from hdstore.media.roots import Roots
from hdstore.model.progress import Progress

__all__ = ["Media"]

_HASH = re.compile(r"[0-9a-f]{64}")
_FICLONE = 0x40049409
"""Linux: lets a file share another one's blocks until either is written to (btrfs, XFS, bcachefs)."""


class Media:
    """Media of one repository, kept as ``<folder>/ab/<hash>``; safe to share between threads and processes.

    Kept files are never changed: two writers of the same bytes write the same file, and the last rename wins.
    ``folder`` and ``tmp`` lie on one file system. ``cache`` is the folder of what was learnt about files (by
    default ``index`` beside ``folder``); it may be deleted.
    """

    def __init__(self, folder: Path, roots: Roots, tmp: Path, *, cache: Path | None = None) -> None:
        self.folder = folder
        self.roots = roots
        self._tmp = tmp
        self.cache = FileCache((cache or folder.parent / "index") / "files")
        self._moved = MovedFiles(self.cache)
        # Facts that were gathered but not written would cost reading those files again.
        weakref.finalize(self, self.cache.close)

    def close(self) -> None:
        """Writes what was learnt about files; the media can be used on, which opens the cache again."""
        self.cache.close()

    # Kept media

    def keep(
        self,
        path: Path,
        *,
        link: bool = False,
        expected: str | None = None,
        progress: Progress | None = None,
    ) -> str:
        """Stores the bytes of a file and returns their hash.

        Blocks are shared where the file system can, else copied. With ``link`` a hard link may stand for the
        copy: it costs no space, but a program that later writes into the original changes the kept bytes too
        (``verify`` tells), and the original's permissions stay as they are.

        Raises:
            MediaError: the file can not be read, or its bytes do not have the ``expected`` hash: nothing is stored.
            StorageError: the bytes can not be written.
        """
        with open_regular(path) as source, self._new_file() as (target, temporary):
            size = os.fstat(source.fileno()).st_size
            report = _byte_progress(progress, f"Keeping {path.name}", size)
            if _clone(source, target):
                hash = hash_stream(target, report)
            elif link and _hard_link(path, source, temporary):
                with media_errors(path):
                    hash = hash_stream(source, report)
            else:
                # A tee has all that hash_stream uses of a BinaryIO: read().
                hash = hash_stream(cast("BinaryIO", _Tee(path, source, target)), report)
            if expected not in (None, hash):
                raise MediaError(f"{path} should have the hash {expected} but has {hash}.")
            self._put(target, temporary, hash)
        return hash

    def keep_bytes(self, data: bytes) -> str:
        """Stores bytes and returns their hash."""
        hash = content_hash(data)
        if not self.has(hash):
            with self._new_file() as (target, temporary):
                target.write(data)
                self._put(target, temporary, hash)
        return hash

    def adopt(self, path: Path, *, expected: str) -> None:
        """Moves a finished file of the tmp folder into the store, if its bytes have the expected hash.

        Raises:
            MediaError: they have another one; the file is left where it is.
        """
        with open_regular(path) as source:
            found = hash_stream(source)
            if found != _checked(expected):
                raise MediaError(
                    f"{path.name} should have the hash {expected} but has {found}; get it again."
                )
            with storage_errors(f"Keeping {expected}"):
                self._put(source, path, expected)
                path.unlink(missing_ok=True)

    def has(self, hash: str) -> bool:
        """Says whether the bytes of this hash are kept here."""
        try:
            return stat.S_ISREG(os.lstat(self.path_of(hash)).st_mode)
        except OSError:
            return False

    def path_of(self, hash: str) -> Path:
        """Returns where the bytes of this hash lie or would lie.

        Raises:
            InvalidValueError: this is no BLAKE3 hash of 64 lower-case hexadecimal digits.
        """
        return self.folder / _checked(hash)[:2] / hash

    def verify(self, hash: str) -> bool:
        """Says whether the kept bytes are there and have the hash they are named by; reads them all."""
        if not self.has(hash):
            return False
        with open_regular(self.path_of(hash)) as stream:
            return hash_stream(stream) == hash

    def hashes(self) -> Iterator[str]:
        """Yields the hashes of all kept media, in order; files that are none are passed over."""
        with storage_errors(f"Listing {self.folder}"):
            for folder in sorted(self.folder.glob("[0-9a-f][0-9a-f]")):
                with os.scandir(folder) as entries:
                    names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
                for name in sorted(names):
                    if _HASH.fullmatch(name) and name.startswith(folder.name):
                        yield name

    def remove(self, hash: str) -> None:
        """Forgets the bytes of this hash, if they are kept."""
        with storage_errors(f"Removing {hash}"):
            self.path_of(hash).unlink(missing_ok=True)

    # Media where they lie

    def local_path(self, uri: str, *, hash: str = "", size: int | None = None) -> Path | None:
        """Returns where the bytes that a URI means lie on this machine, or None where they do not.

        None is also the answer for a root that this machine has not mapped, and for URIs of servers and
        buckets (http, s3, ...). Where ``hash`` is given, kept bytes stand for a file that is missing; with
        ``size`` too, a file that was moved under its root is found again.

        Raises:
            UntrustedError: the URI leaves its root, or is a file outside of the places that this machine
                allows.
            MediaError: the file is there, but it is not ``size`` bytes long: it was changed since it was
                linked.
        """
        scheme, _, rest = uri.partition(":")
        if scheme == "media":
            return self.path_of(rest) if self.has(rest) else None
        if scheme not in ("root", "file"):
            return None
        place: Path | None = None
        if scheme == "root":
            place, path = self._rooted(uri)
        else:
            path = self._allowed_file(rest)
        length = _length(path)
        if path is not None and length is not None and size in (None, length):
            return path
        if _HASH.fullmatch(hash):
            if self.has(hash):
                return self.path_of(hash)
            moved = self._moved.find(place, hash=hash, size=size) if place and size is not None else None
            if moved is not None:
                return moved
        if length is not None:
            raise MediaError(f"{path} has {length} bytes, not {size}: it was changed since it was linked.")
        return None

    def linker(self, *, policy: Policy = "link", root: str | None = None, base: Path | None = None) -> Linker:
        """Returns what turns files into sources.

        Args:
            policy: "link" leaves files where they lie, under a root; "file" does so too, and names a file
                outside of all roots by its absolute path; "store" keeps their bytes.
            root: the root that files must lie under; None for whichever holds them.
            base: where relative paths begin; None for the folder of the process.
        """
        return Linker(self, policy=policy, root=root, base=base)

    def _rooted(self, uri: str) -> tuple[Path | None, Path | None]:
        name, relative = parse_root_uri(uri)
        place = self.roots.list().get(name)
        if place is None:
            check_relative(relative)
            return None, None
        return place, inside(place, relative)

    def _allowed_file(self, rest: str) -> Path | None:
        host, _, name = rest.removeprefix("//").partition("/")
        if not rest.startswith("//") or host not in ("", "localhost"):
            return None
        places = [real(place) for place in (*self.roots.list().values(), *self.roots.allowed())]
        # Percent-encoded is the rule; programs that write names as they are stay readable.
        names = dict.fromkeys((unquote(name), name))
        paths = [path for path in map(real, (Path(f"/{name}") for name in names)) if _is_in_one(path, places)]
        if not paths:
            raise UntrustedError(
                f"file:{rest} lies in no place that this machine allows; make its folder a root, or allow it."
            )
        return next((path for path in paths if _length(path) is not None), paths[0])

    # Writing

    @contextlib.contextmanager
    def _new_file(self) -> Iterator[tuple[BinaryIO, Path]]:
        with storage_errors(f"Keeping media in {self.folder}"), temporary_file(self._tmp) as new:
            yield new

    def _put(self, stream: BinaryIO, temporary: Path, hash: str) -> None:
        """Gives a finished file the name of its hash: bytes first, name last, both durable."""
        target = self.path_of(hash)
        stream.flush()
        if self.has(hash) and _length(target) == _length(temporary):
            return
        self._make_folder(target.parent)
        # A shared repository's folder lets more people in than this process' umask might.
        os.fchmod(stream.fileno(), 0o444 & os.stat(self.folder).st_mode)
        os.fsync(stream.fileno())
        temporary.replace(target)
        sync_folder(target.parent)

    def _make_folder(self, folder: Path) -> None:
        try:
            folder.mkdir()
        except FileExistsError:
            return
        folder.chmod(stat.S_IMODE(os.stat(self.folder).st_mode))
        sync_folder(self.folder)


class _Tee:
    """Reads from one file what it writes to another, and tells whose fault an error is."""

    def __init__(self, path: Path, source: BinaryIO, target: BinaryIO) -> None:
        self._path = path
        self._source = source
        self._target = target

    def read(self, size: int) -> bytes:
        with media_errors(self._path):
            chunk = self._source.read(size)
        self._target.write(chunk)
        return chunk


def _checked(hash: str) -> str:
    if not _HASH.fullmatch(hash):
        raise InvalidValueError(f"Media are named by 64 lower-case hexadecimal digits, not {hash!r}.")
    return hash


def _length(path: Path | None) -> int | None:
    """Returns the length of a regular file, or None where there is none."""
    if path is None:
        return None
    try:
        return stamp_of(path).size
    except MediaError:
        return None


def _is_in_one(path: Path, places: list[Path]) -> bool:
    return any(is_inside(path, place) for place in places)


def _clone(source: BinaryIO, target: BinaryIO) -> bool:
    try:
        fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
    except OSError:
        # Not every file system shares blocks, and none does with another one.
        return False
    return True


def _hard_link(path: Path, source: BinaryIO, temporary: Path) -> bool:
    """Puts a hard link to the file that is open as ``source`` in the place of ``temporary``, if it can."""
    link = temporary.with_name(f"{temporary.name}-link")
    try:
        os.link(os.path.realpath(path), link)
    except OSError:
        # Another file system, or a file of somebody else.
        return False
    # Between opening and linking the name may have been given to another file.
    if not os.path.samestat(os.stat(link), os.fstat(source.fileno())):
        link.unlink()
        return False
    link.replace(temporary)
    return True


def _byte_progress(progress: Progress | None, what: str, total: int) -> Callable[[int], None] | None:
    if progress is None:
        return None
    tell, done = progress, 0

    def report(step: int) -> None:
        nonlocal done
        done += step
        tell(what, done, total)

    return report
