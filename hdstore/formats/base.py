"""What all readers and writers share: their results, their warnings, and the seam to where media lie."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NoReturn, Protocol, TypeAlias, TypeVar

from hdstore.codec import encode_frame
from hdstore.errors import InvalidFileError, InvalidValueError, MediaError, NotFoundError, UntrustedError
from hdstore.media.paths import inside
from hdstore.model import Frame, Metadata, Progress, Schema, Source
from hdstore.store.files import storage_errors

__all__ = [
    "FOREIGN",
    "IMAGE_SUFFIXES",
    "ExportReport",
    "Imported",
    "Locate",
    "Notice",
    "SourceMaker",
    "Warnings",
    "absent_source",
    "checked",
    "clean_name",
    "counted",
    "fail",
    "file_inside",
    "foreign_of",
    "is_url",
    "read_bytes",
    "read_text",
    "require_folder",
    "user_metadata",
    "with_sources",
]

FOREIGN = "_src"
"""The metadata key under which a frame, an annotation or a version keeps what a format said of it."""

IMAGE_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("avif", "bmp", "dib", "dng", "gif", "heic", "heif", "jfif", "jp2", "jpeg", "jpg", "mpo"),
        *("pbm", "pfm", "pgm", "png", "ppm", "tif", "tiff", "webp"),
    )
)
"""Suffixes (in lower case) of the files that readers of image formats take for images."""

Locate: TypeAlias = Callable[[Source], Path | None]
"""Finds the bytes of a source on this machine, or says None."""

_T = TypeVar("_T")

_BATCH = 512


class SourceMaker(Protocol):
    """Turns files into sources; the linker of ``hdstore.media`` is one."""

    def sources(self, paths: Iterable[Path | str]) -> Iterator[tuple[Path, Source]]:
        """Yields each path with its source: URI, hash, size, content type, width and height."""
        ...

    def uri(self, path: Path | str) -> str:
        """Returns the URI that a file would have, which need not exist; raises MediaError if it has none."""
        ...


@dataclass(frozen=True, slots=True)
class Notice:
    """One kind of thing that was noticed: how often, and where first."""

    what: str
    count: int
    first: str

    def __str__(self) -> str:
        place = f" (first: {self.first})" if self.first else ""
        return f"{self.what}: {self.count}{place}."


class Warnings:
    """Counts what was noticed, kind by kind, in the order in which the kinds were met."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, str]] = {}

    def add(self, what: str, first: str = "", *, count: int = 1) -> None:
        """Counts ``count`` more of the kind ``what``; only the first place of a kind is kept."""
        if count > 0:
            before, place = self._found.get(what, (0, first))
            self._found[what] = (before + count, place)

    def __iter__(self) -> Iterator[Notice]:
        return iter([Notice(what, count, first) for what, (count, first) in self._found.items()])

    def __len__(self) -> int:
        return len(self._found)

    def lines(self) -> list[str]:
        """Returns one sentence a kind."""
        return [str(warning) for warning in self]


