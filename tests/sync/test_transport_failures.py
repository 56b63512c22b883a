"""What goes wrong on the way: each has its sentence, passing faults are tried again, and a rerun completes."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sync.servers import HttpsServer, SshServer
from sync.ways import ALL, Way, commit, incoming, new_repository, put, whole
from sync.wire import Wire

from hdstore.errors import DamagedError, HdstoreError, RemoteError, UntrustedError
from hdstore.model import Author
from hdstore.store import Layout, Objects, Refs, RefUpdate, decode_commit, decode_tree, encode_commit
from hdstore.sync.embedded import Embedded, check_complete
from hdstore.sync.failures import RETRIES, Kind, ReachError
from hdstore.sync.gitprogram import GitProgram
from hdstore.sync.urls import parse_place

A = "refs/heads/a"
BOTH = pytest.mark.parametrize("kind", [GitProgram, Embedded], ids=["git", "libgit2"])


@pytest.fixture
def hub(tmp_path: Path) -> Layout:
    """Returns the other repository: a branch with 400 kB of noise."""
    made = new_repository(tmp_path / "hub")
    put(made, a=commit(made, *(os.urandom(20_000) for _ in range(20))))
    return made


@pytest.fixture
def ours(tmp_path: Path) -> Layout:
    """Returns our repository; it is empty."""
    return new_repository(tmp_path / "ours")


def remote_only(way: Way) -> int:
    """Returns the port of the server; folders have none, and nothing breaks on the way to them."""
    if way.server is None:
        pytest.skip("no connection leads to a folder")
    return way.server.port


@pytest.mark.slow
def test_a_connection_that_breaks_once_is_made_again(way: Way, hub: Layout, ours: Layout) -> None:
    """In the middle of a fetch and of a push: after a pause the rest is done, as if nothing had been."""
    with Wire(remote_only(way)) as wire:
        transport = way.connect(ours, hub.folder, port=wire.port)
        before = transport.refs()
        wire.cuts, wire.cut_after = 1, 100_000
        transport.fetch(ALL)
        assert way.slept == [RETRIES[0]]
        wire.cuts, wire.cut_after, wire.cut_sent_after = 1, None, 100_000
        new = commit(ours, *(os.urandom(20_000) for _ in range(20)))
        transport.push([RefUpdate("refs/heads/b", None, new)])
        assert wire.cuts == 0
        # Curl may have made the connection again by itself.
        assert way.slept in ([RETRIES[0]], [RETRIES[0]] * 2)
    assert incoming(ours) == before
    assert Refs(hub.hds).get("refs/heads/b") == new
    whole(hub, ours)


@pytest.mark.slow
def test_a_connection_that_always_breaks_is_given_up(way: Way, hub: Layout, ours: Layout) -> None:
    """After some tries the error says that it broke; nothing has moved, and later the same call completes."""
    with Wire(remote_only(way)) as wire:
        transport = way.connect(ours, hub.folder, port=wire.port)
        transport.refs()
        wire.cut_after = 100_000
        with pytest.raises(ReachError, match="broke off") as caught:
            transport.fetch(ALL)
        assert caught.value.kind is Kind.PASSING
        assert way.slept == [*RETRIES]
        assert incoming(ours) == {}
        whole(ours)
        wire.cut_after = None
        transport.fetch(ALL)
    assert incoming(ours) == Refs(hub.hds).list("refs/heads/")


@BOTH
def test_an_answer_that_got_lost(
    kind: type[GitProgram | Embedded],
    hub: Layout,
    ours: Layout,
    https_server: HttpsServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The refs moved but nobody said so: that is found out, and is neither a failure nor a conflict."""
    monkeypatch.setenv("GIT_SSL_CAINFO", str(https_server.authority))
    slept: list[float] = []
    transport = kind(ours, parse_place(https_server.url(hub.folder)), sleep=slept.append)
    new = commit(ours, b"1")
    https_server.lost = 1
    transport.push([RefUpdate("refs/heads/b", None, new), RefUpdate(A, Refs(hub.hds).get(A), new)])
    assert slept in ([], [RETRIES[0]])
    assert set(transport.refs().values()) == {new}


