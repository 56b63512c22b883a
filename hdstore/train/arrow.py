"""Views as tables: one row a frame, for whatever reads Arrow or Parquet (DuckDB, Ray Data, Daft, Spark, pandas)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hdstore.codec import encode_view
from hdstore.model import Progress
from hdstore.train.extras import need
from hdstore.train.inference import Inference
from hdstore.train.items import frames_of, item_count
from hdstore.train.rows import row_of, schema_of
from hdstore.train.writing import new_file

if TYPE_CHECKING:
    from hdstore.media import Media
    from hdstore.train.items import Items
    from hdstore.view import ViewItem

__all__ = ["Exported", "to_arrow", "to_daft", "to_parquet", "to_ray"]

_ROWS = 4096
_ROIS = 65_536
"""How many rows or annotations a batch holds at most: memory stays bounded whatever the frames hold."""

_EVERY = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export wrote. ``untyped`` are the metadata keys that have no column of their own, only their JSON."""

    path: Path
    rows: int
    rois: int
    untyped: tuple[str, ...] = ()


def to_arrow(
    view: Items, *, limit: int | None = None, local_paths: bool = False, progress: Progress | None = None
) -> Any:
    """Returns a ``pyarrow.RecordBatchReader`` over the frames of a view, which makes batches as they are read.

    The view is pinned first; its value, hash and pins stand in the schema's metadata. Columns are described in
    ``docs/training.md``. ``local_paths`` adds where the first source of each frame lies on this machine. ``limit``
    ends after so many rows.

    Raises:
        MissingPackageError: pyarrow is not installed.
        MediaError: with ``local_paths``, a file was changed since it was linked.
    """
    table = _Table(view, limit=limit, local_paths=local_paths, progress=progress)
    return need("pyarrow", extra="arrow").RecordBatchReader.from_batches(table.schema, table.batches())


def to_parquet(
    view: Items,
    path: str | Path,
    *,
    limit: int | None = None,
    local_paths: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Writes the frames of a view to a Parquet file, over what is at ``path``; its folder is made.

    Equal views give equal files. The file appears whole or not at all.

    Raises:
        MissingPackageError: pyarrow is not installed.
        StorageError: the file can not be written.
        MediaError: with ``local_paths``, a file was changed since it was linked.
    """
    target = Path(path)
    parquet = need("pyarrow.parquet", extra="arrow")
    table = _Table(view, limit=limit, local_paths=local_paths, progress=progress)
    with (
        new_file(target) as stream,
        parquet.ParquetWriter(stream, table.schema, compression="zstd") as writer,
    ):
        for batch in table.batches():
            writer.write_batch(batch)
    return Exported(path=target, rows=table.rows, rois=table.rois, untyped=table.columns.untyped)


def to_ray(view: Items, *, local_paths: bool = False) -> Any:
    """Returns the frames of a view as a ``ray.data.Dataset``; a file that ``to_parquet`` wrote holds the same."""
    pa, data = need("pyarrow", extra="ray"), need("ray.data", extra="ray")
    reader = to_arrow(view, local_paths=local_paths)
    return data.from_arrow([pa.Table.from_batches([batch], reader.schema) for batch in reader])


def to_daft(view: Items, *, local_paths: bool = False) -> Any:
    """Returns the frames of a view as a ``daft.DataFrame``; a file that ``to_parquet`` wrote holds the same."""
    daft = need("daft", extra="daft")
    return daft.from_arrow(to_arrow(view, local_paths=local_paths).read_all())


class _Table:
    """The rows of one view, gone through twice: for the schema, then for the batches."""

    def __init__(
        self, view: Items, *, limit: int | None, local_paths: bool, progress: Progress | None
    ) -> None:
        self._view = view.pinned()
        self._limit = limit
        self._media: Media | None = view.media if local_paths else None
        self._progress = progress
        self._total = item_count(self._view, limit)
        self.rows = 0
        self.rois = 0
        seen = Inference()
        for done, item in enumerate(self._items()):
            seen.add(item.frame)
            self._tell("Looking at frames", done)
        self.columns = seen.columns()
        self.schema = schema_of(self.columns, local_paths=local_paths).with_metadata(self._about())

    def batches(self) -> Iterator[Any]:
        """Yields the record batches."""
        pa = need("pyarrow", extra="arrow")
        rows: list[dict[str, Any]] = []
        rois = 0
        for item in self._items():
            rows.append(row_of(item, self.columns, self._media))
            rois += len(item.frame.annotations)
            self._tell("Writing rows", self.rows + len(rows))
            if len(rows) >= _ROWS or rois >= _ROIS:
                yield self._batch(pa, rows, rois)
                rows, rois = [], 0
        if rows or not self.rows:
            yield self._batch(pa, rows, rois)
        if self._progress is not None:
            self._progress("Writing rows", self.rows, self._total)

    def _items(self) -> Iterator[ViewItem]:
        return frames_of(islice(self._view.items(), self._total))

    def _batch(self, pa: Any, rows: list[dict[str, Any]], rois: int) -> Any:
        self.rows += len(rows)
        self.rois += rois
        columns = [pa.array([row.get(field.name) for row in rows], type=field.type) for field in self.schema]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _tell(self, what: str, done: int) -> None:
        if self._progress is not None and done % _EVERY == 0:
            self._progress(what, done, self._total)

    def _about(self) -> dict[str, str]:
        value = self._view.value
        about = {
            "hdstore.view": encode_view(value).decode(),
            "hdstore.view_hash": self._view.content_hash,
            "hdstore.pins": json.dumps(value.pins, sort_keys=True),
        }
        return about if self._limit is None else {**about, "hdstore.limit": str(self._limit)}
