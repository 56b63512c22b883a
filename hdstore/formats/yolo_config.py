"""Reads what describes a YOLO dataset: ``data.yaml``, Darknet's ``obj.data``, or a list of class names.

A description comes from a stranger: values stay strings, references are refused, sizes are bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hdstore.errors import InvalidFileError
from hdstore.formats.base import fail, read_text
from hdstore.model import Metadata
from hdstore.model.rules import MAX_DEPTH
from hdstore.store.files import storage_errors

__all__ = ["Config", "find_config", "read_config"]

_MAX_BYTES = 1 << 20

_SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
"""The keys under which images are listed, and the split that each means."""

_NAME_FILES = ("classes.txt", "obj.names", "classes.names", "labels/classes.txt", "obj_names.txt")


@dataclass(slots=True, kw_only=True)
class Config:
    """What a dataset says of itself.

    ``names`` holds the class of each number. ``splits`` maps a split to folders and lists of images, as
    written. ``place`` is the folder that these are relative to, ``keypoints`` the number of points and of
    numbers a point, ``extra`` every other key.
    """

    names: dict[int, str] = field(default_factory=dict)
    splits: dict[str, list[str]] = field(default_factory=dict)
    place: str = ""
    keypoints: tuple[int, int] | None = None
    extra: Metadata = field(default_factory=dict)


def find_config(folder: Path) -> Path | None:
    """Returns the file that describes the dataset in a folder, or None."""
    for name in ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml"):
        if (folder / name).is_file():
            return folder / name
    for suffixes in ((".yaml", ".yml"), (".data",)):
        with storage_errors(f"list {folder}"):
            found = sorted(
                path
                for path in folder.iterdir()
                if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()
            )
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            fail(folder, f"several files may describe this dataset ({names}); name the right one instead.")
        if found:
            return found[0]
    for name in _NAME_FILES:
        if (folder / name).is_file():
            return folder / name
    return None


def read_config(path: Path) -> Config:
    """Returns what a file of one of these kinds says; raises InvalidFileError naming the wrong key."""
    if path.suffix.lower() in (".yaml", ".yml"):
        return _from_yaml(path)
    if path.suffix.lower() == ".data":
        return _from_darknet(path)
    return Config(names=_name_list(path))


def _name_list(path: Path) -> dict[int, str]:
    lines = [line.strip() for line in read_text(path, limit=_MAX_BYTES).splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return dict(enumerate(lines))


def _from_darknet(path: Path) -> Config:
    values: dict[str, str] = {}
    for line in read_text(path, limit=_MAX_BYTES).splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            values[key.strip()] = value.strip()
    config = Config(splits={_SPLITS[key]: [values[key]] for key in _SPLITS if values.get(key)})
    named = Path(values.get("names", "")).name
    for name in (named, *_NAME_FILES):
        if name and (path.parent / name).is_file():
            config.names = _name_list(path.parent / name)
            break
    config.extra = {
        key: value for key, value in values.items() if key not in _SPLITS and key not in ("names", "classes")
    }
    return config


def _load_yaml(path: Path) -> Any:
    text = read_text(path, limit=_MAX_BYTES)
    try:
        # References could make a short file mean an endless one, and nesting takes squared time.
        depth = 0
        for event in yaml.parse(text, Loader=yaml.BaseLoader):
            if isinstance(event, yaml.AliasEvent):
                fail(path, "YAML references (*name) are not read; write the value out.")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                fail(path, f"its values nest more than {MAX_DEPTH} deep, which no description does.")
        # BaseLoader makes every value a string: a class called "no" or "1.0" keeps its name.
        return yaml.load(text, Loader=yaml.BaseLoader)
    except InvalidFileError:
        # It is a ValueError too, and says more already.
        raise
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        fail(path, f"this is not YAML that can be read: {error}.", cause=error)


def _from_yaml(path: Path) -> Config:
    document = _load_yaml(path)
    if not isinstance(document, dict):
        fail(path, "the description of a YOLO dataset is a map with the keys names, train and val.")
    config = Config()
    for key, value in document.items():
        if key == "names":
            config.names = _names(path, value)
        elif key in _SPLITS:
            config.splits.setdefault(_SPLITS[key], []).extend(_entries(path, key, value))
        elif key == "path":
            if not isinstance(value, str):
                fail(path, f"'path' is a folder, not {value!r}.")
            config.place = value
        elif key == "kpt_shape":
            config.keypoints = _keypoint_shape(path, value)
        elif key == "nc":
            if not isinstance(value, str) or not re.fullmatch(r"\d{1,6}", value):
                fail(path, f"'nc' is the number of classes, not {value!r}.")
        elif isinstance(key, str):
            config.extra[key] = value
        else:
            fail(path, f"a key of the description is {key!r}; keys are words.")
    config.splits = {split: entries for split, entries in config.splits.items() if entries}
    return config


def _names(path: Path, value: Any) -> dict[int, str]:
    pairs: list[tuple[Any, Any]]
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = [(str(index), name) for index, name in enumerate(value)]
    else:
        fail(path, f"'names' is a list of class names, or a map from numbers to names, not {value!r}.")
    names: dict[int, str] = {}
    for number, name in pairs:
        if not isinstance(name, str) or not isinstance(number, str) or not re.fullmatch(r"\d{1,6}", number):
            fail(path, f"'names' maps whole numbers to names, not {number!r} to {name!r}.")
        names[int(number)] = name
    return names


def _entries(path: Path, key: str, value: Any) -> list[str]:
    entries = value if isinstance(value, list) else [value]
    for entry in entries:
        if not isinstance(entry, str):
            fail(path, f"'{key}' is a folder, a list file or a list of these, not {entry!r}.")
    return [entry for entry in entries if entry not in ("", "~", "null")]


def _keypoint_shape(path: Path, value: Any) -> tuple[int, int]:
    count, size = value if isinstance(value, list) and len(value) == 2 else (None, None)
    if not isinstance(count, str) or not re.fullmatch(r"\d{1,4}", count) or size not in ("2", "3"):
        fail(path, f"'kpt_shape' is [number of points, 2 or 3], not {value!r}.")
    return int(count), int(size)
