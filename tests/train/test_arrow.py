"""Views as Arrow and Parquet: lossless, typed, equal for equal views, read by whatever reads Parquet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import frames

import hdstore
from hdstore import CancelledError, DatasetVersion, Frame, MediaError, Repository, View, ViewQuery, replace
from hdstore.codec import decode_view, frame_from_builtins, view_hash
from hdstore.model import Iteration
from hdstore.repository import DataView
from hdstore.train import to_arrow, to_daft, to_parquet, to_ray
from hdstore.train.inference import ColumnType, Inference, VectorType

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")


def rows(view: DataView, **options: Any) -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = to_arrow(view, **options).read_all().to_pylist()
    return table


def frame_of(row: dict[str, Any]) -> Frame:
    """Returns the frame that a row holds, put together from its columns."""

    def plain(row: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {key: value for key, value in {**row, **more}.items() if value is not None}

    sources = [
        plain(
            source,
            masks=[plain(mask) for mask in source["masks"]],
            preview=None if source["preview"] is None else plain(source["preview"]),
            metadata=json.loads(source["metadata"] or "{}"),
        )
        for source in row["sources"]
    ]
    wanted = ("id", "object_id", "labels", "confidence", "sources")
    annotations = [
        plain(
            {key: roi[key] for key in wanted},
            geometry=json.loads(roi["geometry"] or "null"),
            metadata=json.loads(roi["metadata"] or "{}"),
        )
        for roi in row["rois"]
    ]
    return frame_from_builtins(
        {
            "@": row["kind"],
            "id": row["id"],
            "annotations": annotations,
            "blob": row["blob"] or "",
            "context_id": row["context_id"] or "",
            "extra": json.loads(row["extra"] or "{}"),
            "metadata": json.loads(row["metadata"]),
            "sources": sources,
            "timestamp": row["timestamp"],
            "vectors": {
                key.removeprefix("vector_"): row[key] for key in row if key.startswith("vector_") and row[key]
            },
        }
    )


def test_a_row_says_what_its_frame_says(view: DataView, draft: DatasetVersion) -> None:
    """Fixed columns, typed metadata, vectors, sources and annotations with their numbers."""
    row = rows(view)[4]
    frame = draft.frame("p4")

    assert {key: row[key] for key in ("position", "id", "dataset", "version", "query", "kind")} == {
        "position": 4,
        "id": "p4",
        "dataset": "shapes",
        "version": "Current",
        "query": 0,
        "kind": "single",
    }
    assert (row["context"], row["timestamp"], row["width"], row["height"]) == ("night", 160.0, 40, 30)
    assert (row["uri"], row["hash"]) == ("root:pics/p4.png", frame.sources[0].hash)
    assert (row["meta_city"], row["meta_number"], row["meta_ratio"]) == ("Köln", 4, 2.0)
    assert "meta_tags" not in row
    assert json.loads(row["metadata"]) == frame.metadata
    assert row["vector_clip"] == [0.5, 4.0, -1.25]
    rois = {roi["id"]: roi for roi in row["rois"]}
    assert [roi["number"] for roi in row["rois"]] == [1, 2, 1, -1, 2, 3, 9]
    assert rois["box"]["numbers"] == [[10, 5, 20, 10]]
    assert rois["box"]["box"] == {"x": 10, "y": 5, "w": 20, "h": 10}
    assert rois["box"]["confidence"] == frame.annotations[0].confidence
    assert rois["ring"]["numbers"] == [[2, 2, 12, 2, 12, 8, 2, 8]]
    assert (rois["road"]["kind"], rois["road"]["box"], rois["road"]["metadata"]) == (
        "mask",
        None,
        '{"lanes":2}',
    )
    assert (rois["place"]["kind"], rois["place"]["geometry"]) == (None, None)


def test_types_are_those_of_the_values(view: DataView) -> None:
    """Metadata columns have the type of their values, vectors of one length a fixed one in 32 bits where these do."""
    schema = to_arrow(view).schema

    assert schema.field("meta_number").type == pa.int64()
    assert schema.field("meta_ratio").type == pa.float64()
    assert schema.field("meta_city").type == pa.string()
    assert schema.field("vector_clip").type == pa.list_(pa.float32(), 3)


@settings(suppress_health_check=list(HealthCheck), max_examples=20)
@given(given=st.lists(frames(), min_size=1, max_size=4, unique_by=lambda frame: frame.id))
def test_nothing_is_lost(given: list[Frame], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever a repository keeps can be put together again from the rows."""
    folder = tmp_path_factory.mktemp("any")
    with hdstore.init(folder) as repository:
        draft = repository.create_dataset("any").current()
        draft.add_frames(given)
        view = repository.data_view(View(queries=(ViewQuery(dataset="any", version="Current"),)))
        for row in rows(view):
            kept = draft.frame(row["id"])
            # A time that was left out is written as the one it stands for.
            assert frame_of(row) == replace(kept, timestamp=float(kept.time))


