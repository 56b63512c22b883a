"""``hdstore status`` says in a few lines what differs from a remote and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.conftest import Run, frame

import hdstore
from hdstore.repository import Repository, open_repository


@pytest.fixture
def other(street: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """Returns a clone of a hub that the repository of the tests has pushed to, with the hub as its origin."""
    folder = tmp_path_factory.mktemp("others")
    run("remote", "add", "origin", folder / "hub")
    run("push")
    with hdstore.clone(folder / "hub", folder / "clone") as made:
        yield made


def test_without_a_remote_it_says_what_to_do(street: Path, run: Run) -> None:
    """Nothing is wrong with a repository of one's own; one that was never seen is said to be so."""
    assert run("status").lines == [
        "There are no remotes; add one with 'hdstore remote add origin URL' to exchange with others."
    ]
    assert run("status", "--json").json == {
        "remote": None,
        "url": "",
        "seen": False,
        "level": False,
        "catalog": {"ahead": 0, "behind": 0},
        "versions": [],
        "conflicts": {},
    }
    assert run("status", "--fetch").lines == run("status").lines
    run("remote", "add", "stick", "hub")
    assert run("status").lines == [
        f"stick ({street / 'hub'}) was not seen yet; 'hdstore fetch stick' asks what it has."
    ]


def test_work_of_both_sides_is_summed_up(street: Path, run: Run, other: Repository) -> None:
    """In the words of git, with frames and annotations; the remote is asked only with --fetch."""
    assert run("status").lines == ["Everything is level with origin, as it was last seen."]
    with open_repository(street) as repository:
        draft = repository.version("street/Current")
        draft.add_frames([frame("a", "bus"), frame("d", "car", "bus")])
        draft.add_frames([frame("e")])
    assert run("status").lines == [
        "Compared with origin, as it was last seen:",
        "  street/Current: 2 saves ahead (3 frames, 4 annotations)",
        "'hdstore push origin' sends what is here.",
    ]
    other.version("street/Current").add_frames([frame("f")])
    other.version("street/Current").describe("Begun")
    other.push()
    assert run("status").lines[-1] == "'hdstore push origin' sends what is here."

    assert run("status", "origin", "--fetch").lines == [
        "Compared with origin, as it was last seen:",
        "  street/Current: 2 saves ahead (3 frames, 4 annotations), 1 save behind (1 frame)",
        "  names, tags and views: 1 change behind",
        "'hdstore pull origin' brings what is there and joins it with what is here.",
    ]
    (version,) = run("status", "--json").json["versions"]
    assert version["path"] == version["path_there"] == "street/Current"
    assert (version["standing"], version["behind"]["saves"]) == ("diverged", 1)
    assert version["ahead"] == {
        "saves": 2,
        "frames": {"added": 2, "changed": 1, "removed": 0},
        "annotations": {"added": 3, "changed": 0, "removed": 1},
    }


def test_what_became_of_a_version_elsewhere_is_said(street: Path, run: Run, other: Repository) -> None:
    """Renamed, published, new, deleted: by the names of both sides; a slash in a name is written as in a path."""
    run("version", "create", "street/next%2Fone")
    run("version", "rename", "street/Current", "now")
    other.dataset("street").create_version("theirs")
    other.version("street/Current").publish()
    other.push()

    assert run("status", "--fetch").lines[1:-2] == [
        "  street/next%2Fone: only here, 1 save ahead",
        "  street/now: published there, called street/Current there",
        "  street/theirs: only there, 1 save behind",
    ]
    run("pull")
    run("push")
    other.pull()
    other.version("street/theirs").delete()
    other.push()
    with open_repository(street) as repository:
        repository.version("street/theirs").add_frames([frame("x")])
    assert run("status", "--fetch").lines[1] == (
        "  street/theirs: deleted there, 1 save (1 frame) which nobody had seen there, so a pull keeps it"
    )


def test_conflicts_are_shown_with_what_resolves_them(street: Path, run: Run, other: Repository) -> None:
    """Also when all is level."""
    with open_repository(street) as repository:
        repository.version("street/Current").add_frames([frame("a", "bus", confidence=0.1)])
        repository.version("street/Current").add_frames([frame("c", "dog")])
    other.version("street/Current").add_frames([frame("a", "bus", confidence=0.2)])
    other.push()
    run("pull")
    run("push")

    assert run("status").lines == [
        "Everything is level with origin, as it was last seen.",
        "street/Current: 1 conflict waits; see 'hdstore conflicts street/Current'.",
    ]
    assert run("status", "--json").json["conflicts"] == {"street/Current": 1}


def test_a_password_in_a_url_is_shown_nowhere(street: Path, run: Run) -> None:
    """Adding, listing and the status name the place without it."""
    added = run("remote", "add", "web", "https://ada:secret@git.example.org/x.git")
    shown = "https://ada@git.example.org/x.git"

    assert added.lines == [f"Added remote web: {shown}"]
    assert run("remote", "list", "--json").json == {"web": shown}
    assert run("status", "--json").json["url"] == shown
    for words in (("remote", "list"), ("status",), ("status", "--json")):
        found = run(*words)
        assert "secret" not in found.out + found.err
