"""Real data through the whole life of a dataset, counted by other means than ours."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import hdstore
from hdstore import (
    AddAnnotation,
    Annotation,
    Box,
    RemoveAnnotation,
    Repository,
    SetFrameMetadata,
)

SharedData = Callable[[str], Path]


def frozen(value: Any) -> Any:
    """Returns a JSON value in which lists are multisets, but for lists of numbers; 1 is 1.0, as in JSON."""
    if isinstance(value, dict):
        return frozenset((key, frozen(item)) for key, item in value.items())
    if isinstance(value, list):
        if value and all(isinstance(item, int | float) for item in value):
            return tuple(value)
        return frozenset(Counter(map(frozen, value)).items())
    return value


def hashes(repository: Repository) -> dict[str, str]:
    return {v.path: v.commit for dataset in repository.datasets() for v in dataset.versions()}


def test_blood_cells_from_import_to_clone(
    repository: Repository, shared_data: SharedData, tmp_path: Path
) -> None:
    """364 photographs with VOC boxes: what the files say is what every step says."""
    bccd = shared_data("bccd")
    boxes = Counter[str]()
    held: dict[str, Counter[str]] = {}
    for xml in (bccd / "Annotations").glob("*.xml"):
        names = [node.text or "" for node in ElementTree.parse(xml).iterfind("object/name")]
        held[xml.stem] = Counter(names)
        boxes.update(names)
    pictures = {path.stem for path in (bccd / "JPEGImages").glob("*.jpg")}
    repository.roots.add("bccd", bccd)

    report = repository.import_files("voc", bccd, to="blood")
    draft = report.version
    stats = draft.stats()
    assert (stats.frames, stats.annotations) == (len(pictures | held.keys()), boxes.total())
    assert report.annotations == boxes.total()
    assert stats.annotated == sum(1 for names in held.values() if names)
    assert {name: count.annotations for name, count in stats.labels.items()} == dict(boxes)
    assert {name: count.frames for name, count in stats.labels.items()} == dict(
        Counter(name for names in held.values() for name in names)
    )
    found = {f.id.removesuffix(".jpg"): Counter(a.labels[0] for a in f.annotations) for f in draft.frames()}
    assert found == {stem: held.get(stem, Counter()) for stem in pictures | held.keys()}
    assert not repository.import_files("voc", bccd, to="blood").changes

    published, child = draft.snapshot(name="v1")
    crowded = [stem for stem, names in held.items() if names["WBC"] > 1]
    assert {frame.id for frame in child.query("label:WBC")} == {
        f"{s}.jpg" for s, n in held.items() if n["WBC"]
    }
    first, second = (f"{stem}.jpg" for stem in sorted(crowded)[:2])
    gone = child.frame(second).annotations[0].id
    child.apply(
        AddAnnotation(
            frame_id=first, annotation=Annotation(id="new", labels=("WBC",), geometry=Box(x=1, y=2, w=3, h=4))
        ),
        RemoveAnnotation(frame_id=second, annotation_id=gone),
        SetFrameMetadata(frame_id=second, set={"checked": True}),
    )
    diff = published.diff(child)
    assert [change.id for change in diff.changed] == [first, second]
    assert diff.changed[0].annotations_added == ("new",)
    assert (diff.changed[1].annotations_removed, diff.changed[1].fields) == ((gone,), ("metadata",))
    assert (diff.added, diff.removed) == ((), ())
    assert child.stats().annotations == boxes.total()

    hub = tmp_path / "hub"
    repository.add_remote("origin", str(hub))
    repository.push()
    with hdstore.clone(hub, tmp_path / "clone") as clone:
        assert hashes(clone) == hashes(repository)
        there = clone.version("blood/v1")
        assert list(there.frames()) == list(published.frames())
        assert there.stats() == stats
        assert clone.fsck() == []
    repository.export_files("coco", tmp_path / "out.json", source="blood/v1")
    document = json.loads((tmp_path / "out.json").read_text())
    names = {category["id"]: category["name"] for category in document["categories"]}
    assert Counter(names[a["category_id"]] for a in document["annotations"]) == boxes
    assert len(document["images"]) == stats.frames


def test_litter_in_coco_comes_out_as_it_went_in(
    repository: Repository, shared_data: SharedData, tmp_path: Path
) -> None:
    """1,500 images of TACO: polygons to the last digit, through publishing, branching and another repository."""
    path = shared_data("taco") / "annotations.json"
    document = json.loads(path.read_text())
    repository.roots.add("taco", path.parent)
    draft = repository.import_files("coco", path, to="taco").version
    names = {category["id"]: category["name"] for category in document["categories"]}
    labels = Counter(names[a["category_id"]] for a in document["annotations"])

    assert len(draft) == len(document["images"])
    assert draft.stats().annotations == len(document["annotations"])
    assert {name: count.annotations for name, count in draft.stats().labels.items()} == dict(labels)
    assert draft.stats().annotated == len({a["image_id"] for a in document["annotations"]})
    label, count = labels.most_common(1)[0]
    found = list(draft.query(f'label:"{label}"'))
    assert sum(label in a.labels for frame in found for a in frame.annotations) == count

    draft.publish()
    branch = draft.dataset.create_version("branch", parents=[draft])
    ids = sorted(branch.frame_ids())
    branch.delete_frames(ids[:100])
    assert draft.diff(branch).removed == tuple(ids[:100])
    assert branch.stats().annotations == sum(len(frame.annotations) for frame in branch.frames())

    hub = tmp_path / "hub"
    repository.add_remote("origin", hub.as_uri())
    repository.push()
    with hdstore.clone(hub.as_uri(), tmp_path / "clone") as clone:
        assert hashes(clone) == hashes(repository)
        clone.export_files("coco", tmp_path / "out.json", source="taco/Current")
    assert frozen(json.loads((tmp_path / "out.json").read_text())) == frozen(document)
