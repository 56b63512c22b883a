"""What a repository holds after it has met another one: pure but for the merges, which write objects and move nothing.

Refs are named without their first part: ``heads/...`` for drafts and the catalog, ``tags/...`` for published versions
and for the commits that views pin. The rules, in words, stand in ``docs/sync.md``:

- drafts that both sides went on with are merged; a merge is a function of the tips, so that all peers make the same;
- what is published stays as it is; work that went on in a draft which was published elsewhere goes to the draft that
  continues it, or to a new child;
- a deletion that had not seen some work is taken back;
- two publications of one draft are kept both, one under an id of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from hdstore.errors import DamagedError, DivergedError, ReadOnlyError
from hdstore.ids import sibling_id
from hdstore.model import DatasetDocument, VersionDocument, VersionRecord, replace
from hdstore.store import CATALOG_REF, Catalog, Objects, decode_tag
from hdstore.version import VersionState, commit_of

__all__ = ["CATALOG", "Merger", "Outcome", "combine"]

CATALOG = CATALOG_REF.removeprefix("refs/")
_KEEP = "tags/keep/"
"""Before the commit that a view pins."""


class Merger(Protocol):
    """Makes what did not exist on either side; each result is a function of its arguments alone."""

    def catalogs(self, ours: str, theirs: str) -> str:
        """Returns the commit of a catalog that holds both."""

    def drafts(self, ours: str, theirs: str) -> str:
        """Returns the commit that merges two tips of one draft."""

    def adopt(self, commit: str, document: VersionDocument) -> str:
        """Returns a commit on ``commit`` with its frames, under another version's document."""

    def amend(self, catalog: str, documents: list[DatasetDocument]) -> str:
        """Returns the commit of the catalog with these documents changed."""


@dataclass(slots=True)
class Outcome:
    """What the receiving repository holds afterwards, and what people are told of it.

    ``merged`` maps drafts to what was merged into them: ours and the result. Versions are named as refs are, without
    ``heads/`` and ``tags/``.
    """

    refs: dict[str, str] = field(default_factory=dict)
    merged: dict[str, tuple[str | None, str]] = field(default_factory=dict)
    revived: list[str] = field(default_factory=list)
    """Deleted on one side, worked on without knowing on the other: they live."""
    carried: dict[str, str] = field(default_factory=dict)
    """Published elsewhere while work went on here: from that version to the draft which has the work now."""
    apart: dict[str, str] = field(default_factory=dict)
    """Published on both sides: that version to the id under which the other publication is kept."""


@dataclass(slots=True)
class _Pair:
    """The refs of one version on both sides."""

    our_tag: str | None = None
    their_tag: str | None = None
    our_head: str | None = None
    their_head: str | None = None

    @property
    def tags(self) -> list[str]:
        return [oid for oid in (self.our_tag, self.their_tag) if oid]

    @property
    def heads(self) -> list[str]:
        return [oid for oid in (self.our_head, self.their_head) if oid]


