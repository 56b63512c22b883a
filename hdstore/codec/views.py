"""Views to canonical JSON and back, their content hash, and the plain values that files of people hold.

Canonical: sorted keys, two blanks of indent, UTF-8, a newline at the end; fields that equal their default are left out,
so equal views have equal bytes and equal hashes.
"""

from __future__ import annotations

import difflib
import enum
import json
import re
from functools import cache
from typing import Any, TypeVar

import msgspec

from hdstore.errors import DamagedError, InvalidValueError
from hdstore.ids import NAMED_ID_PATTERN, content_hash
from hdstore.model import (
    Augmentation,
    AugmentationSet,
    Clip,
    FilterBy,
    Iteration,
    MappingRule,
    Order,
    Output,
    RoiRule,
    View,
    ViewDocument,
    ViewQuery,
    check_metadata,
    check_name,
    check_view,
    replace,
)

__all__ = [
    "MAX_VIEW_BYTES",
    "decode_view",
    "decode_view_document",
    "encode_view",
    "encode_view_document",
    "normal_view",
    "view_from_builtins",
    "view_hash",
    "view_to_builtins",
    "view_to_json",
]

MAX_VIEW_BYTES = 16 << 20
"""How long the stored form of a view may be: half a million labels with their numbers fit."""

_T = TypeVar("_T", View, ViewDocument)

_FAULTS = (msgspec.ValidationError, TypeError, OverflowError, UnicodeError, RecursionError)


def normal_view(view: View) -> View:
    """Returns the view as it is read back: tuples for lists, floats for integers where floats are meant.

    Raises InvalidValueError naming the field that is wrong.
    """
    if not isinstance(view, View):
        raise InvalidValueError(f"A view is a value of View, not {type(view).__name__}.")
    held: Any = view.augmentation.sets if isinstance(view.augmentation, Augmentation) else ()
    for number, one in enumerate(held if isinstance(held, list | tuple) else ()):
        if isinstance(one, AugmentationSet):
            # A date or a set among arguments would become a string or a list without a word.
            check_metadata(one.arguments, f"augmentation.sets[{number}].arguments")
    try:
        plain = msgspec.to_builtins(view)
    except _FAULTS as error:
        raise InvalidValueError(f"This is not a view: {error}.") from error
    return view_from_builtins(plain)


def view_from_builtins(plain: Any) -> View:
    """Returns the view that plain values describe; InvalidValueError names the field that is wrong and what to do."""
    try:
        view = msgspec.convert(plain, View)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InvalidValueError(_explain(str(error), plain)) from error
    check_view(view)
    return view


def view_to_builtins(view: View) -> dict[str, Any]:
    """Returns a view as plain dicts, lists, strings and numbers; fields that equal their default are left out."""
    plain: dict[str, Any] = _plain(view)
    return plain


def view_to_json(view: View) -> str:
    """Returns a view as JSON, without a newline at the end: the form that files of people have too."""
    return _json(view_to_builtins(view), "The view")


def encode_view(view: View) -> bytes:
    """Returns the canonical JSON of a view; raises InvalidValueError when it breaks a rule."""
    return _canonical(normal_view(view), "The view")


def decode_view(data: bytes, what: str) -> View:
    """Returns the view in ``data``; raises DamagedError naming ``what`` when it holds none."""
    view = _decode(data, View, what)
    _check_stored(view, what)
    return view


def view_hash(view: View) -> str:
    """Returns the content hash of a view: BLAKE3 of its canonical JSON in 64 hexadecimal digits."""
    return content_hash(encode_view(view))


def encode_view_document(document: ViewDocument) -> bytes:
    """Returns the canonical JSON of a stored view; raises InvalidValueError when it breaks a rule."""
    checked = replace(document, view=normal_view(document.view))
    try:
        checked = msgspec.convert(msgspec.to_builtins(checked), ViewDocument)
    except _FAULTS as error:
        raise InvalidValueError(f"The view can not be stored: {error}.") from error
    _check_document(checked)
    return _canonical(checked, f"The view {checked.name!r}")


def decode_view_document(data: bytes, what: str) -> ViewDocument:
    """Returns the stored view in ``data``; raises DamagedError naming ``what`` when it holds none."""
    document = _decode(data, ViewDocument, what)
    _check_stored(document.view, what)
    try:
        _check_document(document)
    except InvalidValueError as error:
        raise DamagedError(f"The document {what} is not a view's: {error}") from error
    return document


