"""Every way to another repository does the same: refs, fetches, pushes, leases."""

from __future__ import annotations

import os
import subprocess
from functools import partial
from pathlib import Path

import pytest
from sync.ways import ALL, INCOMING, Way, commit, incoming, new_repository, put, tag, whole
from sync.wire import Wire

from hdstore.errors import CancelledError, ConflictError, RemoteError
from hdstore.store import Layout, Refs, RefUpdate
from hdstore.sync.failures import Kind, ReachError
from hdstore.sync.transport import connect
from hdstore.sync.urls import parse_place

A, B = "refs/heads/d.1/v.1", "refs/heads/d.1/v.2"


@pytest.fixture
def hub(tmp_path: Path) -> Layout:
    """Returns the other repository; it is empty."""
    return new_repository(tmp_path / "hub")


@pytest.fixture
def ours(tmp_path: Path) -> Layout:
    """Returns our repository; it is empty."""
    return new_repository(tmp_path / "ours")


def test_what_is_pushed_can_be_fetched(way: Way, hub: Layout, ours: Layout, tmp_path: Path) -> None:
    """Branches and annotated tags arrive under their names; tags are listed by their own ids."""
    one = commit(ours, b"1")
    two = commit(ours, b"1", b"2", parents=[one])
    kept = tag(ours, "kept", one)
    sender = way.connect(ours, hub.folder)
    assert sender.refs() == {}
    assert sender.inner
    sender.push(
        [RefUpdate(A, None, one), RefUpdate(B, None, two), RefUpdate("refs/tags/d.1/v.0", None, kept)]
    )
    expected = {A: one, B: two, "refs/tags/d.1/v.0": kept}
    assert sender.refs() == expected

    theirs = new_repository(tmp_path / "theirs")
    receiver = way.connect(theirs, hub.folder)
    receiver.fetch(ALL)
    assert incoming(theirs) == expected
    # Nothing else was set: no tags of ours, no FETCH_HEAD.
    assert Refs(theirs.hds).list("refs/tags/") == {}
    assert not (theirs.hds / "FETCH_HEAD").exists()
    assert receiver.inner
    assert way.slept == []
    whole(hub, ours, theirs)


def test_refs_move_forward_and_are_removed(way: Way, hub: Layout, ours: Layout) -> None:
    """Also backward where the lease holds; a repeated push finds everything done."""
    one = commit(ours, b"1")
    two = commit(ours, b"2", parents=[one])
    other = commit(ours, b"3")
    transport = way.connect(ours, hub.folder)
    transport.push([RefUpdate(A, None, one), RefUpdate(B, None, one)])
    transport.push([RefUpdate(A, one, two), RefUpdate(B, one, None)])
    assert transport.refs() == {A: two}
    transport.push([RefUpdate(A, one, two)])
    transport.push([RefUpdate(A, two, other)])
    assert transport.refs() == {A: other}
    transport.push([])
    whole(hub)


def test_what_is_gone_there_is_gone_here(way: Way, hub: Layout, ours: Layout) -> None:
    """A fetch removes our ref of what the other side does not have any more, and only that."""
    one = commit(hub, b"1")
    put(hub, **{"a": one, "b/c": one})
    own = RefUpdate(f"{INCOMING}elsewhere", None, commit(ours, b"2"))
    Refs(ours.hds).update(own)
    transport = way.connect(ours, hub.folder)
    transport.fetch(ALL)
    Refs(hub.hds).update(RefUpdate("refs/heads/b/c", one, None))
    # A name may have become a folder of names.
    put(hub, b=commit(hub, b"3"))
    transport.fetch(ALL)
    assert incoming(ours) == {**transport.refs(), "refs/elsewhere": own.new}


def test_little_travels_twice(way: Way, hub: Layout, ours: Layout) -> None:
    """The second exchange sends what is new, in both directions; the wire counts it."""
    if way.server is None:
        pytest.skip("nothing travels between two folders of one disk")
    noise = os.urandom(300_000)
    one = commit(hub, noise)
    put(hub, a=one)
    with Wire(way.server.port) as wire:
        transport = way.connect(ours, hub.folder, port=wire.port)
        transport.fetch(ALL)
        assert wire.received > 300_000
        put(hub, a=commit(hub, noise, b"more", parents=[one]))
        wire.reset()
        transport.fetch(ALL)
        assert 0 < wire.received < 50_000
        two = commit(ours, noise, b"and more", parents=[one])
        transport.push([RefUpdate(A, None, two)])
        assert wire.sent < 50_000
    whole(hub, ours)


def test_a_ref_that_moved_meanwhile_is_not_overwritten(way: Way, hub: Layout, ours: Layout) -> None:
    """The push is refused before anything moves, whatever the ref was expected to be."""
    one, two = commit(hub, b"1"), commit(hub, b"2")
    put(hub, a=one, b=one)
    new = commit(ours, b"3")
    transport = way.connect(ours, hub.folder)
    before = transport.refs()
    for old in (None, two):
        with pytest.raises(ConflictError, match=r"changed meanwhile: refs/heads/b .* Pull, then push again"):
            transport.push([RefUpdate("refs/heads/a", one, new), RefUpdate("refs/heads/b", old, new)])
        with pytest.raises(ConflictError):
            transport.push([RefUpdate("refs/heads/c", two, new)])
    with pytest.raises(ConflictError):
        transport.push([RefUpdate("refs/heads/b", two, None)])
    assert transport.refs() == before
    assert way.slept == []


