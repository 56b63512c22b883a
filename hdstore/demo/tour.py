"""The steps of the tour, each done with the library and shown with the command that does the same."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from itertools import islice

from hdstore.codec.plain import mask_labels_from_builtins
from hdstore.demo.resources import copy_sample
from hdstore.demo.screen import Screen
from hdstore.demo.together import COLLEAGUE, Together
from hdstore.errors import DamagedError
from hdstore.model import (
    ALL_MASKS,
    Annotation,
    Frame,
    FrameEdit,
    Iteration,
    Mask,
    Order,
    PutFrame,
    RemoveAnnotation,
    ReplaceAnnotation,
    RoiRule,
    View,
    ViewQuery,
    replace,
)
from hdstore.repository import Dataset, DatasetVersion, Repository, clone

__all__ = ["Tour", "is_demo"]

DATASET = "breakfast"
MADE_BY = {"made_by": "hdstore demo"}
"""Metadata of the dataset, by which a later run knows its own."""

SAMPLE = "sample"
BACKUP = "backup"
CLONE = "colleague"

_IMPORTED = "imported"
_CORRECTED = "corrected"
_VIEW = "donuts"
_MASKED = "cafe-05"
_DOUBTFUL = "rois:(label:donut AND confidence:<0.5)"
_SURE = "rois:(label:donut AND confidence:>=0.75)"
_BAKERY = "meta.place:bakery AND meta.blurred:false AND NOT rois.label:donut"

_COLOURS = {"donut": "#ff6fa3", "waffle": "#ffb938", "coffee": "#2fb8ac", "plate": "#7aa2f7"}
_MASK_LABELS = {
    ALL_MASKS: [
        {"value": [number], "labels": [label], "color": color}
        for number, (label, color) in enumerate(_COLOURS.items(), start=1)
    ]
}


class Tour:
    """Walks through a repository in a folder that is empty but for the repository."""

    def __init__(self, repository: Repository, screen: Screen) -> None:
        self._repository = repository
        self._screen = screen
        self._folder = repository.folder

    def walk(self) -> None:
        """Does and shows all steps."""
        dataset = self._import()
        self._describe(dataset)
        self._look(dataset)
        self._snapshot(dataset)
        draft = self._branch(dataset)
        found = self._find(draft)
        self._correct(draft, found)
        self._compare(dataset, draft)
        self._ask(draft)
        self._publish(draft)
        self._view(draft)
        self._push()
        self._clone()
        Together(self._repository, self._screen, self._folder / CLONE, dataset.current().path).walk()
        self._check()

    def _import(self) -> Dataset:
        copy_sample(self._folder / SAMPLE)
        self._screen.step(
            "Import pictures and labels",
            "A COCO file goes into a draft. The pictures are kept: each by the hash of its bytes, once.",
            f"hdstore dataset create {DATASET} --tag demo",
            f"hdstore import coco {SAMPLE}/annotations.json --images {SAMPLE}/images --media store"
            f" --to {DATASET}",
        )
        dataset = self._repository.create_dataset(
            DATASET,
            description="Donuts, waffles and coffee, drawn by a script",
            tags=("demo",),
            metadata=dict(MADE_BY),
        )
        report = self._repository.import_files(
            "coco",
            self._folder / SAMPLE / "annotations.json",
            images=self._folder / SAMPLE / "images",
            to=DATASET,
            media="store",
        )
        kept = sum(1 for _ in self._repository.media.hashes())
        self._screen.result(
            f"{report.changes.added} frames with {report.annotations} annotations; {kept} pictures kept"
        )
        return dataset

    def _describe(self, dataset: Dataset) -> None:
        self._screen.step(
            "Say what labels and masks mean",
            "Labels get colours, and one picture a mask, whose pixel values carry labels.",
            _command("version", "mask-labels", f"{DATASET}/Current", "--set", json.dumps(_MASK_LABELS)),
            f"hdstore frame edit {DATASET}/Current {_MASKED}.jpg",
        )
        draft = dataset.current()
        schema = draft.schema()
        coloured = (replace(label, color=_COLOURS[label.name]) for label in schema.labels)
        draft.set_schema(replace(schema, labels=tuple(coloured)))
        draft.set_mask_labels(mask_labels_from_builtins(_MASK_LABELS))
        draft.apply(
            PutFrame(frame=self._with_mask(draft.frame(f"{_MASKED}.jpg"))),
            message=f"Add a mask to {_MASKED}",
        )
        self._screen.result(f"{len(_COLOURS)} mask labels; {_MASKED}.jpg has a mask")

    def _with_mask(self, frame: Frame) -> Frame:
        folder = self._folder / SAMPLE / "masks"
        linker = self._repository.media.linker(policy="store", base=folder)
        medium = linker.source(folder / f"{_MASKED}.png")
        mask = Mask(
            id="food",
            uri=medium.uri,
            hash=medium.hash,
            size=medium.size,
            width=medium.width,
            height=medium.height,
            content_type=medium.content_type,
        )
        return replace(frame, sources=(replace(frame.sources[0], masks=(mask,)),))

    def _look(self, dataset: Dataset) -> None:
        self._screen.step(
            "Look at what there is",
            "Counts are kept up with every save, so they cost nothing at a million frames.",
            f"hdstore version stats {DATASET}/Current",
        )
        stats = dataset.current().stats()
        self._screen.bars(
            (name, count.annotations)
            for name, count in sorted(stats.labels.items(), key=lambda pair: -pair[1].annotations)
        )
        self._screen.result(f"{stats.annotated} of {stats.frames} frames are annotated")

    def _snapshot(self, dataset: Dataset) -> None:
        self._screen.step(
            "Take a snapshot",
            "What was imported is published and never changes again; work goes on in a new draft.",
            f"hdstore version snapshot {DATASET} --name {_IMPORTED}",
        )
        published, child = dataset.current().snapshot(name=_IMPORTED)
        self._screen.result(f"{published.path} is published as {published.id}; {child.path} goes on")

    def _branch(self, dataset: Dataset) -> DatasetVersion:
        self._screen.step(
            "Try something on a branch",
            "A child version begins with all frames of its parent and costs next to nothing.",
            f"hdstore version create {DATASET}/{_CORRECTED} --parent {_IMPORTED}",
        )
        draft = dataset.create_version(
            _CORRECTED, parents=[_IMPORTED], description="Mistakes of the model mended"
        )
        self._screen.result(f"{draft.path} begins with {len(draft)} frames")
        return draft

    def _find(self, draft: DatasetVersion) -> list[Frame]:
        self._screen.step(
            "Find what the model was unsure of",
            "Queries are Lucene. In rois:( ) all conditions hold for the same annotation.",
            _command("query", draft.path, _DOUBTFUL, "--ids"),
        )
        found = sorted(draft.query(_DOUBTFUL), key=lambda frame: frame.id)
        self._screen.rows(
            (frame.id, f"donut {annotation.confidence:.2f}")
            for frame in found
            for annotation in _doubtful(frame)
        )
        self._screen.result(f"{len(found)} frames to look at")
        return found

    def _correct(self, draft: DatasetVersion, found: list[Frame]) -> None:
        self._screen.step(
            "Correct the labels",
            "A few edits, one save, one commit. In the app each would be a click, and can be undone.",
            *(f"hdstore frame edit {draft.path} {frame.id}" for frame in found),
        )
        corrections = json.loads((self._folder / SAMPLE / "corrections.json").read_text(encoding="utf-8"))
        edits = [edit for frame in found for edit in _edits(frame, corrections)]
        changes = draft.apply(*edits, message="Correct what the model got wrong")
        removed = sum(isinstance(edit, RemoveAnnotation) for edit in edits)
        self._screen.result(
            f"{changes.updated} frames changed: {len(edits) - removed} labels corrected,"
            f" {removed} boxes removed"
        )

    def _compare(self, dataset: Dataset, draft: DatasetVersion) -> None:
        before = dataset.version(_IMPORTED)
        self._screen.step(
            "See what changed",
            "Two versions are compared annotation by annotation; what is equal is skipped unread.",
            f"hdstore diff {before.path} {draft.path}",
            f"hdstore log {draft.path}",
        )
        diff = before.diff(draft)
        self._screen.rows(
            (
                change.id,
                f"{len(change.annotations_changed)} changed, {len(change.annotations_removed)} removed",
            )
            for change in diff.changed
        )
        saves = sum(1 for _ in draft.log())
        self._screen.result(f"{len(diff.changed)} frames differ; the history has {saves} commits")

    def _ask(self, draft: DatasetVersion) -> None:
        self._screen.step(
            "Ask for what you train on",
            "Labels, confidences, metadata and their combinations.",
            _command("query", draft.path, _SURE, "--count"),
            _command("query", draft.path, _BAKERY, "--count"),
        )
        self._screen.rows(
            (f"{draft.count(query)} frames", meaning)
            for query, meaning in (
                (_SURE, "with a donut of confidence 0.75 and more"),
                (_BAKERY, "from the bakery, sharp, without a donut"),
            )
        )

    def _publish(self, draft: DatasetVersion) -> None:
        self._screen.step(
            "Publish",
            "Whoever names this version gets the same frames for ever.",
            _command("version", "publish", draft.path, "-m", "Labels checked"),
        )
        draft.publish(comment="Labels checked")
        self._screen.result(f"{draft.path} is {draft.status} at {draft.commit[:12]}")

    def _view(self, version: DatasetVersion) -> None:
        self._screen.step(
            "Say what a model trains on",
            "A view names frames by queries, gives labels their numbers and has an order. Published, it is the same for"
            " ever.",
            _command(
                *(
                    "view",
                    "create",
                    _VIEW,
                    "--from",
                    version.path,
                    "--roi",
                    "donut",
                    "--labels",
                    "donut=1,waffle=2",
                ),
                *("--order", "random", "--publish"),
            ),
            _command("view", "run", _VIEW, "--limit", "3"),
        )
        wanted = View(
            queries=(
                ViewQuery(
                    dataset=DATASET,
                    version=version.name,
                    rois=(RoiRule(query="donut"),),
                ),
            ),
            enumeration={"donut": 1, "waffle": 2},
            iteration=Iteration(order=Order.RANDOM),
        )
        self._repository.create_view(_VIEW, wanted).publish()
        view = self._repository.data_view(_VIEW)
        items = view.items()
        self._screen.rows(
            (
                item.frame.id,
                f"{sum(n >= 0 for n in item.numbers)} of {len(item.numbers)} annotations have a number",
            )
            for item in islice(items, 3)
        )
        self._screen.result(f"{len(view)} frames come, in the same order on every machine")

    def _push(self) -> None:
        self._screen.step(
            "Push to another place",
            "A USB stick, a network drive: versions, history and kept pictures go there.",
            f"hdstore remote add origin {BACKUP}",
            "hdstore push",
        )
        self._repository.add_remote("origin", str(self._folder / BACKUP))
        report = self._repository.push()
        self._screen.result(
            f"{len(report.moved)} refs and {report.media} pictures and masks"
            f" ({report.media_bytes / 1e6:.1f} MB) are in {BACKUP}"
        )

    def _clone(self) -> None:
        self._screen.step(
            "Clone it somewhere else",
            "Your colleague gets everything and can work on without a network. Without --media, pictures come when they"
            " are first looked at.",
            f"hdstore clone {BACKUP} {CLONE} --media all",
        )
        with clone(self._folder / BACKUP, self._folder / CLONE, media="all", author=COLLEAGUE) as other:
            versions = other.dataset(DATASET).versions()
            self._screen.rows(
                (version.path, str(version.status), f"{len(version)} frames") for version in versions
            )
        self._screen.result(f"{self._folder / CLONE} has {len(versions)} versions")

    def _check(self) -> None:
        self._screen.step(
            "Check everything",
            "Every object, every frame and every picture is read and compared with its hash.",
            "hdstore fsck",
        )
        findings = self._repository.fsck()
        if findings:
            raise DamagedError(f"The demo's repository is damaged: {findings[0]}.")
        self._screen.result("nothing is damaged")


def _command(*words: str) -> str:
    return shlex.join(("hdstore", *words))


def _doubtful(frame: Frame) -> Iterator[Annotation]:
    """Returns the annotations that the query for doubtful ones matched."""
    for annotation in frame.annotations:
        confidence = annotation.confidence
        if "donut" in annotation.labels and confidence is not None and confidence < 0.5:
            yield annotation


def _edits(frame: Frame, corrections: dict[str, str | None]) -> Iterator[FrameEdit]:
    """Returns what mends a frame: the right label for an annotation, or its removal."""
    label = corrections[frame.id]
    for annotation in _doubtful(frame):
        if label is None:
            yield RemoveAnnotation(frame_id=frame.id, annotation_id=annotation.id)
        else:
            corrected = replace(annotation, labels=(label,), confidence=None)
            yield ReplaceAnnotation(frame_id=frame.id, annotation=corrected)


def is_demo(repository: Repository) -> bool:
    """Says whether a repository was made by the tour."""
    return any(MADE_BY.items() <= dataset.metadata.items() for dataset in repository.datasets())
