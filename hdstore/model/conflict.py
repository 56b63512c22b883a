"""Conflicts: values that say what two sides of a merge changed differently, until somebody resolves them."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["Conflict", "ConflictSide"]


class _ConflictValue(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Base of what is stored of conflicts."""


class ConflictSide(_ConflictValue, frozen=True, kw_only=True):
    """What one side holds: ``value`` is plain (as JSON and MessagePack have it), and absent unless ``present``.

    ``commit`` names the side: the commit that was merged. It is empty for the common ancestor.
    """

    commit: str = ""
    present: bool = True
    value: Any = None


class Conflict(_ConflictValue, frozen=True, kw_only=True):
    """One thing that both sides changed differently, in a frame or (``frame_id`` empty) in the version itself.

    ``path`` says which thing: ``()`` the frame as a whole, ``("annotations", ID)`` an annotation as a whole,
    ``("annotations", ID, "geometry")`` one field of it, ``("annotations", ID, "metadata", KEY, ...)`` one of its keys,
    ``("metadata", KEY, ...)``, ``("sources", ID, "medium")`` and so on; ``("schema", "labels", NAME, FIELD)`` and
    ``("version", "metadata", KEY, ...)`` of the version. ``sides`` are in the order of their commits' times, then ids:
    until the conflict is resolved the frame holds what the second says, or, where one side deleted what the other
    changed, what was changed.
    """

    base: ConflictSide = ConflictSide(present=False)
    frame_id: str = ""
    path: tuple[str, ...] = ()
    sides: tuple[ConflictSide, ConflictSide]
