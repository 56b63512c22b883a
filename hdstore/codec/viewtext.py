"""Views as people write them: JSON, or YAML of which only plain values are read.

YAML here is what its version 1.2 calls the core: ``no``, ``on`` and ``1:30`` stay texts, ``true`` and ``1e3`` do not.
References and tags are refused, for a file comes from a stranger.
"""

from __future__ import annotations

import json
import re
from typing import Any

from hdstore.codec.views import MAX_VIEW_BYTES, view_from_builtins
from hdstore.errors import InvalidFileError, InvalidValueError
from hdstore.model import View
from hdstore.model.rules import MAX_DEPTH

__all__ = ["view_from_text"]

_MAX_YAML = 1 << 20
"""Reading it takes ten seconds a megabyte; longer views are written as JSON."""

_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}


def view_from_text(text: str, *, what: str, yaml: bool | None = None) -> View:
    """Returns the view that a text describes; raises InvalidFileError naming ``what`` and the field that is wrong.

    Whether it is YAML or JSON is seen from its first character unless ``yaml`` says so.
    """
    text = text.removeprefix("\ufeff")
    if yaml is None:
        yaml = not text.lstrip().startswith("{")
    limit = _MAX_YAML if yaml else MAX_VIEW_BYTES
    if len(text) > limit:
        raise InvalidFileError(f"{what} is longer than the {limit:,} characters that a view may have.")
    try:
        return view_from_builtins(_yaml(text) if yaml else _json(text))
    except InvalidValueError as error:
        raise InvalidFileError(f"{what} is not a view: {error}") from error


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise InvalidValueError(f"line {error.lineno}, column {error.colno}: {error.msg}.") from error
    except RecursionError as error:
        raise InvalidValueError(f"its values nest more than {MAX_DEPTH} deep.") from error
    except InvalidValueError:
        raise
    except ValueError as error:  # an integer of thousands of digits
        raise InvalidValueError(f"{error}.") from error


def _refuse(word: str) -> None:
    raise InvalidValueError(f"{word} is not a finite number.")


def _unique(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidValueError(f"the key {key!r} stands there twice.")
        found[key] = value
    return found


def _yaml(text: str) -> Any:
    import yaml  # most commands read none

    try:
        depth = 0
        # Counted before anything is made: nesting takes squared time, and references make a short text an endless one.
        for event in yaml.parse(text, Loader=yaml.BaseLoader):
            if isinstance(event, yaml.AliasEvent):
                raise InvalidValueError("YAML references (*name) are not read; write the value out.")
            if getattr(event, "tag", None) is not None:
                raise InvalidValueError(f"YAML tags ({event.tag}) are not read; leave it out.")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise InvalidValueError(f"its values nest more than {MAX_DEPTH} deep.")
        nodes: list[Any] = list(yaml.compose_all(text, Loader=yaml.BaseLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise InvalidValueError(f"{place}{error.problem or error.context}.") from error
    except InvalidValueError:
        raise
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InvalidValueError(f"it is not YAML: {error}.") from error
    if len(nodes) != 1:
        raise InvalidValueError(f"it holds {len(nodes)} YAML documents; a view is one.")
    return _value(nodes[0])


def _value(node: Any) -> Any:
    kind = type(node).__name__
    if kind == "MappingNode":
        return _unique(
            [(_value(key) if key.id == "scalar" else None, _value(item)) for key, item in node.value]
        )
    if kind == "SequenceNode":
        return [_value(item) for item in node.value]
    text: str = node.value
    if node.style is not None:
        return text  # quoted, or a block of text
    if text.lower() in _WORDS and (text.islower() or text in ("", "~") or text.istitle() or text.isupper()):
        return _WORDS[text.lower()]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
