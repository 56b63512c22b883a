"""The file of a bundle, written and read from front to back with little memory.

Nothing that a file says is believed before it was compared with what the file holds: the order of the records, how many
there are of each kind, and at the end the hash of all bytes.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

from hdstore.codec.bundles import (
    BUNDLE_BATCH,
    BUNDLE_LINE,
    BUNDLE_RECORD_LIMIT,
    BundleRecord,
    Chunk,
    End,
    Header,
    Lacking,
    Medium,
    Needs,
    ObjectBatch,
    RefRows,
    decode_bundle_record,
    encode_bundle_record,
)
from hdstore.codec.streams import RecordReader
from hdstore.errors import AlreadyExistsError, DamagedError, NotFoundError, ReadOnlyError
from hdstore.ids import new_hasher
from hdstore.store import files

__all__ = ["BundleReader", "BundleWriter", "is_bundle", "open_bundle"]

_READ = 1 << 18
_ROWS = 1000
"""Names, commits or hashes in one record."""

_MOST = 1_000_000
"""Refs or prerequisites of a bundle at most: they are held in memory."""

_R = TypeVar("_R", bound=BundleRecord)
_L = TypeVar("_L", RefRows, Needs, Lacking)


def is_bundle(path: Path) -> bool:
    """Says whether a path is a file that begins as bundles do, of whatever container format."""
    try:
        with _open(path) as stream:
            return stream.read(len(BUNDLE_LINE)).startswith(b"hdstore bundle ")
    except OSError:
        return False


def _open(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(22, "it is no file")
    return os.fdopen(descriptor, "rb", buffering=0)


@contextmanager
def open_bundle(path: Path) -> Iterator[BundleReader]:
    """Opens a bundle and reads its beginning.

    Raises NotFoundError when there is no such file, DamagedError for one that is no bundle, ReadOnlyError when a newer
    hdstore made it.
    """
    with files.storage_errors(f"read the bundle {path}"):
        try:
            stream = _open(path)
        except FileNotFoundError:
            raise NotFoundError(f"There is no bundle {path}.") from None
        with stream:
            yield BundleReader(stream, path.name)


class BundleReader:
    """Reads a bundle once: ``header``, ``refs``, ``needs`` and ``lacking`` at once, then objects, media, the end.

    ``objects``, ``media`` and ``finish`` are called in this order, and what the first two stream is used up before the
    next is called. All raise DamagedError where the file is not what it must be.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self.name = name
        self._records = RecordReader(limit=BUNDLE_RECORD_LIMIT)
        self._pending = bytearray()
        self._hasher = new_hasher()
        self._hashed = 0
        self._count = 0
        self._next: BundleRecord | None = None
        self.size = os.fstat(stream.fileno()).st_size
        self._read_line()
        header = self._take(Header)
        if header is None:
            raise self._damaged("it does not begin with its header")
        self.header = header
        if max(self.header.refs, self.header.needs, self.header.lacking) > _MOST:
            raise self._damaged(f"it says that it lists more than {_MOST:,} things")
        self._read_lists()

    @property
    def position(self) -> int:
        """How many bytes of the file have been used."""
        return len(BUNDLE_LINE) + self._records.taken

    @property
    def hash(self) -> str:
        """The hash of all bytes before the last record, once ``finish`` has returned."""
        return str(self._hasher.hexdigest())

    def _damaged(self, why: str) -> DamagedError:
        return DamagedError(f"The bundle {self.name} can not be used: {why}; copy or make it again.")

    def _read_line(self) -> None:
        line = self._stream.read(len(BUNDLE_LINE))
        if not line.startswith(b"hdstore bundle "):
            raise DamagedError(f"{self.name} is not a bundle of hdstore.")
        if line != BUNDLE_LINE:
            raise ReadOnlyError(
                f"The bundle {self.name} is of another format than this program knows; install a newer hdstore."
            )
        self._hasher.update(line)

    def _peek(self) -> BundleRecord:
        """Returns the next record without using it up."""
        while self._next is None:
            try:
                value = next(iter(self._records), None)
            except DamagedError as error:
                raise self._damaged(
                    f"record {self._count + 1} is damaged ({str(error).rstrip('.')})"
                ) from error
            if value is not None:
                self._next = decode_bundle_record(value)
                self._count += 1
                size = self._records.taken - self._hashed
                if not isinstance(self._next, End):
                    self._hasher.update(bytes(self._pending[:size]))
                    del self._pending[:size]
                    self._hashed += size
            else:
                chunk = self._stream.read(_READ)
                if not chunk:
                    raise self._damaged(f"it is cut short after {self.size:,} bytes")
                self._pending += chunk
                try:
                    self._records.feed(chunk)
                except DamagedError as error:
                    raise self._damaged(f"record {self._count + 1} is too large") from error
        return self._next

    def _take(self, kind: type[_R]) -> _R | None:
        """Returns the next record and goes on if it is of this kind, else None."""
        record = self._peek()
        if not isinstance(record, kind):
            return None
        self._next = None
        return record

    def _lists(self, kind: type[_L], count: int) -> Iterator[_L]:
        """Yields the records that list so many things in all."""
        found = 0
        while found < count:
            record = self._take(kind)
            if record is None or not record.rows:
                raise self._damaged("it lists fewer refs, prerequisites or media than it says")
            found += len(record.rows)
            yield record
        if found > count:
            raise self._damaged("it lists more refs, prerequisites or media than it says")

    def _read_lists(self) -> None:
        header = self.header
        refs = [row for record in self._lists(RefRows, header.refs) for row in record.rows]
        needs = [row for record in self._lists(Needs, header.needs) for row in record.rows]
        lacking = [hash for record in self._lists(Lacking, header.lacking) for hash in record.rows]
        self.refs = {name: oid.hex() for name, oid in sorted(refs)}
        self.needs = {oid.hex(): text for oid, text in sorted(needs)}
        self.lacking = tuple(hash.hex() for hash in sorted(set(lacking)))
        in_order = (
            [name for name, _ in refs] == [*self.refs],
            [oid.hex() for oid, _ in needs] == [*self.needs],
            [hash.hex() for hash in lacking] == [*self.lacking],
        )
        if not all(in_order):
            raise self._damaged("what it lists is not in order")

    def objects(self) -> Iterator[ObjectBatch]:
        """Streams the pieces of the stream of objects."""
        while (batch := self._take(ObjectBatch)) is not None:
            yield batch

    def media(self) -> Iterator[tuple[str, int, Iterator[bytes]]]:
        """Streams hash, size and bytes of the media; the bytes of one are used up before the next."""
        before, total = b"", 0
        for _ in range(self.header.media):
            medium = self._take(Medium)
            if medium is None:
                raise self._damaged("it has fewer media than it says")
            if medium.hash <= before:
                raise self._damaged("its media are not in order, or one is there twice")
            before = medium.hash
            total += medium.size
            if total > self.header.media_bytes:
                raise self._damaged("its media have more bytes than it says")
            yield medium.hash.hex(), medium.size, self._chunks(medium)
        if total != self.header.media_bytes:
            raise self._damaged("its media have fewer bytes than it says")

    def _chunks(self, medium: Medium) -> Iterator[bytes]:
        left = medium.size
        while left:
            chunk = self._take(Chunk)
            if chunk is None or len(chunk.data) > left:
                raise self._damaged(f"the medium {medium.hash.hex()} is not as long as it says")
            left -= len(chunk.data)
            yield chunk.data

    def finish(self) -> None:
        """Checks that the bundle ends here, and has its hash."""
        end = self._take(End)
        if end is None:
            raise self._damaged("a record stands where none may")
        if end.records != self._count - 1 or end.hash.hex() != self.hash:
            raise self._damaged("it does not have its hash: it was changed after it was made")
        if self._records.taken - self._hashed != len(self._pending) or self._stream.read(1):
            raise self._damaged("other bytes follow it")


