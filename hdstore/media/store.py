"""The media of a repository: bytes kept by their hash, and files linked under roots."""

from __future__ import annotations

import os
import re
import stat
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote

from hdstore.errors import InvalidValueError, MediaError, UntrustedError
from hdstore.ids import hash_stream
from hdstore.media.facts import stamp_of
from hdstore.media.filecache import FileCache
from hdstore.media.files import open_regular, storage_errors
from hdstore.media.keeper import Keeper
from hdstore.media.linker import Linker, Policy
from hdstore.media.moved import MovedFiles
from hdstore.media.part import part_path, remove_parts
from hdstore.media.paths import check_relative, inside, is_inside, parse_root_uri, real
from hdstore.media.roots import Roots
from hdstore.model.progress import Progress

__all__ = ["Media", "is_hash"]

_HASH = re.compile(r"[0-9a-f]{64}")


Fetcher: TypeAlias = Callable[[str], bool]
"""Brings a kept medium from elsewhere, by its hash; says whether it is here now."""


class Media:
    """Media of one repository, kept as ``<folder>/ab/<hash>``; safe to share between threads and processes.

    Kept files are never changed: two writers of the same bytes write the same file, and the last rename wins.
    ``folder`` and ``tmp`` lie on one file system. ``cache`` is the folder of what was learnt about files (by
    default ``index`` beside ``folder``); it may be deleted.
    """

    def __init__(self, folder: Path, roots: Roots, tmp: Path, *, cache: Path | None = None) -> None:
        self.folder = folder
        self._folder = str(folder)
        self.roots = roots
        self._tmp = tmp
        self.cache = FileCache((cache or folder.parent / "index") / "files")
        self._moved = MovedFiles(self.cache)
        self.fetcher: Fetcher | None = None
        """Asked for kept media that are not here, when they are to be used."""
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
        with self.keeping() as keeper:
            return keeper.keep(path, link=link, expected=expected, progress=progress)

    def keep_bytes(self, data: bytes) -> str:
        """Stores bytes and returns their hash."""
        with self.keeping() as keeper:
            return keeper.keep_bytes(data)

    def keeping(self) -> Keeper:
        """Returns what keeps many files faster than one by one; its ``with`` block ends when all are in place."""
        return Keeper(self, self._tmp)

    def renew(self, hash: str, *, size: int) -> bool:
        """Says whether ``size`` bytes of this hash are kept here, and makes them as young as if they came just now.

        Whoever is about to name them relies on that: ``gc`` removes only what nothing names and is old.
        """
        if self.size_of(hash) != size:
            return False
        try:
            os.utime(self._place_of(hash))
        except OSError:
            # Not there, or another user's in a shared repository: a file of our own takes its place.
            return False
        return True

    def has(self, hash: str) -> bool:
        """Says whether the bytes of this hash are kept here."""
        return self.size_of(hash) is not None

    def size_of(self, hash: str) -> int | None:
        """Returns how many bytes of this hash are kept here, or None where none are."""
        try:
            found = os.lstat(self._place_of(hash))
        except OSError:
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def path_of(self, hash: str) -> Path:
        """Returns where the bytes of this hash lie or would lie.

        Raises:
            InvalidValueError: this is no BLAKE3 hash of 64 lower-case hexadecimal digits.
        """
        return Path(self._place_of(hash))

    def _place_of(self, hash: str) -> str:
        # As text: there may be a million of them, and to make a path takes longer than to look at the file.
        return f"{self._folder}/{_checked(hash)[:2]}/{hash}"

    def verify(self, hash: str) -> bool:
        """Says whether the kept bytes are there and have the hash they are named by; reads them all."""
        if not self.has(hash):
            return False
        with open_regular(self.path_of(hash)) as stream:
            return hash_stream(stream) == hash

    def part_size(self, hash: str) -> int:
        """Returns how many bytes are here of a medium that is arriving; 0 where it has not begun."""
        try:
            found = os.lstat(part_path(self._tmp, _checked(hash)))
        except OSError:
            return 0
        return found.st_size if stat.S_ISREG(found.st_mode) else 0

    def remove_parts(self, *, before: float) -> int:
        """Removes what arrived of media that nobody went on with since a time; returns how many bytes that were."""
        return remove_parts(self._tmp, before=before)

    def hashes(self, *, after: str = "") -> Iterator[str]:
        """Yields the hashes of all kept media that come ``after`` one, in order; files that are none are left out."""
        with storage_errors(f"Listing {self.folder}"):
            for folder in sorted(self.folder.glob("[0-9a-f][0-9a-f]")):
                if folder.name < after[:2]:
                    continue
                with os.scandir(folder) as entries:
                    names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
                for name in sorted(names):
                    if name > after and _HASH.fullmatch(name) and name.startswith(folder.name):
                        yield name

    def remove(self, hash: str) -> None:
        """Forgets the bytes of this hash, if they are kept."""
        with storage_errors(f"Removing {hash}"):
            self.path_of(hash).unlink(missing_ok=True)

    # Media where they lie

    def local_path(
        self, uri: str, *, hash: str = "", size: int | None = None, fetch: bool = True
    ) -> Path | None:
        """Returns where the bytes that a URI means lie on this machine, or None where they do not.

        A kept medium that is not here is asked for elsewhere, unless ``fetch`` is False: for who only looks. None is
        also the answer for a root that this machine has not mapped, and for URIs of servers and
        buckets (http, s3, ...). Where ``hash`` is given, kept bytes stand for a file that is missing; with
        ``size`` too, a file that was moved under its root is found again.

        Raises:
            UntrustedError: the URI leaves its root, or is a file outside of the places that this machine
                allows.
            MediaError: a kept medium could not be fetched; or a linked file is there, but not ``size`` bytes long: it
                was changed since it was linked.
        """
        scheme, _, rest = uri.partition(":")
        if scheme == "media":
            return self.path_of(rest) if self.has(rest) or (fetch and self._fetch(rest)) else None
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

    def _fetch(self, hash: str) -> bool:
        return self.fetcher is not None and self.fetcher(hash) and self.has(hash)

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


def is_hash(text: str) -> bool:
    """Says whether a text can name a kept medium: 64 lower-case hexadecimal digits."""
    return _HASH.fullmatch(text) is not None


def _checked(hash: str) -> str:
    if not is_hash(hash):
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
