"""``hdstore diff``: what people read, what programs read, which states can be named, and the report."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdstore.model import (
    AddAnnotation,
    Annotation,
    Box,
    Ellipse,
    Label,
    Polygon,
    PutFrame,
    RemoveAnnotation,
    ReplaceAnnotation,
    Schema,
    SetFrameMetadata,
    SingleFrame,
    replace,
)
from hdstore.repository import Repository

Run = Callable[..., Any]


@pytest.fixture
def versions(opened: Repository) -> tuple[str, str]:
    """Returns the paths of two versions.

    In the second, frame a has other metadata and its box another label, place and confidence, b has an annotation less
    and one more, c went and d came; the schema and the metadata of the version differ.
    """
    draft = opened.version("street/Current")
    draft.set_schema(Schema(labels=(Label(name="car", color="#ff0000"),)))
    published, child = draft.snapshot(name="v1")
    (car,) = child.frame("a").annotations
    moved = replace(
        car,
        geometry=Box(x=4.5, y=6.0, w=10.0, h=5.0),
        labels=("van",),
        confidence=0.25,
        metadata={"by": {"who": "Ada"}},
    )
    polygon = Polygon(rings=((0.0, 0.0, 9.0, 0.0, 9.0, 9.0),))
    child.apply(
        SetFrameMetadata(frame_id="a", set={"place": "Bonn"}),
        ReplaceAnnotation(frame_id="a", annotation=moved),
        RemoveAnnotation(frame_id="b", annotation_id="bus-1"),
        AddAnnotation(frame_id="b", annotation=Annotation(id="new", labels=("tram",), geometry=polygon)),
        message="Look again",
    )
    child.apply(PutFrame(frame=SingleFrame(id="d", annotations=(Annotation(id="x", labels=("car",)),))))
    child.delete_frames(["c"])
    child.set_schema(Schema(labels=(Label(name="car", color="#00ff00"), Label(name="van"))))
    child.set_metadata({"reviewed": True})
    return published.path, child.path


LINES = """\
~ schema.labels.car.color: "#ff0000" -> "#00ff00"
+ schema.labels.van: {}
+ version.meta.reviewed: true
~ a
    ~ box "car" moved 5.0 px, IoU 0.07  [car-0]
    ~ box "car" label car -> van  [car-0]
    ~ box "car" confidence none -> 0.25  [car-0]
    + box "car" meta.by: {"who":"Ada"}  [car-0]
    ~ meta.place: "Köln" -> "Bonn"
~ b
    - box "bus"  [bus-1]
    + polygon "tram"  [new]
- c
+ d
    + label "car"  [x]
