"""Which two states are compared: versions, drafts, what a remote had, single commits; and their changes in order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import chain, islice
from operator import attrgetter
from typing import TYPE_CHECKING, TypeVar

from hdstore.diff import Diff, DiffSummary, FrameChange, Tally, diff, frame_change, iter_changes
from hdstore.errors import AmbiguousNameError, DamagedError, InvalidInputError, NotFoundError
from hdstore.model import DatasetDocument, Frame, Progress
from hdstore.repository.core import SEEN_REF, Core
from hdstore.repository.naming import find_one, split_path
from hdstore.store import CATALOG_REF, Catalog, decode_commit, is_foreign_ref
from hdstore.version import VersionState, commit_of

if TYPE_CHECKING:
    from hdstore.repository.repository import Repository

__all__ = ["SORTED", "Counted", "base_of", "changes_of", "diff_of", "name_of", "state_at"]

_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_FULL = 40
_STEP = 1000
SORTED = 2000
"""So many changes are held to be sorted."""


def state_at(repository: Repository, text: str) -> VersionState:
    """Returns the state that a text names.

    ``DATASET/VERSION`` is what the version holds now, by names or ids; ``DATASET/VERSION@COMMIT`` what it held at one
    commit of its history; ``COMMIT`` alone any commit of any version; ``REMOTE:DATASET/VERSION`` what a remote had when
    it was last seen, by the names it has there, or else here. A commit is written in full or by its first 7 digits or
    more. In a name, a slash is written %2F, a colon %3A, an at sign %40.

    Raises:
        NotFoundError: nothing is called so.
        AmbiguousNameError: several are; its ``candidates`` are their ids.
    """
    core = repository._core
    if "/" not in text and _COMMIT.fullmatch(text):
        return _any_commit(core, text)
    path, at, commit = text.rpartition("@")
    if not at or not _COMMIT.fullmatch(commit):
        path, commit = text, ""
    remote, colon, rest = path.partition(":")
    if colon and "/" not in remote and remote in repository.remotes():
        tip = _seen_tip(core, remote, rest)
    else:
        tip = repository.version(path).commit
    if commit:
        tip = _one_of(commit, _earlier(core, [tip]), f"the history of {path}")
    return VersionState(core.objects, tip)


def _any_commit(core: Core, digits: str) -> VersionState:
    if len(digits) == _FULL:
        if not core.objects.exists(digits):
            raise NotFoundError(f"There is no commit {digits} in this repository.")
        found = digits
    else:
        refs = chain.from_iterable(
            core.refs.list(prefix).items() for prefix in ("refs/heads/", "refs/tags/", SEEN_REF)
        )
        tips = {
            commit_of(core.objects, oid)
            for name, oid in refs
            if not name.endswith(CATALOG_REF[4:]) and not is_foreign_ref(name)
        }
        found = _one_of(digits, _earlier(core, tips), "the history of any version")
    state = VersionState(core.objects, found)
    try:
        known = state.oid("version")
    except DamagedError:
        known = None  # an object of another kind than a commit
    if known is None:
        raise NotFoundError(f"The object {found} is no commit of a version.")
    return state


def _earlier(core: Core, tips: Iterable[str]) -> Iterator[str]:
    """Yields commits and all before them, each once."""
    waiting = list(tips)
    seen = set(waiting)
    while waiting:
        commit = waiting.pop()
        yield commit
        for parent in decode_commit(core.objects.read(commit, "commit")).parents:
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)


def _one_of(digits: str, commits: Iterable[str], where: str) -> str:
    found = sorted(commit for commit in commits if commit.startswith(digits))
    if not found:
        raise NotFoundError(f"There is no commit {digits} in {where}.")
    if len(found) > 1:
        raise AmbiguousNameError(
            f"{len(found)} commits in {where} begin with {digits}: {', '.join(found[:5])}",
            candidates=tuple(found),
        )
    return found[0]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A version that a remote had."""

    id: str
    name: str
    oid: str


_N = TypeVar("_N", DatasetDocument, _Seen)


def _seen_tip(core: Core, remote: str, path: str) -> str:
    """Returns the commit that a remote's version was at when it was last seen."""
    dataset, version = split_path(path)
    if not version:
        raise InvalidInputError(f"Say which version of {path!r} at {remote}: {remote}:DATASET/VERSION.")
    prefix = f"{SEEN_REF}{remote}/"
    theirs = core.refs.get(f"{prefix}{CATALOG_REF.removeprefix('refs/')}")
    catalogs = [*([Catalog(core.objects, theirs)] if theirs else []), core.catalog()]
    listed = [[d for d in catalog.datasets.values() if not d.deleted] for catalog in catalogs]
    document = _named_in(dataset, listed, "dataset", f"{remote} or this repository")
    refs = {
        name.rpartition("/")[2]: oid
        # A tag goes before a branch of the same id: the version is published.
        for place in ("heads", "tags")
        for name, oid in core.refs.list(f"{prefix}{place}/{document.id}/").items()
    }
    seen = [
        [_Seen(i, records[i].name if i in records else i, oid) for i, oid in refs.items()]
        for catalog in catalogs
        for records in ([catalog.datasets[document.id].versions] if document.id in catalog.datasets else [])
    ]
    where = f"dataset {document.name!r} as {remote} was last seen"
    return commit_of(core.objects, _named_in(version, seen, "version", where).oid)


