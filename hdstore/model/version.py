"""Values that describe a version: its document, statistics, author and commits."""

from __future__ import annotations

import enum

import msgspec

from hdstore.model.annotation import Metadata

__all__ = ["Author", "Commit", "LabelCount", "Stats", "Status", "VersionDocument"]


class Status(enum.StrEnum):
    """Whether a version can still be edited."""

    DRAFT = "draft"
    PUBLISHED = "published"


class Author(msgspec.Struct, frozen=True):
    """Who makes a change, as git writes it."""

    name: str
    email: str


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """One save in a version's history; ``time`` is seconds since 1970 in UTC."""

    author: Author
    id: str
    message: str
    parents: tuple[str, ...]
    time: int
    version_id: str = ""


class VersionDocument(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What a version says of itself inside its own tree; read-only once it is published.

    ``created`` is seconds since 1970 in UTC; ``parents`` are the ids of the versions it was made from.
    """

    created: int
    dataset_id: str
    id: str
    metadata: Metadata = msgspec.field(default_factory=dict)
    parents: tuple[str, ...] = ()


class LabelCount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How many annotations carry a label, and how many frames hold at least one such annotation."""

    annotations: int = 0
    frames: int = 0


class Stats(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Counts over the frames of a version (row 33): a function of the frames, whatever their history."""

    annotated: int = 0
    annotations: int = 0
    content_types: dict[str, int] = msgspec.field(default_factory=dict)
    frames: int = 0
    labels: dict[str, LabelCount] = msgspec.field(default_factory=dict)
