"""The columns of a version as tables for DuckDB: what bare SQL takes over the same values is the measure of a query."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from hdstore.index import Part, VersionRows

__all__ = ["Tables"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Tables:
    """One connection for each way to hold the tables ``frame`` and ``roi``, by the name of the way.

    ``frame`` has row, id, weather and captured_at; ``roi`` has frame (a row), label and confidence: one row for each
    label of an annotation. Labels and weather are enumerations, except in Parquet, which has none.
    """

    ways: dict[str, duckdb.DuckDBPyConnection]

    @classmethod
    def of(cls, rows: VersionRows, folder: Path) -> Tables:
        """Makes the tables from the columns of a version, with files in ``folder``, which is made anew."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        frame, roi, names = _columns(rows)
        return cls(
            {
                "mapped": _mapped(frame, roi, names, folder),
                "native": _native(frame, roi, folder),
                "parquet": _parquet(frame, roi, folder),
            }
        )


def _columns(rows: VersionRows) -> tuple[dict[str, Array], dict[str, Array], dict[str, list[str]]]:
    """Returns the columns of both tables, and the strings that label and weather can be."""
    frames: dict[str, list[Array]] = {"id": [], "weather": [], "captured_at": []}
    rois: dict[str, list[Array]] = {"frame": [], "label": [], "confidence": []}
    before = 0
    for part in rows.parts:
        live = _live(part)
        segment = part.segment
        frames["id"].append(
            _strings(segment.text("frame.id").texts.strings, segment.text("frame.id").codes)[live]
        )
        for name in ("weather", "captured_at"):
            cells = segment.cells("frame", (name,))
            assert cells is not None
            assert cells.owners is None
            if cells.texts is not None and cells.codes is not None:
                frames[name].append(_strings(cells.texts.strings, cells.codes)[live])
            elif cells.numbers is not None:
                frames[name].append(cells.numbers[live].astype(np.int64))
        labels = segment.several("annotation.label")
        annotation = np.repeat(np.arange(len(labels.starts) - 1), np.diff(labels.starts))
        owner = segment.annotation_frames[annotation]
        kept = np.isin(owner, np.flatnonzero(live))
        place = (np.cumsum(live) - 1 + before).astype(np.int32)
        rois["frame"].append(place[owner[kept]])
        rois["label"].append(_strings(labels.texts.strings, labels.codes)[kept])
        rois["confidence"].append(segment.number("annotation.confidence").values[annotation[kept]])
        before += part.count
    frame = {"row": np.arange(before, dtype=np.int32), **{k: np.concatenate(v) for k, v in frames.items()}}
    roi = {name: np.concatenate(found) for name, found in rois.items()}
    return frame, roi, {"label": _distinct(roi["label"]), "weather": _distinct(frame["weather"])}


def _live(part: Part) -> Array:
    return np.ones(part.segment.count("frame"), np.bool_) if part.live is None else part.live


def _strings(texts: Iterable[str], codes: Array) -> Array:
    return np.array([*texts], object)[codes]


def _distinct(values: Array) -> list[str]:
    return sorted(set(values.tolist()))


def _mapped(
    frame: dict[str, Array], roi: dict[str, Array], names: dict[str, list[str]], folder: Path
) -> duckdb.DuckDBPyConnection:
    """Arrays mapped from files, with codes for labels and weather; macros turn names into codes."""
    connection = duckdb.connect()
    for table, columns in (("frame", frame), ("roi", roi)):
        mapped = {}
        for name, values in columns.items():
            if name in names:
                values = np.searchsorted(np.array(names[name]), values.astype(str)).astype(np.int32)
            if values.dtype != object:  # strings lie in memory: there is no array of them that can be mapped
                np.save(folder / f"{table}.{name}.npy", values)
                values = np.load(folder / f"{table}.{name}.npy", mmap_mode="r")
            mapped[name] = values
        connection.register(table, mapped)
    for name, values in names.items():
        cases = " ".join(
            f"when '{value.replace(chr(39), chr(39) * 2)}' then {n}" for n, value in enumerate(values)
        )
        connection.execute(f"create macro {name}_of(x) as case x {cases} end")
    return connection


def _native(frame: dict[str, Array], roi: dict[str, Array], folder: Path) -> duckdb.DuckDBPyConnection:
    """A database of DuckDB's own."""
    connection = duckdb.connect(str(folder / "native.duckdb"))
    for table, columns, name in (("frame", frame, "weather"), ("roi", roi, "label")):
        connection.register("given", columns)
        connection.execute(f"create type {name}s as enum (select distinct {name} from given)")
        connection.execute(f"create table {table} as select * replace ({name}::{name}s as {name}) from given")
        connection.unregister("given")
        connection.execute(f"create macro {name}_of(x) as x::{name}s")
    connection.execute("checkpoint")
    return connection


def _parquet(frame: dict[str, Array], roi: dict[str, Array], folder: Path) -> duckdb.DuckDBPyConnection:
    """Parquet files as DuckDB writes them."""
    connection = duckdb.connect()
    for table, columns, name in (("frame", frame, "weather"), ("roi", roi, "label")):
        connection.register("given", columns)
        path = folder / f"{table}.parquet"
        connection.execute(f"copy (select * from given) to '{path}' (format parquet)")
        connection.unregister("given")
        connection.execute(f"create view {table} as select * from read_parquet('{path}')")
        connection.execute(f"create macro {name}_of(x) as x")
    return connection