def _named_in(name: str, listed: Sequence[Sequence[_N]], what: str, where: str) -> _N:
    """Returns what carries an id or name in the first list in which anything does."""
    for candidates in listed:
        if any(name in (candidate.id, candidate.name) for candidate in candidates):
            return find_one(name, candidates, what, where)
    return find_one(name, listed[0], what, where)


def diff_of(repository: Repository, before: str, after: str = "") -> Diff:
    """Returns what was done from one state to another, both named as for ``Repository.state``.

    One state alone is compared with the version it was made from, as ``base_of`` finds it.
    """
    state = state_at(repository, before)
    if after:
        return diff(state, state_at(repository, after))
    return diff(base_of(repository, state), state)


def base_of(repository: Repository, state: VersionState) -> VersionState:
    """Returns what a version was made from: the commit before the first of its own.

    That is the state of its parent version at that time (of several, the first). A version without a parent is
    compared with its own beginning, which is empty.
    """
    objects = repository._core.objects
    version_id = state.document.id
    while True:
        parents = decode_commit(objects.read(state.commit, "commit")).parents
        states = [VersionState(objects, parent) for parent in parents]
        known = state.oid("version")
        # Most saves leave the document as it is: it need not be read to know whose it is.
        own = next(
            (one for one in states if one.oid("version") == known or one.document.id == version_id), None
        )
        if own is None:
            return states[0] if states else state
        # After merges several ways lead back to the one beginning: any will do.
        state = own


def changes_of(
    before: VersionState,
    after: VersionState,
    *,
    frame_ids: Sequence[str] = (),
    query: str = "",
    progress: Progress | None = None,
) -> Iterator[FrameChange]:
    """Streams what became of frames: of all that differ, of those with these ids, of those that meet a Lucene query.

    A frame meets the query if it does on either side.

    Raises:
        QuerySyntaxError: the text is no query; before the first change.
        NotFoundError: neither side has a frame of one of these ids; before the first change.
    """
    keep = _meets(query)
    # Named frames are looked up now, so that a wrong name is told before anything is printed.
    changes = iter(list(_named(before, after, frame_ids))) if frame_ids else iter_changes(before, after)
    return (change for change in _told(changes, progress) if keep is None or any(map(keep, change.read())))


def _meets(query: str) -> Callable[[Frame | None], bool] | None:
    if not query.strip():
        return None
    from hdstore.query import compile

    test = compile(query)
    return lambda frame: frame is not None and test(frame)


def _named(before: VersionState, after: VersionState, frame_ids: Sequence[str]) -> Iterator[FrameChange]:
    for frame_id in dict.fromkeys(frame_ids):
        old, new = before.find(frame_id), after.find(frame_id)
        change = frame_change(old, new)
        if change is None:
            raise NotFoundError(f"There is no frame {frame_id!r} on either side.")
        if change:
            yield change


def _told(changes: Iterable[FrameChange], progress: Progress | None) -> Iterator[FrameChange]:
    for done, change in enumerate(changes):
        if progress is not None and not done % _STEP:
            progress("Comparing frames", done, None)
        yield change


class Counted:
    """Changes in the order in which they are shown, at most ``limit`` of them, and counts of all.

    They come by the ids of their frames. Where there are more than 2,000 and no limit below that, they come in the
    order of the trie: no more are held. The counts are whole once all changes were gone through.
    """

    def __init__(self, changes: Iterable[FrameChange], *, limit: int | None = None) -> None:
        self._changes = changes
        self.limit = limit
        self._tally = Tally()
        self._all = 0
        self._shown = 0

    def __iter__(self) -> Iterator[FrameChange]:
        stream = self._counted()
        if self.limit is not None and self.limit <= SORTED:
            chosen: Iterable[FrameChange] = nsmallest(self.limit, stream, key=attrgetter("id"))
        else:
            chosen = islice(_by_id(stream), self.limit)
        for change in chosen:
            self._shown += 1
            yield change
        for _ in stream:
            pass

    def _counted(self) -> Iterator[FrameChange]:
        for change in self._changes:
            self._tally.add(change)
            self._all += 1
            yield change

    @property
    def more(self) -> int:
        """How many changes went by that were not given."""
        return self._all - self._shown

    def summary(self) -> DiffSummary:
        """Returns the counts of the changes that went by."""
        return self._tally.summary()


def _by_id(changes: Iterator[FrameChange]) -> Iterator[FrameChange]:
    held = list(islice(changes, SORTED + 1))
    if len(held) <= SORTED:
        held.sort(key=attrgetter("id"))
    return chain(held, changes)


def name_of(repository: Repository, state: VersionState) -> str:
    """Returns what people call a state: ``DATASET/VERSION@COMMIT``, with the first 10 digits of the commit."""
    document = state.document
    return f"{repository._core.path_of(document.dataset_id, document.id)}@{state.commit[:10]}"
