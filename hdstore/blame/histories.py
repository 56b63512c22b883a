"""The histories of one dataset's frames: what is known is kept, and only later commits are read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import Any

from hdstore.blame.graph import Graph
from hdstore.blame.kept import KeptHistory
from hdstore.blame.line import Line
from hdstore.blame.naming import Namer
from hdstore.blame.parts import Parts
from hdstore.blame.region import Leaves, Region, RegionTooLargeError, bits_of, extend_region, leaf_at
from hdstore.blame.tracing import ADDED, LAST, Credits, Question, is_own, questions, trace
from hdstore.blame.values import AnnotationBlame, FieldBlame, FrameBlame, FrameEvent, Path, RemovedAnnotation
from hdstore.blame.walking import Trees, extend
from hdstore.diff import ABSENT
from hdstore.errors import NotFoundError
from hdstore.ids import frame_key
from hdstore.model import Annotation, Frame, Progress
from hdstore.store import Objects

__all__ = ["Histories"]

_WORTH = 100
"""A part in so many that is new is worth keeping: reading it again takes as long as the rest of an answer."""

_DEAR = 16
"""Values that were looked at for an answer from which on it is kept."""


class Histories:
    """Answers who changed a frame of one dataset, when and how; safe to share between threads.

    ``named`` returns the path of a version by the ids of its dataset and its own. What is found is kept in ``folder``,
    which may be deleted.
    """

    def __init__(
        self,
        objects: Objects,
        folder: FilePath,
        *,
        tmp: FilePath,
        lock: FilePath,
        named: Callable[[str, str], str],
    ) -> None:
        self._objects = objects
        self._kept = KeptHistory(folder, tmp, lock)
        self._named = named
        self._guard = threading.RLock()
        self._graph = Graph.empty()
        self._graph_kept = 0
        self._loaded = False
        self._regions: dict[str, Region] = {}

    def events(
        self, commit: str, frame_id: str, annotation_id: str | None = None, progress: Progress | None = None
    ) -> Iterator[FrameEvent]:
        """Yields the commits up to ``commit`` in which a frame, or one annotation, changed, the latest first.

        A merge is among them only where it made something that none of its parents has, and so not where it joined what
        others did.
        """
        with self._line(commit, frame_id, progress) as line:
            namer = Namer(self._objects, self._named)
            for mark in line.events():
                value, parents = line.value(mark), [line.value(parent) for parent in line.parents(mark)]
                after = _held(value, annotation_id)
                befores = [_held(parent, annotation_id) for parent in parents]
                if annotation_id is not None and any(_same(after, before) for before in befores or [None]):
                    continue
                if len(parents) > 1 and not is_own(value, parents, annotation_id):
                    continue
                credit = namer.credit(line.graph.id_of(mark))
                yield FrameEvent(
                    commit=credit.commit,
                    version=credit.version,
                    frame_id=frame_id,
                    annotation_id=annotation_id,
                    after=None if after is None else after[0],
                    befores=tuple(None if before is None else before[0] for before in befores),
                )

    def blame(
        self, commit: str, frame_id: str, *, removed: bool = False, progress: Progress | None = None
    ) -> FrameBlame:
        """Returns who made a frame what it is at ``commit``; with ``removed`` also who removed annotations.

        Raises:
            NotFoundError: there is no such frame at this commit.
        """
        with self._line(commit, frame_id, progress) as line:
            value = line.value(line.tip)
            if value is None:
                raise NotFoundError(f"There is no frame {frame_id!r} in this version.")
            told = _Told(line, value, self._credits(line, frame_id), Namer(self._objects, self._named))
            return told.frame(_removed(line, value) if removed else {})

    def _credits(self, line: Line, frame_id: str) -> Credits:
        """Returns who is credited with what at a line's tip, from what was found before where that helps."""
        key = frame_key(frame_id)
        graph = line.graph
        known: dict[int, Credits] = {}
        found = self._kept.load_credits(key)
        if found is not None:
            commit, rows = found
            at = graph.position(bytes.fromhex(commit))
            credits = _credits_of(rows, graph)
            value = None if at is None else line.value(line.mark(at))
            if at is not None and value is not None and credits.keys() == _all_of(value):
                if not graph.is_regular and len(graph.others):
                    # Where clocks went wrong, which of two sides of a merge was last depends on what came after.
                    credits = {question: mark for question, mark in credits.items() if question[1] != LAST}
                known[line.mark(at)] = credits
        credits, looked = trace(line, known)
        if looked >= _DEAR:
            rows = [
                [name, [*path], graph.id_of(position).hex()] for (name, path), position in credits.items()
            ]
            self._kept.save_credits(key, graph.id_of(line.tip).hex(), rows)
        return credits

    @contextmanager
    def _line(self, commit: str, frame_id: str, progress: Progress | None) -> Iterator[Line]:
        key, tip = frame_key(frame_id), bytes.fromhex(commit)
        with self._objects.bulk() as reader:
            trees = Trees(reader)
            leaves = Leaves(trees, frame_id)
            with self._guard:
                graph = self._graph_with(trees, tip, progress)
                region = self._region_of(leaves, graph, tip, bits_of(key), progress)
            position = graph.position(tip)
            assert position is not None, "the graph was extended to it"
            yield Line(graph, position, region.changes(key), leaves)

    def _graph_with(self, trees: Trees, tip: bytes, progress: Progress | None) -> Graph:
        """Returns a graph that knows a commit; keeps it where much was new."""
        if self._graph.position(tip) is None and not self._loaded:
            self._loaded = True
            found = self._kept.load_graph()
            if found is not None and len(found) > len(self._graph):
                self._graph, self._graph_kept = found, len(found)
        if self._graph.position(tip) is None:
            self._graph = extend(trees.reader, self._graph, tip, progress)
            if _worth(len(self._graph), self._graph_kept):
                self._keep_graph()
        return self._graph

    def _keep_graph(self) -> bool:
        if len(self._graph) > self._graph_kept and self._kept.save_graph(self._graph):
            self._graph_kept = len(self._graph)
        return len(self._graph) == self._graph_kept

    def _region_of(
        self, leaves: Leaves, graph: Graph, tip: bytes, key: str, progress: Progress | None
    ) -> Region:
        """Returns the changes of the frames that share a leaf now, or of one frame where they were many once."""
        frames = leaves.trees.frames_of_commit(tip)
        bits, _ = leaf_at(leaves.trees, frames, key)
        for wanted in (bits, key):
            region = self._known_region(wanted, graph)
            if region.count == len(graph):
                return region
            try:
                before = region.count
                region = extend_region(leaves, graph, region, neighbours=wanted != key, progress=progress)
            except RegionTooLargeError:
                continue
            self._regions[wanted] = region
            if _worth(region.count, before) and self._keep_graph():
                self._kept.save_region(region, graph)
            return region
        raise AssertionError("the changes of one frame can always be read")

    def _known_region(self, bits: str, graph: Graph) -> Region:
        found = self._regions.get(bits) or self._kept.load_region(bits, graph)
        return found or Region.empty(bits)


