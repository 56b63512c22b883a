"""DataViews as values: what a model trains on, in full, independent of any repository that holds it.

A view names frames by queries over versions, says how often each query is drawn, what labels become, which number
each label gets, what comes out of a frame and in which order. Equal views have equal encoded forms and so equal
hashes; its name, tags and description are said by the catalog, not here (rows 88-105 of the checklist).
"""

from __future__ import annotations

import enum
from typing import Annotated, Any

import msgspec

from hdstore.model.frame import Timestamp

__all__ = [
    "ANY",
    "DEFAULT_SEED",
    "Augmentation",
    "AugmentationSet",
    "Clip",
    "FilterBy",
    "Iteration",
    "MappingRule",
    "Order",
    "Output",
    "RoiRule",
    "View",
    "ViewDocument",
    "ViewQuery",
]

ANY = "*"
"""In place of a dataset, a version or a label: any of them."""

DEFAULT_SEED = 1337
"""The seed of a random order for which none is given: the same view gives the same order (row 112)."""


class FilterBy(enum.StrEnum):
    """Which frames a query looks at (row 96)."""

    RULES = "label_rules"
    """Those that meet its annotation rules; without rules, all."""
    NO_ROIS = "no_rois"
    """Those without annotations."""
    DISABLED = "disabled"
    """All, whatever its annotation rules say."""


class Output(enum.StrEnum):
    """Which annotations come out of a frame (row 104)."""

    ALL = "all_in_frame"
    MATCHING = "only_filtered"
    """Those that met an annotation rule of the query that found the frame."""
    EACH = "frame_per_roi"
    """One frame for each of them, with that annotation alone."""


class Order(enum.StrEnum):
    """The order in which frames come (row 114)."""

    SEQUENTIAL = "sequential"
    """By context id, timestamp, frame id."""
    RANDOM = "random"
    """By a permutation that the seed decides."""


class _ViewValue(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of the parts of a view."""


class RoiRule(_ViewValue, frozen=True, kw_only=True):
    """What annotations a frame must have (rows 91-95).

    An annotation matches when it carries all ``labels``, meets the Lucene ``query`` (asked of one annotation; a value
    without a field is a label) and has a confidence inside ``confidence``. A frame meets the rule when the number of
    annotations that match lies inside ``count``; with ``must_not``, when none matches. Both ranges include their
    ends; None leaves an end open. An annotation without confidence lies inside no range that has an end.
    """

    confidence: tuple[float | None, float | None] = (None, None)
    count: tuple[int | None, int | None] = (1, None)
    labels: tuple[Annotated[str, msgspec.Meta(min_length=1)], ...] = ()
    must_not: bool = False
    query: str = ""


class ViewQuery(_ViewValue, frozen=True, kw_only=True):
    """One frame filter of a view: a version of a dataset and what its frames must meet, all of it (row 89).

    ``dataset`` and ``version`` are names or ids. ``*`` as the version means every version that other queries of the
    view name (of that dataset); as the dataset, every dataset they name (row 90). ``weight`` is how often this query
    is drawn beside the others (row 101).
    """

    dataset: str
    filter: FilterBy = FilterBy.RULES
    frame: str = ""
    rois: tuple[RoiRule, ...] = ()
    source: str = ""
    version: str = ANY
    weight: Annotated[float, msgspec.Meta(gt=0, le=1e9)] = 1.0


class MappingRule(_ViewValue, frozen=True, kw_only=True):
    """An annotation that carries all ``labels`` (``*``: any one) carries ``to`` instead (row 102).

    Rules are tried in their order; a label that one rule took is gone for those after it, a label that none takes
    stays. Queries see labels before they are mapped.
    """

    dataset: str = ANY
    labels: tuple[Annotated[str, msgspec.Meta(min_length=1)], ...]
    to: Annotated[str, msgspec.Meta(min_length=1)]
    version: str = ANY


class Clip(_ViewValue, frozen=True, kw_only=True):
    """Runs of frames of one context instead of single ones (row 118).

    A clip holds ``length`` frames in the order of their timestamps, each at most ``gap`` milliseconds after the one
    before it. What does not fill a clip is left out.
    """

    gap: Timestamp | None = None
    length: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class Iteration(_ViewValue, frozen=True, kw_only=True):
    """In which order and how long frames come (rows 114-120).

    Once is the default: each frame one time; a frame that several queries find is the first one's. ``limit`` ends
    after so many; where the order is random, these are drawn by the weights of the queries. ``epoch`` draws frames by
    weights until the query that is used up last has given each of its frames (row 120); ``infinite`` goes on epoch
    after epoch. In both, a query draws from all that it finds. ``docs/iteration.md`` says it precisely.
    """

    clip: Clip | None = None
    epoch: bool = False
    infinite: bool = False
    limit: Annotated[int, msgspec.Meta(ge=0)] | None = None
    order: Order = Order.SEQUENTIAL
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None


class AugmentationSet(_ViewValue, frozen=True, kw_only=True):
    """One augmentation that whoever trains is to carry out (row 105)."""

    arguments: dict[str, Any] = msgspec.field(default_factory=dict)
    cls: str
    strength: float | None = None
    types: tuple[str, ...] = ()


class Augmentation(_ViewValue, frozen=True, kw_only=True):
    """Augmentations that travel with the view and are carried out by whoever trains (row 105)."""

    crop_around_rois: bool = False
    sets: tuple[AugmentationSet, ...] = ()


class View(_ViewValue, frozen=True, kw_only=True):
    """A full, reproducible description of what a model trains on.

    ``enumeration`` gives labels (after mapping) their numbers; others get -1 (row 103). ``pins`` maps version ids to
    the commits they meant: a pinned view yields the same frames in the same order for ever. ``projection`` is a list
    of dotted paths that limit what a frame carries; empty means all.
    """

    augmentation: Augmentation | None = None
    enumeration: dict[str, int] = msgspec.field(default_factory=dict)
    iteration: Iteration = msgspec.field(default_factory=Iteration)
    mapping: tuple[MappingRule, ...] = ()
    output: Output = Output.ALL
    pins: dict[str, str] = msgspec.field(default_factory=dict)
    projection: tuple[str, ...] = ()
    queries: tuple[ViewQuery, ...] = ()

    @property
    def is_pinned(self) -> bool:
        """Whether it names commits."""
        return bool(self.pins)


class ViewDocument(_ViewValue, frozen=True, kw_only=True):
    """A stored view: its value, and what people call it and say of it (rows 107-109).

    ``created`` is seconds since 1970 in UTC. A published view is pinned and its value never changes; a deleted one
    stays as a tombstone, so that a pull revives nothing.
    """

    archived: bool = False
    created: int
    deleted: bool = False
    description: str = ""
    id: str
    name: str
    project: str = ""
    published: bool = False
    tags: tuple[str, ...] = ()
    view: View
