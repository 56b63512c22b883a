"""Which refs of a receiver move to have what a sender has: pure comparison, nothing is changed here.

Refs are named without their first part: ``heads/...`` for drafts and the catalog, ``tags/...`` for published versions
and for the commits that views pin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hdstore.errors import DamagedError, DivergedError, ReadOnlyError
from hdstore.store import CATALOG_REF, Catalog, Objects
from hdstore.version import commit_of

__all__ = ["CATALOG", "Plan", "plan"]

CATALOG = CATALOG_REF.removeprefix("refs/")
_KEEP = "tags/keep/"
"""Before the commit that a view pins."""


@dataclass(slots=True)
class Plan:
    """Moves of the receiver's refs: name to (value now, value then), None for absent."""

    moves: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    ahead: list[str] = field(default_factory=list)
    """What the receiver has and the sender lacks."""


class _Planner:
    def __init__(
        self,
        objects: Objects,
        receiver: Mapping[str, str],
        sender: Mapping[str, str],
        seen: Mapping[str, str],
    ) -> None:
        self._objects = objects
        self._receiver = receiver
        self._sender = sender
        self._seen = seen
        self._plan = Plan()
        self._diverged: list[str] = []
        self._deleted: set[str] = set()
        self._pinned: frozenset[str] = frozenset()

    def run(self, describe: Callable[[str], str]) -> Plan:
        self._catalog()
        for name in sorted(self._sender.keys() | self._receiver.keys()):
            if name == CATALOG:
                continue
            kind, _, version = name.partition("/")
            if name.startswith(_KEEP):
                self._kept(name)
            elif version in self._deleted:
                self._remove(name)
            elif kind == "tags":
                self._published(name, version)
            elif f"tags/{version}" not in self._sender and f"tags/{version}" not in self._receiver:
                self._draft(name)
        if self._diverged:
            listed = ", ".join(describe(name) for name in self._diverged[:5])
            raise DivergedError(
                f"Both repositories went on from the same point in {listed}; nothing was moved."
                " Work done on both sides can not be joined yet: take one side's versions as they are, and redo the"
                " other's edits on them."
            )
        return self._plan

    def _catalog(self) -> None:
        ours, theirs = self._receiver.get(CATALOG), self._sender.get(CATALOG)
        newest = theirs or ours
        if ours is not None and theirs is not None and ours != theirs:
            self._check_formats(ours, theirs)
            self._check_published(ours, theirs)
            if self._objects.is_ancestor(ours, theirs) or Catalog(self._objects, ours).is_empty:
                self._plan.moves[CATALOG] = (ours, theirs)
            elif self._objects.is_ancestor(theirs, ours) or Catalog(self._objects, theirs).is_empty:
                newest = ours
                self._plan.ahead.append(CATALOG)
            else:
                self._diverged.append(CATALOG)
        elif ours is None and theirs is not None:
            self._plan.moves[CATALOG] = (None, theirs)
        if newest is not None:
            catalog = Catalog(self._objects, newest)
            self._pinned = catalog.pinned
            for dataset in catalog.datasets.values():
                for version_id, record in dataset.versions.items():
                    if record.deleted or dataset.deleted:
                        self._deleted.add(f"{dataset.id}/{version_id}")

    def _check_formats(self, *commits: str) -> None:
        formats = sorted({Catalog(self._objects, commit).format for commit in commits})
        if len(formats) > 1:
            raise ReadOnlyError(
                f"The two repositories are written in the formats {' and '.join(map(str, formats))}; nothing was"
                " moved. Bring both to one format with the newer hdstore first."
            )

    def _check_published(self, ours: str, theirs: str) -> None:
        """Refuses a published view that says two things: one side changed what never changes."""
        held = Catalog(self._objects, ours).views
        for document in Catalog(self._objects, theirs).views.values():
            other = held.get(document.id)
            if other is not None and other.published and document.published and other.view != document.view:
                raise DivergedError(
                    f"The published view {document.name!r} ({document.id}) is not the same in both repositories;"
                    " nothing was moved. One of them was changed by other means: check both."
                )

    def _kept(self, name: str) -> None:
        """Moves a commit that views pin; one that none pins any more goes where the catalog says so now."""
        ours, theirs = self._receiver.get(name), self._sender.get(name)
        commit = name.removeprefix(_KEEP)
        if theirs is not None and theirs != commit:
            raise DamagedError(
                f"The ref {name} keeps the commit {theirs}; nothing was moved. Check the sender."
            )
        if commit in self._pinned:
            if ours != theirs:
                if theirs is None:
                    self._plan.ahead.append(name)
                else:
                    self._plan.moves[name] = (ours, theirs)
        elif ours is not None and CATALOG in self._plan.moves:
            # Together with the catalog only: one that moves meanwhile may pin the commit again.
            self._plan.moves[name] = (ours, None)

    def _remove(self, name: str) -> None:
        """Removes a deleted version from the receiver, unless somebody worked on it since it was last seen."""
        ours = self._receiver.get(name)
        if ours is None:
            return
        theirs = self._sender.get(name)
        if ours in (theirs, self._seen.get(name)):
            self._plan.moves[name] = (ours, None)
        elif CATALOG in self._plan.ahead:
            self._plan.ahead.append(name)
        else:
            self._diverged.append(name)

    def _published(self, name: str, version: str) -> None:
        ours, theirs = self._receiver.get(name), self._sender.get(name)
        draft = f"heads/{version}"
        if theirs is None:
            self._plan.ahead.append(name)
            if draft in self._sender and not self._within(self._sender[draft], ours):
                self._diverged.append(draft)
            return
        if ours is None:
            self._plan.moves[name] = (None, theirs)
        elif ours != theirs:
            self._diverged.append(name)
            return
        held = self._receiver.get(draft)
        if held is not None:
            if self._within(held, theirs):
                self._plan.moves[draft] = (held, None)
            else:
                self._diverged.append(draft)

    def _draft(self, name: str) -> None:
        ours, theirs = self._receiver.get(name), self._sender.get(name)
        if theirs is None:
            self._plan.ahead.append(name)
        elif ours is None:
            self._plan.moves[name] = (None, theirs)
        elif ours != theirs:
            if self._objects.is_ancestor(ours, theirs):
                self._plan.moves[name] = (ours, theirs)
            elif self._objects.is_ancestor(theirs, ours):
                self._plan.ahead.append(name)
            else:
                self._diverged.append(name)

    def _within(self, commit: str, tag: str | None) -> bool:
        return tag is not None and self._objects.is_ancestor(commit, commit_of(self._objects, tag))


def plan(
    objects: Objects,
    *,
    receiver: Mapping[str, str],
    sender: Mapping[str, str],
    seen: Mapping[str, str],
    describe: Callable[[str], str],
) -> Plan:
    """Returns how the refs of ``receiver`` move forward to those of ``sender``.

    ``seen`` is what the remote had when it was last seen, before this exchange. Raises DivergedError naming (by
    ``describe``) what went on differently on both sides.
    """
    return _Planner(objects, receiver, sender, seen).run(describe)
