"""``hdstore init``, ``dataset`` and ``version``."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdstore.repository import Repository

Run = Callable[..., Any]


def test_a_new_dataset_has_the_draft_current(run: Run) -> None:
    """init and dataset create give a dataset with one empty draft named Current."""
    run("init")
    run("dataset", "create", "street", "--project", "city/cars", "--tag", "night", "--tag", "rain")

    (shown,) = run("dataset", "list", "--json").json
    (version,) = run("version", "list", "street", "--json").json

    assert (
        shown["name"],
        shown["project"],
        shown["tags"],
        shown["versions"],
    ) == ("street", "city/cars", ["night", "rain"], 1)
    assert {"name", "id", "status", "parents", "frames", "commit", "updated"} == set(version)
    assert tuple(version[k] for k in ("name", "status", "parents", "frames")) == ("Current", "draft", [], 0)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", version["updated"])
    assert re.fullmatch(r"[0-9a-f]{40}", version["commit"])


def test_init_makes_the_folder(run: Run, tmp_path: Path) -> None:
    """init DIR makes a repository there, and another init of it is refused as a conflict."""
    run("init", "deep/photos")

    assert (tmp_path / "deep/photos/.hds").is_dir()
    run("init", "deep/photos", code=4)
    assert run("-C", "deep/photos", "dataset", "list", "--json").json == []


def test_the_environment_names_the_repository(
    run: Run, street: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HDSTORE_REPO picks the repository from anywhere, and -C goes before it."""
    elsewhere = street / "elsewhere"
    monkeypatch.setenv("HDSTORE_REPO", str(street))
    run("init", elsewhere)
    monkeypatch.chdir("/")

    assert [d["name"] for d in run("dataset", "list", "--json").json] == ["street"]
    assert run("-C", elsewhere, "dataset", "list", "--json").json == []


def test_a_dataset_is_renamed_and_tagged(run: Run, street: Path) -> None:
    """rename keeps the id; tag adds tags and --remove takes them away."""
    before = run("dataset", "show", "street", "--json").json
    run("dataset", "rename", "street", "road")
    run("dataset", "tag", "road", "night", "rain")
    run("dataset", "tag", "road", "night", "--remove")

    after = run("dataset", "show", before["id"], "--json").json

    assert (after["name"], after["tags"]) == ("road", ["rain"])
    assert "rain" in run("dataset", "list").out
    assert "road" in run("dataset", "show", "road").out


def test_a_dataset_with_frames_is_deleted_on_request_only(run: Run, street: Path) -> None:
    """delete wants --yes without a terminal, --all-versions for frames and --force for published versions."""
    refused = run("dataset", "delete", "street", code=2)
    assert "--yes" in refused.err

    kept = run("dataset", "delete", "street", "--yes", code=5)
    assert "--all-versions" in kept.err

    run("version", "publish", "street/Current")
    run("dataset", "delete", "street", "--yes", "--all-versions", code=5)
    run("dataset", "delete", "street", "--yes", "--force")
    assert run("dataset", "list", "--json").json == []


def test_a_snapshot_publishes_and_goes_on(run: Run, street: Path) -> None:
    """snapshot D publishes the only draft under --name; the draft's name lives on in a child."""
    said = run("version", "snapshot", "street", "--name", "v1", "-m", "Checked").out
    assert "street/v1" in said

    versions = {v["name"]: v for v in run("version", "list", "street", "--json").json}

    assert (versions["v1"]["status"], versions["Current"]["status"]) == ("published", "draft")
    assert [versions["v1"]["id"]] == versions["Current"]["parents"]
    assert "v1" in run("version", "list", "street").out


def test_a_snapshot_of_one_of_several_drafts_lists_them(run: Run, street: Path) -> None:
    """Without a terminal, snapshot D with several drafts is an error that names them all."""
    run("version", "create", "street/relabel")

    refused = run("version", "snapshot", "street", code=3)

    assert "street/Current" in refused.err
    assert "street/relabel" in refused.err
    run("version", "snapshot", "street/relabel", "--name", "v1")