@BOTH
def test_a_server_that_is_busy_for_a_moment(
    kind: type[GitProgram | Embedded],
    hub: Layout,
    ours: Layout,
    https_server: HttpsServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """503 and 429 are waited for; 403 is not."""
    monkeypatch.setenv("GIT_SSL_CAINFO", str(https_server.authority))
    slept: list[float] = []
    transport = kind(ours, parse_place(https_server.url(hub.folder)), sleep=slept.append, inner=True)
    https_server.failures = [503, 429]
    assert transport.refs() == Refs(hub.hds).list("refs/heads/")
    assert slept == [*RETRIES[:2]]
    https_server.failures = [403]
    with pytest.raises(ReachError, match="did not accept who you are") as caught:
        transport.refs()
    assert caught.value.kind is Kind.AUTHENTICATION
    assert len(slept) == 2


@BOTH
def test_passwords(
    kind: type[GitProgram | Embedded],
    hub: Layout,
    ours: Layout,
    https_server: HttpsServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One in the URL is used and never shown; a wrong one, or none, is answered with a sentence and at once."""
    monkeypatch.setenv("GIT_SSL_CAINFO", str(https_server.authority))
    https_server.users = {"ada": "s3cret word"}
    slept: list[float] = []
    for logon in ("", "ada@", "ada:wrong@", "bob:s3cret%20word@"):
        url = https_server.url(hub.folder).replace("//", f"//{logon}")
        with pytest.raises(ReachError, match="did not accept who you are") as caught:
            kind(ours, parse_place(url), sleep=slept.append).refs()
        assert caught.value.kind is Kind.AUTHENTICATION
        assert "wrong" not in str(caught.value)
        assert "s3cret" not in str(caught.value)
    transport = kind(ours, parse_place(https_server.url(hub.folder).replace("//", "//ada:s3cret%20word@")))
    transport.fetch(ALL)
    assert incoming(ours) == transport.refs()
    transport.push([RefUpdate("refs/heads/b", None, commit(ours, b"1"))])
    assert slept == []


@BOTH
def test_whom_to_trust(
    kind: type[GitProgram | Embedded],
    hub: Layout,
    ours: Layout,
    https_server: HttpsServer,
    ssh_server: SshServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Certificates and host keys that nobody vouches for are refused, also where the key has changed."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(ReachError, match=r"certificate of 127\.0\.0\.1 is not trusted") as caught:
        kind(ours, parse_place(https_server.url(hub.folder))).refs()
    assert caught.value.kind is Kind.CERTIFICATE

    home = tmp_path / "home"
    ssh_server.admit(home)
    monkeypatch.setenv("GIT_SSH_COMMAND", ssh_server.command(home))
    known = home / ".ssh" / "known_hosts"
    right = known.read_text()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    other = " ".join((tmp_path / "other.pub").read_text().split()[:2])
    for text in ("", f"[127.0.0.1]:{ssh_server.port} {other}\n"):
        known.write_text(text)
        with pytest.raises(ReachError, match=r"host key of 127\.0\.0\.1 is unknown or has changed") as caught:
            kind(ours, parse_place(ssh_server.url(hub.folder))).refs()
        assert caught.value.kind is Kind.HOST_KEY
    known.write_text(right)
    (home / ".ssh" / "id_ed25519").write_bytes((tmp_path / "other").read_bytes())
    with pytest.raises(ReachError, match="did not accept who you are") as caught:
        kind(ours, parse_place(ssh_server.url(hub.folder))).refs()
    assert caught.value.kind is Kind.AUTHENTICATION


@BOTH
def test_hosts_that_are_not_there(kind: type[GitProgram | Embedded], ours: Layout) -> None:
    """A port where nobody listens, a name that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for scheme in ("ssh", "https", "git"):
        with pytest.raises(ReachError, match=r"127\.0\.0\.1 could not be connected") as caught:
            kind(ours, parse_place(f"{scheme}://127.0.0.1:{port}/x")).refs()
        assert caught.value.kind is Kind.REFUSED_CONNECTION
    with pytest.raises(ReachError, match=r"nobody\.invalid is not known") as caught:
        kind(ours, parse_place("https://nobody.invalid/x")).refs()
    assert caught.value.kind is Kind.UNKNOWN_HOST


class Liar:
    """A server that speaks git's own protocol and answers each connection with the same bytes, once or for ever."""

    def __init__(self, answer: bytes, *, endless: bool = False) -> None:
        self._answer = answer
        self._endless = endless
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"git://127.0.0.1:{self._listener.getsockname()[1]}/x"
        self.sent = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, suppress(OSError):
                client.recv(4096)
                client.sendall(self._answer)
                while self._endless:
                    self.sent += client.send(self._answer)
                client.recv(4096)

    def close(self) -> None:
        """Ends the server."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def liars() -> Iterator[list[Liar]]:
    """Returns a list of servers that are ended after the test."""
    found: list[Liar] = []
    yield found
    for liar in found:
        liar.close()


def line(text: str) -> bytes:
    """Returns a line of git's protocol."""
    return b"%04x%s" % (len(text.encode()) + 4, text.encode())


@BOTH
def test_names_that_are_none_are_not_known(
    kind: type[GitProgram | Embedded], ours: Layout, liars: list[Liar]
) -> None:
    """Refs that could become paths elsewhere, or that nobody asked for, are passed over."""
    oid = "1" * 40
    names = [
        "refs/heads/../../x",
        "refs/heads/a b",
        "refs/heads/ok",
        "refs/tags/v.lock",
        "refs/hdstore/x",
        "HEAD",
    ]
    answer = line(f"{oid} {names[0]}\0agent=git/2\n") + b"".join(
        line(f"{oid} {name}\n") for name in names[1:]
    )
    liars.append(Liar(answer + b"0000"))
    transport = kind(ours, parse_place(liars[0].url), inner=False, sleep=[].append)
    with suppress(RemoteError):  # a list with such names may be refused as a whole
        assert transport.refs() == {"refs/heads/ok": oid}
    with pytest.raises(RemoteError):
        transport.fetch(ALL)
    assert incoming(ours) == {}
    assert Refs(ours.hds).list("refs/") == {}
    whole(ours)


@BOTH
def test_a_list_without_end_is_bounded(
    kind: type[GitProgram | Embedded], ours: Layout, liars: list[Liar]
) -> None:
    """The program that reads it may take so much memory and no more; ours takes none of it."""
    oid = "1" * 40
    liars.append(Liar(b"".join(line(f"{oid} refs/heads/{n:0200}\n") for n in range(200)), endless=True))
    transport = kind(ours, parse_place(liars[0].url), inner=False, sleep=[].append, memory=100 << 20)
    with pytest.raises(RemoteError):
        transport.refs()
    with pytest.raises(RemoteError):
        transport.fetch(ALL)
    assert Refs(ours.hds).list("refs/") == {}


@BOTH
def test_a_long_list_is_bounded(
    kind: type[GitProgram | Embedded],
    hub: Layout,
    ours: Layout,
    https_server: HttpsServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that ends, but only after more than the limit."""
    monkeypatch.setenv("GIT_SSL_CAINFO", str(https_server.authority))
    transport = kind(ours, parse_place(https_server.url(hub.folder)), longest=20)
    with pytest.raises(RemoteError, match="more than 20 bytes"):
        transport.refs()


@BOTH
def test_objects_that_are_not_what_they_should_be(
    kind: type[GitProgram | Embedded], ours: Layout, tmp_path: Path
) -> None:
    """A tree that would leave its folder, and a commit whose tree is missing: refused, and no ref of ours moves."""
    forged = new_repository(tmp_path / "forged")
    with Objects(forged.hds).loose() as writer:
        blob = writer.write("blob", b"x")
        tree = writer.write("tree", b"100644 ..\0" + bytes.fromhex(blob))
        author = Author("A", "a@example.org")
        bad = writer.write("commit", encode_commit(tree=tree, parents=[], author=author, time=1, message="m"))
    put(forged, bad=bad)
    transport = kind(ours, parse_place(str(forged.folder)))
    with pytest.raises(HdstoreError) as caught:
        transport.fetch(ALL)
    assert isinstance(caught.value, RemoteError), caught.value
    assert incoming(ours) == {}
    assert Refs(ours.hds).list("refs/") == {}


@BOTH
def test_folders_that_may_not_be_opened(
    kind: type[GitProgram | Embedded], ours: Layout, tmp_path: Path
) -> None:
    """A bare repository that sends git elsewhere is refused before git sees it."""
    bare = tmp_path / "plain.git"
    subprocess.run(["git", "init", "-q", "--bare", bare], check=True)
    (bare / "objects" / "info" / "alternates").write_text("/etc\n")
    with pytest.raises(UntrustedError, match="sends git to another place"):
        kind(ours, parse_place(str(bare)))
    (bare / "objects" / "info" / "alternates").unlink()
    with (bare / "config").open("a") as config:
        config.write('[uploadpack]\n\tpackObjectsHook = "touch /tmp/x"\n')
    with pytest.raises(UntrustedError, match="packobjectshook"):
        kind(ours, parse_place(str(bare)))
    (tmp_path / "busy").mkdir()
    (tmp_path / "busy" / "notes.txt").write_text("mine")
    with pytest.raises(RemoteError, match="holds files but no repository"):
        kind(ours, parse_place(str(tmp_path / "busy")), create=True)


def test_what_arrived_is_followed_to_its_end(ours: Layout) -> None:
    """Where libgit2 worked: a missing tree or blob is found, however deep; what refs have already is not read again."""
    objects = Objects(ours.hds)
    one = commit(ours, b"1")
    two = commit(ours, b"1", b"2", parents=[one])
    check_complete(objects, [], [two])
    tree = decode_commit(objects.read(two)).tree
    blob = decode_tree(objects.read(tree))[1].oid
    for lost in (blob, tree):
        (ours.objects / lost[:2] / lost[2:]).unlink()
        with pytest.raises(DamagedError, match=lost):
            check_complete(Objects(ours.hds), [one], [two])
    check_complete(Objects(ours.hds), [one, two], [two])
