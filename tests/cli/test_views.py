"""``hdstore view``: from options and files to stored views, and what people see of them."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdstore.model import SetFrameMetadata, SingleFrame
from hdstore.repository import Repository

Run = Callable[..., Any]


@pytest.fixture
def cats(run: Run, street: Path) -> Run:
    """Returns ``run`` in a repository with the draft view ``cats`` of street/Current."""
    run("view", "create", "cats", "--from", "street/Current", "--roi", "label:car", "--order", "random")
    return run


def value(run: Run, name: str = "cats") -> Any:
    return run("view", "show", name, "--value").json


def test_a_view_is_made_of_options(run: Run, street: Path) -> None:
    """Queries, rules, weights, numbers, mapping, output and order; what is left out has its default (row 88)."""
    run("dataset", "create", "cups")
    said = run(
        "view", "create", "full", "--from", "street/Current", "--from", "cups/Current", "--frame", "meta.a:1",
        "--source", "width:>10", "--roi", "label:car", "--roi", "label:bus", "--not-roi", "label:dog",
        "--times", "2..4", "--times", "..3", "--epoch",
        "--weight", "2.5", "--weight", 1, "--labels", "car=1,a=b=2", "--labels", "dog=-1",
        "--map", "car,van+white=vehicle", "--map", "dog=pet", "--output", "only_filtered", "--order", "random",
        "--seed", 7, "--limit", 10, "--infinite",
        "--project", "a/b", "--description", "All", "--tag", "x", "--tag", "y",
    ).out  # fmt: skip
    query = {
        "dataset": "street",
        "version": "Current",
        "frame": "meta.a:1",
        "source": "width:>10",
        "rois": [
            {"query": "label:car", "count": [2, 4]},
            {"query": "label:bus", "count": [None, 3]},
            {"query": "label:dog", "must_not": True},
        ],
        "weight": 2.5,
    }
    second = {name: field for name, field in query.items() if name != "weight"} | {"dataset": "cups"}

    shown = run("view", "show", "full", "--json").json
    assert shown["view"] == value(run, "full")
    assert shown["view"] == {
        "queries": [query, second],
        "enumeration": {"car": 1, "a=b": 2, "dog": -1},
        "mapping": [
            {"labels": ["car"], "to": "vehicle"},
            {"labels": ["van", "white"], "to": "vehicle"},
            {"labels": ["dog"], "to": "pet"},
        ],
        "output": "only_filtered",
        "iteration": {"order": "random", "seed": 7, "limit": 10, "infinite": True, "epoch": True},
    }
    assert [shown[key] for key in ("name", "project", "description", "tags")] == [
        "full",
        "a/b",
        "All",
        ["x", "y"],
    ]
    assert (shown["archived"], shown["published"]) == (False, False)
    assert said == f"Made draft view full ({shown['id']}) of 2 queries\n"
    run("view", "create", "least", "--from", "street/Current")
    assert value(run, "least") == {"queries": [{"dataset": "street", "version": "Current"}]}
    run("view", "create", "empty", "--from", "street/Current", "--no-rois")
    assert value(run, "empty")["queries"][0]["filter"] == "no_rois"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "Say which frames: --from DATASET/VERSION, or a whole view with --file."),
        (["--from", "street"], "Say which version of 'street'"),
        (["--from", "street/Current", "--weight", "1", "--weight", "2"], "there are 1 of the one and 2 of the other"),
        (["--from", "street/Current", "--weight", "0"], "queries[0].weight: expected a number > 0"),
        (["--from", "street/Current", "--roi", "a", "--times", "few"], "How many is written 2..4"),
        (["--from", "street/Current", "--roi", "a", "--times", "1", "--times", "2"], "Each --roi has its --times"),
        (["--from", "street/Current", "--no-rois", "--roi", "a"], "--no-rois asks for frames without annotations"),
        (["--from", "street/Current", "--labels", "cat"], "such as cat=1,dog=2; 'cat' is none"),
        (["--from", "street/Current", "--labels", "cat=x"], "'cat=x' is none"),
        (["--from", "street/Current", "--labels", "cat=1,cat=2"], "'cat=2' is none"),
        (["--from", "street/Current", "--map", "cat"], "such as car,van=vehicle"),
        (["--from", "street/Current", "--map", "cat,=x"], "'cat,=x' is none"),
        (["--from", "street/Current", "--map", "cat="], "'cat=' is none"),
        (["--from", "street/Current", "--frame", "a AND"], "It stands in queries[0].frame."),
        (["--file", "view.json", "--from", "street/Current"], "--file holds the whole view"),
        (["--file", "view.json", "--limit", "0"], "--file holds the whole view"),
        (["--file", "bad.json"], "In the view there is no field 'query'; did you mean 'queries'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_options_is_said(run: Run, street: Path, options: list[str], said: str) -> None:
    """With what to write instead; nothing is stored."""
    (street / "bad.json").write_text('{"query": []}')

    assert said in run("view", "create", "cats", *options, code=2).err
    assert run("view", "list", "--all", "--json").json == []


def test_a_query_that_can_not_be_read_has_a_caret(run: Run, street: Path) -> None:
    """Under the place where reading stopped."""
    error = run("view", "create", "x", "--from", "street/Current", "--frame", "label:(cat", code=2).err

    assert "  label:(cat\n        ^" in error


def test_names_that_are_not_there_or_taken(cats: Run) -> None:
    """Not found is 3, a taken name 4; both say what there is."""
    assert "There is no dataset 'road'" in cats("view", "create", "x", "--from", "road/v1", code=3).err
    assert (
        "There is a view 'cats' already"
        in cats("view", "create", "cats", "--from", "street/Current", code=4).err
    )
    assert "did you mean 'cats'" in cats("view", "show", "Cats", code=3).err


def test_a_view_comes_from_a_file_or_standard_input(
    run: Run, street: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON and YAML; what ``show --value`` prints is such a file."""
    text = "queries:\n- {dataset: street, version: Current, weight: 2}\nenumeration: {no: 1}\n"
    (street / "view.yaml").write_text(text)
    run("view", "create", "one", "--file", "view.yaml", "--tag", "t")
    (street / "view.json").write_text(run("view", "show", "one", "--value").out)
    run("view", "create", "two", "--file", "view.json")
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    run("view", "create", "three", "--file", "-")

    expected = {
        "queries": [{"dataset": "street", "version": "Current", "weight": 2.0}],
        "enumeration": {"no": 1},
    }
    assert value(run, "one") == value(run, "two") == value(run, "three") == expected
    assert run("view", "create", "four", "--file", "none.yaml", code=3).err
    monkeypatch.setattr(sys, "stdin", io.StringIO("queries: 3"))
    assert "The standard input is not a view" in run("view", "create", "four", "--file", "-", code=2).err