def test_the_file_names_its_view(view: DataView, tmp_path: Path) -> None:
    """The metadata of the file hold the pinned view, its hash and its pins; the report counts."""
    report = to_parquet(view, tmp_path / "out" / "a.parquet")

    file = parquet.ParquetFile(tmp_path / "out" / "a.parquet")
    about = file.schema_arrow.metadata
    pinned = view.pinned()
    assert decode_view(about[b"hdstore.view"], "the file") == pinned.value
    assert about[b"hdstore.view_hash"].decode() == pinned.content_hash == view_hash(pinned.value)
    assert json.loads(about[b"hdstore.pins"]) == pinned.value.pins
    assert b"hdstore.limit" not in about
    assert (report.rows, report.rois, report.untyped) == (6, 42, ("tags",))
    assert file.metadata.num_rows == 6


def test_equal_views_give_equal_files(view: DataView, repository: Repository, tmp_path: Path) -> None:
    """The same bytes, also through another handle, and an older file is replaced."""
    (tmp_path / "b.parquet").write_bytes(b"older")
    to_parquet(view, tmp_path / "a.parquet")
    to_parquet(repository.data_view(view.pinned().value), tmp_path / "b.parquet")

    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_a_stopped_export_leaves_what_was_there(view: DataView, tmp_path: Path) -> None:
    """Cancelled at any step: the old file stays, and nothing lies beside it."""
    target = tmp_path / "out" / "a.parquet"
    to_parquet(view, target)
    before = target.read_bytes()
    told: list[tuple[str, int, int | None]] = []
    to_parquet(view, target, progress=lambda *now: told.append(now))
    assert told[-1] == ("Writing rows", 6, 6)
    assert {what for what, _, _ in told} >= {"Looking at frames", "Writing rows"}

    for step in range(len(told)):
        seen = iter(range(len(told)))

        def stop(what: str, done: int, total: int | None, step: int = step, seen: Any = seen) -> None:
            if next(seen) == step:
                raise CancelledError("Cancelled.")

        with pytest.raises(CancelledError):
            to_parquet(view, target, progress=stop)
        assert [path.name for path in target.parent.iterdir()] == ["a.parquet"]
        assert target.read_bytes() == before


