"""What the planner lets be made: merges when this repository takes, nothing when it gives."""

from __future__ import annotations

from pathlib import Path

from hdstore.merge import AUTHOR, amend_catalog, merge_catalogs, merge_commits
from hdstore.model import DatasetDocument, Progress, VersionDocument
from hdstore.store import Objects, decode_commit
from hdstore.version import VersionState, write_commit, write_tree

__all__ = ["Forward", "Merges", "PullFirst"]


class Merges:
    """Makes the commits that a pull needs; all are durable when a method returns, and equal on every machine."""

    def __init__(self, objects: Objects, tmp: Path, progress: Progress | None = None) -> None:
        self._objects = objects
        self._tmp = tmp
        self._progress = progress

    def catalogs(self, ours: str, theirs: str) -> str:
        """Returns the commit of a catalog that holds both."""
        return merge_catalogs(self._objects, ours, theirs)

    def drafts(self, ours: str, theirs: str) -> str:
        """Returns the commit that merges two tips of one draft."""
        return merge_commits(self._objects, self._tmp, ours, theirs, progress=self._progress)

    def adopt(self, commit: str, document: VersionDocument) -> str:
        """Returns a commit on ``commit`` with its frames, under another version's document."""
        state = VersionState(self._objects, commit)
        time = decode_commit(self._objects.read(commit, "commit")).committed
        with self._objects.pack() as writer:
            tree = write_tree(
                writer,
                document=document,
                schema=state.schema,
                stats=state.stats,
                frames=state.oid("frames"),
                conflicts=state.oid("conflicts"),
            )
            return write_commit(
                writer,
                tree=tree,
                parents=(commit,),
                author=AUTHOR,
                time=time,
                message="Go on after it was published",
            )

    def amend(self, catalog: str, documents: list[DatasetDocument]) -> str:
        """Returns the commit of the catalog with these documents changed."""
        return amend_catalog(self._objects, catalog, documents, message="Keep work done elsewhere")


class PullFirst(Exception):
    """What a push met that only a pull can join; ``commits`` are the tips of the draft that both went on with."""

    def __init__(self, *commits: str) -> None:
        super().__init__(*commits)
        self.commits = commits


class Forward:
    """Makes nothing: whoever gives moves the other side forward only."""

    def catalogs(self, ours: str, theirs: str) -> str:
        """Raises PullFirst."""
        raise PullFirst

    def drafts(self, ours: str, theirs: str) -> str:
        """Raises PullFirst."""
        raise PullFirst(ours, theirs)

    def adopt(self, commit: str, document: VersionDocument) -> str:
        """Raises PullFirst."""
        raise PullFirst(commit)

    def amend(self, catalog: str, documents: list[DatasetDocument]) -> str:
        """Raises PullFirst."""
        raise PullFirst
