"""The remotes of a repository: what they are called, where they lie, and what they had when last seen."""

from __future__ import annotations

from collections.abc import Callable

from hdstore.errors import AlreadyExistsError, NotFoundError
from hdstore.media import Roots
from hdstore.store import Config, Layout, Refs, RefUpdate
from hdstore.sync.urls import Place, check_remote_name, parse_place

__all__ = ["INCOMING_REF", "SEEN_REF", "Remotes"]

INCOMING_REF = "refs/hdstore/incoming/"
"""What another repository has, while it is not decided what becomes of it here; kept media may be missing of it."""

SEEN_REF = "refs/hdstore/remotes/"
"""What each remote had when it was last seen."""


class Remotes:
    """The remotes of one repository."""

    def __init__(self, layout: Layout, refs: Refs) -> None:
        self._refs = refs
        self._config = Config(layout.hds)
        self._roots = Roots(layout.local)

    def list(self) -> dict[str, str]:
        """Returns the URLs of the remotes by name."""
        found = {}
        for setting in self._config.settings():
            if setting.key.startswith("remote.") and setting.key.endswith(".url"):
                found[setting.key.removeprefix("remote.").removesuffix(".url")] = setting.value
        return dict(sorted(found.items()))

    def add(self, name: str, url: str, *, media: str = "", program: str = "") -> None:
        """Adds a remote; a path is kept absolute.

        ``media`` is where its media lie when not in the repository itself: a path or an ssh URL. ``program`` is how
        hdstore is called on the machine that ssh reaches.
        """
        check_remote_name(name)
        if name in self.list():
            raise AlreadyExistsError(f"There is a remote {name!r} already; remove it or choose another name.")
        place = parse_place(url)
        settings: dict[str, str | None] = {f"remote.{name}.url": place.url}
        if media:
            settings[f"hdstore.{name}.media"] = parse_place(media).url
        if program:
            self._roots.set_program(settings.get(f"hdstore.{name}.media") or place.url, program)
        self._config.change(settings)

    def remove(self, name: str) -> None:
        """Forgets a remote and what was last seen of it."""
        self.url(name)
        keys = [key for key in self._settings() if key.startswith(f"hdstore.{name}.")]
        self._config.change({f"remote.{name}.url": None, **dict.fromkeys(keys)})
        kept = {**self._refs.list(seen_ref(name)), **self._refs.list(incoming_ref(name))}
        with self._refs.lock(*kept):
            self._refs.transaction([RefUpdate(ref, oid, None) for ref, oid in kept.items()])

    def url(self, name: str) -> str:
        """Returns where a remote lies; raises NotFoundError that names those there are."""
        found = self.list()
        if name not in found:
            known = ", ".join(found) or "none yet; add one with 'hdstore remote add NAME URL'"
            raise NotFoundError(f"There is no remote {name!r}; there are: {known}.")
        return found[name]

    def place(self, name: str) -> Place:
        """Returns the place of a remote."""
        return parse_place(self.url(name))

    def media_place(self, name: str) -> Place:
        """Returns the place where a remote's media lie: its own, unless another one was given."""
        return parse_place(self._settings().get(f"hdstore.{name}.media") or self.url(name))

    def program(self, name: str) -> str:
        """Returns how hdstore is called on the machine of a remote, which only this machine's settings say."""
        return self._roots.program(self.media_place(name).url)

    def inner(self, name: str) -> bool | None:
        """Says whether the git repository lies in ``.hds`` below the URL; None while nobody has looked."""
        found = self._settings().get(f"hdstore.{name}.inner")
        return None if found is None else found == "true"

    def note_inner(self, name: str, inner: bool) -> None:
        """Remembers what ``inner`` is to say."""
        if self.inner(name) is not inner:
            self._config.change({f"hdstore.{name}.inner": "true" if inner else "false"})

    def seen(self, name: str) -> dict[str, str]:
        """Returns the refs that a remote had when it was last seen, without the first part of their names."""
        return self._below(seen_ref(name))

    def incoming(self, name: str) -> dict[str, str]:
        """Returns the refs that the last fetch brought, without the first part of their names."""
        return self._below(incoming_ref(name))

    def drop_incoming(self, name: str, chosen: Callable[[str], bool] = bool) -> None:
        """Forgets what the last fetch brought, or those of its refs that are ``chosen``."""
        left = {ref: oid for ref, oid in self._refs.list(incoming_ref(name)).items() if chosen(ref)}
        with self._refs.lock(*left):
            self._refs.transaction([RefUpdate(ref, oid, None) for ref, oid in left.items()])

    def note_pushed(self, name: str) -> None:
        """Remembers that this remote is pushed to, so that others may know what it has."""
        if self._settings().get(f"hdstore.{name}.pushed") != "true":
            self._config.change({f"hdstore.{name}.pushed": "true"})

    def tags_elsewhere(self, name: str) -> frozenset[str]:
        """Returns the publications that were at other remotes than this one, of those that are pushed to.

        Peers who are only pulled from do not count: theirs may change as ours do.
        """
        settings = self._settings()
        return frozenset(
            oid
            for remote in self.list()
            if remote != name and settings.get(f"hdstore.{remote}.pushed") == "true"
            for ref, oid in self.seen(remote).items()
            if ref.startswith("tags/")
        )

    def _below(self, prefix: str) -> dict[str, str]:
        return {name.removeprefix(prefix): oid for name, oid in self._refs.list(prefix).items()}

    def _settings(self) -> dict[str, str]:
        return {setting.key: setting.value for setting in self._config.settings()}


def seen_ref(remote: str) -> str:
    """Returns what the refs begin with that say what a remote had when last seen."""
    return f"{SEEN_REF}{remote}/"


def incoming_ref(remote: str) -> str:
    """Returns what the refs begin with that the fetch from a remote brings."""
    return f"{INCOMING_REF}{remote}/"
