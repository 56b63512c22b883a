"""The conflicts that wait in a version, and their resolution: each a save of the draft by its author."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal, TypeAlias

from hdstore.errors import InvalidInputError, NotFoundError
from hdstore.merge import (
    conflicts_of,
    kept_side,
    read_conflicts,
    resolve_both,
    resolve_map,
    resolve_schema,
    shown_in_frame,
    shown_in_map,
    shown_in_schema,
    update_conflicts,
)
from hdstore.merge import resolve as resolve_frame
from hdstore.model import Changes, Commit, Conflict, Frame, Schema, VersionDocument, replace
from hdstore.repository.saving import save
from hdstore.repository.sides import Sides
from hdstore.store import Writer
from hdstore.version import Batch, Built, VersionState, commit_info

if TYPE_CHECKING:
    from hdstore.repository.version import DatasetVersion

__all__ = ["Choice", "WaitingConflict", "conflicts", "resolve", "side_commits", "waiting"]

Choice: TypeAlias = Literal["ours", "theirs", "both", "keep"]

_CHOICES = ("ours", "theirs", "both", "keep")


@dataclass(frozen=True, slots=True)
class WaitingConflict:
    """A conflict, which of its sides is ours, and which one the version shows now.

    Both are 0 or 1. ``ours`` is None where that is not known here; ``shown`` where the version holds neither's value,
    because the thing was changed or removed since the merge.
    """

    conflict: Conflict
    ours: int | None
    shown: int | None


def conflicts(version: DatasetVersion, frame_id: str | None = None) -> list[Conflict]:
    """Returns the conflicts that wait to be resolved, sorted by frame and path; all, or those of one frame.

    Those of the version itself, its schema and metadata, have an empty frame id.
    """
    core, state = version._core, version.state()
    found = (
        read_conflicts(core.objects, state)
        if frame_id is None
        else conflicts_of(core.objects, state, frame_id)
    )
    return sorted(found, key=lambda conflict: (conflict.frame_id, conflict.path))


def waiting(version: DatasetVersion, frame_id: str | None = None) -> Iterator[WaitingConflict]:
    """Streams the conflicts of a version, or of one of its frames, in order, each with what is known of its sides."""
    state = version.state()
    sides = Sides(version._core)
    for name, group in groupby(conflicts(version, frame_id), lambda conflict: conflict.frame_id):
        frame = state.find(name) if name else None
        for conflict in group:
            first, second = (side.commit for side in conflict.sides)
            own = sides.known(first, second)
            if name:
                shown = shown_in_frame(frame, conflict)
            elif conflict.path[:1] == ("schema",):
                shown = shown_in_schema(state.schema, conflict)
            else:
                shown = shown_in_map(state.document.metadata, conflict)
            yield WaitingConflict(conflict, None if own is None else (first, second).index(own), shown)


def side_commits(version: DatasetVersion, found: Iterable[Conflict]) -> dict[str, Commit]:
    """Returns the commits that are sides of these conflicts, by id; those that are not here are left out."""
    objects = version._core.objects
    ids = {side.commit for conflict in found for side in conflict.sides}
    return {oid: commit_info(objects, oid) for oid in ids if oid and objects.exists(oid)}


def resolve(
    version: DatasetVersion,
    frame_id: str | None = None,
    *,
    choice: Choice | None = None,
    frame: Frame | None = None,
    side: str | None = None,
    paths: Iterable[Sequence[str]] | None = None,
) -> Changes:
    """Resolves conflicts of one frame ("": of the version itself), or of all where ``frame_id`` is None, as one save.

    Give one of these: ``choice``, where "ours" is what this repository's draft held before the merge, "both" keeps both
    where both can be there, and "keep" accepts what the draft holds now; ``side``, the first digits of the commit whose
    side is taken; ``frame``, the frame as it shall be, made by hand. ``paths`` names conflicts by their paths; the
    others stay.

    Raises:
        NotFoundError: there is no such conflict.
        InvalidInputError: it can not be resolved so, or it is not known which side is ours.
        ReadOnlyError: the version is published.
    """
    if sum(given is not None for given in (choice, frame, side)) != 1:
        raise InvalidInputError(
            "A conflict is resolved by one of: a choice (ours, theirs, both, keep), a side's commit, a frame."
        )
    if choice is not None and choice not in _CHOICES:
        raise InvalidInputError(f"The choices for a conflict are {', '.join(_CHOICES)}; {choice!r} is none.")
    if frame is not None:
        if frame_id not in (None, frame.id):
            raise InvalidInputError(f"The frame made by hand is {frame.id!r}, not {frame_id!r}.")
        frame_id = frame.id
    wanted = None if paths is None else {tuple(path) for path in paths}
    core = version._core
    core.draft_tip(version.dataset.id, version.id)
    with Batch(core.layout.tmp) as batch:
        work = _Resolving(version, batch, frame_id, wanted)

        def build(state: VersionState, writer: Writer) -> Built:
            return work.build(state, writer, choice=choice, frame=frame, side=side)

        what = "the conflicts" if frame_id is None else f"conflicts of {frame_id or 'the version'}"
        how = choice or ("by hand" if frame is not None else f"to {side}")
        return save(core, version.dataset.id, version.id, build, message=f"Resolve {what}: {how}")


class _Resolving:
    """One resolution on the tip that stands when it is saved."""

    def __init__(
        self,
        version: DatasetVersion,
        batch: Batch,
        frame_id: str | None,
        paths: Collection[tuple[str, ...]] | None,
    ) -> None:
        self._version = version
        self._core = version._core
        self._batch = batch
        self._frame_id = frame_id
        self._paths = paths
        self._sides = Sides(self._core)

    def build(
        self,
        state: VersionState,
        writer: Writer,
        *,
        choice: Choice | None,
        frame: Frame | None,
        side: str | None,
    ) -> Built:
        left: dict[str, list[Conflict]] = {}
        document, schema = state.document, state.schema
        for frame_id, chosen, others in self._chosen(state):
            left[frame_id] = others
            if choice == "keep":
                continue
            if not frame_id:
                document, schema = self._version_parts(document, schema, chosen, choice, side)
                continue
            held = state.find(frame_id)
            resolved = frame if frame is not None else self._frame(held, chosen, choice, side)
            if resolved is not None:
                self._batch.put(resolved)
            elif held is not None:
                self._batch.remove(frame_id)
        if not left:
            raise NotFoundError(self._nothing())
        objects = self._core.objects
        return self._batch.build(
            objects,
            writer,
            state,
            document=document,
            schema=schema,
            conflicts=update_conflicts(objects, writer, state.oid("conflicts"), left),
        )

    def _chosen(self, state: VersionState) -> Iterator[tuple[str, list[Conflict], list[Conflict]]]:
        """Streams frame ids with the conflicts that are to be resolved, and those that stay."""
        objects = self._core.objects
        found = (
            read_conflicts(objects, state)
            if self._frame_id is None
            else conflicts_of(objects, state, self._frame_id)
        )
        for frame_id, group in groupby(found, lambda conflict: conflict.frame_id):
            listed = list(group)
            chosen = [c for c in listed if self._paths is None or c.path in self._paths]
            if chosen:
                yield frame_id, chosen, [conflict for conflict in listed if conflict not in chosen]

    def _nothing(self) -> str:
        where = self._version.path
        if self._frame_id is not None:
            where = (
                f"{f'frame {self._frame_id!r}' if self._frame_id else 'the schema and metadata'} of {where}"
            )
        which = "" if self._paths is None else " at " + ", ".join(map("/".join, self._paths))
        return f"There is no conflict{which} in {where}; it may be resolved already."

    def _by_side(
        self, chosen: Iterable[Conflict], choice: Choice | None, side: str | None
    ) -> Iterator[tuple[int, list[Conflict]]]:
        """Returns the conflicts by the number of the side that each is resolved to."""
        numbers: dict[int, list[Conflict]] = {}
        for conflict in chosen:
            number = kept_side(conflict) if choice == "both" else self._number(conflict, choice, side)
            numbers.setdefault(number, []).append(conflict)
        yield from numbers.items()

    def _number(self, conflict: Conflict, choice: Choice | None, side: str | None) -> int:
        return self._sides.number(conflict, choice or "", side)

    def _frame(
        self, frame: Frame | None, chosen: list[Conflict], choice: Choice | None, side: str | None
    ) -> Frame | None:
        if choice == "both":
            return resolve_both(frame, chosen)
        for number, listed in self._by_side(chosen, choice, side):
            frame = resolve_frame(frame, listed, number)
        return frame

    def _version_parts(
        self,
        document: VersionDocument,
        schema: Schema,
        chosen: list[Conflict],
        choice: Choice | None,
        side: str | None,
    ) -> tuple[VersionDocument, Schema]:
        for number, listed in self._by_side(chosen, choice, side):
            in_schema = [conflict for conflict in listed if conflict.path[:1] == ("schema",)]
            in_map = [conflict for conflict in listed if conflict.path[:1] != ("schema",)]
            schema = resolve_schema(schema, in_schema, number)
            document = replace(document, metadata=resolve_map(document.metadata, in_map, number))
        return document, schema