def test_a_version_is_made_from_parents(run: Run, street: Path) -> None:
    """version create takes several parents; a slash in a name is written %2F."""
    run("version", "publish", "street/Current")
    run("version", "create", "street/other")
    run("version", "publish", "street/other")

    run("version", "create", "street/a%2Fb", "--parent", "Current", "--parent", "other")

    versions = {v["name"]: v for v in run("version", "list", "street", "--json").json}
    assert [versions["Current"]["id"], versions["other"]["id"]] == versions["a/b"]["parents"]
    assert versions["a/b"]["frames"] == 3
    assert run("frame", "list", "street/a%2Fb").lines == ["a", "b", "c"]
    run("version", "create", "street", code=2)


def test_a_version_is_renamed_and_deleted(run: Run, street: Path) -> None:
    """rename works after publishing; deleting a published version needs --force, and a terminal or --yes."""
    run("version", "publish", "street/Current")
    run("version", "rename", "street/Current", "v1")
    run("version", "delete", "street/v1", code=2)
    refused = run("version", "delete", "street/v1", "--yes", code=5)
    assert "--force" in refused.err

    run("version", "delete", "street/v1", "--yes", "--force")

    assert run("version", "list", "street", "--json").json == []


def test_a_version_says_what_it_holds(run: Run, street: Path) -> None:
    """Stats count labels; metadata, schema and mask labels are shown and replaced."""
    counts = run("version", "stats", "street/Current", "--json").json
    assert {key: counts[key] for key in ("frames", "annotated", "annotations")} == {
        "frames": 3,
        "annotated": 2,
        "annotations": 3,
    }
    assert counts["labels"]["car"] == {"annotations": 2, "frames": 2}
    assert "car" in run("version", "stats", "street/Current").out

    run("version", "meta", "street/Current", "--set", '{"camera": "left"}')
    assert run("version", "meta", "street/Current").json == {"camera": "left"}

    run("version", "schema", "street/Current", "--set", '{"labels": [{"name": "car", "color": "#ff0000"}]}')
    assert "#ff0000" in run("version", "schema", "street/Current").out

    masks = {"_all_": [{"value": [1], "labels": ["road"]}]}
    (street / "masks.json").write_text('{"_all_": [{"value": [1], "labels": ["road"]}]}')
    run("version", "mask-labels", "street/Current", "--set", f"@{street / 'masks.json'}")
    assert masks == run("version", "mask-labels", "street/Current", "--json").json
    assert "road" in run("version", "mask-labels", "street/Current").out
    assert run("version", "schema", "street/Current", "--json").json["labels"][0]["name"] == "car"


def test_wrong_json_is_a_usage_error(run: Run, street: Path) -> None:
    """What --set is given has to be JSON of the right form, and a file that can be read."""
    run("version", "meta", "street/Current", "--set", "{", code=2)
    run("version", "meta", "street/Current", "--set", "[]", code=2)
    run("version", "schema", "street/Current", "--set", '{"labels": 1}', code=2)
    run("version", "mask-labels", "street/Current", "--set", '{"a": 1}', code=2)
    run("version", "meta", "street/Current", "--set", "@absent.json", code=9)


def test_a_published_version_refuses_and_names_the_way_on(run: Run, street: Path) -> None:
    """Writing into a published version exits 5 and shows the command that makes a child."""
    run("version", "publish", "street/Current")

    for command in (
        ("version", "meta", "street/Current", "--set", "{}"),
        ("frame", "delete", "street/Current", "a", "--yes"),
    ):
        refused = run(*command, code=5)
        assert "hdstore version create street/NEW-NAME --parent Current" in refused.err


def test_a_name_carried_twice_asks_for_the_id(run: Run, opened: Repository) -> None:
    """A name of two versions exits 3 and lists both ids, and each id works."""
    dataset = opened.dataset("street")
    dataset.current().publish()
    twin = dataset.create_version("Current")

    refused = run("version", "stats", "street/Current", code=3)

    assert all(version.id in refused.err for version in dataset.versions())
    assert run("version", "stats", f"street/{twin.id}", "--json").json["frames"] == 0
