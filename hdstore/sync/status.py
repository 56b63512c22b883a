"""What differs between a repository and what a remote had when last seen: computed from refs and objects that are here.

Where refs are equal nothing else is read. Where they are not, commits are counted in the histories of both sides,
frames and annotations by what differs between a tip and the latest of the best common ancestors.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from hdstore.codec import same_value
from hdstore.diff import FramePair, iter_differing
from hdstore.ids import NAMED_ID_PATTERN
from hdstore.model import DatasetDocument, Progress, VersionRecord
from hdstore.store import CATALOG_REF, Catalog, Objects
from hdstore.version import VersionState, commit_of

__all__ = ["Counts", "SyncStatus", "VersionStanding", "VersionStatus", "Work", "compare_refs"]

_CATALOG = CATALOG_REF.removeprefix("refs/")
_KEEP = "keep/"
_STEP = 256
"""Frames between two calls of a progress function."""


class VersionStanding(enum.StrEnum):
    """How a version here stands to the same one at a remote."""

    AHEAD = "ahead"
    BEHIND = "behind"
    DIVERGED = "diverged"
    """Both went on."""
    ONLY_HERE = "only here"
    ONLY_THERE = "only there"
    PUBLISHED_HERE = "published here"
    """And a draft there."""
    PUBLISHED_THERE = "published there"
    """And a draft here."""
    PUBLISHED_APART = "published apart"
    """On both sides, with other contents."""
    DELETED_HERE = "deleted here"
    DELETED_THERE = "deleted there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many things were added, changed and removed."""

    added: int = 0
    changed: int = 0
    removed: int = 0

    @property
    def total(self) -> int:
        """All of them together."""
        return self.added + self.changed + self.removed


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one side has and the other lacks: saves (commits), and what they come to."""

    saves: int = 0
    frames: Counts = field(default_factory=Counts)
    annotations: Counts = field(default_factory=Counts)

    def __bool__(self) -> bool:
        return bool(self.saves)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionStatus:
    """A version that is not the same on both sides.

    ``name`` is what it is called here, or there where it is not known here: the names of dataset and version. ``there``
    is what it is called there, where that differs. ``ahead`` is work that the remote lacks, ``behind`` work that is
    lacking here.
    """

    dataset_id: str
    version_id: str
    standing: VersionStanding
    name: tuple[str, str]
    there: tuple[str, str] | None = None
    ahead: Work = field(default_factory=Work)
    behind: Work = field(default_factory=Work)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncStatus:
    """What differs, version by version, and how many changes of the catalog (names, tags, views) either side lacks."""

    versions: tuple[VersionStatus, ...] = ()
    catalog_ahead: int = 0
    catalog_behind: int = 0

    @property
    def is_level(self) -> bool:
        """Whether both sides have the same."""
        return not (self.versions or self.catalog_ahead or self.catalog_behind)

    @property
    def is_behind(self) -> bool:
        """Whether the remote has what is lacking here."""
        return bool(self.catalog_behind or any(version.behind for version in self.versions))


def compare_refs(
    objects: Objects, ours: Mapping[str, str], theirs: Mapping[str, str], *, progress: Progress | None = None
) -> SyncStatus:
    """Returns how a repository with the refs ``ours`` stands to one with the refs ``theirs``.

    Refs are named without their first part: ``heads/...`` and ``tags/...``. All objects that they reach are here.
    """
    return _Comparison(objects, ours, theirs, progress).run()


class _Side:
    """The refs of one side: a version is its tag, or else its branch."""

    def __init__(self, objects: Objects, refs: Mapping[str, str]) -> None:
        self._objects = objects
        self.refs = refs
        self.versions: dict[str, tuple[bool, str]] = {}
        for kind in ("heads/", "tags/"):
            for name, oid in refs.items():
                version = name.removeprefix(kind)
                if name.startswith(kind) and _is_version(version):
                    self.versions[version] = (kind == "tags/", oid)

    @cached_property
    def datasets(self) -> dict[str, DatasetDocument]:
        """The documents of its catalog."""
        commit = self.refs.get(_CATALOG)
        return Catalog(self._objects, commit).datasets if commit else {}

    @cached_property
    def tips(self) -> tuple[str, ...]:
        """The commits of all its versions."""
        found = (commit_of(self._objects, oid) for _, oid in self.versions.values())
        return tuple(sorted(set(found)))

    def record(self, version: str) -> VersionRecord | None:
        """Returns what its catalog says of a version."""
        dataset_id, _, version_id = version.partition("/")
        document = self.datasets.get(dataset_id)
        return document.versions.get(version_id) if document else None

    def is_deleted(self, version: str) -> bool:
        """Says whether its catalog has the version as deleted, alone or with its dataset."""
        document = self.datasets.get(version.partition("/")[0])
        record = self.record(version)
        return bool((document and document.deleted) or (record and record.deleted))

    def name(self, version: str) -> tuple[str, str] | None:
        """Returns the names of dataset and version, or None."""
        document, record = self.datasets.get(version.partition("/")[0]), self.record(version)
        return (document.name, record.name) if document and record else None


def _is_version(name: str) -> bool:
    parts = name.split("/")
    return len(parts) == 2 and all(NAMED_ID_PATTERN.fullmatch(part) for part in parts)


class _Comparison:
    def __init__(
        self,
        objects: Objects,
        ours: Mapping[str, str],
        theirs: Mapping[str, str],
        progress: Progress | None,
    ) -> None:
        self._objects = objects
        self._ours = _Side(objects, ours)
        self._theirs = _Side(objects, theirs)
        self._progress = progress

    def run(self) -> SyncStatus:
        ours, theirs = self._ours.refs.get(_CATALOG), self._theirs.refs.get(_CATALOG)
        found = []
        for version in sorted(self._ours.versions.keys() | self._theirs.versions.keys()):
            if self._differs(version, same_catalog=ours == theirs):
                status = self._version(version)
                if status is not None:
                    found.append(status)
        return SyncStatus(
            versions=tuple(sorted(found, key=lambda status: (status.name, status.version_id))),
            catalog_ahead=self._saves(ours, (theirs,)),
            catalog_behind=self._saves(theirs, (ours,)),
        )

    def _differs(self, version: str, *, same_catalog: bool) -> bool:
        if self._ours.versions.get(version) != self._theirs.versions.get(version):
            return True
        # What a remote has deleted stays noted as seen while it is here.
        return not same_catalog and self._ours.is_deleted(version) != self._theirs.is_deleted(version)

    def _saves(self, tip: str | None, others: Iterable[str | None]) -> int:
        """Returns how many commits led to a tip and to none of the others."""
        known = [other for other in others if other]
        if tip is None or tip in known:
            return 0
        return sum(1 for _ in self._objects.exclusive(tip, *known))

    def _version(self, version: str) -> VersionStatus | None:
        ours, theirs = (side.versions.get(version) for side in (self._ours, self._theirs))
        here, there = (commit_of(self._objects, side[1]) if side else None for side in (ours, theirs))
        ahead = behind = Work()
        if ours and self._theirs.is_deleted(version):
            standing = VersionStanding.DELETED_THERE
            ahead = self._work(here, self._seen(self._theirs, version, there))
        elif theirs and self._ours.is_deleted(version):
            standing = VersionStanding.DELETED_HERE
            behind = self._work(there, self._seen(self._ours, version, here))
        elif not theirs:
            standing = VersionStanding.ONLY_HERE
            ahead = self._work(here, self._theirs.tips)
        elif not ours:
            standing = VersionStanding.ONLY_THERE
            behind = self._work(there, self._ours.tips)
        else:
            ahead, behind = self._work(here, (there,)), self._work(there, (here,))
            found = _standing(ours[0], theirs[0], ahead, behind)
            if found is None:
                return None
            standing = found
        name, other = self._ours.name(version), self._theirs.name(version)
        dataset_id, _, version_id = version.partition("/")
        return VersionStatus(
            dataset_id=dataset_id,
            version_id=version_id,
            standing=standing,
            name=name or other or (dataset_id, version_id),
            there=other if name and other != name else None,
            ahead=ahead,
            behind=behind,
        )

    def _seen(self, side: _Side, version: str, commit: str | None) -> list[str]:
        """Returns the commits that whoever deleted a version had seen of it, as far as they are here."""
        record = side.record(version)
        known = [oid for oid in (record.last if record else ()) if self._objects.exists(oid)]
        return [*(commit_of(self._objects, oid) for oid in known), *([commit] if commit else [])]

    def _work(self, tip: str | None, others: Iterable[str | None]) -> Work:
        """Returns what a tip has and the others lack; frames are counted against the latest commit that they have."""
        known = [other for other in others if other]
        if tip is None or tip in known:
            return Work()
        saves = self._saves(tip, known)
        if not saves:
            return Work()
        bases = self._objects.merge_bases(tip, *known)
        frames, annotations = self._counts(bases[-1] if bases else None, tip)
        return Work(saves=saves, frames=frames, annotations=annotations)

    def _counts(self, before: str | None, after: str) -> tuple[Counts, Counts]:
        state = VersionState(self._objects, after)
        if before is None:
            stats = state.stats
            return Counts(added=stats.frames), Counts(added=stats.annotations)
        frames = annotations = Counts()
        for done, pair in enumerate(iter_differing(VersionState(self._objects, before), state)):
            if self._progress is not None and not done % _STEP:
                self._progress("Comparing frames", done, None)
            added, removed = pair[0] is None, pair[1] is None
            frames = _sum(frames, Counts(added=added, changed=not (added or removed), removed=removed))
            annotations = _sum(annotations, _annotations(pair))
        return frames, annotations


def _standing(ours: bool, theirs: bool, ahead: Work, behind: Work) -> VersionStanding | None:
    """Returns how two versions stand that are there on both sides, and (True) published or not."""
    if ours and theirs:
        return VersionStanding.PUBLISHED_APART if ahead or behind else None
    if ours or theirs:
        return VersionStanding.PUBLISHED_HERE if ours else VersionStanding.PUBLISHED_THERE
    if ahead and behind:
        return VersionStanding.DIVERGED
    return VersionStanding.AHEAD if ahead else VersionStanding.BEHIND


def _annotations(pair: FramePair) -> Counts:
    old, new = ({a.id: a for a in frame.annotations} if frame else {} for frame in pair)
    common = old.keys() & new.keys()
    return Counts(
        added=len(new) - len(common),
        changed=sum(not same_value(old[name], new[name]) for name in common),
        removed=len(old) - len(common),
    )


def _sum(one: Counts, other: Counts) -> Counts:
    return Counts(
        added=one.added + other.added,
        changed=one.changed + other.changed,
        removed=one.removed + other.removed,
    )
