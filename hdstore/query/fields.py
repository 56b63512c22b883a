"""What a field path means: which values of a frame, an annotation or a source a clause looks at.

The names are people's; where they lie in the model is said here and nowhere else in the package.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import Any, TypeAlias

from hdstore.errors import InvalidValueError, QuerySyntaxError
from hdstore.model import (
    Annotation,
    Box,
    Box3D,
    Ellipse,
    Keypoints,
    Keypoints3D,
    MaskValue,
    Polygon,
    Polygon3D,
    Rle,
)
from hdstore.model.measure import area, bounding_box
from hdstore.query.ast import Field

__all__ = ["Column", "Hop", "Kind", "Scope", "resolve"]


class Scope(Enum):
    """What a path starts from."""

    FRAME = "frame"
    ANNOTATION = "annotation"
    SOURCE = "source"
    MASK = "mask"
    PREVIEW = "preview"


class Kind(Enum):
    """How the values of a column compare."""

    TEXT = "text"
    """One string; the empty one counts as none."""
    TEXTS = "texts"
    """Several strings."""
    NUMBER = "number"
    """One number, or None."""
    METADATA = "metadata"
    """Whatever stands at a path of a metadata map."""
    PART = "part"
    """A part of the frame as a whole (an annotation, a source): it can only be there or not."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One step from an owner to the parts it has: all of them, or the one at ``index``.

    ``single`` says that the owner has at most one such part, not a list.
    """

    attribute: str
    index: int | None = None
    single: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """Where the values of a field lie.

    ``hops`` lead to the owners, which are of ``scope``; ``name`` is a column of theirs; ``path`` leads on
    into the map of a metadata column.
    """

    hops: tuple[Hop, ...]
    scope: Scope
    name: str
    kind: Kind
    path: tuple[str, ...] = ()

    @property
    def get(self) -> Callable[[Any], Any]:
        """A function from an owner to its value."""
        return _COLUMNS[self.scope][self.name][1]


_Columns: TypeAlias = dict[str, tuple[Kind, Callable[[Any], Any]]]

_TYPES: dict[type, str] = {
    Box: "box",
    Box3D: "box3d",
    Ellipse: "ellipse",
    Keypoints: "keypoints",
    Keypoints3D: "keypoints3d",
    MaskValue: "mask",
    Polygon: "polygon",
    Polygon3D: "polygon3d",
    Rle: "rle",
}


def _type(annotation: Annotation) -> str:
    return _TYPES.get(type(annotation.geometry), "")


def _area(annotation: Annotation) -> float | None:
    try:
        return area(annotation.geometry)
    except InvalidValueError:
        # A mask whose runs can not be read has no area; that is a finding of fsck, not of every query.
        return None


def _bounds(part: int) -> Callable[[Annotation], float | None]:
    def get(annotation: Annotation) -> float | None:
        try:
            bounds = bounding_box(annotation.geometry)
        except InvalidValueError:
            return None
        return None if bounds is None else bounds[part]

    return get


def _columns(**kinds: Kind) -> _Columns:
    return {name: (kind, attrgetter(name)) for name, kind in kinds.items()}


_METADATA = (Kind.METADATA, attrgetter("metadata"))
_MEDIUM = {
    "content_type": Kind.TEXT,
    "hash": Kind.TEXT,
    "size": Kind.NUMBER,
    "timestamp": Kind.NUMBER,
    "uri": Kind.TEXT,
}
_PICTURE = {**_MEDIUM, "id": Kind.TEXT, "height": Kind.NUMBER, "width": Kind.NUMBER}

_COLUMNS: dict[Scope, _Columns] = {
    Scope.FRAME: {
        **_columns(blob=Kind.TEXT, id=Kind.TEXT),
        "context_id": (Kind.TEXT, attrgetter("context")),
        "metadata": _METADATA,
        "timestamp": (Kind.NUMBER, attrgetter("time")),
    },
    Scope.ANNOTATION: {
        **_columns(confidence=Kind.NUMBER, id=Kind.TEXT, object_id=Kind.TEXT, sources=Kind.TEXTS),
        "area": (Kind.NUMBER, _area),
        "label": (Kind.TEXTS, attrgetter("labels")),
        "metadata": _METADATA,
        "type": (Kind.TEXT, _type),
        **{name: (Kind.NUMBER, _bounds(part)) for part, name in enumerate("xywh")},
    },
    Scope.SOURCE: {**_columns(**_PICTURE), "metadata": _METADATA},
    Scope.MASK: _columns(**_PICTURE),
    Scope.PREVIEW: _columns(**_MEDIUM),
}

_PARTS: dict[Scope, dict[str, tuple[str, Scope]]] = {
    Scope.FRAME: {"rois": ("annotations", Scope.ANNOTATION), "sources": ("sources", Scope.SOURCE)},
    Scope.ANNOTATION: {},
    Scope.SOURCE: {"masks": ("masks", Scope.MASK), "preview": ("preview", Scope.PREVIEW)},
    Scope.MASK: {},
    Scope.PREVIEW: {},
}

_OTHER_NAMES = {"annotations": "rois", "labels": "label", "meta": "metadata"}

_OWN_PREFIX = {Scope.ANNOTATION: "rois", Scope.SOURCE: "sources"}
"""What a path may begin with although it starts from such a part already: ``rois:(rois.label:cat)``."""

_SHORT = frozenset({"confidence", "label"})
"""Columns of an annotation that a frame's path may name directly."""


