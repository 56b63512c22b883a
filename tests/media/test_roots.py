"""Roots and allowed places in local.toml."""

from __future__ import annotations

import datetime
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdstore.errors import (
    AlreadyExistsError,
    HdstoreError,
    InvalidFileError,
    InvalidValueError,
    NotFoundError,
    UntrustedError,
)
from hdstore.media import Roots
from hdstore.media.toml import dump_toml

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = (
    texts
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.datetimes(timezones=st.none() | st.just(datetime.UTC))
    | st.dates()
    | st.times()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    return Roots(tmp_path / "local.toml")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@given(st.dictionaries(texts, values, max_size=4))
def test_any_settings_are_written_as_they_were_read(document: dict[str, Any]) -> None:
    """The writer and Python's reader are inverse."""
    assert tomllib.loads(dump_toml(document)) == document


def test_what_toml_can_not_hold_is_refused() -> None:
    """TOML has no null."""
    with pytest.raises(InvalidValueError, match="NoneType"):
        dump_toml({"a": None})


def test_roots_are_kept_over_processes(roots: Roots, photos: Path, tmp_path: Path) -> None:
    """What one handle adds another one reads, sorted by name."""
    roots.add("zoo", tmp_path)
    roots.add("照片 2024", photos)

    again = Roots(tmp_path / "local.toml")

    assert again.list() == {"zoo": tmp_path, "照片 2024": photos}
    assert list(again.list()) == ["zoo", "照片 2024"]
    assert again.place("zoo") == tmp_path
    assert roots.list() == again.list()


def test_changes_of_another_handle_are_seen(roots: Roots, photos: Path, tmp_path: Path) -> None:
    """A handle that has read the file reads it again when it was replaced."""
    other = Roots(tmp_path / "local.toml")
    roots.add("a", photos)
    assert list(other.list()) == ["a"]

    roots.remove("a")
    roots.add("b", photos)

    assert list(other.list()) == ["b"]


def test_a_root_is_not_moved_by_accident(roots: Roots, photos: Path, tmp_path: Path) -> None:
    """Adding it again at its place is nothing; at another place it is an error that says what to do."""
    roots.add("photos", photos)
    roots.add("photos", photos / ".")
    with pytest.raises(AlreadyExistsError, match="remove it"):
        roots.add("photos", tmp_path)

    roots.remove("photos")
    roots.add("photos", tmp_path)

    assert roots.list() == {"photos": tmp_path}


def test_what_is_not_there_is_named(roots: Roots, tmp_path: Path) -> None:
    """Unknown roots, places that are no folder, and places that were never allowed."""
    with pytest.raises(NotFoundError, match="no root 'photos'"):
        roots.place("photos")
    with pytest.raises(NotFoundError, match="no root 'photos'"):
        roots.resolve("root:photos/a.jpg")
    with pytest.raises(NotFoundError, match="no root 'photos'"):
        roots.remove("photos")
    with pytest.raises(NotFoundError, match="not a folder"):
        roots.add("photos", tmp_path / "missing")
    with pytest.raises(NotFoundError, match="not among"):
        roots.disallow(tmp_path)


@pytest.mark.parametrize("name", ["", " a", "a ", "a/b", "a\\b", "a:b", ".", "..", "a\nb", "x" * 65])
def test_names_that_would_confuse_a_uri_are_refused(roots: Roots, photos: Path, name: str) -> None:
    """A name is a plain word or two."""
    with pytest.raises(InvalidValueError, match="name of a root"):
        roots.add(name, photos)


def test_other_settings_stay_as_they_are(roots: Roots, photos: Path, tmp_path: Path) -> None:
    """Tables and values that roots do not know survive a change."""
    other = (
        'cache = 10\n[gui]\ntheme = "dark"\n[[gui.recent]]\nname = "ü"\n[a."b c"]\nx = [1, 2.5, {y = true}]\n'
    )
    (tmp_path / "local.toml").write_text(other, "utf-8")

    roots.add("photos", photos)
    roots.allow(tmp_path)

    read = tomllib.loads((tmp_path / "local.toml").read_text("utf-8"))
    assert read == tomllib.loads(other) | {
        "roots": {"photos": str(photos)},
        "allowed": [str(tmp_path)],
        "folder": tmp_path.stat().st_ino,
    }


def test_allowed_places_come_and_go(roots: Roots, photos: Path, tmp_path: Path) -> None:
    """Each place stands once."""
    roots.allow(photos)
    roots.allow(photos)
    roots.allow(tmp_path)
    assert roots.allowed() == (photos, tmp_path)

    roots.disallow(photos)

    assert roots.allowed() == (tmp_path,)


@pytest.mark.parametrize(
    "text",
    [
        "roots = 1",
        "roots = {a = 1}",
        'roots = {a = "relative"}',
        'allowed = "x"',
        'allowed = ["relative"]',
        "[",
        "\xff",
    ],
)
def test_broken_settings_are_named(roots: Roots, tmp_path: Path, text: str) -> None:
    """A file that was written by hand and is wrong is an error that names it, not an empty list."""
    own = f"folder = {tmp_path.stat().st_ino}\n"
    (tmp_path / "local.toml").write_text(own + text, "latin-1")

    with pytest.raises(InvalidFileError, match=r"local\.toml"):
        (roots.list(), roots.allowed())


def test_two_processes_add_roots_at_once(photos: Path, tmp_path: Path) -> None:
    """Neither's roots are lost."""
    code = (
        "import sys; from pathlib import Path; from hdstore.media import Roots\n"
        "roots = Roots(Path(sys.argv[1]))\n"
        "for i in range(20): roots.add(f'{sys.argv[2]}{i}', Path(sys.argv[3]))"
    )
    file = tmp_path / "local.toml"
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(file), name, str(photos)]) for name in "ab"
    ]

    assert [process.wait(60) for process in processes] == [0, 0]
    assert set(Roots(file).list()) == {f"{name}{i}" for name in "ab" for i in range(20)}
    assert not list((tmp_path / "tmp").iterdir())


