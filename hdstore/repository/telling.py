"""What an exchange did, in sentences: the same for the command line and the app."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hdstore.repository.repository import Repository
    from hdstore.sync import SyncReport

__all__ = ["Told", "tell_exchange", "tell_fetch"]


@dataclass(frozen=True, slots=True)
class Told:
    """One sentence; ``version`` is the path of a draft in which ``conflicts`` conflicts wait."""

    text: str
    version: str = ""
    conflicts: int = 0


def tell_fetch(report: SyncReport, remote: str) -> Told:
    """Says what a fetch brought to look at."""
    moved = f"{_count(len(report.moved), 'ref')} moved there" if report.moved else "nothing was new"
    return Told(f"Fetched from {remote}: {moved}.")


def tell_exchange(repository: Repository, report: SyncReport, what: str) -> Iterator[Told]:
    """Says what was moved (``what`` begins the first sentence: "Pulled from origin"), merged and kept."""
    refs = len(report.moved) + len(report.removed)
    parts = [_count(refs, "ref")] if refs else []
    if report.media:
        parts.append(f"{_count(report.media, 'file')} of media ({_size(report.media_bytes)})")
    yield Told(f"{what}: {', '.join(parts) or 'nothing was new'}.")
    for version in report.merged:
        name, waiting = _path(repository, version), len(repository.version(version).conflicts())
        if waiting:
            yield Told(f"merged {name}, with {_count(waiting, 'conflict')}", name, waiting)
        else:
            yield Told(f"merged {name}: both sides' work is in it")
    for version in report.revived:
        yield Told(
            f"{_path(repository, version)} was deleted on one side and worked on on the other: it is kept"
        )
    for version, draft in (report.carried or {}).items():
        yield Told(
            f"{_path(repository, version)} was published meanwhile: the work that went on is in"
            f" {_path(repository, draft)}"
        )
    for version, other in (report.apart or {}).items():
        yield Told(
            f"{_path(repository, version)} was published on both sides: both are kept, the other as"
            f" {_path(repository, other)} ({other.partition('/')[2]})"
        )
    if report.media_missing:
        yield Told(f"{_count(len(report.media_missing), 'file')} of media could not be found on this side")


def _path(repository: Repository, version: str) -> str:
    return repository.version(version).path


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _size(number: int) -> str:
    amount = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"
