"""Kept media between repositories: which ones are meant, sending them, bringing them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import chain, islice

from hdstore.codec import decode_leaf
from hdstore.errors import InvalidInputError, NotFoundError, RemoteError, StorageError
from hdstore.media import is_hash
from hdstore.model import Frame, Progress
from hdstore.repository.core import Core
from hdstore.repository.dataset import Dataset
from hdstore.repository.dataviews import DataView
from hdstore.repository.naming import find_one, split_path
from hdstore.repository.views import find_view
from hdstore.store import decode_commit, is_foreign_ref
from hdstore.sync import INCOMING_REF, Remotes
from hdstore.sync.mediaplace import MediaPlace, Transferred, media_place
from hdstore.version import VersionState, commit_of, kept_media

__all__ = [
    "MediaChoice",
    "check_choice",
    "chosen_media",
    "fetch_from_any",
    "fetch_media",
    "note_remote",
    "open_place",
    "parse_choice",
    "push_media",
    "state_of",
    "tips",
]

_AT_ONCE = 100_000
"""Media that are compared at once, so that the list of what is lacking stays small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaChoice:
    """Which media an exchange is about: all, or those of versions (``DATASET/VERSION``) and stored views."""

    everything: bool = False
    versions: tuple[str, ...] = ()
    views: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.everything or self.versions or self.views)


def parse_choice(choice: str | Iterable[str]) -> MediaChoice:
    """Returns what "all", "none", "version:DATASET/VERSION" or "view:NAME", or several of these, choose.

    Raises InvalidInputError for other words. Whether versions and views are there is seen when they are read.
    """
    words = (choice,) if isinstance(choice, str) else tuple(choice)
    versions, views = [], []
    for word in words:
        kind, _, name = word.partition(":")
        if kind == "version" and name:
            versions.append(name)
        elif kind == "view" and name:
            views.append(name)
        elif word not in ("all", "none"):
            raise InvalidInputError(
                f"Media are chosen by 'all', 'none', 'version:DATASET/VERSION' or 'view:NAME', not by {word!r}."
            )
    return MediaChoice(everything="all" in words, versions=tuple(versions), views=tuple(views))


def check_choice(choice: str | Iterable[str]) -> None:
    """Raises InvalidInputError for what ``parse_choice`` does not understand."""
    parse_choice(choice)


def chosen_media(core: Core, choice: MediaChoice, *, progress: Progress | None = None) -> Iterator[str]:
    """Streams the hashes of the kept media that a choice means, each once, whether or not they are here.

    "All" are those that any commit of any version names. Frames are read leaf by leaf; what is held is 80 bytes for
    each medium. Raises NotFoundError for a version or view that is not there.
    """
    parts: list[Iterable[Frame]] = []
    if choice.everything:
        parts.append(_all_frames(core))
    else:
        parts += [state_of(core, path).frames() for path in choice.versions]
        for name in choice.views:
            parts.append(DataView(core, find_view(core, name).value).stored(progress=progress))
    seen: set[bytes] = set()
    for number, frame in enumerate(chain.from_iterable(parts)):
        if progress is not None and number % 1000 == 0:
            progress("Looking for media", number, None)
        for hash in kept_media(frame):
            # A stranger's frame may name what is no hash.
            if is_hash(hash) and (digest := bytes.fromhex(hash)) not in seen:
                seen.add(digest)
                yield hash


def state_of(core: Core, path: str) -> VersionState:
    """Returns what the version ``DATASET/VERSION``, by names or ids, holds now."""
    dataset, version = split_path(path)
    if not version:
        raise InvalidInputError(f"Say which version of {dataset!r}: DATASET/VERSION.")
    listed = [document for document in core.catalog().datasets.values() if not document.deleted]
    found = find_one(dataset, listed, "dataset", "this repository")
    return Dataset(core, found.id).version(version).state()


def tips(core: Core) -> Iterator[str]:
    """Yields the commits that drafts, published versions and pinned views stand at, each once."""
    seen = set()
    for name, oid in core.refs.list("refs/").items():
        if name.endswith("heads/hdstore") or name.startswith(INCOMING_REF) or is_foreign_ref(name):
            continue
        commit = commit_of(core.objects, oid)
        if commit not in seen:
            seen.add(commit)
            yield commit