def test_batches_are_bounded(view: DataView, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch ends at so many rows or annotations, and together they hold every frame once."""
    monkeypatch.setattr("hdstore.train.arrow._ROIS", 14)
    batches = list(to_arrow(view))

    assert [batch.num_rows for batch in batches] == [2, 2, 2]
    assert [row["id"] for batch in batches for row in batch.to_pylist()] == [f"p{n}" for n in range(6)]


def test_a_view_without_frames_is_a_table_without_rows(repository: Repository, draft: DatasetVersion) -> None:
    """With all fixed columns."""
    query = ViewQuery(dataset="shapes", version="Current", frame="id:absent")
    table = to_arrow(repository.data_view(View(queries=(query,)))).read_all()

    assert table.num_rows == 0
    assert "rois" in table.column_names


def test_a_limit_ends_the_table(view: DataView, repository: Repository, value: View) -> None:
    """Also of a view without an end; the metadata say so."""
    endless = repository.data_view(replace(value, iteration=Iteration(infinite=True)))

    assert len(rows(view, limit=2)) == 2
    assert len(rows(view, limit=99)) == 6
    assert len(rows(endless, limit=8)) == 8
    assert to_arrow(view, limit=2).schema.metadata[b"hdstore.limit"] == b"2"


def test_local_paths_are_told_on_request(view: DataView, tmp_path: Path) -> None:
    """Where the file lies on this machine, null where it does not; a changed file is an error that names the frame."""
    folder = tmp_path / "pictures"
    (folder / "p1.png").unlink()

    found = rows(view, local_paths=True)
    assert found[0]["local_path"] == str(folder / "p0.png")
    assert found[1]["local_path"] is None
    assert "local_path" not in rows(view)[0]
    (folder / "p2.png").write_bytes(b"changed")
    with pytest.raises(MediaError, match="'p2'"):
        rows(view, local_paths=True)


def test_duckdb_reads_the_file(view: DataView, tmp_path: Path) -> None:
    """Annotations as rows, by plain SQL."""
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    to_parquet(view, tmp_path / "a.parquet")

    found = duckdb.sql(
        f"""SELECT f.meta_city, count(*), max(r.confidence), sum(r.box.w * r.box.h)
            FROM '{tmp_path}/a.parquet' f, unnest(f.rois) AS u(r)
            WHERE list_contains(r.labels, 'red') AND r.kind = 'box' GROUP BY ALL"""
    ).fetchall()

    assert found == [("Köln", 6, 0.75, 1200.0)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::Warning")
def test_ray_data_reads_it(view: DataView, tmp_path: Path, local_ray: Any) -> None:
    """On a real local Ray: straight from the view, and from the file."""
    to_parquet(view, tmp_path / "a.parquet")

    held = to_ray(view)
    numbers = held.map(lambda row: {"n": row["meta_number"] * len(row["rois"])}).take_all()
    again = local_ray.data.read_parquet(str(tmp_path / "a.parquet"))

    assert held.count() == 6
    assert sorted(row["n"] for row in numbers) == [0, 7, 14, 21, 28, 35]
    assert again.filter(lambda row: row["meta_number"] > 3).count() == 2


def test_daft_reads_it(view: DataView, tmp_path: Path) -> None:
    """On Daft's own engine: straight from the view, and from the file."""
    daft = pytest.importorskip("daft", reason="daft is not installed")
    to_parquet(view, tmp_path / "a.parquet")

    held = to_daft(view)
    labels = held.explode("rois").where(daft.col("meta_number") > 3).count_rows()
    again = daft.read_parquet(str(tmp_path / "a.parquet"))

    assert labels == 14
    assert again.select("id").to_pydict() == held.select("id").to_pydict()


def test_columns_hold_every_value_exactly() -> None:
    """One type for all values of a key, or no column."""
    large = 2**60
    values: dict[str, list[Any]] = {
        "flag": [True, False],
        "whole": [1, -(2**63)],
        "unsigned": [0, 2**64 - 1],
        "both": [-1, 2**64 - 1],
        "mixed": [1, 0.5],
        "rounded": [large, 0.5],
        "words": ["a", "b"],
        "kinds": ["a", 1],
        "flags": [True, 1],
        "lists": [[1], [2]],
        "nothing": [None, None],
        "some": [None, 3],
    }
    seen = Inference()
    for number in range(2):
        held = {key: both[number] for key, both in values.items()}
        vectors = {
            "v": (0.5,) * (number + 1),
            "exact": (0.5,),
            "fine": ((0.1, 0.5)[number],),
            "far": (1e300,),
        }
        seen.add(hdstore.SingleFrame(id=str(number), metadata=held, vectors=vectors))

    columns = seen.columns()
    assert columns.metadata == {
        "flag": ColumnType.BOOL,
        "whole": ColumnType.INT64,
        "unsigned": ColumnType.UINT64,
        "mixed": ColumnType.FLOAT64,
        "words": ColumnType.STRING,
        "some": ColumnType.INT64,
    }
    assert columns.untyped == ("both", "flags", "kinds", "lists", "rounded")
    assert columns.vectors == {
        "exact": VectorType(1, True),
        "far": VectorType(1, False),
        "fine": VectorType(1, False),
        "v": VectorType(None, True),
    }


def test_only_so_many_keys_get_a_column(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that most frames have."""
    monkeypatch.setattr("hdstore.train.inference.MAX_TYPED", 2)
    seen = Inference()
    for number, held in enumerate(["ab", "bc", "c", "d"]):
        seen.add(hdstore.SingleFrame(id=str(number), metadata=dict.fromkeys(held, 1)))

    assert list(seen.columns().metadata) == ["b", "c"]
    assert seen.columns().untyped == ("a", "d")
