"""Documents of the catalog: what stays editable of datasets and versions after publishing."""

from __future__ import annotations

import msgspec

from hdstore.model.annotation import Metadata

__all__ = ["DatasetDocument", "VersionRecord"]


class _Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of the catalog's values; written as canonical JSON so that they merge key by key."""


class VersionRecord(_Document, frozen=True, kw_only=True):
    """What people call a version and say of it; a deleted one stays as a tombstone, so that a pull revives nothing.

    ``continued_by`` is the id of the draft that goes on from a snapshot. ``last`` names, once it is deleted, what its
    ref pointed to here and at the remotes: work that is not among it, or before it, was not seen by who deleted it, and
    is not dropped.
    """

    archived: bool = False
    continued_by: str = ""
    deleted: bool = False
    description: str = ""
    last: tuple[str, ...] = ()
    name: str
    tags: tuple[str, ...] = ()


class DatasetDocument(_Document, frozen=True, kw_only=True):
    """A dataset: its names, description, metadata (row 13) and versions by id.

    ``created`` is seconds since 1970 in UTC; ``project`` a path with slashes, "" at the top.
    """

    archived: bool = False
    created: int
    deleted: bool = False
    description: str = ""
    id: str
    metadata: Metadata = msgspec.field(default_factory=dict)
    name: str
    project: str = ""
    tags: tuple[str, ...] = ()
    versions: dict[str, VersionRecord] = msgspec.field(default_factory=dict)
