"""Peers that work offline and exchange when they can: whatever the order, all end with the same hashes."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

import hdstore
from hdstore import (
    AddAnnotation,
    Annotation,
    Author,
    DatasetVersion,
    DivergedError,
    RemoteError,
    Repository,
    SetFrameMetadata,
    SingleFrame,
)

PEERS = ("ada", "bob", "carol")
FRAMES = ("a", "b", "c")

peers = st.sampled_from(PEERS)
frames = st.sampled_from(FRAMES)
numbers = st.integers(0, 5)


def refs(repository: Repository) -> dict[str, str]:
    """Returns all drafts, published versions and the catalog, by the names of their refs."""
    found = repository._core.refs
    return found.list("refs/heads/") | found.list("refs/tags/")


class Peers(RuleBasedStateMachine):
    """Three people with a hub, each other's remotes too, who save, snapshot, publish, rename and delete."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="hdstore-peers-"))
        self.hub = self.folder / "hub"
        self.people: dict[str, Repository] = {}
        self.count = 0
        self.drawn: set[str] = set()
        """Annotations that somebody drew, and nobody deleted with the version that held them."""
        self.published: set[str] = set()
        """Commits that somebody published."""

    @initialize()
    def begin(self) -> None:
        """One repository with a draft of three frames, its hub, and two clones."""
        folder = self.folder / "ada"
        folder.mkdir()
        ada = hdstore.init(folder, author=Author("ada", "ada@example.org"))
        ada.create_dataset("plates").current().add_frames(SingleFrame(id=name) for name in FRAMES)
        ada.add_remote("origin", str(self.hub))
        ada.push()
        self.people["ada"] = ada
        for name in PEERS[1:]:
            self.people[name] = hdstore.clone(
                self.hub, self.folder / name, author=Author(name, f"{name}@example.org")
            )
        for name, repository in self.people.items():
            for other in PEERS:
                if other != name:
                    repository.add_remote(other, str(self.folder / other))

    def teardown(self) -> None:
        """Exchanges until quiet, and judges the end."""
        try:
            if self.people:
                self._converge()
                self._judge()
        finally:
            for repository in self.people.values():
                repository.close()
            shutil.rmtree(self.folder)

    # What people do

    def _versions(self, who: str, *, drafts: bool) -> list[DatasetVersion]:
        found = [
            version
            for dataset in self.people[who].datasets()
            for version in dataset.versions()
            if version.is_draft is drafts
        ]
        return sorted(found, key=lambda version: version.id)

    def _draft(self, who: str, number: int) -> DatasetVersion | None:
        drafts = self._versions(who, drafts=True)
        return drafts[number % len(drafts)] if drafts else None

    @rule(who=peers, frame=frames, number=numbers)
    def draw(self, who: str, frame: str, number: int) -> None:
        """Draws an annotation."""
        draft = self._draft(who, number)
        if draft is None:
            return
        self.count += 1
        name = f"n{self.count}"
        draft.apply(AddAnnotation(frame_id=frame, annotation=Annotation(id=name, labels=("cat",))))
        self.drawn.add(name)

    @rule(who=peers, frame=frames, number=numbers)
    def note(self, who: str, frame: str, number: int) -> None:
        """Sets a key that others set too."""
        draft = self._draft(who, number)
        if draft is not None:
            self.count += 1
            draft.apply(SetFrameMetadata(frame_id=frame, set={"checked": self.count}))

    @rule(who=peers, number=numbers)
    def snapshot(self, who: str, number: int) -> None:
        """Publishes a draft and goes on in its child."""
        draft = self._draft(who, number)
        if draft is not None and not draft.state().has_conflicts():
            self.count += 1
            published, _ = draft.snapshot(name=f"s{self.count}")
            self.published.add(published.commit)

    @rule(who=peers, number=numbers)
    def publish(self, who: str, number: int) -> None:
        """Publishes a draft that nothing continues."""
        draft = self._draft(who, number)
        if draft is not None and not draft.state().has_conflicts():
            draft.publish()
            self.published.add(draft.commit)

    @rule(who=peers, number=numbers)
    def child(self, who: str, number: int) -> None:
        """Makes a child of a published version."""
        versions = self._versions(who, drafts=False)
        if versions:
            parent = versions[number % len(versions)]
            self.count += 1
            parent.dataset.create_version(f"child {self.count}", parents=parent)

    @rule(who=peers, number=numbers)
    def rename(self, who: str, number: int) -> None:
        """Renames a draft and its dataset."""
        draft = self._draft(who, number)
        if draft is not None:
            self.count += 1
            draft.rename(f"draft {self.count}")
            draft.dataset.rename(f"plates {self.count}")

    @rule(who=peers, number=numbers)
    def delete(self, who: str, number: int) -> None:
        """Deletes a draft with what it holds."""
        draft = self._draft(who, number)
        if draft is not None:
            for frame in draft.frames():
                self.drawn -= {annotation.id for annotation in frame.annotations}
            draft.delete()

    # Exchange

    @rule(who=peers)
    def pull(self, who: str) -> None:
        """Pulls from the hub."""
        self.people[who].pull()

    @rule(who=peers)
    def push(self, who: str) -> None:
        """Pushes to the hub, unless the hub has gone on."""
        try:
            self.people[who].push()
        except (DivergedError, RemoteError):
            self.people[who].pull()

    @rule(who=peers, other=peers)
    def meet(self, who: str, other: str) -> None:
        """Pulls from another peer."""
        if who != other:
            self.people[who].pull(other)

    def _converge(self) -> None:
        for _ in range(8):
            before = [refs(repository) for repository in self.people.values()]
            for repository in self.people.values():
                repository.pull()
                repository.push()
            after = [refs(repository) for repository in self.people.values()]
            if before == after and all(held == after[0] for held in after):
                return
        raise AssertionError(f"the peers do not agree: {after}")

    def _judge(self) -> None:
        with hdstore.open(self.hub) as hub:
            expected = refs(hub)
            assert hub.fsck() == []
        found: set[str] = set()
        published: set[str] = set()
        for repository in self.people.values():
            assert refs(repository) == expected
            assert repository.fsck() == []
            for dataset in repository.datasets():
                for version in dataset.versions():
                    if not version.is_draft:
                        published.add(version.commit)
                    for frame in version.frames():
                        names = [annotation.id for annotation in frame.annotations]
                        assert len(names) == len(set(names))
                        found.update(names)
        assert self.drawn <= found
        assert self.published <= published


class TestPeers(Peers.TestCase):  # type: ignore[name-defined,misc]
    """The machine above, as a test."""

    settings = settings(
        max_examples=8,
        stateful_step_count=14,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