def _worth(count: int, kept: int) -> bool:
    return (count - kept) * _WORTH > count


def _held(value: Parts | None, annotation_id: str | None) -> tuple[Frame | Annotation, bytes] | None:
    """Returns a frame, or one annotation of it, with its bytes; None where there is none."""
    whole = None if value is None else value.whole(annotation_id)
    if value is None or whole is None:
        return None
    return (value.frame if annotation_id is None else value.annotations[annotation_id]), whole


def _same(a: tuple[Frame | Annotation, bytes] | None, b: tuple[Frame | Annotation, bytes] | None) -> bool:
    return a is b if a is None or b is None else a[1] == b[1]


def _removed(line: Line, value: Parts) -> dict[str, tuple[Annotation, int]]:
    """Returns the annotations that were there once, as they were last, with the commit that removed each."""
    found: dict[str, tuple[Annotation, int]] = {}
    for mark in line.events():
        parents = [line.value(parent) for parent in line.parents(mark)]
        now = line.value(mark)
        held = [parent.annotations if parent is not None else {} for parent in parents]
        for name, annotation in (held[0] if held else {}).items():
            gone = now is None or not now.holds(name)
            if gone and name not in found and not value.holds(name) and all(name in one for one in held):
                found[name] = annotation, mark
    return found


def _all_of(value: Parts) -> set[Question]:
    return {(name, path) for name, paths in questions(value).items() for path in paths}


def _credits_of(rows: list[Any], graph: Graph) -> Credits:
    """Returns credits as they were kept, but for those that name a commit which is not known."""
    try:
        positions = {commit: graph.position(bytes.fromhex(commit)) for commit in {row[2] for row in rows}}
        found = {(name, tuple(path)): positions[commit] for name, path, commit in rows}
    except (ValueError, TypeError, LookupError):
        return {}
    return {question: at for question, at in found.items() if at is not None}


class _Told:
    """Puts credits into words of the model."""

    def __init__(self, line: Line, value: Parts, credits: Credits, namer: Namer) -> None:
        self._line = line
        self._value = value
        self._credits = credits
        self._namer = namer

    def _by(self, question: Question) -> Any:
        return self._namer.credit(self._line.graph.id_of(self._credits[question]))

    def _fields(self, name: str | None) -> tuple[FieldBlame, ...]:
        return tuple(
            FieldBlame(path=path, value=value, by=self._by((name, path)), befores=self._befores(name, path))
            for path, value in self._value.fields(name).items()
        )

    def _befores(self, name: str | None, path: Path) -> tuple[Any, ...]:
        parents = [self._line.value(parent) for parent in self._line.parents(self._credits[name, path])]
        return tuple(
            ABSENT if parent is None else parent.fields(name).get(path, ABSENT) for parent in parents
        )

    def frame(self, removed: dict[str, tuple[Annotation, int]]) -> FrameBlame:
        """Returns the blame of the frame."""
        return FrameBlame(
            frame=self._value.frame,
            added=self._by((None, ADDED)),
            last=self._by((None, LAST)),
            fields=self._fields(None),
            annotations=tuple(
                AnnotationBlame(
                    annotation=annotation,
                    added=self._by((name, ADDED)),
                    last=self._by((name, LAST)),
                    fields=self._fields(name),
                )
                for name, annotation in self._value.annotations.items()
            ),
            removed=tuple(
                RemovedAnnotation(annotation=annotation, by=self._namer.credit(self._line.graph.id_of(mark)))
                for annotation, mark in removed.values()
            ),
        )
