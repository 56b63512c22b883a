"""``hdstore merge``, ``conflicts``, ``resolve``, ``restore``, ``dataset merge``."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdstore.cli.exits import Exit
from hdstore.merge import drop_mine
from hdstore.model import Author, Box, RemoveAnnotation, ReplaceAnnotation, SetFrameMetadata, replace
from hdstore.repository import open_repository

Run = Callable[..., Any]

BOB = Author(name="Bob", email="bob@example.org")


def move(folder: Path, path: str, x: float, author: Author | None = None) -> None:
    with open_repository(folder, author=author) as repository:
        version = repository.version(path)
        held = version.frame("a").annotations[0]
        moved = replace(held, geometry=Box(x=x, y=2.0, w=10.0, h=5.0))
        version.apply(ReplaceAnnotation(frame_id="a", annotation=moved))


@pytest.fixture
def merged(run: Run, street: Path) -> Path:
    """Returns the folder of a repository in which drafts ``mine`` and ``bob`` moved one box, and were merged."""
    run("version", "publish", "street/Current")
    for name in ("mine", "bob"):
        run("version", "create", f"street/{name}", "--parent", "Current")
    move(street, "street/mine", 5)
    move(street, "street/bob", 6, BOB)
    done = run("merge", "street/bob", "--into", "street/mine")
    # Both saved within one second: which of them is shown, their commits' ids decide.
    assert re.fullmatch(
        "Merged street/bob into street/mine: 0 frames added, [01] updated, 0 removed.", done.lines[0]
    )
    assert done.lines[1].startswith("1 conflict to resolve: see 'hdstore conflicts street/mine'")
    return street


def x_of(run: Run, path: str) -> float:
    found: float = run("frame", "show", path, "a", "--json").json["annotations"][0]["geometry"]["x"]
    return found


def test_a_merge_says_what_it_did_and_what_to_run(run: Run, street: Path) -> None:
    """Exit code 0 with conflicts too; again there is nothing to merge."""
    run("version", "publish", "street/Current")
    for name in ("one", "two"):
        run("version", "create", f"street/{name}", "--parent", "Current")
    move(street, "street/two", 5)
    report = run("merge", "street/two", "--into", "street/one", "-m", "Take two", "--json").json

    assert (report["updated"], report["joined"], report["conflicts"]) == (1, 0, 0)
    assert report["commit"] != report["before"]
    assert run("merge", "street/two", "--into", "street/one").lines == [
        "street/one has all of street/two already."
    ]
    assert run("log", "street/one", "--json").json[0]["message"] == "Take two"
    refused = run("merge", "street/two", "--into", "street/Current", code=Exit.READ_ONLY)
    assert "published" in refused.err


def test_conflicts_are_listed_for_people_and_for_programs(run: Run, merged: Path) -> None:
    """Frame, what, and each side's commit, author, time and value; the side that is shown has a plus."""
    listed = run("conflicts", "street/mine")
    found = run("conflicts", "street/mine", "--json").json

    assert listed.lines[0] == "a"
    assert listed.lines[1:3] == ["  annotations/car-0/geometry", "      was     box 1.5, 2, 10 x 5"]
    (bob,) = [line for line in listed.lines if "Bob" in line]
    (ours,) = [line for line in listed.lines if "Ada Lovelace" in line]
    assert re.fullmatch(r"    [* ] ours    box 5, 2, 10 x 5  Ada Lovelace [\d: -]{16} \([0-9a-f]{10}\)", ours)
    assert re.fullmatch(r"    [* ] theirs  box 6, 2, 10 x 5  Bob [\d: -]{16} \([0-9a-f]{10}\)", bob)
    assert [line[4] for line in (ours, bob) if line[4] == "*"] == ["*"]
    assert (ours[4] == "*") == (x_of(run, "street/mine") == 5)
    assert listed.lines[-3] == "1 conflict in 1 frame; * is what the draft shows meanwhile."
    assert listed.lines[-1] == "    hdstore resolve street/mine --all --ours"
    assert [(one["frame"], one["path"]) for one in found] == [("a", ["annotations", "car-0", "geometry"])]
    assert {side["author"]: side["value"]["x"] for side in found[0]["sides"]} == {"Ada Lovelace": 5, "Bob": 6}
    assert (found[0]["ours"], found[0]["shown"]) == (
        [side["author"] for side in found[0]["sides"]].index("Ada Lovelace"),
        1,
    )
    assert run("conflicts", "street/mine", "b").lines == ["No conflicts."]
    assert run("conflicts", "street/bob", "--json").json == []
    published = run("version", "publish", "street/mine", code=Exit.CONFLICT)
    assert "1 conflict" in published.err


