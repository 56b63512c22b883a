"""Folders of any files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hdstore.codec import encode_frame
from hdstore.errors import InvalidFileError, InvalidValueError, NotFoundError
from hdstore.formats import READERS, read_folder


def test_each_file_is_a_frame(tmp_path: Path, link: Any, draw: Any) -> None:
    """The id is the path inside the folder, in the order of its parts; sub folders are no labels."""
    folder = tmp_path / "files"
    draw(folder / "b" / "z.png", (3, 2))
    for name in ("b.txt", "b/a.wav", "B/c.mp4", "ä ö.bin"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())

    imported = read_folder(folder, linker=link(folder))
    frames = list(imported.frames)

    assert [frame.id for frame in frames] == ["B/c.mp4", "b/a.wav", "b/z.png", "b.txt", "ä ö.bin"]
    assert [frame.sources[0].uri for frame in frames] == [f"root:data/{frame.id}" for frame in frames]
    assert all(len(frame.sources[0].hash) == 64 and not frame.annotations for frame in frames)
    assert (frames[2].sources[0].width, frames[2].sources[0].height) == (3, 2)
    assert frames[2].sources[0].content_type == "image/png"
    assert not imported.schema.labels
    again = read_folder(folder, linker=link(folder)).frames
    assert [encode_frame(frame) for frame in again] == [encode_frame(frame) for frame in frames]


def test_hidden_files_and_links_are_left_out(tmp_path: Path, link: Any) -> None:
    """Repositories, hidden files, links and pipes are no data; they are counted."""
    folder = tmp_path / "files"
    (folder / ".hds").mkdir(parents=True)
    (folder / ".hds" / "HEAD").write_text("")
    (folder / ".DS_Store").write_text("")
    (folder / "a.txt").write_text("a")
    (tmp_path / "secret").write_text("s")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")

    imported = read_folder(folder, linker=link(folder))

    assert [frame.id for frame in imported.frames] == ["a.txt"]
    assert [(note.what, note.count) for note in imported.warnings] == [
        ("hidden files and folders, left out", 2),
        ("symbolic links, left out", 2),
        ("pipes, sockets and devices, left out", 1),
    ]


def test_a_name_that_is_not_unicode_is_refused(tmp_path: Path, link: Any) -> None:
    """A name that no other machine could read is said, not guessed."""
    with open(os.fsencode(tmp_path) + b"/\xff.txt", "wb"):
        pass

    with pytest.raises(InvalidFileError, match="not UTF-8"):
        read_folder(tmp_path, linker=link(tmp_path))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, link: Any) -> None:
    """A missing folder and a folder of images, which makes no sense here, are refused."""
    with pytest.raises(NotFoundError):
        read_folder(tmp_path / "none", linker=link(tmp_path))
    with pytest.raises(InvalidValueError, match="no images elsewhere"):
        READERS["folder"](tmp_path, linker=link(tmp_path), images=tmp_path)