class _Combiner:
    def __init__(
        self,
        objects: Objects,
        merger: Merger,
        ours: Mapping[str, str],
        theirs: Mapping[str, str],
        seen: Mapping[str, str],
        elsewhere: frozenset[str],
        by_age: bool,
    ) -> None:
        self._objects = objects
        self._merger = merger
        self._ours = ours
        self._theirs = theirs
        self._seen = seen
        self._elsewhere = elsewhere
        self._by_age = by_age
        self._outcome = Outcome()
        self._pairs: dict[str, _Pair] = {}
        self._published: dict[str, str] = {}
        self._tips: dict[str, list[str]] = {}
        self._documents: dict[str, DatasetDocument] = {}
        self._changed: dict[str, DatasetDocument] = {}

    def run(self) -> Outcome:
        catalog = self._catalog()
        if catalog is not None:
            self._documents = dict(Catalog(self._objects, catalog).datasets)
        self._pairs = _pairs_of(self._ours, self._theirs)
        for version in sorted(self._pairs):
            self._dead(version)
        for version in sorted(self._pairs):
            self._publications(version)
        for version in sorted(self._pairs):
            self._heads(version)
        for version in sorted(self._tips):
            self._draft(version)
        if catalog is not None:
            if self._changed:
                catalog = self._merger.amend(catalog, list(self._changed.values()))
            self._outcome.refs[CATALOG] = catalog
            self._pinned(catalog)
        return self._outcome

    # The catalog

    def _catalog(self) -> str | None:
        ours, theirs = self._ours.get(CATALOG), self._theirs.get(CATALOG)
        if ours is None or theirs is None or ours == theirs:
            return ours or theirs
        formats = sorted({Catalog(self._objects, commit).format for commit in (ours, theirs)})
        if len(formats) > 1:
            raise ReadOnlyError(
                f"The two repositories are written in the formats {' and '.join(map(str, formats))}; nothing was"
                " moved. Bring both to one format with the newer hdstore first."
            )
        if self._objects.is_ancestor(ours, theirs) or Catalog(self._objects, ours).is_empty:
            return self._checked(ours, theirs)
        if self._objects.is_ancestor(theirs, ours) or Catalog(self._objects, theirs).is_empty:
            return self._checked(theirs, ours)
        return self._merger.catalogs(ours, theirs)

    def _checked(self, before: str, after: str) -> str:
        """Returns the later of two catalogs; refuses one in which a published view is not what it was."""
        later = Catalog(self._objects, after).views
        published = [document.view for document in later.values() if document.published]
        for document in Catalog(self._objects, before).views.values():
            now = later.get(document.id)
            if document.published and now and not now.deleted and document.view not in published:
                raise DivergedError(
                    f"The published view {document.name!r} ({document.id}) is not the same in both repositories;"
                    " nothing was moved. One of them was changed by other means: check both."
                )
        return after

    def _record(self, version: str) -> VersionRecord | None:
        dataset_id, _, version_id = version.partition("/")
        document = self._documents.get(dataset_id)
        return document.versions.get(version_id) if document else None

    def _put(self, version: str, record: VersionRecord) -> None:
        dataset_id, _, version_id = version.partition("/")
        document = self._documents.get(dataset_id)
        if document is None:
            return
        changed = replace(document, deleted=False, versions={**document.versions, version_id: record})
        self._documents[dataset_id] = self._changed[dataset_id] = changed

    def _side_record(self, refs: Mapping[str, str], version: str) -> VersionRecord | None:
        commit = refs.get(CATALOG)
        if commit is None:
            return None
        dataset_id, _, version_id = version.partition("/")
        document = Catalog(self._objects, commit).datasets.get(dataset_id)
        return document.versions.get(version_id) if document else None

    def _pinned(self, catalog: str) -> None:
        """Keeps the commits that living views pin, and no others that a view pinned before."""
        pinned = Catalog(self._objects, catalog).pinned
        moved = catalog != self._ours.get(CATALOG)
        for name in {*self._ours, *self._theirs}:
            if not name.startswith(_KEEP):
                continue
            commit = name.removeprefix(_KEEP)
            if self._theirs.get(name, commit) != commit:
                raise DamagedError(
                    f"The ref {name} keeps the commit {self._theirs[name]}; nothing was moved. Check the other"
                    " repository."
                )
            if commit in pinned or (name in self._ours and not moved):
                self._outcome.refs[name] = commit
        if moved:
            # A part of a repository may hold what a view pins in the history of a version.
            for commit in pinned:
                if self._target(commit):
                    self._outcome.refs[_KEEP + commit] = commit

    # Deletions

    def _dead(self, version: str) -> None:
        """Takes the refs of a deleted version away, or its deletion back where it had not seen some work."""
        record = self._record(version)
        dataset = self._documents.get(version.partition("/")[0])
        if record is None or not record.deleted:
            if dataset is not None and dataset.deleted:
                self._put(version, record or VersionRecord(name=version.partition("/")[2]))
                self._outcome.revived.append(version)
            return
        pair = self._pairs[version]
        last = record.last
        for name in ("our_tag", "their_tag"):
            oid = getattr(pair, name)
            if oid in last or (oid and oid == self._seen.get(f"tags/{version}")):
                setattr(pair, name, None)
        known = [*last, *filter(None, [self._seen.get(f"heads/{version}")])]
        known = [self._target(oid) or oid for oid in known]
        for name in ("our_head", "their_head"):
            oid = getattr(pair, name)
            if oid and any(oid == other or self._is_within(oid, other) for other in known):
                setattr(pair, name, None)
        if pair.tags or pair.heads:
            self._put(version, replace(record, deleted=False, last=()))
            self._outcome.revived.append(version)

    def _target(self, oid: str) -> str | None:
        try:
            return commit_of(self._objects, oid) if self._objects.exists(oid) else None
        except DamagedError:
            return None

    def _is_within(self, commit: str, other: str) -> bool:
        """Says whether ``commit`` is ``other`` or came before it; what is not here any more says no."""
        try:
            return self._objects.exists(other) and self._objects.is_ancestor(commit, other)
        except DamagedError:
            return False

    # What is published

    def _publications(self, version: str) -> None:
        pair = self._pairs[version]
        ours, theirs = pair.our_tag, pair.their_tag
        tag = theirs or ours
        if (
            ours
            and theirs
            and ours != theirs
            and commit_of(self._objects, ours) != commit_of(self._objects, theirs)
        ):
            tag = self._collision(version, ours, theirs)
        if tag:
            self._published[version] = self._outcome.refs[f"tags/{version}"] = tag

    def _collision(self, version: str, ours: str, theirs: str) -> str:
        """Keeps two publications of one draft; returns the one that has its id.

        That is the other side's, which more people may know, unless ours was sent to a third repository, or the other
        side had ours and has it no more: then somebody moved what was published. Where nobody can say who was first,
        as between bundles, it is the earlier one.
        """
        dataset_id, _, version_id = version.partition("/")
        at_theirs = self._theirs.get(f"tags/{dataset_id}/{sibling_id(version_id, ours)}")
        at_ours = self._ours.get(f"tags/{dataset_id}/{sibling_id(version_id, theirs)}")
        was_there = self._seen.get(f"tags/{version}") == ours or at_ours == theirs
        stays = ours in self._elsewhere or (was_there and at_theirs != ours)
        stays = stays or (self._by_age and self._age(ours) < self._age(theirs))
        kept, moved = (ours, theirs) if stays else (theirs, ours)
        other = f"{dataset_id}/{sibling_id(version_id, moved)}"
        if other not in self._pairs and self._record(other) is None:
            # Nobody has parted them yet: each gets what was said of it where it was published.
            sides = (self._ours, self._theirs) if kept == ours else (self._theirs, self._ours)
            for name, refs in zip((version, other), sides, strict=True):
                record = self._side_record(refs, version)
                if record is not None and self._record(name) != record:
                    self._put(name, record)
        self._published[other] = self._outcome.refs[f"tags/{other}"] = moved
        self._outcome.apart[version] = other
        return kept

    def _age(self, tag: str) -> tuple[int, str]:
        return decode_tag(self._objects.read(tag, "tag")).time, tag

    # Drafts

    def _heads(self, version: str) -> None:
        """Says where the tips of a draft belong: to itself, or where it was published, to what continues it."""
        pair = self._pairs[version]
        tag = self._published.get(version)
        if tag is None:
            if pair.heads:
                self._tips.setdefault(version, []).extend(pair.heads)
            return
        commit = commit_of(self._objects, tag)
        late = [oid for oid in pair.heads if not self._objects.is_ancestor(oid, commit)]
        if not late:
            return
        target, document = self._continuation(version)
        if all(self._is_in_tips(target, oid) for oid in late):
            return
        adopted = [self._adopt(oid, document) for oid in late]
        self._tips.setdefault(target, []).extend(adopted)
        self._outcome.carried[version] = target

    def _is_in_tips(self, version: str, commit: str) -> bool:
        """Says whether a draft has a commit already: somebody else carried it there."""
        pair = self._pairs.get(version)
        return pair is not None and any(self._is_within(commit, head) for head in pair.heads)

    def _continuation(self, version: str) -> tuple[str, VersionDocument]:
        """Returns the draft that goes on from a published version, and its document; made where there is none."""
        dataset_id = version.partition("/")[0]
        passed = {version}
        while True:
            record = self._record(version)
            following = f"{dataset_id}/{record.continued_by}" if record and record.continued_by else ""
            pair = self._pairs.get(following)
            if pair is None or following in passed:
                break
            if following in self._published:
                passed.add(following)
                version = following
            elif pair.heads:
                return following, VersionState(self._objects, pair.heads[-1]).document
            else:
                break
        return self._new_child(version)

    def _new_child(self, version: str) -> tuple[str, VersionDocument]:
        """Returns the draft for work that a publication left behind; the same on every machine."""
        dataset_id, _, version_id = version.partition("/")
        child_id = sibling_id(version_id, "went on")
        child = f"{dataset_id}/{child_id}"
        tag = self._published[version]
        published = VersionState(self._objects, commit_of(self._objects, tag)).document
        document = replace(
            published, id=child_id, parents=(version_id,), created=_time_of(self._objects, tag, published)
        )
        record = self._record(version) or VersionRecord(name=version_id)
        if record.continued_by != child_id:
            self._put(version, replace(record, continued_by=child_id))
        known = self._record(child)
        if known is None or known.deleted:
            self._put(child, VersionRecord(name=f"{record.name} (went on)"))
        self._tips.setdefault(child, []).append(self._adopt(commit_of(self._objects, tag), document))
        return child, document

    def _adopt(self, commit: str, document: VersionDocument) -> str:
        metadata = VersionState(self._objects, commit).document.metadata
        return self._merger.adopt(commit, replace(document, metadata=metadata))

    def _draft(self, version: str) -> None:
        pair = self._pairs.get(version) or _Pair()
        tips = list(dict.fromkeys(self._tips[version]))
        result, *others = tips
        for tip in others:
            if self._is_within(tip, result):
                continue
            if self._is_within(result, tip):
                result = tip
            else:
                result = self._merger.drafts(result, tip)
        self._outcome.refs[f"heads/{version}"] = result
        if result not in tips:
            self._outcome.merged[version] = (pair.our_head, result)


