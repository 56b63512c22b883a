"""Views bound to a repository: what they give, what they go on giving, and where scripts get them."""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

import hdstore
from hdstore import Annotation, Box, DatasetVersion, DataView, Mask, Preview, Repository, SingleFrame, Source
from hdstore.codec import view_to_json
from hdstore.errors import (
    CancelledError,
    InvalidValueError,
    NotFoundError,
    QuerySyntaxError,
)
from hdstore.model import (
    Augmentation,
    Clip,
    Iteration,
    MappingRule,
    Order,
    Output,
    RoiRule,
    View,
    ViewQuery,
)

ALL = ViewQuery(dataset="plates", version="Current")


def clips(count: int = 60) -> list[SingleFrame]:
    """Returns frames of three contexts; every third one is a cat, with a dog beside it in every sixth."""
    return [
        SingleFrame(
            id=f"f{number:02}",
            context_id=f"clip{number % 3}",
            timestamp=number * 40,
            metadata={"speed": number},
            annotations=tuple(
                Annotation(id=label, labels=(label, "animal"), geometry=Box(x=0, y=0, w=1, h=1))
                for label, every in (("cat", 3), ("dog", 6))
                if number % every == 0
            ),
        )
        for number in range(count)
    ]


@pytest.fixture
def version(repository: Repository) -> DatasetVersion:
    """A draft of sixty frames."""
    made = repository.create_dataset("plates").current()
    made.add_frames(clips())
    return made


def view(**fields: object) -> View:
    return View(**({"queries": (ALL,)} | fields))  # type: ignore[arg-type]


def random(**fields: object) -> View:
    return view(iteration=Iteration(order=Order.RANDOM, **fields))  # type: ignore[arg-type]


def test_frames_come_by_context_and_time(repository: Repository, version: DatasetVersion) -> None:
    """Sequential is the default (row 114), the same at each pass over the object, and lazily found."""
    data = repository.data_view(view())

    ids = [frame.id for frame in data.frames()]
    assert ids == [frame.id for frame in sorted(clips(), key=lambda f: (f.context_id, f.timestamp))]
    assert [item.frame for item in data] == [version.frame(id) for id in ids]
    assert list(data.ids()) == ids
    assert (len(data), data.epoch_length) == (60, 60)
    assert {(item.dataset, item.version, item.query) for item in data} == {("plates", "Current", 0)}


# Written down once; a stored view or a run in the field has this order.
GOLDEN = ["f27", "f47", "f20", "f46", "f29", "f43", "f03", "f45", "f54", "f51", "f19", "f24"]


def test_a_random_order_is_the_same_for_ever(repository: Repository, version: DatasetVersion) -> None:
    """For a seed, or for the default one; another seed gives another order (row 115)."""
    data = repository.data_view(random())

    assert list(data.ids())[:12] == GOLDEN
    assert list(data.ids()) == list(repository.data_view(random(seed=1337)).ids())
    assert list(data.ids()) != list(repository.data_view(random(seed=1)).ids())
    assert sorted(data.ids()) == sorted(version.frame_ids())


def test_another_process_gives_the_same_items(repository: Repository, version: DatasetVersion) -> None:
    """Also one that got the view pickled, whatever was saved meanwhile."""
    data = repository.data_view(random(infinite=True, limit=150))
    expected = list(data.ids())
    packed = pickle.dumps(data)
    version.delete_frames(["f01", "f02"])

    code = "import pickle, sys; data = pickle.load(sys.stdin.buffer); print(*data.ids()); print(data.content_hash)"
    done = subprocess.run([sys.executable, "-c", code], input=packed, capture_output=True, check=True)
    ids, content_hash = done.stdout.decode().splitlines()
    assert ids.split() == expected
    assert content_hash == data.content_hash


