"""What the URL of a remote names, and what is refused because a program would misread it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdstore.errors import InvalidValueError, RemoteError
from hdstore.sync.urls import Place, check_remote_name, parse_place


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Absolute, relative, and as file://; a folder whose name looks like a host is a folder when it is there."""
    monkeypatch.chdir(tmp_path)
    for url, folder in (
        (str(tmp_path), tmp_path),
        ("hub", tmp_path / "hub"),
        ("./a:b", tmp_path / "a:b"),
        (tmp_path.as_uri(), tmp_path),
        ("file:///a%20b", Path("/a b")),
    ):
        place = parse_place(url)
        assert (place.scheme, place.folder) == ("path", folder)
        assert place.site == ""
    assert parse_place("host:x").scheme == "ssh"
    (tmp_path / "host:x").mkdir()
    assert parse_place("host:x").folder == tmp_path / "host:x"


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "user", "path", "inside"),
    [
        ("lab:sets/birds", "ssh", "lab", None, "", "sets/birds", "lab:sets/birds/.hds"),
        ("ada@lab:/sets/", "ssh", "lab", None, "ada", "/sets/", "ada@lab:/sets/.hds"),
        ("lab:~/birds", "ssh", "lab", None, "", "~/birds", "lab:~/birds/.hds"),
        ("[::1]:x", "ssh", "::1", None, "", "x", "[::1]:x/.hds"),
        ("ssh://ada@lab:2222/s", "ssh", "lab", 2222, "ada", "/s", "ssh://ada@lab:2222/s/.hds"),
        ("ssh://lab/~bob/s", "ssh", "lab", None, "", "~bob/s", "ssh://lab/~bob/s/.hds"),
        ("HTTPS://Git.org/a/b.git", "https", "git.org", None, "", "/a/b.git", "https://Git.org/a/b.git/.hds"),
        ("https://[::1]:8443/a%20b", "https", "::1", 8443, "", "/a b", "https://[::1]:8443/a%20b/.hds"),
        ("http://u:p%40x@h/a", "http", "h", None, "u", "/a", "http://u@h/a/.hds"),
        ("https://u:p/q@h/a", "https", "u", None, "", "", ""),
        ("git://h/a", "git", "h", None, "", "/a", "git://h/a/.hds"),
    ],
)  # fmt: skip
def test_other_machines(
    url: str, scheme: str, host: str, port: int | None, user: str, path: str, inside: str
) -> None:
    """Parts are taken apart as git does; what is inside is asked for without the password."""
    if not path:
        with pytest.raises(RemoteError):
            parse_place(url)
        return
    place = parse_place(url)
    assert (place.scheme, place.host, place.port, place.user, place.path) == (scheme, host, port, user, path)
    assert place.address(".hds") == inside
    assert str(place) == place.address()


def test_dots_in_a_path_are_taken_out_as_the_system_does(tmp_path: Path) -> None:
    """Behind a link ".." is what holds the folder that it leads to."""
    (tmp_path / "disk" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "deep")

    assert parse_place(f"{tmp_path}/link/../hub").folder == tmp_path.resolve() / "disk" / "hub"
    assert parse_place(f"{tmp_path}/link/hub").folder == tmp_path / "link" / "hub"


def test_passwords_are_not_shown() -> None:
    """Neither as a string nor in a traceback; the site is what a password is for."""
    place = parse_place("https://ada:s%3acret@127.0.0.1:8443/x")
    assert place.password == "s:cret"
    assert "cret" not in f"{place}{place!r}"
    assert str(place) == "https://ada@127.0.0.1:8443/x"
    assert place.site == "https://127.0.0.1:8443"
    assert parse_place("https://ada@h/x").password is None
    for url in (
        "https://ada:secret@h/",
        "https://ada:secret@-h/x",
        "https://ada:secret@h:99999/x",
        "ssh://a:secret@h/x",
    ):
        with pytest.raises(RemoteError) as caught:
            parse_place(url)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "--upload-pack=touch x",
        "-oProxyCommand=x:y",
        "ext::sh -c x",
        "fd::7",
        "transport::https://h/x",
        "ftp://h/x",
        "javascript://h/x",
        "ssh://-oProxyCommand=x/y",
        "-h:x",
        "ssh://h",
        "https://h/",
        "https:///x",
        "https://h/x?y",
        "https://h/x#y",
        "https://h:nan/x",
        "https://h\\@g/x",
        "ssh://h/-x/../y\n",
        "h:-x",
        "ssh://'a@h/x",
        "h$x:y",
        "file://other/x",
        "file://",
        "a\0b",
        "https://h/a%00b",
    ],
)
def test_what_is_refused(url: str) -> None:
    """Options, helpers that run programs, hosts that are none, characters that none has."""
    with pytest.raises(RemoteError):
        parse_place(url)


@given(st.text(max_size=40))
def test_any_text_is_a_place_or_refused(url: str) -> None:
    """Whatever it is, nothing that a program could take for an option comes out."""
    try:
        place = parse_place(url)
    except RemoteError:
        return
    assert isinstance(place, Place)
    assert not place.url.startswith("-")
    assert not place.address(".hds").startswith("-")
    for part in (place.host, place.user, place.path):
        assert not part.startswith("-")
    assert (place.folder is None) == (place.scheme != "path")


def test_names_of_remotes() -> None:
    """They become parts of refs and settings."""
    for name in ("origin", "lab-2", "a.b_c"):
        check_remote_name(name)
    for name in ("", "-x", "a/b", "a..b", "a.lock", "a.", "é", "a b", "x" * 65):
        with pytest.raises(InvalidValueError):
            check_remote_name(name)
