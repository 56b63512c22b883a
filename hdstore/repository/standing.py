"""How a repository stands: conflicts that wait in its drafts, and what differs from a remote as it was last seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hdstore.errors import InvalidInputError
from hdstore.merge import read_conflicts
from hdstore.model import Progress
from hdstore.repository.core import Core
from hdstore.store import is_foreign_ref
from hdstore.sync import Remotes
from hdstore.sync.status import SyncStatus, compare_refs
from hdstore.version import VersionState

__all__ = ["RepositoryStatus", "default_remote", "repository_status"]

_DRAFTS = "refs/heads/"
_PUBLISHED = "refs/tags/"
_DEFAULT = "origin"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryStatus:
    """Conflicts by the paths of the drafts in which they wait, and how the repository stands to a remote.

    ``remote`` is None where there is none. ``seen`` is False for a remote of which nothing was fetched or sent yet; it
    is not known then what differs.
    """

    remote: str | None = None
    url: str = ""
    seen: bool = False
    sync: SyncStatus = field(default_factory=SyncStatus)
    conflicts: dict[str, int] = field(default_factory=dict)


def repository_status(
    core: Core, remotes: Remotes, remote: str | None = None, *, progress: Progress | None = None
) -> RepositoryStatus:
    """Returns how a repository stands to a remote: ``origin`` unless another is named, or the only one there is.

    Nothing is asked of the remote itself.
    """
    name = remote or default_remote(remotes.list())
    conflicts = _conflicts(core)
    if name is None:
        return RepositoryStatus(conflicts=conflicts)
    url, theirs = remotes.url(name), remotes.seen(name)
    if not theirs:
        return RepositoryStatus(remote=name, url=url, conflicts=conflicts)
    found = {**core.refs.list(_DRAFTS), **core.refs.list(_PUBLISHED)}
    ours = {ref.removeprefix("refs/"): oid for ref, oid in found.items() if not is_foreign_ref(ref)}
    sync = compare_refs(core.objects, ours, theirs, progress=progress)
    return RepositoryStatus(remote=name, url=url, seen=True, sync=sync, conflicts=conflicts)


def default_remote(names: Iterable[str]) -> str | None:
    """Returns the remote that is meant where none is named: ``origin``, or the only one; None where there is none."""
    known = list(names)
    if _DEFAULT in known:
        return _DEFAULT
    if len(known) > 1:
        raise InvalidInputError(
            f"There are several remotes and none is named {_DEFAULT}; say which of {', '.join(known)}."
        )
    return known[0] if known else None


def _conflicts(core: Core) -> dict[str, int]:
    """Returns how many conflicts wait in each draft; of drafts without any, one small tree is read."""
    found = {}
    for ref, oid in core.refs.list(_DRAFTS).items():
        dataset_id, slash, version_id = ref.removeprefix(_DRAFTS).partition("/")
        if not slash or is_foreign_ref(ref):
            continue
        state = VersionState(core.objects, oid)
        if state.has_conflicts():
            number = sum(1 for _ in read_conflicts(core.objects, state))
            found[core.path_of(dataset_id, version_id)] = number
    return found
