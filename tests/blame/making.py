"""Histories made by hand: commits of chosen parents, times and frames, and what a reader of every commit finds."""

from __future__ import annotations

from pathlib import Path

from hdstore.blame import Histories
from hdstore.codec import encode_frame
from hdstore.ids import frame_key
from hdstore.model import Author, Frame, Schema, Stats, VersionDocument
from hdstore.store import Layout, MemoryChanges, Objects, update_trie
from hdstore.version import VersionState, write_commit, write_tree

ADA = Author(name="Ada Lovelace", email="ada@example.org")
MERGER = Author(name="hdstore", email="hdstore@localhost")


class Making:
    """Writes commits; none is read before the next but by its trie."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.objects = Objects(layout.hds)
        self.count = 0

    def save(
        self,
        changes: dict[str, Frame | None],
        *parents: str,
        time: int | None = None,
        version: str = "Current.1",
        author: Author = ADA,
    ) -> str:
        """Returns a commit that makes changes to its first parent's frames."""
        self.count += 1
        base = VersionState(self.objects, parents[0]).trie.tree if parents else None
        rows = {frame_key(i): None if f is None else encode_frame(f) for i, f in changes.items()}
        with self.objects.pack() as writer:
            tree = base
            if rows or base is None:
                tree = update_trie(self.objects, writer, base, MemoryChanges.of(rows), lambda *_: None)
            root = write_tree(
                writer,
                document=VersionDocument(created=1, dataset_id="plates.1", id=version),
                schema=Schema(),
                stats=Stats(),
                frames=tree,
            )
            return write_commit(
                writer,
                tree=root,
                parents=parents,
                author=author,
                time=self.count if time is None else time,
                message=f"Save {self.count}",
            )

    def histories(self, name: str = "plates.1") -> Histories:
        """Returns what answers, as a fresh process has it."""
        return Histories(
            Objects(self.layout.hds),
            self.layout.index / "history" / name,
            tmp=self.layout.tmp,
            lock=self.layout.locks / "history.lock",
            named="{}/{}".format,
        )

    def forget(self) -> None:
        """Removes all that is known of histories."""
        for path in self.kept():
            path.unlink()

    def kept(self) -> list[Path]:
        """Returns the files in which histories are kept."""
        return sorted(path for path in (self.layout.index / "history").glob("*/*"))
