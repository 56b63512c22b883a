"""Names people give: paths like ``DATASET/VERSION``, look-up by name or id, and the tag filter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar
from urllib.parse import unquote

from hdstore.errors import AmbiguousNameError, InvalidValueError, NotFoundError
from hdstore.model import check_name

__all__ = ["clean_project", "clean_tags", "find_one", "in_project", "match_tags", "quote_name", "split_path"]


class Named(Protocol):
    """Something with a name and an id."""

    @property
    def id(self) -> str:
        """The id, which never changes."""

    @property
    def name(self) -> str:
        """The name, which people may change."""


_N = TypeVar("_N", bound=Named)


def quote_name(name: str) -> str:
    """Returns a name as it stands in a path: a slash as %2F, a percent sign as %25."""
    return name.replace("%", "%25").replace("/", "%2F")


def split_path(path: str) -> tuple[str, str]:
    """Returns dataset and version of ``DATASET/VERSION``; the version is "" where the path names a dataset alone."""
    dataset, slash, version = path.partition("/")
    if not dataset or "/" in version or (slash and not version):
        raise InvalidValueError(
            f"A version is named DATASET/VERSION (a slash in a name is written %2F), not {path!r}."
        )
    return unquote(dataset), unquote(version)


def find_one(name: str, candidates: Iterable[_N], what: str, where: str) -> _N:
    """Returns the one candidate whose id is ``name``, or else whose name it is.

    Raises NotFoundError (with names that are near) or AmbiguousNameError (with the ids of all that carry the name).
    """
    listed = list(candidates)
    for candidate in listed:
        if candidate.id == name:
            return candidate
    named = [candidate for candidate in listed if candidate.name == name]
    if len(named) == 1:
        return named[0]
    if named:
        ids = tuple(candidate.id for candidate in named)
        raise AmbiguousNameError(
            f"{len(named)} {what}s of {where} are named {name!r}: say which by id: {', '.join(ids)}",
            candidates=ids,
        )
    near = sorted({c.name for c in listed if c.name.casefold() == name.casefold()})
    hint = f"; did you mean {near[0]!r}?" if near else _known(listed, what)
    raise NotFoundError(f"There is no {what} {name!r} in {where}{hint}")


def _known(listed: Sequence[Named], what: str) -> str:
    if not listed:
        return f": it has no {what} yet."
    names = ", ".join(map(repr, sorted(candidate.name for candidate in listed)[:5]))
    return f": it has {names}{' and more' if len(listed) > 5 else ''}."


def clean_tags(tags: str | Iterable[str]) -> tuple[str, ...]:
    """Returns tags without repeats, in their order; a string is taken for tags with blanks between them (row 7)."""
    listed = tags.split() if isinstance(tags, str) else list(tags)
    for tag in listed:
        check_name(tag, "tag")
    return tuple(dict.fromkeys(listed))


def clean_project(project: str) -> str:
    """Returns the path of a project without empty parts: ``/cars//front/`` is ``cars/front``."""
    parts = [part for part in project.split("/") if part.strip()]
    for part in parts:
        check_name(part.strip(), "project")
    return "/".join(part.strip() for part in parts)


def in_project(project: str, wanted: str, recursive: bool) -> bool:
    """Says whether a project is the wanted one or, with ``recursive``, lies below it."""
    return project == wanted or (recursive and (not wanted or project.startswith(wanted + "/")))


def match_tags(tags: Iterable[str], wanted: Sequence[str]) -> bool:
    """Says whether tags meet a filter as ClearML writes it (row 6).

    ``__$all`` and ``__$or`` set how the tags after them are joined (at first: or); ``__$not`` turns the next tag round,
    and so does a leading minus. Or-tags are met by any one of them, and-tags by all, excluded ones by none.
    """
    held = set(tags)
    every: list[str] = []
    some: list[str] = []
    none: list[str] = []
    target, negate = some, False
    for word in wanted:
        if word in ("__$all", "__$and"):
            target = every
        elif word in ("__$or", "__$any"):
            target = some
        elif word == "__$not":
            negate = True
        elif negate or (word.startswith("-") and len(word) > 1):
            none.append(word if negate else word[1:])
            negate = False
        else:
            target.append(word)
    return held.issuperset(every) and held.isdisjoint(none) and (not some or not held.isdisjoint(some))