def test_a_rule_of_the_other_side_refuses(way: Way, hub: Layout, ours: Layout) -> None:
    """Its hook says no to one ref: the error names ref and reason; where possible nothing else moves either."""
    hooks = hub.hds / "hooks"
    hooks.mkdir()
    (hooks / "update").write_text('#!/bin/sh\ntest "$1" != refs/heads/no\n')
    (hooks / "update").chmod(0o755)
    one = commit(ours, b"1")
    transport = way.connect(ours, hub.folder)
    updates = [RefUpdate("refs/heads/no", None, one), RefUpdate("refs/heads/yes", None, one)]
    if way.kind == "path":
        transport.push(updates)  # whoever wrote the hook, in a folder it would run as us
        assert len(transport.refs()) == 2
        return
    with pytest.raises(ReachError, match=r"rule of its own: refs/heads/no: hook declined") as caught:
        transport.push(updates)
    assert caught.value.kind is Kind.RULE
    assert set(transport.refs()) == (set() if way.at_once else {"refs/heads/yes"})


def test_a_place_without_a_repository(way: Way, ours: Layout, tmp_path: Path) -> None:
    """The sentence says so, for every call, and nothing is tried again."""
    (tmp_path / "empty").mkdir()
    for name in ("nowhere", "empty"):
        with pytest.raises(ReachError, match=rf"There is no repository (at|in) .*/{name}[,;]") as caught:
            way.connect(ours, tmp_path / name).refs()
        assert caught.value.kind is Kind.MISSING
    if way.kind != "path":
        transport = way.connect(ours, tmp_path / "nowhere")
        with pytest.raises(RemoteError, match="There is no repository at"):
            transport.fetch(ALL)
        with pytest.raises(RemoteError, match="There is no repository at"):
            transport.push([RefUpdate(A, None, commit(ours, b"1"))])
    assert way.slept == []


def test_any_git_repository_will_do(way: Way, ours: Layout, tmp_path: Path) -> None:
    """A bare one at the URL itself takes what is pushed; that is found out once."""
    bare = tmp_path / "plain.git"
    subprocess.run(["git", "init", "-q", "--bare", bare], check=True)
    one = commit(ours, b"1")
    transport = way.connect(ours, bare)
    transport.push([RefUpdate(A, None, one)])
    assert not transport.inner
    assert transport.refs() == {A: one}
    transport.fetch(ALL)
    assert incoming(ours) == {A: one}
    told = connect(ours, parse_place(way.url(bare)), program=way.program, inner=False)
    assert told.refs() == {A: one}
    assert subprocess.run(["git", "-C", bare, "fsck", "--strict"], check=False).returncode == 0


def stop(what: str, done: int, total: int | None) -> None:
    raise CancelledError("enough")


def test_a_cancelled_exchange_moves_nothing(way: Way, hub: Layout, ours: Layout) -> None:
    """What progress raises before anything was sent ends it at once; it can be repeated."""
    one = commit(hub, b"1")
    put(hub, a=one)
    transport = way.connect(ours, hub.folder)
    two = commit(ours, b"2")
    with pytest.raises(CancelledError):
        transport.fetch(ALL, progress=stop)
    with pytest.raises(CancelledError):
        transport.push([RefUpdate(A, None, two)], progress=stop)
    assert incoming(ours) == {}
    assert Refs(hub.hds).list("refs/") == {"refs/heads/a": one}
    seen: list[str] = []
    transport.fetch(ALL, progress=lambda what, done, total: seen.append(what))
    transport.push([RefUpdate(A, None, two)], progress=lambda what, done, total: seen.append(what))
    assert f"Reaching {transport.place}" in seen
    assert incoming(ours) == {"refs/heads/a": one}
    assert transport.refs() == {"refs/heads/a": one, A: two}
    whole(hub, ours)


@pytest.mark.slow
def test_an_exchange_is_cancelled_in_the_middle(way: Way, hub: Layout, ours: Layout) -> None:
    """The connection stands still and says nothing: a user can stop nevertheless, and no ref has moved."""
    if way.server is None:
        pytest.skip("between two folders nothing stands still")
    one = commit(hub, *(os.urandom(20_000) for _ in range(20)))
    put(hub, a=one)
    two = commit(ours, *(os.urandom(20_000) for _ in range(20)))

    for up in (False, True):
        with Wire(way.server.port) as wire:
            transport = way.connect(ours, hub.folder, port=wire.port)
            transport.refs()
            wire.hold_after, wire.hold_sent_after = (None, 100_000) if up else (100_000, None)

            def stop_when_held(what: str, done: int, total: int | None, wire: Wire = wire) -> None:
                if wire.held.is_set():
                    raise CancelledError("enough")

            work = partial(transport.push, [RefUpdate(A, None, two)]) if up else partial(transport.fetch, ALL)
            with pytest.raises(CancelledError):
                work(progress=stop_when_held)
    assert incoming(ours) == {}
    assert Refs(hub.hds).list("refs/") == {"refs/heads/a": one}
    whole(hub, ours)
    transport = way.connect(ours, hub.folder)
    transport.fetch(ALL)
    transport.push([RefUpdate(A, None, two)])
    assert transport.refs() == {"refs/heads/a": one, A: two}