def _check_document(document: ViewDocument) -> None:
    check_name(document.name, "view")
    if not NAMED_ID_PATTERN.fullmatch(document.id):
        raise InvalidValueError(f"{document.id!r} is not the id of a view.")
    if document.published:
        missing = [
            query.version for query in document.view.queries if query.version not in document.view.pins
        ]
        if missing:
            raise InvalidValueError(
                f"A published view pins every version that it names, but {document.name!r} does not pin {missing[0]!r}."
            )


def _check_stored(view: View, what: str) -> None:
    try:
        check_view(view)
    except InvalidValueError as error:
        raise DamagedError(f"The document {what} is not a view's: {error}") from error


def _decode(data: bytes, kind: type[_T], what: str) -> _T:
    if len(data) > MAX_VIEW_BYTES:
        raise DamagedError(
            f"The document {what} has {len(data):,} bytes; a view has at most {MAX_VIEW_BYTES:,}."
        )
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise DamagedError(f"The document {what} is not a view's: {error}.") from error


def _canonical(value: View | ViewDocument, what: str) -> bytes:
    data = _json(_plain(value), what).encode() + b"\n"
    if len(data) > MAX_VIEW_BYTES:
        raise InvalidValueError(
            f"{what} takes {len(data):,} bytes as JSON; at most {MAX_VIEW_BYTES:,} can be stored."
        )
    return data


def _json(plain: Any, what: str) -> str:
    try:
        text = json.dumps(plain, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValueError(f"{what} can not be written as JSON: {error}.") from error
    return text


@cache
def _defaults(kind: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    """Returns the fields of a value with their defaults; NODEFAULT where there is none."""
    return tuple(
        (
            field.name,
            field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default,
        )
        for field in msgspec.structs.fields(kind)
    )


def _plain(value: Any) -> Any:
    # Not by the encoder, which leaves out a field that *is* its default, not one that equals it.
    if isinstance(value, msgspec.Struct):
        return {
            name: _plain(item)
            for name, default in _defaults(type(value))
            if (item := getattr(value, name)) != default
        }
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


# What msgspec says of a value, as people read it.

_AT = re.compile(r"(?P<said>.*?)(?: - at (?P<key>`key` in )?`\$(?P<path>.*)`)?", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")
_PARTS: dict[str, type[msgspec.Struct]] = {
    "": View,
    "augmentation": Augmentation,
    "clip": Clip,
    "iteration": Iteration,
    "mapping": MappingRule,
    "queries": ViewQuery,
    "rois": RoiRule,
    "sets": AugmentationSet,
}
"""What stands under a key of a view."""

_CHOICES: dict[str, type[enum.StrEnum]] = {"filter": FilterBy, "order": Order, "output": Output}
_KINDS = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "null": "nothing",
    "object": "a map by name",
    "str": "a text",
}


def _explain(message: str, plain: Any) -> str:
    """Returns a sentence for what is wrong with plain values that are no view, with the field as in a file."""
    match = _AT.fullmatch(message)
    said, path = (match["said"], match["path"] or "") if match else (message, "")
    where = path.lstrip(".") or "the view"
    if unknown := _UNKNOWN.fullmatch(said):
        part = _PARTS.get(re.sub(r"\[\d+\]", "", path).rpartition(".")[2], View)
        near = difflib.get_close_matches(unknown[1], part.__struct_fields__, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        return f"In {where} there is no field {unknown[1]!r}{hint}"
    if missing := _MISSING.fullmatch(said):
        return f"In {where} the field {missing[1]!r} is missing."
    if match and match["key"]:
        return f"In {where} a key is no text; put it in quotes."
    if said.startswith("Invalid enum value"):
        choices = " or ".join(repr(str(choice)) for choice in _CHOICES.get(where.rpartition(".")[2], ()))
        return f"{where} is {choices}, not {said.removeprefix('Invalid enum value ')}."
    where = where.replace("[...]", _wrong_key(where, plain))
    said = re.sub(r"\b(array|bool|float|int|null|object|str)\b", lambda word: _KINDS[word[0]], said)
    return f"{where}: {said.replace('`', '').replace(' | ', ' or ').replace('Expected', 'expected', 1)}."


def _wrong_key(where: str, plain: Any) -> str:
    """Returns the key of a map by name at which the wrong value stands, which msgspec does not say."""
    kind: type = int if where.startswith("enumeration") else str
    held = plain.get(where.partition("[")[0]) if isinstance(plain, dict) else None
    if isinstance(held, dict):
        for key, value in held.items():
            if not isinstance(value, kind) or isinstance(value, bool):
                return f"[{key!r}]"
    return "[...]"