def resolve(field: Field, scope: Scope, text: str) -> Column:
    """Returns the column that ``field`` names from ``scope``.

    Raises:
        QuerySyntaxError: there is no such field; ``text`` is the query it stands in.
    """
    parts = list(field.parts)
    here = scope
    hops: list[Hop] = []
    first = _known(parts[0])
    if scope is Scope.FRAME and first in _SHORT:
        hops.append(Hop("annotations"))
        here = Scope.ANNOTATION
    elif first == _OWN_PREFIX.get(scope):
        del parts[0]
    while parts and (part := _PARTS[here].get(_known(parts[0]))) is not None:
        attribute, here = part
        del parts[0]
        single = here is Scope.PREVIEW
        index = int(parts.pop(0)) if parts and not single and _is_index(parts[0]) else None
        hops.append(Hop(attribute, index, single))
    if not parts:
        return Column(tuple(hops), here, "", Kind.PART)
    name = _known(parts[0])
    if name not in _COLUMNS[here]:
        _fail_unknown(field, parts[0], here, text)
    kind = _COLUMNS[here][name][0]
    path = tuple(parts[1:])
    if kind is Kind.METADATA:
        # As in Elasticsearch the ending asks for the exact text, which is what every clause asks for here.
        path = path[:-1] if len(path) > 1 and path[-1] == "keyword" else path
    elif path and not (path == ("keyword",) and kind is not Kind.NUMBER):
        raise QuerySyntaxError(
            f"{field.name} does not exist: {parts[0]} of {_article(here)} is a plain value without parts.",
            text=text,
            position=field.start,
        )
    else:
        path = ()
    return Column(tuple(hops), here, name, kind, path)


def _known(name: str) -> str:
    return _OTHER_NAMES.get(name, name)


def _is_index(part: str) -> bool:
    return part.isascii() and part.isdigit() and len(part) < 10


def _article(scope: Scope) -> str:
    return f"an {scope.value}" if scope is Scope.ANNOTATION else f"a {scope.value}"


def _fail_unknown(field: Field, part: str, scope: Scope, text: str) -> None:
    names = {_short(name) for name in _COLUMNS[scope]} | _PARTS[scope].keys()
    if scope is Scope.FRAME:
        names |= _SHORT
    meant = [f"meta.{part}"] if "metadata" in _COLUMNS[scope] else []
    meant += [f"{name}.{part}" for name, (_, inner) in _PARTS[scope].items() if part in _COLUMNS[inner]]
    raise QuerySyntaxError(
        f"{_article(scope).capitalize()} has no field {part!r}; it has {', '.join(sorted(names))}."
        + (f" Perhaps {' or '.join(meant)} is meant." if meant else ""),
        text=text,
        position=field.start,
    )


def _short(name: str) -> str:
    return "meta.KEY" if name == "metadata" else name
