"""Two clones of one hub that each edit 500 frames of 2,000, some of them the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import hdstore
from hdstore import Annotation, Author, Box, Frame, Repository, SingleFrame
from hdstore.model import replace

COUNT = 2000
EDITS = 500

Value = tuple[str, object]
"""What an edit set: the part of the annotation and its new value."""


def make(number: int) -> SingleFrame:
    """Returns frame ``number`` with four boxes."""
    return SingleFrame(
        id=f"f{number:05d}",
        annotations=tuple(
            Annotation(id=f"a{i}", labels=("cat",), geometry=Box(x=i * 10.0, y=1.0, w=5.0, h=5.0))
            for i in range(4)
        ),
    )


def edit(frame: Frame, rng: random.Random, who: str) -> tuple[Frame, tuple[str, str, Value]]:
    """Returns the frame with one thing of one annotation changed, and which, and to what."""
    at = rng.randrange(4)
    what = rng.choice(("geometry", "labels", "metadata"))
    annotation = frame.annotations[at]
    value: object
    if what == "geometry":
        value = Box(x=rng.uniform(0, 100), y=2.0, w=6.0, h=7.0)
    elif what == "labels":
        value = (rng.choice(("dog", "bus", "cup")),)
    else:
        value = {"by": who}
    changed = replace(annotation, **{what: value})
    annotations = (*frame.annotations[:at], changed, *frame.annotations[at + 1 :])
    return replace(frame, annotations=annotations), (frame.id, annotation.id, (what, value))


@pytest.fixture
def clones(tmp_path: Path) -> Iterator[tuple[Repository, Repository]]:
    """Returns two clones of a hub."""
    (tmp_path / "ada").mkdir()
    ada = hdstore.init(tmp_path / "ada", author=Author("Ada", "ada@example.org"))
    ada.create_dataset("d").current().add_frames(map(make, range(COUNT)))
    ada.add_remote("origin", str(tmp_path / "hub"))
    ada.push()
    bob = hdstore.clone(tmp_path / "hub", tmp_path / "bob", author=Author("Bob", "bob@example.org"))
    with ada, bob:
        yield ada, bob


def test_all_edits_arrive_and_every_conflict_is_listed_once(clones: tuple[Repository, Repository]) -> None:
    """Both end with the same hashes; an edit that nobody contradicted is there; the others are conflicts."""
    rng = random.Random(7)
    made: list[dict[tuple[str, str, str], object]] = []
    for who, repository in zip(("ada", "bob"), clones, strict=True):
        draft = repository.dataset("d").current()
        done: dict[tuple[str, str, str], object] = {}
        frames = []
        for number in rng.sample(range(COUNT // 2), EDITS):
            frame, (frame_id, annotation_id, (what, value)) = edit(draft.frame(f"f{number:05d}"), rng, who)
            done[frame_id, annotation_id, what] = value
            frames.append(frame)
        draft.add_frames(frames)
        made.append(done)

    for _ in range(3):
        for repository in clones:
            repository.pull()
            repository.push()
    ada, bob = clones
    assert ada.dataset("d").current().commit == bob.dataset("d").current().commit
    for repository in clones:
        assert repository.fsck() == []

    draft = bob.dataset("d").current()
    contradicted = {place for place in made[0] if place in made[1] and made[0][place] != made[1][place]}
    assert contradicted, "the seed gives no conflict"
    listed = [(c.frame_id, c.path[1], c.path[2]) for c in draft.conflicts()]
    assert sorted(listed) == sorted(contradicted)
    for done in made:
        for place, value in done.items():
            if place not in contradicted:
                annotation = draft.frame(place[0]).annotation(place[1])
                assert getattr(annotation, place[2]) == value
    assert len(draft) == COUNT
    assert draft.stats().annotations == 4 * COUNT
