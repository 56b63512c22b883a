"""``hdstore view export`` and ``view split`` as people type them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hdstore import DatasetVersion, Repository, View
from hdstore.cli import main
from hdstore.train import assign

Run = Callable[..., str]

SHARES = {"train": 60.0, "test": 40.0}


@pytest.fixture
def run(repository: Repository, value: View, capsys: pytest.CaptureFixture[str]) -> Run:
    """Returns a function that runs a command line, expects an exit code and returns what was printed."""
    repository.create_view("all shapes", value)

    def run(*arguments: object, code: int = 0) -> str:
        capsys.readouterr()
        status = main(["-C", str(repository.folder), *map(str, arguments)])
        printed = capsys.readouterr()
        assert status == code, printed.err + printed.out
        return printed.err if code else printed.out + printed.err

    return run


@pytest.mark.parametrize("target", ["all shapes", "shapes/Current"])
def test_a_view_or_a_version_is_exported(run: Run, target: str, tmp_path: Path) -> None:
    """The end of the name says the format, --format overrules it, --limit ends it."""
    shown = run("view", "export", target, tmp_path / "a.jsonl")
    run("view", "export", target, tmp_path / "a.json", "--limit", 2)
    run("view", "export", target, tmp_path / "a.txt", "--format", "jsonl")

    assert shown == f"Exported 6 frames to {tmp_path}/a.jsonl\n"
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text("utf-8").splitlines()]
    assert [line["frame"]["id"] for line in lines] == [f"p{number}" for number in range(6)]
    assert len(json.loads((tmp_path / "a.json").read_text("utf-8"))["items"]) == 2
    assert (tmp_path / "a.txt").read_bytes() == (tmp_path / "a.jsonl").read_bytes()


def test_parquet_is_exported(run: Run, tmp_path: Path) -> None:
    """With what has no column said, and places on this machine on request."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")

    shown = run("view", "export", "all shapes", tmp_path / "a.parquet", "--local-paths")

    assert "only their JSON: tags." in shown
    table = parquet.read_table(tmp_path / "a.parquet")
    assert table.num_rows == 6
    assert table.column("local_path")[0].as_py() == str(tmp_path / "pictures" / "p0.png")


def test_a_query_narrows_a_version(run: Run, tmp_path: Path) -> None:
    """Only a version takes one; errors in it are shown with their place."""
    shown = run("view", "export", "shapes/Current", tmp_path / "a.jsonl", "--query", "meta.number:>3")

    assert "2 frames" in shown
    assert "--query is for" in run(
        "view", "export", "all shapes", tmp_path / "b", "--format", "json", "--query", "a", code=2
    )
    assert "^" in run("view", "export", "shapes/Current", tmp_path / "b.json", "--query", "a AND", code=2)
    assert "--format" in run("view", "export", "all shapes", tmp_path / "b.csv", code=2)
    assert "--local-paths" in run(
        "view", "export", "all shapes", tmp_path / "b.json", "--local-paths", code=2
    )
    run("view", "export", "absent", tmp_path / "b.json", code=3)
    assert not (tmp_path / "b.json").exists()


@pytest.mark.parametrize("target", ["all shapes", "shapes/Current"])
def test_a_split_is_shown(run: Run, target: str) -> None:
    """As a table for people and with every frame as JSON; frames of one context stay together."""
    table = run("view", "split", target, "--shares", "train=60,test=40")
    plain = json.loads(
        run("view", "split", target, "--shares", "train=60,test=40", "--salt", "x", "--by", "id", "--json")
    )

    assert [line.split()[0] for line in table.splitlines()[2:]] == ["train", "test"]
    assert {name: part["share"] for name, part in plain["parts"].items()} == SHARES
    assert (plain["by"], plain["salt"]) == ("id", "x")
    for name, part in plain["parts"].items():
        assert part["count"] == len(part["frames"])
        assert all(frame["dataset"] == "shapes" for frame in part["frames"])
        assert all(assign(frame["id"], SHARES, "x") == name for frame in part["frames"])
    assert sum(part["count"] for part in plain["parts"].values()) == 6


def test_a_split_is_written_to_a_draft(run: Run, draft: DatasetVersion) -> None:
    """One commit, which a query then asks for; doing it again changes nothing, and new frames join."""
    command = (
        "view",
        "split",
        "shapes/Current",
        "--shares",
        "train=60,test=40",
        "--by",
        "id",
        "--write",
        "meta.part",
    )
    before = draft.commit

    shown = run(*command)

    (log, *_) = draft.log()
    assert log.parents == (before,)
    assert "Split the frames into train, test by id" in log.message
    assert "Wrote the part of 6 frames" in shown
    for frame in draft.frames():
        assert frame.metadata["part"] == assign(frame.id, SHARES)
        assert frame.metadata["city"] == "Köln"
    assert {frame.id for frame in draft.query("meta.part:train")} == {
        f"p{number}" for number in range(6) if assign(f"p{number}", SHARES) == "train"
    }
    assert "Wrote the part of 0 frames" in run(*command)


def test_what_can_not_be_split_is_refused(run: Run, draft: DatasetVersion) -> None:
    """Shares that are none, keys that are missing, a view or a published version to write to."""
    for shares in ("train", "train=x", "train=1,train=2", "train=0", "=1", "train=-1", "train=nan"):
        assert "hare" in run("view", "split", "all shapes", "--shares", shares, code=2)
    assert "'p0' has no meta.patient" in run(
        "view", "split", "all shapes", "--shares", "a=1", "--by", "meta.patient", code=2
    )
    assert "DATASET/VERSION" in run(
        "view", "split", "all shapes", "--shares", "a=1", "--write", "part", code=2
    )
    refused = run(
        "view", "split", "shapes/Current", "--shares", "a=1", "--by", "meta.city", "--write", "city", code=2
    )
    assert "choose another key" in refused
    draft.publish()
    shown = run("view", "split", "shapes/Current", "--shares", "a=1", "--write", "part", code=5)
    assert "hdstore version create" in shown
