"""Media over ssh: what goes wrong on the way, and ends that mean harm."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sync.media_ends import PROGRAM, Ends, fill, left, make_ends, size_of, use_as_ssh
from sync.servers import SSHD, SshServer

from hdstore.codec.streams import RecordReader, encode_record
from hdstore.errors import MediaError, RemoteError
from hdstore.ids import content_hash
from hdstore.sync.mediaplace import Transferred, media_place
from hdstore.sync.mediawire import CHUNK, MAGIC
from hdstore.sync.urls import parse_place

HELLO = ["hello", 1, "0.1.0"]


@pytest.fixture
def ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ends]:
    """Two repositories."""
    yield from make_ends(tmp_path, "ssh", monkeypatch)


# The real ssh


@pytest.mark.skipif(not Path(SSHD).exists(), reason="there is no sshd")
def test_media_go_through_a_real_sshd(
    ends: Ends, ssh_server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There and back, by a path with blanks and quotes, which the shell there must not see."""
    ssh_server.admit(tmp_path)
    monkeypatch.setenv("GIT_SSH_COMMAND", ssh_server.command(tmp_path))
    odd = tmp_path / "a 'b' $(touch c)"
    ends.far.folder.rename(odd)
    ours = fill(ends.near.media, 50)
    place = media_place(parse_place(ssh_server.url(odd)), program=PROGRAM)
    assert place is not None
    try:
        assert place.send(ends.near.media, ours) == Transferred(50, size_of(ends.near.media, ours))
        assert list(place.hashes()) == sorted(ours)
        for hash in ours:
            ends.near.media.remove(hash)
        assert place.fetch(ends.near.media, ours).files == 50
    finally:
        place.close()
    assert all(ends.near.media.verify(hash) for hash in ours)

    missing = media_place(parse_place(ssh_server.url(odd)), program="no-such-hdstore")
    assert missing is not None
    with pytest.raises(RemoteError, match=r"'no-such-hdstore' was not found on 127\.0\.0\.1.*install"):
        missing.missing(ours)


# What goes wrong on the way