@pytest.mark.parametrize(("how", "x"), [("--ours", 5), ("--theirs", 6)])
def test_a_conflict_is_resolved_to_a_side(run: Run, merged: Path, how: str, x: float) -> None:
    """One save, and then nothing is left."""
    done = run("resolve", "street/mine", "a", how)

    assert re.fullmatch(
        "Resolved 1 conflict: (1 frame updated|no frame changed). No conflict left.", done.lines[0]
    )
    assert x_of(run, "street/mine") == x
    gone = run("resolve", "street/mine", "a", how, code=Exit.NOT_FOUND)
    assert "may be resolved already" in gone.err


def test_a_conflict_is_resolved_by_commit_by_path_by_hand_or_kept(
    run: Run, merged: Path, tmp_path: Path
) -> None:
    """And brought back by going back to the merge."""
    merge = run("log", "street/mine", "--json").json[0]["id"]
    (conflict,) = run("conflicts", "street/mine", "--json").json
    bob = next(side["commit"] for side in conflict["sides"] if side["author"] == "Bob")
    run("resolve", "street/mine", "--all", "--side", bob[:8])
    assert x_of(run, "street/mine") == 6

    back = run("restore", "street/mine", "--at", merge[:9])
    assert back.lines[0].startswith("Restored street/mine: ")
    run("resolve", "street/mine", "a", "--both", "--path", "annotations/car-0/geometry")
    assert len(run("frame", "show", "street/mine", "a", "--json").json["annotations"]) == 2
    run("restore", "street/mine", "--at", merge, "--frame", "a")
    frame = run("frame", "show", "street/mine", "a", "--json").json
    frame["annotations"][0]["geometry"]["x"] = 7.5
    (tmp_path / "a.json").write_text(json.dumps(frame))
    run("resolve", "street/mine", "a", "--json", f"@{tmp_path / 'a.json'}")
    assert x_of(run, "street/mine") == 7.5
    run("restore", "street/mine", "--at", merge)
    run("resolve", "street/mine", "--all", "--keep")
    assert run("conflicts", "street/mine").lines == ["No conflicts."]


def test_the_last_merge_is_undone(run: Run, merged: Path) -> None:
    """As one more save; the second time nothing is saved."""
    run("restore", "street/mine", "--at", "before the merge")

    assert x_of(run, "street/mine") == 5
    assert run("conflicts", "street/mine", "--json").json == []
    again = run("restore", "street/mine", "--at", "before the merge")
    assert again.lines == ["That is what it holds already; nothing was saved."]


def test_an_unclear_resolution_is_a_mistake_of_usage(run: Run, merged: Path) -> None:
    """A frame or --all, and one way to resolve; paths that name nothing are told."""
    for words in (
        ("--ours",),
        ("a", "--all", "--ours"),
        ("a",),
        ("a", "--ours", "--theirs"),
        ("--all", "--json", "{}"),
        ("a", "--side", "0000"),
        ("a", "--json", '{"id": "b"}'),
    ):
        run("resolve", "street/mine", *words, code=Exit.USAGE)
    run("resolve", "street/mine", "a", "--ours", "--path", "blob", code=Exit.NOT_FOUND)
    run("restore", "street/mine", "--at", "ffffffff", code=Exit.NOT_FOUND)


def test_a_version_of_another_dataset_is_merged_under_other_names(run: Run, street: Path) -> None:
    """Labels and ids; a pair that is none is a mistake of usage."""
    run("dataset", "create", "road")
    words = ("dataset", "merge", "street/Current", "--into", "road/Current")
    report = run(*words, "--label", "car=auto", "--frame", "c=last", "--prefix-ids", "s/", "--json").json

    assert (report["added"], report["conflicts"]) == (3, 0)
    assert set(run("query", "road/Current", "label:auto", "--ids").lines) == {"s/a", "s/b"}
    assert run("frame", "show", "road/Current", "last", "--json").json["id"] == "last"
    assert run(*words).lines[0].endswith("3 frames added, 0 updated, 0 removed.")
    assert run(*words).lines == ["road/Current has all of street/Current already."]
    for wrong in ("car", "=x", "car="):
        run(*words, "--label", wrong, code=Exit.USAGE)
    run("merge", "street/Current", "--into", "road/Current", code=Exit.USAGE)


