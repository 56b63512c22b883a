"""Views in files that people write: JSON or YAML, by the end of the file's name."""

from __future__ import annotations

from pathlib import Path

from hdstore.codec import MAX_VIEW_BYTES, view_from_text
from hdstore.errors import InvalidFileError, NotFoundError
from hdstore.model import View
from hdstore.store import files

__all__ = ["is_view_file", "read_view_file"]

_YAML = (".yaml", ".yml")


def is_view_file(place: str | Path) -> bool:
    """Says whether a name is that of a file of a view, by its end: .json, .yaml or .yml."""
    return Path(place).suffix.lower() in (".json", *_YAML)


def read_view_file(path: str | Path) -> View:
    """Returns the view in a file.

    Raises NotFoundError where there is no such file, InvalidFileError naming the field that is wrong.
    """
    path = Path(path)
    with files.storage_errors(f"read {path}"):
        if not path.is_file():
            raise NotFoundError(f"There is no file {path} to read a view from.")
        with path.open("rb") as stream:
            data = stream.read(MAX_VIEW_BYTES + 1)
    if len(data) > MAX_VIEW_BYTES:
        raise InvalidFileError(f"{path} is longer than the {MAX_VIEW_BYTES:,} bytes that a view may have.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidFileError(f"{path}: byte {error.start} is not UTF-8 text; save it as UTF-8.") from error
    kind = path.suffix.lower()
    return view_from_text(
        text, what=str(path), yaml=True if kind in _YAML else False if kind == ".json" else None
    )