@dataclass(slots=True, kw_only=True)
class Imported:
    """What a reader found.

    ``frames`` can be gone through once, and fills ``warnings`` as it goes. ``schema`` holds the labels in the
    order of the file. ``metadata`` belongs under the key ``_src`` of the version's metadata and is what the
    writer of the same format wants back.
    """

    frames: Iterator[Frame]
    schema: Schema = field(default_factory=Schema)
    metadata: Metadata = field(default_factory=dict)
    warnings: Warnings = field(default_factory=Warnings)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What a writer wrote, and what it could not."""

    frames: int = 0
    annotations: int = 0
    files: int = 0
    warnings: tuple[Notice, ...] = ()


def fail(path: Path, what: str, *, cause: BaseException | None = None) -> NoReturn:
    """Raises InvalidFileError: ``path``, then what is wrong with it and what to do."""
    raise InvalidFileError(f"{path}: {what}") from cause


def read_bytes(path: Path, *, limit: int | None = None) -> bytes:
    """Returns a file whole; refuses one that is longer than ``limit`` bytes."""
    with storage_errors(f"read {path}"):
        if path.is_dir():
            fail(path, "this is a folder; name a file in it.")
        if not path.is_file():
            raise NotFoundError(f"There is no file {path} to import.")
        if limit is not None and path.stat().st_size > limit:
            fail(path, f"this file is longer than {limit} bytes, which no such file is; check what it holds.")
        return path.read_bytes()


def read_text(path: Path, *, limit: int | None = None) -> str:
    """Returns a UTF-8 text file whole; refuses one that is longer than ``limit`` bytes or is not UTF-8."""
    data = read_bytes(path, limit=limit)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fail(path, f"byte {error.start} is not UTF-8 text; save the file as UTF-8.", cause=error)


def require_folder(path: Path) -> None:
    """Raises unless ``path`` is a folder that exists."""
    if path.is_file():
        fail(path, "this is a file; name a folder.")
    if not path.is_dir():
        raise NotFoundError(f"There is no folder {path} to import.")


def counted(items: Iterable[_T], progress: Progress | None, what: str, total: int | None) -> Iterator[_T]:
    """Yields the items and tells ``progress`` of every hundredth and of the last."""
    done = 0
    for done, item in enumerate(items, 1):
        yield item
        if progress is not None and done % 100 == 0:
            progress(what, done, total)
    if progress is not None:
        progress(what, done, total)


def checked(path: Path, frames: Iterable[Frame]) -> Iterator[Frame]:
    """Yields the frames; one that could not be stored raises InvalidFileError naming the file."""
    for frame in frames:
        try:
            encode_frame(frame)
        except (InvalidValueError, RecursionError) as error:
            raise InvalidFileError(f"{path}: {error}") from error
        yield frame


def with_sources(
    linker: SourceMaker, items: Iterable[_T], path_of: Callable[[_T], Path | None]
) -> Iterator[tuple[_T, Source | None]]:
    """Yields each item with the source of its file, or None where it has no file.

    A batch at a time goes to the linker, which reads files ahead in threads.
    """
    rest = iter(items)
    while batch := [(item, path_of(item)) for item in islice(rest, _BATCH)]:
        made = linker.sources([path for _, path in batch if path is not None])
        for item, path in batch:
            yield item, None if path is None else next(made)[1]


def absent_source(linker: SourceMaker, path: Path, *, width: int | None, height: int | None) -> Source:
    """Returns the source of a file that is not at ``path``; without a URI where no root covers that place."""
    try:
        uri = linker.uri(path)
    except (MediaError, InvalidValueError):
        uri = ""
    return Source(uri=uri, width=width, height=height)


def is_url(name: str) -> bool:
    """Says whether a file name is a URL (https, s3, gs, ...)."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", name) is not None


def clean_name(name: str) -> str:
    """Returns a file name as a relative path without empty, ``.`` and ``..`` parts; "" if nothing is left.

    Names come from strangers: whatever they say, the result lies below the folder it is joined to.
    """
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    if parts and re.fullmatch(r"[A-Za-z]:", parts[0]):
        del parts[0]
    return "/".join(parts)


def file_inside(folder: Path, name: str) -> Path | None:
    """Returns the regular file at the relative path ``name`` below ``folder``, or None.

    A symbolic link that leaves the folder counts as absent: in a folder from a stranger it could make a
    private file of this machine part of a dataset.
    """
    try:
        return folder / name if inside(folder, name).is_file() else None
    except (OSError, UntrustedError):
        # Too long a name, a loop of links, a way out: there is no such file.
        return None


def foreign_of(metadata: Metadata, name: str) -> Metadata:
    """Returns what metadata keep of a format, or an empty map where they keep nothing usable."""
    foreign = metadata.get(FOREIGN)
    record = foreign.get(name) if isinstance(foreign, dict) else None
    return record if isinstance(record, dict) else {}


def user_metadata(metadata: Metadata) -> Metadata:
    """Returns metadata without what formats keep in them."""
    return {key: value for key, value in metadata.items() if key != FOREIGN}