def test_a_draft_of_several_parents_says_what_waits(run: Run, street: Path) -> None:
    """They are merged, or laid over each other."""
    run("version", "publish", "street/Current")
    for name, x in (("one", 5), ("two", 6)):
        run("version", "create", f"street/{name}", "--parent", "Current")
        move(street, f"street/{name}", x)
        run("version", "publish", f"street/{name}")
    parents = ("--parent", "one", "--parent", "two")

    made = run("version", "create", "street/both", *parents)
    assert made.lines[1] == "1 conflict to resolve: see 'hdstore conflicts street/both'."
    assert len(run("version", "create", "street/over", *parents, "--overlay").lines) == 1
    assert x_of(run, "street/over") == 6


def test_the_command_that_the_listing_ends_with_works(run: Run, merged: Path) -> None:
    """For all frames and for one, where it is known whose side is whose, and where it is not."""
    merge = run("log", "street/mine", "--json").json[0]["id"]
    for words, how in (((), ["--all", "--ours"]), (("a",), ["a", "--ours"])):
        command = shlex.split(run("conflicts", "street/mine", *words).lines[-1])
        assert command == ["hdstore", "resolve", "street/mine", *how]
        assert run(*command[1:]).lines[0].endswith("No conflict left.")
        run("restore", "street/mine", "--at", merge)
    with open_repository(merged) as repository:
        drop_mine(repository._core.refs, [merge])
    # To Cyd, who has neither side, the commits must be named.
    with open_repository(merged, author=Author(name="Cyd", email="cyd@example.org")) as repository:
        (waiting,) = repository.version("street/mine").waiting()
    assert (waiting.ours, waiting.shown) == (None, 1)


def test_conflicts_are_told_in_words_and_the_one_that_is_shown_is_marked(run: Run, merged: Path) -> None:
    """Annotations, labels and keys; after an edit to something else none is marked."""
    run("version", "create", "street/third", "--parent", "Current")
    run("version", "create", "street/fourth", "--parent", "Current")
    with open_repository(merged) as repository:
        third, fourth = repository.version("street/third"), repository.version("street/fourth")
        held = third.frame("a").annotations[0]
        third.apply(
            ReplaceAnnotation(frame_id="a", annotation=replace(held, labels=("van", "taxi"))),
            SetFrameMetadata(frame_id="a", set={"place": {"city": "Bonn"}}),
            RemoveAnnotation(frame_id="b", annotation_id="bus-1"),
        )
        bus = next(one for one in fourth.frame("b").annotations if one.id == "bus-1")
        fourth.apply(
            ReplaceAnnotation(frame_id="a", annotation=replace(held, labels=())),
            SetFrameMetadata(frame_id="a", set={"place": None}),
            ReplaceAnnotation(frame_id="b", annotation=replace(bus, labels=("coach",))),
        )
        assert fourth.merge(third).conflicts == 3
        fourth.apply(SetFrameMetadata(frame_id="a", set={"place": "Ulm"}))
    lines = run("conflicts", "street/fourth").lines
    told = [line.partition("  Ada ")[0].rstrip() for line in lines]

    # Both sides were saved within one second, so either may come first.
    assert [told[at] for at in (0, 1, 2, 5, 6, 9, 10, 11)] == [
        *("a", "  annotations/car-0/labels", "      was     car", "  metadata/place", '      was     "Köln"'),
        *("b", "  annotations/bus-1", '      was     box 1.5, 2, 10 x 5 "bus"'),
    ]
    values = [{line[6:] for line in told[at : at + 2]} for at in (3, 7, 12)]
    assert values[0] == {"theirs  van, taxi", "ours    none"}
    assert values[1] == {'theirs  {"city":"Bonn"}', "ours    null"}
    assert values[2] == {"theirs  deleted", 'ours    box 1.5, 2, 10 x 5 "coach"'}
    stars = ["".join(line[4] for line in told[at : at + 2]).strip() for at in (3, 7, 12)]
    assert stars == ["*", "", "*"]
    assert {line[6:10] for line in told if line[4:5] == "*" and "coach" in line} == {"ours"}