def test_a_pinned_view_gives_the_same_for_ever(
    repository: Repository, version: DatasetVersion, tmp_path: Path
) -> None:
    """After edits, garbage collection, without an index, and in a clone, where its frames lie in other packs."""
    pinned = repository.data_view(random(epoch=True)).pinned()
    stored = repository.create_view("night", pinned.value)
    stored.publish()
    expected = pinned.to_list()

    version.add_frames(SingleFrame(id=f"g{number}") for number in range(40))
    version.delete_frames([f"f{number:02}" for number in range(0, 60, 2)])
    repository.gc(grace=0)
    for path in sorted((repository.hds / "hdstore" / "index").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    repository.close()
    with hdstore.open(repository.folder) as again:
        assert again.data_view("night").to_list() == expected
        assert len(again.data_view(view())) == 70
    with hdstore.clone(repository.folder, tmp_path / "clone") as cloned:
        assert cloned.data_view(stored.id).to_list() == expected


def test_one_object_is_consistent(repository: Repository, version: DatasetVersion) -> None:
    """A draft that moves on is read as it was when something was first asked; a new object reads it anew."""
    data = repository.data_view(view())
    before = data.resolved.pins
    version.delete_frames(["f00"])

    assert len(data) == 60
    assert data.pinned().value.pins == before
    assert data.item(0).frame.id == "f00"
    assert not data.value.pins
    assert data.pinned().content_hash != data.content_hash
    assert len(repository.data_view(data)) == 59
    assert len(repository.data_view(data.pinned())) == 60


def test_counts_are_those_of_queries_and_rules(repository: Repository, version: DatasetVersion) -> None:
    """A frame counts for the first query that finds it; each rule is asked by itself (row 122)."""
    cat = ViewQuery(
        dataset="plates", version="Current", rois=(RoiRule(labels=("cat",)), RoiRule(labels=("dog",)))
    )
    data = repository.data_view(view(queries=(cat, ALL, cat), iteration=Iteration(epoch=True)))

    counts = data.counts()
    # Sixty frames; with three equal shares the widest query needs 180 draws to give each of its own.
    assert (counts.frames.number, counts.epoch.number) == (60, 180)
    assert [query.found.number for query in counts.queries] == [10, 60, 10]
    assert [query.own.number for query in counts.queries] == [10, 50, 0]
    assert [rule.number for rule in counts.queries[0].rules] == [20, 10]
    assert counts.frames.exact
    assert len(data) == 180
    assert Counter(item.query for item in data) == {0: 60, 1: 60, 2: 60}
    assert {item.frame.id for item in data} == set(version.frame_ids())


def test_a_view_without_an_end_has_no_length(repository: Repository, version: DatasetVersion) -> None:
    """Unless it has a limit (rows 116, 123)."""
    endless = repository.data_view(random(infinite=True))
    for ask in (len, list, DataView.to_list):
        with pytest.raises(InvalidValueError, match="infinite"):
            ask(endless)
    assert endless.epoch_length == 60
    assert len(list(islice(endless, 200))) == 200
    assert len(repository.data_view(random(infinite=True, limit=70)).to_list()) == 70
    assert len(repository.data_view(random(limit=70)).to_list()) == 60
    assert (
        repository.data_view(
            view(queries=(ViewQuery(dataset="plates", version="Current", frame="car"),))
        ).to_list()
        == []
    )


def test_workers_share_a_limit(repository: Repository, version: DatasetVersion) -> None:
    """Each gets every n-th item; together they get what one would (row 121)."""
    data = repository.data_view(random(infinite=True, limit=100))
    parts = [list(data.items(0, worker, 7)) for worker in range(7)]

    assert sorted((item for part in parts for item in part), key=lambda item: item.position) == data.to_list()
    assert [len(part) for part in parts] == [15, 15, 14, 14, 14, 14, 14]
    after = parts[3][4].position + 1
    assert list(data.items(after, 3, 7)) == parts[3][5:]


def test_items_say_labels_numbers_and_augmentation(repository: Repository, version: DatasetVersion) -> None:
    """Labels are mapped after queries were asked, then numbered; nothing else changes (rows 102-105)."""
    augmentation = Augmentation(crop_around_rois=True)
    cats = ViewQuery(dataset="plates", version="Current", rois=(RoiRule(labels=("cat",)),))
    data = repository.data_view(
        view(
            queries=(cats,),
            augmentation=augmentation,
            enumeration={"pet": 4},
            mapping=(MappingRule(labels=("cat",), to="pet"),),
            output=Output.MATCHING,
            projection=("annotations.*.labels",),
        )
    )
    assert len(data) == 20
    for item in data:
        assert item.frame == SingleFrame(
            id=item.frame.id, annotations=(Annotation(labels=("pet", "animal")),)
        )
        assert item.numbers == (4,)
        assert item.augmentation == augmentation


def test_clips_hold_items(repository: Repository, version: DatasetVersion) -> None:
    """Frames of one context, 120 ms apart, in fours."""
    data = repository.data_view(view(iteration=Iteration(clip=Clip(length=4, gap=120))))

    assert len(data) == 15
    assert [frame.id for frame in data.frames()] == list(data.ids())
    for item in data:
        assert len({part.frame.context_id for part in item.clip}) == 1
        assert len(item.clip) == 4


def test_slips_of_the_pen_are_found(
    repository: Repository, version: DatasetVersion, caplog: pytest.LogCaptureFixture
) -> None:
    """Wrong lines before anything is looked for; fields that no frame has with a warning."""
    wrong = repository.data_view(
        view(queries=(ViewQuery(dataset="plates", version="Current", frame="a AND ("),))
    )
    with pytest.raises(QuerySyntaxError, match="frame"):
        len(wrong)
    with caplog.at_level(logging.WARNING):
        asked = ViewQuery(dataset="plates", version="Current", frame="meta.sped:3")
        assert len(repository.data_view(view(queries=(asked,)))) == 0
    assert "queries[0] of the view: No frame has meta.sped; perhaps meta.speed" in caplog.text
    with pytest.raises(NotFoundError, match="car"):
        len(repository.data_view(view(queries=(ViewQuery(dataset="car", version="Current"),))))


def test_preparing_can_be_cancelled(repository: Repository, version: DatasetVersion) -> None:
    """And done again."""
    data = repository.data_view(view())

    def stop(what: str, done: int, total: int | None) -> None:
        raise CancelledError("Enough.")

    with pytest.raises(CancelledError):
        data.prepare(progress=stop)
    told: list[str] = []
    data.prepare(progress=lambda what, done, total: told.append(what))
    assert told
    assert len(data) == 60


def test_media_are_looked_for_before_they_are_needed(repository: Repository, tmp_path: Path) -> None:
    """What is missing is said and stops nothing (row 127)."""
    kept = repository.media.keep_bytes(b"picture")
    mask, preview = (repository.media.keep_bytes(data) for data in (b"mask", b"preview"))
    frames = [
        SingleFrame(
            id="kept",
            sources=(
                Source(
                    uri=f"media:{kept}",
                    masks=(Mask(uri=f"media:{mask}"),),
                    preview=Preview(uri=f"media:{preview}"),
                ),
            ),
        ),
        SingleFrame(id="again", sources=(Source(uri=f"media:{kept}"),)),
        SingleFrame(id="far", sources=(Source(uri="s3://b/a.jpg"),)),
        SingleFrame(id="forbidden", sources=(Source(uri=f"file://{tmp_path}/a.jpg"),)),
        SingleFrame(id="without"),
    ]
    repository.create_dataset("plates").current().add_frames(frames)
    data = repository.data_view(view())

    report = data.prefetch(workers=2)
    assert (report.found, report.size) == (2, 11)
    assert report.missing.keys() == {"s3://b/a.jpg", f"file://{tmp_path}/a.jpg"}
    assert "allows" in report.missing[f"file://{tmp_path}/a.jpg"]
    assert data.prefetch(masks=False, previews=True).size == 14
    few = repository.data_view(view(iteration=Iteration(limit=1)))
    assert few.item(0).frame.id == "without"
    assert few.prefetch().found == 0


def test_scripts_take_the_view_a_run_is_started_with(
    repository: Repository, version: DatasetVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the name of a stored view or the path of a file, in the repository the environment names."""
    default = view(iteration=Iteration(limit=3))
    repository.create_view("five", view(iteration=Iteration(limit=5)))
    place = tmp_path / "seven.json"
    place.write_text(view_to_json(view(iteration=Iteration(limit=7))))
    monkeypatch.setenv("HDSTORE_REPO", str(repository.folder))

    assert len(DataView.from_environment(default)) == 3
    assert len(DataView.from_environment("five", repository)) == 5
    bound = repository.data_view(default)
    assert DataView.from_environment(bound) is bound
    for value, length in (("five", 5), (str(place), 7), ("", 3)):
        monkeypatch.setenv("HDSTORE_VIEW", value)
        assert len(DataView.from_environment(default)) == length
        assert len(DataView.from_environment(default, repository)) == length
    monkeypatch.setenv("HDSTORE_VIEW", "nine")
    with pytest.raises(NotFoundError, match="nine"):
        DataView.from_environment(default)


def test_now_is_fixed_with_the_commits(repository: Repository, version: DatasetVersion) -> None:
    """What is pinned finds the same frames for ever, also where a query asks for what was before now."""
    asked = ViewQuery(dataset="plates", version="Current", frame="NOT meta.taken:>now")
    data = repository.data_view(view(queries=(asked,)))
    [fixed] = data.pinned().value.queries
    assert "now" not in fixed.frame
    assert fixed.frame.startswith("NOT meta.taken:>20")
    assert repository.data_view(data.pinned()).resolved == data.pinned().value