def _all_frames(core: Core) -> Iterator[Frame]:
    """Streams the frames of all commits that refs reach; what several share is read once."""
    waiting = list(tips(core))
    seen, leaves = set(waiting), set[str]()
    while waiting:
        commit = waiting.pop()
        for parent in decode_commit(core.objects.read(commit, "commit")).parents:
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)
        for oid in VersionState(core.objects, commit).trie.new_leaves(leaves):
            yield from decode_leaf(core.objects.read(oid, "blob"))


def push_media(
    core: Core, remote: str, choice: str | Iterable[str], *, progress: Progress | None = None
) -> Transferred:
    """Sends the chosen media that are kept here and that a remote lacks; "all" are all that are kept here.

    What neither side has is told as missing. Does nothing where the remote keeps no media.
    """
    chosen = parse_choice(choice)
    note_remote(core, remote)
    wanted = core.media.hashes() if chosen.everything else chosen_media(core, chosen, progress=progress)
    first = next(wanted, None)
    if first is None:
        return Transferred()
    place = open_place(core, remote)
    if place is None:
        return Transferred()
    with closing(place):
        try:
            return _send(core, place, chain([first], wanted), progress)
        except RemoteError as error:
            error.add_note("To send versions and names alone: hdstore push --media none")
            raise


def _send(core: Core, place: MediaPlace, hashes: Iterator[str], progress: Progress | None) -> Transferred:
    files = size = 0
    missing: list[str] = []
    while part := list(islice(hashes, _AT_ONCE)):
        lacking = place.missing(part)
        sent = place.send(core.media, [hash for hash in lacking if core.media.has(hash)], progress=progress)
        files, size = files + sent.files, size + sent.bytes
        missing += (hash for hash in lacking if not core.media.has(hash))
    return Transferred(files, size, tuple(missing))


def fetch_media(
    core: Core, remote: str, choice: str | Iterable[str], *, progress: Progress | None = None
) -> Transferred:
    """Brings the chosen media that are not kept here from a remote; what it lacks too is told as missing."""
    chosen = parse_choice(choice)
    note_remote(core, remote)
    wanted = (hash for hash in chosen_media(core, chosen, progress=progress) if not core.media.has(hash))
    first = next(wanted, None)
    if first is None:
        return Transferred()
    place = open_place(core, remote)
    if place is None:
        return Transferred(missing=(first, *wanted))
    with closing(place):
        return place.fetch(core.media, chain([first], wanted), progress=progress)


def fetch_from_any(
    core: Core, choice: str | Iterable[str], *, progress: Progress | None = None
) -> Transferred:
    """Brings the chosen media from whichever remote has them, "origin" first.

    Raises RemoteError when something is lacking and a remote could not be asked, NotFoundError without any remote.
    """
    names = sorted(Remotes(core.layout, core.refs).list(), key=lambda name: (name != "origin", name))
    if not names:
        raise NotFoundError(
            "There is no remote to fetch media from; add one with 'hdstore remote add NAME URL'."
        )
    files = size = 0
    missing: tuple[str, ...] = ()
    failure: RemoteError | None = None
    for name in names:
        try:
            found = fetch_media(core, name, choice, progress=progress)
        except RemoteError as error:
            failure = error
            continue
        files, size, missing = files + found.files, size + found.bytes, found.missing
        if not missing:
            return Transferred(files, size)
    if failure is not None:
        raise failure
    return Transferred(files, size, missing)


def open_place(core: Core, remote: str) -> MediaPlace | None:
    """Returns where a remote keeps its media, or None where it keeps none; raises NotFoundError without such a one."""
    remotes = Remotes(core.layout, core.refs)
    return media_place(remotes.media_place(remote), program=remotes.program(remote))


def note_remote(core: Core, remote: str) -> None:
    """Notes that somebody at this machine has exchanged with a remote, so media may be fetched from it unasked.

    The remotes of a repository that was copied here are a stranger's, and looking at a picture must not connect to a
    host of his.
    """
    url = Remotes(core.layout, core.refs).url(remote)
    with suppress(StorageError):  # who can not write here is asked again the next time
        core.roots.note_remote(url)
