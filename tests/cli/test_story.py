"""The whole story on real data: import, look, edit, snapshot, branch, compare, export, share."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

Run = Callable[..., Any]


@pytest.fixture
def blood(shared_data: Callable[[str], Path], tmp_path: Path) -> Path:
    """Returns a folder ``blood`` with the first forty pictures of the blood cell set and their labels."""
    source = shared_data("bccd")
    target = tmp_path / "blood"
    for folder in ("Annotations", "JPEGImages"):
        (target / folder).mkdir(parents=True)
        for file in sorted((source / folder).iterdir())[:40]:
            shutil.copyfile(file, target / folder / file.name)
    return target


def test_the_story_of_a_dataset(run: Run, blood: Path, tmp_path: Path) -> None:
    """What the README tells works from import to export, with the numbers each step gives."""
    run("init")

    # import: the dataset, its draft and a root for the pictures are made on the way
    said = run("import", "voc", blood, "--to", "blood").out
    assert "Made root blood" in said
    assert "Imported into blood/Current: 40 frames added" in said
    assert "0 frames added, 0 updated, 40 unchanged" in run("import", "voc", blood, "--to", "blood").out
    assert run("root", "list", "--json").json == {"blood": str(blood)}

    # look
    ids = run("frame", "list", "blood/Current").lines
    assert len(ids) == 40
    cells = run("query", "blood/Current", "label:WBC", "--json").json
    assert cells["count"] == len(cells["ids"]) > 30
    assert run("query", "blood/Current", "label:WBC", "--count").lines == [str(cells["count"])]
    counts = run("version", "stats", "blood/Current", "--json").json
    assert (counts["frames"], counts["labels"]["WBC"]["frames"]) == (40, cells["count"])
    shown = run("frame", "show", "blood/Current", ids[0], "--json").json
    assert (shown["sources"][0]["width"], shown["sources"][0]["height"]) == (640, 480)
    assert shown["sources"][0]["uri"].startswith("root:blood/")

    # snapshot, then edit in the draft that goes on
    run("version", "snapshot", "blood", "--name", "v1", "-m", "As it came")
    shown["annotations"][0]["labels"] = ["Cell"]
    (tmp_path / "edited.json").write_text(json.dumps(shown))
    run("frame", "edit", "blood/Current", ids[0], "--json", tmp_path / "edited.json")
    run("frame", "delete", "blood/Current", ids[1], "--yes")
    found = run("diff", "blood/v1", "blood/Current", "--json").json
    frames = {one["id"]: one for one in found["frames"]}
    assert {name: one["status"] for name, one in frames.items()} == {ids[0]: "changed", ids[1]: "removed"}
    (change,) = frames[ids[0]]["annotations"]["changed"]
    assert change["id"] == shown["annotations"][0]["id"]
    assert len(run("log", "blood/Current", "--json").json) >= 4

    # what is published stays: importing into it names the way on
    refused = run("import", "voc", blood, "--to", "blood/v1", code=5)
    assert re.search(r"hdstore version create blood/NEW\S* --parent", refused.err)
    run("version", "create", "blood/again", "--parent", "v1")
    assert "40 unchanged" in run("import", "voc", blood, "--to", "blood/again").out

    # out again
    run("export", "coco", tmp_path / "out.json", "--from", "blood/v1")
    written = json.loads((tmp_path / "out.json").read_text())
    assert len(written["images"]) == 40
    assert len(written["annotations"]) == counts["annotations"]
    run("export", "yolo", tmp_path / "yolo", "--from", "blood/v1")
    assert run("fsck").out == "All is well.\n"


def test_two_people_share_a_dataset(run: Run, street: Path, tmp_path: Path) -> None:
    """One pushes, the other clones, edits and pushes back, the first pulls; nothing new is said as such."""
    hub, other = tmp_path / "hub", tmp_path / "other"
    run("init", hub)
    run("remote", "add", "origin", hub)
    assert run("remote", "list", "--json").json == {"origin": str(hub)}
    run("remote", "add", "origin", hub, code=4)

    assert "Pushed to origin" in run("push").out
    run("clone", hub, other)
    assert run("-C", other, "frame", "list", "street/Current").lines == ["a", "b", "c"]

    run("-C", other, "frame", "delete", "street/Current", "c", "--yes")
    run("-C", other, "push")
    assert "Pulled from origin" in run("pull").out
    assert run("frame", "list", "street/Current").lines == ["a", "b"]
    assert "nothing was new" in run("pull").out

    run("frame", "delete", "street/Current", "a", "--yes")
    run("-C", other, "frame", "delete", "street/Current", "b", "--yes")
    run("push")
    run("-C", other, "push", code=4)

    run("remote", "remove", "origin")
    run("pull", code=3)


def test_pictures_are_linked_under_a_root(run: Run, tmp_path: Path) -> None:
    """Linked media use the root that holds them, else one is made and named after their folder."""
    photos = tmp_path / "my photos"
    (photos / "day").mkdir(parents=True)
    Image.new("RGB", (8, 6), "red").save(photos / "day" / "a.png")
    run("init")

    assert "root" not in run("import", "folder", photos, "--to", "kept", "--media", "store").out
    assert run("root", "list", "--json").json == {}

    run("root", "add", "mine", photos)
    assert "root" not in run("import", "folder", photos / "day", "--to", "day").out
    assert str(photos) in run("root", "list").out
    run("root", "remove", "mine")

    assert "Made root my-photos" in run("import", "folder", photos, "--to", "linked").out
    (frame_id,) = run("frame", "list", "linked/Current").lines
    shown = run("frame", "show", "linked/Current", frame_id).out
    assert "root:my-photos/day/a.png" in shown
    assert "8 x 6" in shown


def test_an_import_that_fails_leaves_nothing(run: Run, tmp_path: Path) -> None:
    """A file that is no COCO makes no dataset and no root, and says what is wrong."""
    broken = tmp_path / "labels" / "broken.json"
    broken.parent.mkdir()
    broken.write_text("{]")
    run("init")

    refused = run("import", "coco", broken, "--to", "street", code=2)

    assert "broken.json" in refused.err
    assert run("dataset", "list", "--json").json == []
    assert run("root", "list", "--json").json == {}
    run("import", "coco", tmp_path / "absent.json", "--to", "street", code=3)
    run("import", "tfrecord", broken, "--to", "street", code=2)


def test_gc_says_what_it_removed(run: Run, street: Path) -> None:
    """Gc on a repository in which all is needed removes nothing and leaves it well."""
    assert run("gc").out.startswith("Removed 0 objects")
    assert run("fsck").out == "All is well.\n"