def _pairs_of(ours: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, _Pair]:
    pairs: dict[str, _Pair] = {}
    for refs, side in ((ours, "our"), (theirs, "their")):
        for name, oid in refs.items():
            kind, _, version = name.partition("/")
            if name == CATALOG or name.startswith(_KEEP):
                continue
            pair = pairs.setdefault(version, _Pair())
            setattr(pair, f"{side}_{'tag' if kind == 'tags' else 'head'}", oid)
    return pairs


def _time_of(objects: Objects, tag: str, published: VersionDocument) -> int:
    kind, data = objects.read_any(tag)
    return decode_tag(data).time if kind == "tag" else published.created


def combine(
    objects: Objects,
    merger: Merger,
    *,
    ours: Mapping[str, str],
    theirs: Mapping[str, str],
    seen: Mapping[str, str],
    elsewhere: frozenset[str] = frozenset(),
    by_age: bool = False,
) -> Outcome:
    """Returns what a repository with ``ours`` holds once it has met one with ``theirs``.

    ``seen`` is what the other side had when it was last seen, ``elsewhere`` are tags that third repositories were sent.
    ``by_age`` lets the earlier of two publications of one draft keep its id, rather than the other side's.
    Raises ReadOnlyError when the two are of different formats, DivergedError when a published view was changed by other
    means, DamagedError for refs that say what can not be.
    """
    return _Combiner(objects, merger, ours, theirs, seen, elsewhere, by_age).run()
