"""What operations on a repository report."""

from __future__ import annotations

from dataclasses import dataclass, field

from hdstore.model import Changes
from hdstore.repository.version import DatasetVersion

__all__ = ["Finding", "GcReport", "ImportReport"]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did: the version it went to, what changed there, and what the reader wants to be known."""

    version: DatasetVersion
    changes: Changes
    annotations: int
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is damaged: what kind of thing, which one, and what is wrong with it."""

    kind: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.kind} {self.where}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GcReport:
    """What was removed, and how large the objects are before and after, in bytes."""

    objects_removed: int
    size_before: int
    size_after: int
    media_removed: int = 0
    media_bytes: int = 0
    index_bytes: int = 0