def test_what_a_login_prints_is_passed_over(
    ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A greeting before the program begins does no harm."""
    use_as_ssh(tmp_path, monkeypatch, 'echo "Welcome to lab"; printf "\\0x\\377"; exec sh -c "exec $last"')

    assert ends.connect().missing([content_hash(b"x")]) == [content_hash(b"x")]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("exit 127", "was not found on somewhere.*install hdstore there"),
        ("echo 'Only sftp is allowed here.'", "printed 'Only sftp is allowed here.'"),
        ("cat /dev/zero", "prints without end"),
        ("echo 'somewhere: Permission denied (publickey).' >&2; exit 255", "did not accept who you are"),
        ("exit 3", "ended without a word"),
        ('exec sh -c "exec ${last}/none"', "refused: There is no repository of hdstore in /.*/far/none"),
    ],
)
def test_a_failed_connection_says_why(
    ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, found: str
) -> None:
    """In one sentence each, with what to do."""
    use_as_ssh(tmp_path, monkeypatch, line)

    with pytest.raises(RemoteError, match=found):
        ends.connect().missing([content_hash(b"x")])


# A server that means harm


def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *parts: bytes, endless: bytes = b"") -> None:
    """Puts a server in the place of ssh that says these things without listening."""
    (tmp_path / "answer").write_bytes(MAGIC + encode_record(HELLO) + b"".join(parts))
    (tmp_path / "endless").write_bytes(endless)
    more = f"while cat {tmp_path}/endless; do :; done" if endless else "cat >/dev/null"
    use_as_ssh(tmp_path, monkeypatch, f"cat {tmp_path}/answer; {more} 2>/dev/null")


def medium(hash: str, size: Any, *data: bytes, offset: Any = 0) -> bytes:
    """Returns what a server says to send a medium."""
    said = [["medium", bytes.fromhex(hash), size, offset], *(["data", part] for part in data), ["end"]]
    return b"".join(map(encode_record, said))


RIGHT = content_hash(b"right")
OTHER = content_hash(b"other")


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (medium(RIGHT, 5, b"wrong"), MediaError),
        (medium(RIGHT, 5, b"righ"), MediaError),
        (medium(RIGHT, 5, b"right and more"), MediaError),
        (medium(OTHER, 5, b"other"), RemoteError),
        (medium(RIGHT, 5, b"t", offset=4), RemoteError),
        (medium(RIGHT, -5, b"right"), RemoteError),
        (medium(RIGHT, "5", b"right"), RemoteError),
        (medium(RIGHT, 1 << 60, b"right"), RemoteError),
        (medium(RIGHT, 5, b"right"[:0], b"right"), RemoteError),
        (medium(RIGHT, CHUNK + 1, b"x" * (CHUNK + 1)), RemoteError),
        (encode_record(["medium"]), RemoteError),
        (encode_record("medium"), RemoteError),
        (encode_record([["medium"]]), RemoteError),
        (encode_record(["absent", bytes.fromhex(OTHER)]), RemoteError),
        (encode_record(["flushed"]) * 5000, RemoteError),
        (b"\x92\x00\xc6\x7f\xff\xff\xff" + bytes(3 << 20), RemoteError),
        (b"\x92\x00\xdd\x7f\xff\xff\xff", RemoteError),
        (b"\xc1", RemoteError),
    ],
)
def test_wrong_answers_keep_nothing(
    ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes, error: type[Exception]
) -> None:
    """Other bytes, too few or many, another medium, messages out of place or too large."""
    answer(tmp_path, monkeypatch, said)

    with pytest.raises(error):
        ends.connect().fetch(ends.near.media, [RIGHT])

    assert list(ends.near.media.hashes()) == []
    assert left(ends.near.media) in ([], [f"media-{RIGHT}.part"])
    # Nothing of it is believed later.
    RIGHT_AGAIN = ends.near.media.keep_bytes(b"right")
    assert ends.near.media.verify(RIGHT_AGAIN)


def test_an_endless_medium_ends_at_its_size(
    ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long a server sends, no more is taken than it said."""
    begin = encode_record(["medium", bytes.fromhex(RIGHT), 10 * CHUNK, 0])
    answer(tmp_path, monkeypatch, begin, endless=encode_record(["data", bytes(CHUNK)]))

    with pytest.raises(MediaError, match="More than the"):
        ends.connect().fetch(ends.near.media, [RIGHT])

    assert left(ends.near.media) == []


def test_an_endless_list_is_refused(ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list goes up, so one that says the same again ends the exchange."""
    answer(tmp_path, monkeypatch, endless=encode_record(["hashes", bytes.fromhex(RIGHT)]))

    with pytest.raises(RemoteError, match="endless"):
        list(ends.connect().hashes())


@pytest.mark.parametrize(
    "said",
    [
        encode_record(["offsets", []]),
        encode_record(["offsets", [-2]]),
        encode_record(["offsets", ["0"]]),
        encode_record(["offsets", [0]]) + encode_record(["kept", bytes.fromhex(OTHER)]),
        encode_record(["kept", bytes.fromhex(RIGHT)]),
        encode_record(["offsets", [0]]) + encode_record(["flushed"]),
        encode_record(["offsets", [0]]) + encode_record(["data", b"x"]) * 3,
    ],
)
def test_wrong_answers_to_what_is_sent(
    ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    """Nothing counts as sent that was not acknowledged."""
    ends.near.media.keep_bytes(b"right")
    answer(tmp_path, monkeypatch, said)

    with pytest.raises(RemoteError):
        ends.connect().send(ends.near.media, [RIGHT])


def test_what_a_server_says_can_not_steer_a_terminal(
    ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control characters are gone, and a refusal is not believed to be without end."""
    answer(tmp_path, monkeypatch, encode_record(["error", "other", "\x1b[2J\u202e" + "x" * 5000]))

    with pytest.raises(RemoteError) as caught:
        ends.connect().missing([RIGHT])

    assert "\x1b" not in str(caught.value)
    assert "\u202e" not in str(caught.value)
    assert len(str(caught.value)) < 1500


def test_another_protocol_is_refused(ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With both versions in the sentence."""
    (tmp_path / "answer").write_bytes(MAGIC + encode_record(["hello", 2, "9.9"]))
    use_as_ssh(tmp_path, monkeypatch, f"cat {tmp_path}/answer; cat >/dev/null")

    with pytest.raises(RemoteError, match=r"hdstore 9\.9 .* version 2 .* version 1"):
        ends.connect().missing([RIGHT])


# A client that means harm


def ask(folder: Path, *said: bytes) -> tuple[list[Any], str, int]:
    """Says things to a server and returns what it answers, what it tells people, and its exit code."""
    ended = subprocess.run(
        [PROGRAM, "serve-media", str(folder)], input=b"".join(said), capture_output=True, check=False
    )
    assert ended.stdout.startswith(MAGIC)
    reader = RecordReader(limit=4 << 20)
    answers: list[Any] = []
    rest = ended.stdout.removeprefix(MAGIC)
    for begin in range(0, len(rest), 1 << 16):
        reader.feed(rest[begin : begin + (1 << 16)])
        answers += reader
    return answers, ended.stderr.decode(), ended.returncode


def put(hash: bytes, size: Any, data: bytes, offset: Any = 0) -> bytes:
    """Returns what a client says to send a medium."""
    return b"".join(map(encode_record, (["put", hash, size, offset], ["data", data], ["end"])))


def test_a_hostile_client_reaches_nothing(ends: Ends) -> None:
    """Hashes that are paths, impossible sizes, large and broken messages: the server says why and ends."""
    secret = ends.far.hds / "hdstore" / "secret"
    secret.write_bytes(b"secret")
    hello, good = encode_record(HELLO), bytes.fromhex(RIGHT)
    for said in (
        encode_record(["get", "../../secret", 0]),
        encode_record(["get", b"../secret", 0]),
        encode_record(["get", good, -1]),
        encode_record(["get", good, 1.5]),
        put(b"../secret", 5, b"right"),
        put(good * 2, 5, b"right"),
        put(good, 1 << 60, b"right"),
        put(good, True, b"right"),
        encode_record(["put", good, 5, 0]) + encode_record(["flush"]),
        encode_record(["offer", good[:31]]),
        encode_record(["offer", good * 5000]),
        encode_record(["missing", [RIGHT]]),
        encode_record(["list", "zz"]),
        encode_record(["remove", good]),
        encode_record([]),
        encode_record({"get": good}),
        b"\x92\x00\xc6\x7f\xff\xff\xff" + bytes(3 << 20),
        b"\xc1",
    ):
        answers, told, code = ask(ends.far.folder, hello, said)
        assert answers[-1][0] == "error", said[:60]
        assert told.startswith("hdstore: ")
        assert code == 6
    answers, _, code = ask(ends.far.folder, encode_record(["get", good, 0]))
    assert [answer[0] for answer in answers] == ["hello", "error"]
    assert secret.read_bytes() == b"secret"
    assert list(ends.far.media.hashes()) == []


def test_wrong_bytes_of_a_client_are_refused(ends: Ends) -> None:
    """Medium by medium: what is right is kept all the same."""
    hello, right, other = encode_record(HELLO), bytes.fromhex(RIGHT), bytes.fromhex(OTHER)
    said = (
        put(other, 5, b"wrong"),
        put(other, 3, b"other"),
        put(right, 5, b"right"),
        put(other, 5, b"er", offset=3),
        encode_record(["flush"]),
    )

    answers, told, code = ask(ends.far.folder, hello, *said)

    assert [answer[0] for answer in answers[1:]] == ["refused", "refused", "kept", "again", "flushed"]
    assert (told, code) == ("", 0)
    assert list(ends.far.media.hashes()) == [RIGHT]
    assert left(ends.far.media) in ([], [f"media-{OTHER}.part"])


def test_what_a_client_sent_before_it_went_away_is_kept(ends: Ends) -> None:
    """Whole media are in place, half a one is gone on with."""
    hello, right, other = encode_record(HELLO), bytes.fromhex(RIGHT), bytes.fromhex(OTHER)
    half = encode_record(["put", other, 5, 0]) + encode_record(["data", b"oth"])

    _, told, code = ask(ends.far.folder, hello, put(right, 5, b"right"), half)

    assert (told, code) == ("", 0)
    assert list(ends.far.media.hashes()) == [RIGHT]
    assert ends.far.media.part_size(OTHER) == 3


def test_a_repository_that_is_not_trusted_is_not_served(ends: Ends) -> None:
    """Nor one above the folder; the client is told."""
    (ends.far.folder / "inner").mkdir()
    assert ask(ends.far.folder / "inner", encode_record(HELLO))[0][-1][:2] == ["error", "missing"]
    with (ends.far.hds / "config").open("a") as stream:
        stream.write("[core]\n\tfsmonitor = evil\n")
    answers, told, code = ask(ends.far.folder, encode_record(HELLO))
    assert answers[-1][:2] == ["error", "untrusted"]
    assert (told[:8], code) == ("hdstore:", 7)
    with pytest.raises(RemoteError, match=r"refused: .*fsmonitor"):
        ends.connect().missing([RIGHT])