def test_a_uri_is_resolved_under_its_place(roots: Roots, photos: Path) -> None:
    """The path need not exist, and odd but harmless names stay what they are."""
    roots.add("photos", photos)

    for name in ("a.jpg", "train/ü b.jpg", "10:30.jpg", "C:", "a\\b.jpg", "100%25.jpg", "...", "~"):
        assert roots.resolve(f"root:photos/{name}") == photos / name


HOSTILE = [
    "root:photos/../secret",
    "root:photos/a/../../secret",
    "root:photos//etc/passwd",
    "root:photos/./a",
    "root:photos/a/",
    "root:photos/a\0b",
    "root:photos/..",
    "root:photos/\ud800",
]


@pytest.mark.parametrize("uri", HOSTILE)
def test_paths_that_leave_the_place_are_refused(roots: Roots, photos: Path, uri: str) -> None:
    """Climbing, absolute and impossible paths are an error of trust."""
    roots.add("photos", photos)

    with pytest.raises(UntrustedError):
        roots.resolve(uri)


@pytest.mark.parametrize("uri", ["", "root:", "root:photos", "root:photos/", "root:/a", "file:///a", "a.jpg"])
def test_what_is_no_root_uri_is_refused(roots: Roots, uri: str) -> None:
    """Other URIs are not guessed at."""
    with pytest.raises(InvalidValueError, match="root:NAME/PATH"):
        roots.resolve(uri)


def test_links_may_not_leave_the_place(roots: Roots, photos: Path, tmp_path: Path) -> None:
    """A symbolic link within the place is followed; one that leads out, or in circles, is not."""
    roots.add("photos", photos)
    (photos / "real").mkdir()
    (photos / "inner").symlink_to(photos / "real")
    (photos / "outer").symlink_to(tmp_path)
    (photos / "climb").symlink_to("../secret")
    (photos / "circle").symlink_to("circle")

    assert roots.resolve("root:photos/inner/a.jpg") == photos / "real/a.jpg"
    for name in ("outer", "outer/secret", "climb"):
        with pytest.raises(UntrustedError, match="leads out"):
            roots.resolve(f"root:photos/{name}")
    assert not roots.resolve("root:photos/circle").exists()


def test_a_place_that_is_a_link_is_meant_where_it_leads(roots: Roots, photos: Path, tmp_path: Path) -> None:
    """The user may name a root by a link: that is their own choice."""
    (tmp_path / "link").symlink_to(photos)
    roots.add("photos", tmp_path / "link")

    assert roots.resolve("root:photos/a.jpg") == photos / "a.jpg"


parts = st.sampled_from(
    ["..", ".", "", "a", "out", "in", "\0", "C:", "\\", "..\\..", "~", "%2e%2e", "\u2025", "etc", "secret"]
) | st.text(max_size=4)


@given(
    st.sampled_from(["root:photos/", "root:photos//", "root:", "file:///", ""]),
    st.lists(parts, max_size=6).map("/".join),
)
def test_no_name_ever_leaves_the_place(tmp_path: Path, start: str, name: str) -> None:
    """Whatever a stranger writes, the answer is a path inside the place or an error of ours."""
    photos = tmp_path / "photos"
    if not photos.exists():
        (photos / "a").mkdir(parents=True)
        (photos / "out").symlink_to("/")
        (photos / "in").symlink_to("a")
        Roots(tmp_path / "local.toml").add("photos", photos)

    try:
        path = Roots(tmp_path / "local.toml").resolve(start + name)
    except HdstoreError:
        return

    assert path.is_relative_to(photos)
    assert ".." not in path.parts
    assert not path.is_symlink()


def test_places_of_a_copied_repository_are_not_believed(tmp_path: Path) -> None:
    """A folder that was copied, settings and all, maps no root and allows no place until its new owner says so."""
    mine, copied, pictures = tmp_path / "mine", tmp_path / "copied", tmp_path / "pictures"
    mine.mkdir()
    pictures.mkdir()
    roots = Roots(mine / "local.toml")
    roots.add("photos", pictures)
    roots.allow(pictures)
    shutil.copytree(mine, copied)
    strange = Roots(copied / "local.toml")

    assert roots.list() == {"photos": pictures}
    assert strange.list() == {}
    assert strange.allowed() == ()
    strange.add("other", pictures)
    assert strange.list() == {"other": pictures}


def test_places_stay_when_the_repository_is_moved(tmp_path: Path) -> None:
    """Renaming the folder above keeps the roots: it is the same folder."""
    (tmp_path / "before").mkdir()
    Roots(tmp_path / "before" / "local.toml").add("photos", tmp_path)
    (tmp_path / "before").rename(tmp_path / "after")

    assert Roots(tmp_path / "after" / "local.toml").list() == {"photos": tmp_path}