class BundleWriter:
    """Writes a bundle beside its place; ``finish`` puts it there, ``abort`` removes it.

    ``count`` and ``size`` are the records and bytes so far. Raises AlreadyExistsError when something stands in the
    place that is no bundle.
    """

    def __init__(self, path: Path) -> None:
        if path.exists() and not is_bundle(path):
            raise AlreadyExistsError(f"{path} exists and is no bundle; choose another name for the bundle.")
        self._path = path
        self._aside = files.new_name(path.parent, f".{path.name}")
        self._hasher = new_hasher()
        self._buffer: list[bytes] = []
        self._buffered = 0
        self.count = 0
        self.size = 0
        with files.storage_errors(f"write the bundle {path}"):
            self._descriptor: int | None = files.open_new(self._aside)
        self._append(BUNDLE_LINE)

    @property
    def hash(self) -> str:
        """The hash of all bytes written so far."""
        return str(self._hasher.hexdigest())

    def write(self, record: BundleRecord) -> None:
        """Writes one record."""
        self.count += 1
        self._append(encode_bundle_record(record))

    def copy(self, data: bytes) -> None:
        """Writes bytes that are encoded records, or a part of them; the caller adds to ``count``."""
        self._append(data)

    def write_lists(
        self, refs: Mapping[str, str], needs: Mapping[str, str], lacking: Sequence[str] = ()
    ) -> None:
        """Writes refs, prerequisites and media that are lacking, many to a record and each in order."""
        ref_rows = [(name, bytes.fromhex(oid)) for name, oid in sorted(refs.items())]
        need_rows = [(bytes.fromhex(oid), text) for oid, text in sorted(needs.items())]
        hashes = [bytes.fromhex(hash) for hash in sorted(lacking)]
        for start in range(0, len(ref_rows), _ROWS):
            self.write(RefRows(ref_rows[start : start + _ROWS]))
        for start in range(0, len(need_rows), _ROWS):
            self.write(Needs(need_rows[start : start + _ROWS]))
        for start in range(0, len(hashes), _ROWS):
            self.write(Lacking(hashes[start : start + _ROWS]))

    def write_medium(self, hash: str, size: int, chunks: Iterable[bytes]) -> None:
        """Writes one medium; the chunks are of at most BUNDLE_BATCH bytes."""
        self.write(Medium(bytes.fromhex(hash), size))
        for chunk in chunks:
            self.write(Chunk(chunk))

    def finish(self) -> None:
        """Writes the end and puts the file in its place, durably."""
        hash = self.hash
        self._append(encode_bundle_record(End(self.count, bytes.fromhex(hash))), hashed=False)
        self._flush_buffer()
        assert self._descriptor is not None
        with files.storage_errors(f"write the bundle {self._path}"):
            files.flush(self._descriptor, self._aside)
            os.close(self._descriptor)
            self._descriptor = None
            files.rename(self._aside, self._path)
            try:
                files.flush_folder(self._path.parent)
            except OSError as error:
                # The file systems of some sticks flush no folders; the file and its name are there all the same.
                if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                    raise

    def abort(self) -> None:
        """Removes what was written, unless ``finish`` has returned."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        with suppress(OSError):
            self._aside.unlink()

    def _append(self, data: bytes, *, hashed: bool = True) -> None:
        if hashed:
            self._hasher.update(data)
        self.size += len(data)
        self._buffer.append(data)
        self._buffered += len(data)
        if self._buffered >= BUNDLE_BATCH:
            self._flush_buffer()

    def _flush_buffer(self) -> None:
        assert self._descriptor is not None
        data = b"".join(self._buffer)
        self._buffer.clear()
        self._buffered = 0
        with files.storage_errors(f"write the bundle {self._path}"):
            files.write_all(self._descriptor, data)