1 frame added, 1 removed, 2 changed; schema changed and metadata changed.
"""


def test_a_diff_is_read_line_by_line(run: Run, versions: tuple[str, str]) -> None:
    """Each line says of what it speaks, and what it was and is; frames come by their ids."""
    assert run("diff", *versions).out == LINES
    assert run("diff", versions[0], versions[0]).lines == ["0 frames added, 0 removed, 0 changed."]


def test_a_limit_cuts_the_frames_and_not_the_counts(run: Run, versions: tuple[str, str]) -> None:
    """What is left out is counted."""
    lines = run("diff", *versions, "--limit", 1).lines

    assert [line for line in lines if line[0] in "+-~" and "." not in line] == ["~ a"]
    assert lines[-2:] == ["... and 3 more frames; --limit shows more.", LINES.splitlines()[-1]]
    assert run("diff", *versions, "--limit", 4).out == LINES


def test_counts_have_a_table_of_labels(run: Run, versions: tuple[str, str]) -> None:
    """--stat counts frames, annotations and labels, with --json as numbers."""
    lines = run("diff", *versions, "--stat").lines
    rows = {cells[0]: cells[1:] for line in lines[5:] if len(cells := line.split()) == 4}

    assert lines[:4] == [
        "1 frame added, 1 removed, 2 changed; schema changed and metadata changed.",
        "2 annotations added, 1 removed, 1 changed (1 moved, 1 relabelled, 1 in confidence, 1 in metadata).",
        "Changed: metadata of 1 frame.",
        "",
    ]
    assert rows == {
        "bus": ["0", "1", "-1"],
        "car": ["1", "1", "+0"],
        "tram": ["1", "0", "+1"],
        "van": ["1", "0", "+1"],
    }
    found = run("diff", *versions, "--stat", "--json").json
    assert "frames" not in found
    assert found["summary"]["labels"]["bus"] == {"added": 0, "removed": 1}
    assert found["summary"]["moved"] == 1


def test_json_holds_everything(run: Run, versions: tuple[str, str], opened: Repository) -> None:
    """One document: both commits, the version's changes, each frame's, and the counts."""
    found = run("diff", *versions, "--json").json

    assert found.keys() == {"before", "after", "version", "frames", "summary"}
    assert found["before"] == {"name": versions[0], "commit": opened.version(versions[0]).commit}
    assert found["version"] == [
        {"path": ["schema", "labels", "car", "color"], "before": "#ff0000", "after": "#00ff00"},
        {"path": ["schema", "labels", "van"], "after": {}},
        {"path": ["version", "metadata", "reviewed"], "after": True},
    ]
    a, b, c, d = found["frames"]
    assert [frame["id"] for frame in found["frames"]] == ["a", "b", "c", "d"]
    assert [frame["status"] for frame in found["frames"]] == ["changed", "changed", "removed", "added"]
    assert a["annotations"]["changed"] == [
        {
            "id": "car-0",
            "geometry": {
                "kind_before": "box",
                "kind_after": "box",
                "distance": 5.0,
                "iou": pytest.approx(7 / 93),
                "before": {"@": "box", "x": 1.5, "y": 2.0, "w": 10.0, "h": 5.0},
                "after": {"@": "box", "x": 4.5, "y": 6.0, "w": 10.0, "h": 5.0},
            },
            "labels": {"before": ["car"], "after": ["van"]},
            "confidence": {"before": None, "after": 0.25},
            "metadata": [{"path": ["by"], "after": {"who": "Ada"}}],
        }
    ]
    assert a["values"] == [{"path": ["metadata", "place"], "before": "Köln", "after": "Bonn"}]
    assert a["fields"] == ["metadata"]
    assert [one["id"] for one in b["annotations"]["removed"]] == ["bus-1"]
    assert b["annotations"]["added"][0]["geometry"]["rings"] == [[0.0, 0.0, 9.0, 0.0, 9.0, 9.0]]
    assert (c["frame"]["id"], d["frame"]["annotations"][0]["labels"]) == ("c", ["car"])
    assert found["summary"]["frames_changed"] == 2
    assert run("diff", *versions, "--json", "--limit", 0).json["frames"] == []


def test_frames_are_chosen_by_id_or_query(run: Run, versions: tuple[str, str]) -> None:
    """A query is met before or after; an id that neither side has is refused, and so is a query that is none."""

    def frames(*words: object) -> list[str]:
        return [frame["id"] for frame in run("diff", *versions, "--json", *words).json["frames"]]

    assert frames("--query", "label:bus") == ["b"]
    assert frames("--query", "label:van") == ["a"]
    assert frames("--query", "meta.place:Bonn OR id:c") == ["a", "c"]
    assert frames("--frame", "d", "--frame", "c") == ["c", "d"]
    assert frames("--frame", "d", "--query", "label:bus") == []
    wrong = run("diff", *versions, "--json", "--frame", "zebra", code=3)
    assert (wrong.out, "no frame 'zebra' on either side" in wrong.err) == ("", True)
    run("diff", *versions, "--query", "label:(", code=2)
    assert run("diff", versions[0], versions[0], "--frame", "a").lines[0].startswith("0 frames")
    assert "schema" not in run("diff", *versions, "--frame", "a").out


def test_one_state_alone_is_compared_with_what_it_was_made_from(
    run: Run, versions: tuple[str, str], opened: Repository
) -> None:
    """A draft with its parent version; a version without parent with its empty beginning."""
    assert run("diff", versions[1]).out == LINES
    assert opened.diff(versions[1]) == opened.diff(*versions)
    first = run("diff", versions[0], "--json").json

    assert first["before"]["name"].startswith("street/v1@")
    assert [(frame["id"], frame["status"]) for frame in first["frames"]] == [
        ("a", "added"),
        ("b", "added"),
        ("c", "added"),
    ]


def test_commits_can_be_compared(run: Run, versions: tuple[str, str], opened: Repository) -> None:
    """A commit is named alone or behind its version, in full or by its first digits."""
    look, *_ = [commit.id for commit in opened.version(versions[1]).log() if commit.message == "Look again"]

    for name in (f"{versions[1]}@{look}", f"{versions[1]}@{look[:8]}", look, look[:9]):
        assert run("diff", versions[0], name).lines[-1] == "0 frames added, 0 removed, 2 changed."
    assert run("diff", look).lines[-1] == "0 frames added, 0 removed, 2 changed."
    assert "no commit" in run("diff", f"{versions[0]}@{look}", code=3).err
    catalog = opened._core.catalog().commit
    assert "no commit of a version" in run("diff", catalog, code=3).err


def test_a_text_is_coloured_on_a_terminal_only(street: Path, versions: tuple[str, str]) -> None:
    """What is piped is plain; a terminal gets colours by the sign, and no foreign control characters."""
    command = [sys.executable, "-m", "hdstore", "-C", str(street), "diff", *versions]
    plain = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    leader, follower = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color"}
    for name in ("NO_COLOR", "FORCE_COLOR"):
        environment.pop(name, None)
    subprocess.run(command, stdout=follower, stderr=subprocess.PIPE, env=environment, check=True)
    os.close(follower)
    shown = os.read(leader, 1 << 16).decode()
    os.close(leader)

    assert plain == LINES
    assert "\x1b[32m" in shown
    assert "\x1b[31m" in shown
    assert "label car -> van" in shown


def test_hostile_texts_do_not_steer_the_terminal(run: Run, opened: Repository) -> None:
    """Control and direction characters of labels, ids, keys and values are spelt out."""
    draft = opened.version("street/Current")
    evil = "\x1b[2J\u202eevil"
    draft.apply(
        AddAnnotation(frame_id="a", annotation=Annotation(id="\x9bid", labels=(evil,), object_id=evil)),
        SetFrameMetadata(frame_id="a", set={evil: evil}),
    )
    out = run("diff", "street/Current", "--frame", "a").out

    assert not any(character in out for character in "\x1b\x9b\u202e")
    assert "\\x1b[2J" in out


def test_a_report_is_written_whole(run: Run, versions: tuple[str, str], tmp_path: Path) -> None:
    """--html writes one file, in place of an older one, and says what is left out."""
    target = tmp_path / "report.html"
    target.write_text("old")
    said = run("diff", *versions, "--html", target, "--limit", 2).lines
    page = target.read_text(encoding="utf-8")

    assert said == [f"Wrote 2 frames to {target}; 2 more are not in it, --limit takes more."]
    assert page.count("<article") == 2
    assert "2 more frames changed and not in this report." in page
    assert [path.name for path in tmp_path.iterdir() if "report" in path.name] == ["report.html"]
    run("diff", *versions, "--html", target, "--json", code=2)
    assert "at most 2,000" in run("diff", *versions, "--html", target, "--limit", 2001, code=2).err
    assert target.read_text(encoding="utf-8") == page


def test_json_is_printed_as_programs_of_any_encoding_read_it(street: Path, versions: tuple[str, str]) -> None:
    """Where the output is ASCII, letters are escaped."""
    command = [sys.executable, "-m", "hdstore", "-C", str(street), "diff", *versions, "--json"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(command, capture_output=True, env=environment, check=True)

    assert json.loads(done.stdout.decode("ascii"))["frames"][0]["values"][0]["before"] == "Köln"


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (Annotation(id="x", labels=("a",), geometry=Box(x=1, y=1, w=8, h=8)), "reshaped, IoU 0.64"),
        (Annotation(id="x", labels=("a",), geometry=Box(x=10, y=10, w=-10, h=-10)), "drawn anew, IoU 1.00"),
        (
            Annotation(id="x", labels=("a",), geometry=Box(x=1e6, y=0, w=10, h=10)),
            "moved 1,000,000 px, IoU 0.00",
        ),
        (
            Annotation(id="x", labels=("a",), geometry=Box(x=0.01, y=0, w=10, h=10)),
            "moved less than 0.1 px, IoU 0.99",
        ),
        (
            Annotation(id="x", labels=("a",), geometry=Ellipse(cx=5, cy=5, rx=5, ry=5)),
            "geometry box -> ellipse, IoU 0.78",
        ),
        (Annotation(id="x", labels=("a",)), "geometry box -> none"),
        (
            Annotation(id="x", labels=("a", "b"), geometry=Box(x=0, y=0, w=10, h=10), object_id="7"),
            'label a -> a, b\nobject id none -> "7"',
        ),
    ],
)
def test_what_changed_is_said_in_words(run: Run, opened: Repository, after: Annotation, said: str) -> None:
    """One line for each thing that changed of an annotation."""
    before = Annotation(id="x", labels=("a",), geometry=Box(x=0, y=0, w=10, h=10))
    draft = opened.version("street/Current")
    draft.apply(AddAnnotation(frame_id="c", annotation=before))
    _, child = draft.snapshot(name="v1")
    child.apply(ReplaceAnnotation(frame_id="c", annotation=after))

    expected = [f'    ~ box "a" {text}  [x]' for text in said.splitlines()]
    assert run("diff", child.path).lines[1:-1] == expected