def test_views_are_listed_and_searched(cats: Run) -> None:
    """Archived ones with --all only; by a regular expression, tag, project and state (row 109)."""
    cats(
        "view",
        "create",
        "night",
        "--from",
        "street/Current",
        "--tag",
        "dark",
        "--project",
        "p/q",
        "--publish",
    )
    cats("view", "archive", "cats")

    def listed(*options: str) -> list[str]:
        return [view["name"] for view in cats("view", "list", "--json", *options).json]

    assert listed() == ["night"]
    assert listed("--all") == ["cats", "night"]
    assert listed("--all", "--text", "^ca") == ["cats"]
    assert listed("--all", "--text", "street") == ["cats", "night"]
    assert listed("--tag", "dark") == listed("--project", "p") == listed("--published", "--all") == ["night"]
    assert listed("--all", "--drafts") == ["cats"]
    assert listed("--text", "zoo") == []
    assert cats("view", "list", "--text", "(", code=2).err
    (row,) = [line.split() for line in cats("view", "list").lines[2:]]
    assert row[0] == "night"
    assert row[2:] == ["published", "p/q", "1", "dark"]
    cats("view", "restore", "cats")
    assert listed() == ["cats", "night"]


def test_a_view_is_shown_to_people(run: Run, street: Path) -> None:
    """Names stand for ids, rules are sentences, control characters of strangers are spelt out."""
    (street / "view.yaml").write_text("""
queries:
- dataset: street
  version: Current
  frame: 'meta.a:"\\e[1m"'
  rois:
  - {labels: [cat, dog], count: [2, 4], confidence: [0.5, null]}
  - {must_not: true, query: label:bus}
  - {count: [null, 3]}
  - {count: [2, 2], labels: [x]}
  - {count: [null, null], confidence: [null, 0.5]}
- {dataset: street, filter: no_rois, source: 'width:>9'}
- {dataset: street, filter: disabled, rois: [{labels: [x]}], weight: 2.5}
mapping: [{labels: [a, b], to: c}, {labels: [x], to: y, dataset: street}]
enumeration: {cat: 3}
iteration: {clip: {length: 5}, limit: 8, epoch: true}
projection: [id]
""")
    run("view", "create", "all", "--file", "view.yaml", "--description", "Ev\x1b[1mil", "--publish")
    out = run("view", "show", "all").out

    shown = " ".join(out.split())
    for text in (
        "View all", "Status published", r"Description Ev\x1b[1mil", "Order sequential, clips of 5", "Limit 8",
        "Repetition by weights", "Annotations all_in_frame", "Fields id", "Maps a and b to c",
        "Maps x to y in street/*",
        "Number cat: 3", "Pinned street/Current at ", "street/Current frame: meta.a:",
        "2 to 4 with cat and dog and confidence 0.5 or more; none with (label:bus); up to 3 with anything; 2 with x;"
        " any number with confidence up to 0.5 1",
        "source: width:>9; no annotations 1", "street/Current all frames 2.5",
    ):  # fmt: skip
        assert text in shown
    assert "\x1b" not in out
    assert "only one can be given" in run("view", "show", "all", "--json", "--value", code=2).err


