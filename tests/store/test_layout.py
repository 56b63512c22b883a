"""Making a repository."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from hdstore.errors import StorageError, UntrustedError
from hdstore.store import files, safety
from hdstore.store.layout import Layout


def test_a_new_repository_is_a_bare_git_repository(
    layout: Layout, git: Callable[..., str], fsck: Callable[[], None]
) -> None:
    """Git finds a bare repository whose HEAD is the catalog, and our own check accepts it."""
    assert git("rev-parse", "--is-bare-repository") == "true"
    assert git("symbolic-ref", "HEAD") == "refs/heads/hdstore"
    assert git("config", "gc.auto") == "0"
    assert layout.exists
    safety.check(layout)


def test_making_it_again_changes_nothing(layout: Layout) -> None:
    """A repository that is there stays as it is."""
    (layout.hds / "config").write_text("[core]\n\tbare = true\n")
    layout.create(shared=True)
    assert (layout.hds / "config").read_text() == "[core]\n\tbare = true\n"


def test_a_making_that_was_cut_short_is_completed(
    tmp_path: Path, in_child: Callable[[Callable[[], None]], int]
) -> None:
    """Killed at any step, the next attempt makes a whole repository, and until then there is none."""
    for number in range(200):
        folder = tmp_path / str(number)
        folder.mkdir()

        def die(number: int = number, folder: Path = folder) -> None:
            left = iter(range(number))
            files.on_step = lambda what, path: next(left, None) is None and os._exit(42)  # type: ignore[assignment]
            Layout(folder).create()

        code = in_child(die)
        layout = Layout(folder)
        if code == 0:
            assert layout.exists
            break
        assert code == 42
        layout.create()
        safety.check(layout)
        assert {path.name for path in layout.own.iterdir()} == {"index", "journal", "locks", "media", "tmp"}
    assert number > 20


def test_a_shared_repository_is_open_to_its_group(tmp_path: Path, git: Callable[..., str]) -> None:
    """Folders hand on their group and let it write; git is told so."""
    folder = tmp_path / "shared"
    folder.mkdir()
    layout = Layout(folder)
    layout.create(shared=True)
    for path in (
        layout.hds,
        layout.objects / "pack",
        layout.hds / "refs" / "heads",
        layout.tmp,
        layout.media,
    ):
        assert stat.S_IMODE(path.stat().st_mode) & 0o2070 == 0o2070
    for name in ("config", "HEAD", "description"):
        assert stat.S_IMODE((layout.hds / name).stat().st_mode) & 0o060 == 0o060
    assert git("config", "--file", str(layout.hds / "config"), "core.sharedrepository") == "group"


def test_a_repository_is_made_only_in_a_real_folder(tmp_path: Path) -> None:
    """A missing folder, and a symbolic link in place of .hds, are refused."""
    with pytest.raises(StorageError, match="no such folder"):
        Layout(tmp_path / "none").create()
    (tmp_path / ".hds").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UntrustedError, match="symbolic link"):
        Layout(tmp_path).create()
