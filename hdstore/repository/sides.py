"""Which side of a merge is ours: what this repository noted, or else who made the commits of either side."""

from __future__ import annotations

from datetime import UTC, datetime

from hdstore.errors import InvalidInputError
from hdstore.merge import AUTHOR, ours_by_parents
from hdstore.model import Conflict
from hdstore.repository.core import Core
from hdstore.store import decode_commit

__all__ = ["Sides"]


class Sides:
    """Says of pairs of merged commits which one is this repository's own."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._noted = ours_by_parents(core.objects, core.refs)
        self._known: dict[frozenset[str], str | None] = {}

    def ours(self, first: str, second: str) -> str:
        """Returns the side of two merged commits that is ours; raises InvalidInputError when that is not known.

        It is the one that this repository's draft held before it merged them, or else the one whose own commits are
        all by this repository's author while the other's are not.
        """
        found = self.known(first, second)
        if found is None:
            raise InvalidInputError(
                f"Which side is yours is not known here: it is {self.describe(first)}, or {self.describe(second)}. Say"
                " which one to take with --side COMMIT."
            )
        return found

    def known(self, first: str, second: str) -> str | None:
        """Returns the side of two merged commits that is ours, None where that is not known."""
        pair = frozenset((first, second))
        if pair not in self._known:
            self._known[pair] = self._noted.get(pair) or self._by_authors(first, second)
        return self._known[pair]

    def number(self, conflict: Conflict, choice: str, side: str | None) -> int:
        """Returns which of a conflict's sides is meant by a choice (ours, theirs), or by a commit's first digits."""
        commits = [held.commit for held in conflict.sides]
        if side is not None:
            found = [number for number, commit in enumerate(commits) if side and commit.startswith(side)]
            if len(found) != 1:
                raise InvalidInputError(
                    f"{side!r} names no side of a conflict in {conflict.frame_id or 'the version'}; its sides are"
                    f" {self.describe(commits[0])}, and {self.describe(commits[1])}."
                )
            return found[0]
        ours = commits.index(self.ours(commits[0], commits[1]))
        return ours if choice == "ours" else 1 - ours

    def describe(self, commit: str) -> str:
        """Returns a commit as a sentence names it: first digits, author, time."""
        if not self._core.objects.exists(commit):
            return commit[:12]
        data = decode_commit(self._core.objects.read(commit, "commit"))
        when = datetime.fromtimestamp(data.time, UTC).strftime("%Y-%m-%d %H:%M:%S")
        return f"{commit[:12]} by {data.author.name} ({when} UTC)"

    def _by_authors(self, first: str, second: str) -> str | None:
        objects = self._core.objects
        if not (objects.exists(first) and objects.exists(second)):
            return None
        one, two = self._all_mine(first, second), self._all_mine(second, first)
        return None if one == two else first if one else second

    def _all_mine(self, tip: str, other: str) -> bool:
        """Says whether people's commits that led to ``tip`` alone are all by this repository's author, and some are."""
        objects = self._core.objects
        authors = {
            decode_commit(objects.read(commit, "commit")).author for commit in objects.exclusive(tip, other)
        }
        return authors - {AUTHOR} == {self._core.author}