def test_a_view_is_edited(cats: Run, street: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a file, from standard input, and in an editor; unchanged text changes nothing."""
    (street / "view.yaml").write_text("queries: [{dataset: street, version: Current}]")
    assert cats("view", "edit", "cats", "--file", "view.yaml").out == "Saved view cats\n"
    assert value(cats) == {"queries": [{"dataset": "street", "version": "Current"}]}
    text = '{"queries": [{"dataset": "street", "version": "Current", "weight": 3}]}'
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    cats("view", "edit", "cats", "--file", "-")
    assert value(cats)["queries"][0]["weight"] == 3

    monkeypatch.setenv("VISUAL", "sed -i s/3.0/4.5/")
    assert cats("view", "edit", "cats").out == "Saved view cats\n"
    assert value(cats)["queries"][0]["weight"] == 4.5
    monkeypatch.setenv("VISUAL", "true")
    assert cats("view", "edit", "cats").out == "Nothing changed in view cats\n"
    monkeypatch.setenv("VISUAL", "sed -i s/4.5/zoo/")
    error = cats("view", "edit", "cats", code=2).err
    assert "What you wrote is not a view: line 6" in error
    kept = Path(error.strip().rpartition(" ")[2])
    assert "zoo" in kept.read_text()
    assert kept.name.startswith("hdstore-view-")
    kept.unlink()
    assert value(cats)["queries"][0]["weight"] == 4.5


def test_an_edit_of_what_somebody_else_changed_is_refused(
    cats: Run, street: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the editor was open; what was typed is kept."""
    script = street / "editor.sh"
    other = "-m hdstore -C . view edit cats --file other.yaml"
    script.write_text(f'#!/bin/sh\n{sys.executable} {other} >&2\nsed -i s/random/sequential/ "$1"\n')
    script.chmod(0o755)
    (street / "other.yaml").write_text("queries: [{dataset: street, version: Current, weight: 9}]")
    monkeypatch.setenv("VISUAL", str(script))
    error = cats("view", "edit", "cats", code=4).err

    assert "Somebody else changed the view 'cats' since it was read" in error
    Path(error.strip().rpartition(" ")[2]).unlink()
    assert value(cats)["queries"][0]["weight"] == 9


def test_a_published_view_stays_as_it_is(cats: Run, street: Path) -> None:
    """Edits are refused with the way to go on; deleting needs --force, and --yes where nobody can answer (row 108)."""
    said = cats("view", "publish", "cats").out
    shown = cats("view", "show", "cats", "--json").json
    assert shown["published"]
    assert f"with 1 version pinned; its hash is {shown['content_hash']}" in said
    (street / "view.yaml").write_text("queries: [{dataset: street, version: Current}]")
    for options in (["--file", "view.yaml"], []):
        error = cats("view", "edit", "cats", *options, code=5).err
        assert "is published and can not be changed" in error
        assert "hdstore view clone cats NEW-NAME" in error
    assert cats("view", "publish", "cats", code=5).err
    assert "say --yes" in cats("view", "delete", "cats", code=2).err
    assert "Add --force to delete a published view." in cats("view", "delete", "cats", "--yes", code=5).err
    cats("view", "clone", "cats", "pinned")
    cats("view", "clone", "cats", "free", "--unpin")
    assert "pins" in value(cats, "pinned")
    assert "pins" not in value(cats, "free")
    assert (
        f"Deleted published view cats ({shown['id']})"
        in cats("view", "delete", "cats", "--yes", "--force").out
    )
    assert cats("fsck").code == 0


def test_what_people_say_of_a_view(cats: Run) -> None:
    """Name, description, project and tags, one at a time."""
    cats("view", "rename", "cats", "all cats")
    cats("view", "describe", "all cats", "Of the street")
    cats("view", "move", "all cats", "/city/cars/")
    assert cats("view", "tag", "all cats", "a", "b").out == "Tags of all cats: a, b\n"
    assert cats("view", "tag", "all cats", "a", "--remove").out == "Tags of all cats: b\n"
    shown = cats("view", "show", "all cats", "--json").json

    assert (shown["description"], shown["project"], shown["tags"]) == ("Of the street", "city/cars", ["b"])
    cats("view", "publish", "all cats")
    assert "hdstore view clone 'all cats' NEW-NAME" in cats("view", "edit", "all cats", code=5).err
    assert cats("view", "move", "all cats", "").out == "Moved view all cats to the top\n"


def test_two_views_are_compared(cats: Run, street: Path, opened: Repository) -> None:
    """Only what differs, unless all is asked for; files count as views too; versions that moved are named (row 111)."""
    cats("view", "publish", "cats")
    before = opened.version("street/Current").commit
    opened.version("street/Current").apply(SetFrameMetadata(frame_id="a", set={"k": 1}))
    cats("view", "clone", "cats", "later", "--unpin")
    cats("view", "publish", "later")
    after = opened.version("street/Current").commit

    assert cats("view", "compare", "cats", "later", "--json").json == [
        {"field": "pins[street/Current]", "left": before, "right": after, "equal": False}
    ]
    out = cats("view", "compare", "cats", "later").out
    assert f"pins[street/Current]   {before[:10]}   {after[:10]}" in out
    assert out.splitlines()[-1].startswith("1 field of ")
    assert out.splitlines()[-1].endswith(" differs.")
    everything = cats("view", "compare", "cats", "later", "--all", "--json").json
    assert sum(field["equal"] for field in everything) == len(everything) - 1
    assert cats("view", "compare", "cats", "cats").out == f"0 fields of {len(everything)} differ.\n"
    (street / "mine.json").write_text(cats("view", "show", "later", "--value").out)
    assert cats("view", "compare", "later", "mine.json", "--json").json == []
    assert cats("view", "compare", "later", "yours.json", code=3).err
    cats("view", "rename", "later", "mine.json")
    (street / "mine.json").write_text("{}")
    assert cats("view", "compare", "cats", "mine.json", "--json").json[0]["field"] == "pins[street/Current]"


def test_what_a_view_pins_outlives_a_deleted_draft(cats: Run, opened: Repository) -> None:
    """Over gc without grace, and in a clone."""
    opened.version("street/Current").add_frames([SingleFrame(id="last")])
    cats("view", "publish", "cats")
    before = cats("view", "run", "cats", "--json").json
    assert before["count"] == 2
    cats("version", "delete", "street/Current", "--yes")
    opened.gc(grace=0)
    assert cats("fsck").code == 0
    assert cats("view", "run", "cats", "--json").json == before
    cats("clone", ".", "copy")
    assert cats("-C", "copy", "fsck").code == 0
    assert cats("-C", "copy", "view", "run", "cats", "--json").json == before
    assert cats("-C", "copy", "view", "list", "--json").json == cats("view", "list", "--json").json


def test_a_view_is_run(cats: Run, street: Path, opened: Repository) -> None:
    """Stored or from a file: its frames in its order, as ids, rows, a number or JSON."""
    assert cats("view", "run", "cats", "--count").out == "2\n"
    ids = cats("view", "run", "cats", "--ids").lines
    assert sorted(ids) == ["a", "b"]
    shown = cats("view", "run", "cats", "--json").json
    assert (shown["count"], [frame["id"] for frame in shown["frames"]]) == (2, ids)
    assert shown["frames"][0] == {
        "id": ids[0], "dataset": "street", "version": "Current", "query": 0, "numbers": [-1] * (1 + (ids[0] == "b")),
    }  # fmt: skip
    assert cats("view", "run", "cats", "--ids", "--limit", "1").lines == ids[:1]
    out = cats("view", "run", "cats", "--limit", "1").lines
    assert (out[2].split()[0], out[2].split()[-1]) == (ids[0], "street/Current")
    assert out[-1] == "2 frames; the first 1 are shown, --limit shows more."
    assert cats("view", "run", "cats").lines[-1] == "2 frames."
    assert "only one can be given" in cats("view", "run", "cats", "--json", "--ids", code=2).err

    (street / "clips.yaml").write_text("""
queries: [{dataset: street, version: Current, rois: [{labels: [car]}]}]
enumeration: {car: 3}
iteration: {clip: {length: 1}}
""")
    assert cats("view", "run", "clips.yaml", "--count").out == "2\n"
    assert cats("view", "run", "clips.yaml").lines[-1] == "2 frames in 2 clips."
    frames = cats("view", "run", "clips.yaml", "--json").json["frames"]
    assert [(frame["id"], frame["numbers"]) for frame in frames] == [("a", [3]), ("b", [3, -1])]


def test_a_view_without_an_end_is_run_for_a_while(run: Run, street: Path) -> None:
    """With --limit only; it has no count."""
    run("view", "create", "loop", "--from", "street/Current", "--infinite")
    assert "never ends; say how many frames to print with --limit" in run("view", "run", "loop", code=2).err
    assert "is infinite and has no length" in run("view", "run", "loop", "--count", code=2).err
    assert run("view", "run", "loop", "--ids", "--limit", 7).lines == ["a", "b", "c", "a", "b", "c", "a"]
    shown = run("view", "run", "loop", "--json", "--limit", 4).json
    assert (shown["count"], len(shown["frames"])) == (None, 4)
    assert (
        run("view", "run", "loop", "--limit", 4).lines[-1]
        == "The view never ends; its first 4 frames are shown."
    )


def test_views_can_be_exported_and_split(cats: Run, street: Path) -> None:
    """The commands that stand beside these take stored views."""
    cats("view", "export", "cats", "cats.jsonl")
    assert len((street / "cats.jsonl").read_text().splitlines()) == 2
    assert "all" in cats("view", "split", "cats", "--shares", "all=1").out
