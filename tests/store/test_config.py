"""Git's configuration as we read and write it, with git as the judge."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdstore.errors import DamagedError, InvalidValueError
from hdstore.store.config import Config, Setting, parse_config, render_config
from hdstore.store.layout import Layout

TRICKY = """\
; a comment
[Core] bare = true # said on one line
	RepositoryFormatVersion=0
[remote "Origin \\"x\\" \\\\ y"]
	url = "a b ; c"  ; and this is not
	url = two words   
	fetch = +refs/*:\\
refs/x/*
	prune
	empty =
	quoted = " a " b " c "
	escaped = tab\\there\\nline \\"q\\" \\\\
[section.sub]
	key = value
"""  # noqa: W291

values = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=20)
subsections = st.text(
    st.characters(exclude_characters="\0\n\r", exclude_categories=["Cs"]), min_size=1, max_size=10
)


def test_we_read_what_git_reads(git: Callable[..., str], tmp_path: Path) -> None:
    """Comments, quotes, escapes, line ends and names alone mean the same to git and to us."""
    path = tmp_path / "config"
    path.write_text(TRICKY)
    found = parse_config(TRICKY)
    listed = git("config", "--file", str(path), "--list", "-z") + "\0"
    rows = [row.partition("\n") for row in listed.split("\0") if row]
    assert found == [Setting(key, value if newline else "true") for key, newline, value in rows]
    assert Setting('remote.Origin "x" \\ y.url', "a b ; c") in found


@given(st.lists(st.tuples(subsections, values), max_size=4))
def test_what_is_written_is_read_again(rows: list[tuple[str, str]]) -> None:
    """Any value under any subsection comes back as it was."""
    settings = [Setting(f"remote.{sub}.url", value) for sub, value in rows]
    assert parse_config(render_config(settings)) == settings


def test_git_reads_what_is_written(git: Callable[..., str], layout: Layout) -> None:
    """Git finds a changed value, keeps the others, and no longer finds a removed one."""
    config = Config(layout.hds)
    config.change({"remote.origin.url": '/a b/"c"; #d\\e', "remote.origin.fetch": "+refs/*:refs/x/*"})
    assert git("config", "remote.origin.url") == '/a b/"c"; #d\\e'
    assert git("config", "core.bare") == "true"
    config.change({"remote.origin.url": "/other", "remote.origin.fetch": None})
    assert git("config", "--get-regexp", "remote") == "remote.origin.url /other"
    assert (config.get("remote.origin.url"), config.get("remote.origin.fetch")) == ("/other", None)
    assert list(layout.tmp.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["key = 1", "[a", '[a "b]\nx=1', '[a]\nx = "open', "[a]\nx = \\q", "[a]\n1x = 2"]
)
def test_what_git_could_not_read_is_damaged(text: str) -> None:
    """A file that is no configuration is refused with the line."""
    with pytest.raises(DamagedError, match=r"Line \d of the repository's config"):
        parse_config(text)


@given(st.text(max_size=60))
def test_any_text_is_settings_or_damaged(text: str) -> None:
    """Text from a stranger never raises anything but DamagedError."""
    with suppress(DamagedError):
        parse_config("[a]\n" + text)


def test_includes_are_never_followed(layout: Layout, tmp_path: Path) -> None:
    """An include is a setting like any other: nothing is read from its path."""
    (tmp_path / "other").write_text("[core]\n\tsshCommand = evil\n")
    assert parse_config(f"[include]\npath = {tmp_path / 'other'}") == [
        Setting("include.path", str(tmp_path / "other"))
    ]


def test_bytes_that_are_no_text_and_names_that_are_none_are_refused(layout: Layout) -> None:
    """A config that is not UTF-8 is damaged; a key without section can not be set."""
    with pytest.raises(InvalidValueError, match="name of a setting"):
        Config(layout.hds).change({"x": "1"})
    with pytest.raises(InvalidValueError, match="name of a setting"):
        Config(layout.hds).change({"a.b]\n[core.c": "1"})
    (layout.hds / "config").write_bytes(b"[a]\nx = \xff")
    with pytest.raises(DamagedError, match="UTF-8"):
        Config(layout.hds).settings()
