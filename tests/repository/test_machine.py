"""A state machine drives a repository as users do and compares it with a plain dict after every step."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import hdstore
from hdstore import Annotation, Box, SingleFrame
from hdstore.version import Tally

FRAMES = st.integers(0, 80)
LABELS = st.sampled_from(["cat", "dog", "truck"])


def make(number: int, label: str, count: int) -> SingleFrame:
    return SingleFrame(
        id=f"f{number}",
        metadata={"n": number},
        annotations=tuple(
            Annotation(id=f"a{i}", labels=(label,), geometry=Box(x=float(i), y=0.0, w=1.0, h=1.0))
            for i in range(count)
        ),
    )


class RepositoryMachine(RuleBasedStateMachine):
    """Versions as dicts from frame id to frame; names and states beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="hdstore-machine-"))
        author = hdstore.Author("Ada", "ada@example.org")
        self.repository = hdstore.init(self.folder, author=author)
        self.author = author
        self.names = 0
        self.frames: dict[str, dict[str, SingleFrame]] = {}
        self.drafts: set[str] = set()
        self.called: dict[str, str] = {}

    def teardown(self) -> None:
        assert self.repository.fsck() == []
        run = subprocess.run(
            ["git", "-C", str(self.folder / ".hds"), "fsck", "--strict", "--no-dangling"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        self.dataset = self.repository.create_dataset("plates")
        first = self.dataset.current()
        self.frames[first.id] = {}
        self.drafts.add(first.id)
        self.called[first.id] = "Current"

    def pick(self, data: st.DataObject, ids: set[str]) -> str:
        # Versions in the order they were made: their ids are random, and a run must be repeatable.
        made = [version for version in self.frames if version in ids]
        return data.draw(st.sampled_from(made or sorted(ids)))

    def published(self) -> set[str]:
        return self.frames.keys() - self.drafts

    @precondition(lambda self: self.drafts)
    @rule(data=st.data(), numbers=st.lists(FRAMES, max_size=70), label=LABELS, count=st.integers(0, 3))
    def add(self, data: st.DataObject, numbers: list[int], label: str, count: int) -> None:
        draft = self.pick(data, self.drafts)
        frames = {f"f{n}": make(n, label, count) for n in numbers}
        held = self.frames[draft]
        changes = self.dataset.version(draft).add_frames(frames.values())
        assert changes.added == len(frames.keys() - held.keys())
        assert changes.updated == sum(i in held and held[i] != f for i, f in frames.items())
        held.update(frames)

    @precondition(lambda self: any(self.frames[d] for d in self.drafts))
    @rule(data=st.data(), label=LABELS)
    def edit_and_undo(self, data: st.DataObject, label: str) -> None:
        draft = self.pick(data, {d for d in self.drafts if self.frames[d]})
        frame_id = self.pick(data, set(self.frames[draft]))
        version = self.dataset.version(draft)
        before = version.state()
        edits = (
            hdstore.AddAnnotation(frame_id=frame_id, annotation=Annotation(id="new", labels=(label,))),
            hdstore.SetFrameMetadata(frame_id=frame_id, set={"label": label}, remove=("n",)),
        )
        changes = version.apply(*edits)
        assert version.frame(frame_id).metadata["label"] == label
        assert changes.inverse is not None
        version.apply(*changes.inverse)
        assert version.state().oid("frames") == before.oid("frames")
        assert version.state().oid("stats") == before.oid("stats")

    @precondition(lambda self: self.drafts)
    @rule(data=st.data(), numbers=st.lists(FRAMES, max_size=40))
    def delete_frames(self, data: st.DataObject, numbers: list[int]) -> None:
        draft = self.pick(data, self.drafts)
        gone = {f"f{n}" for n in numbers}
        changes = self.dataset.version(draft).delete_frames(gone)
        assert changes.removed == len(gone & self.frames[draft].keys())
        for frame_id in gone:
            self.frames[draft].pop(frame_id, None)

    @precondition(lambda self: self.drafts)
    @rule(data=st.data())
    def snapshot(self, data: st.DataObject) -> None:
        draft = self.pick(data, self.drafts)
        self.names += 1
        version, child = self.dataset.version(draft).snapshot(name=f"snapshot {self.names}")
        assert version.id == draft
        assert child.parents == (draft,)
        self.called[child.id] = self.called[draft]
        self.called[draft] = f"snapshot {self.names}"
        self.drafts = self.drafts - {draft} | {child.id}
        self.frames[child.id] = dict(self.frames[draft])

    @precondition(lambda self: self.drafts)
    @rule(data=st.data())
    def publish(self, data: st.DataObject) -> None:
        draft = self.pick(data, self.drafts)
        self.dataset.version(draft).publish()
        self.drafts.discard(draft)

    @precondition(lambda self: self.published() and len(self.frames) < 9)
    @rule(data=st.data(), count=st.integers(0, 3))
    def branch(self, data: st.DataObject, count: int) -> None:
        parents = [self.pick(data, self.published()) for _ in range(count)]
        self.names += 1
        child = self.dataset.create_version(f"branch {self.names}", parents=parents)
        merged: dict[str, SingleFrame] = {}
        for parent in parents:
            merged.update(self.frames[parent])
        self.frames[child.id] = merged
        self.drafts.add(child.id)
        self.called[child.id] = f"branch {self.names}"

    @rule(data=st.data())
    def rename(self, data: st.DataObject) -> None:
        version = self.pick(data, set(self.frames))
        self.names += 1
        self.dataset.version(version).rename(f"犬/named {self.names}")
        self.called[version] = f"犬/named {self.names}"

    @precondition(lambda self: len(self.frames) > 1)
    @rule(data=st.data())
    def delete_version(self, data: st.DataObject) -> None:
        version = self.pick(data, set(self.frames))
        if version not in self.drafts:
            try:
                self.dataset.version(version).delete()
            except hdstore.ReadOnlyError:
                pass
            else:
                raise AssertionError("a published version was deleted without force")
        self.dataset.version(version).delete(force=True)
        del self.frames[version], self.called[version]
        self.drafts.discard(version)

    @rule(grace=st.sampled_from([0.0, 1e6]))
    def gc(self, grace: float) -> None:
        self.repository.gc(grace=grace)

    @rule()
    def reopen(self) -> None:
        self.repository.close()
        self.repository = hdstore.open(self.folder, author=self.author)
        self.dataset = self.repository.dataset("plates")

    @invariant()
    def versions_are_as_the_model_says(self) -> None:
        if not hasattr(self, "dataset"):
            return
        versions = {version.id: version for version in self.dataset.versions()}
        assert versions.keys() == self.frames.keys()
        for version_id, held in self.frames.items():
            version = versions[version_id]
            assert version.is_draft == (version_id in self.drafts)
            assert version.name == self.called[version_id]
            state = version.state()
            assert {frame.id: frame for frame in state.frames()} == held
            tally = Tally()
            for frame in held.values():
                tally.add(frame)
            assert state.stats == tally.stats()


RepositoryMachine.TestCase.settings = settings(max_examples=12, stateful_step_count=18, deadline=None)
TestRepository = RepositoryMachine.TestCase
