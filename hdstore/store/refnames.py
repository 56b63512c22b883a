"""Names of refs: what git allows, and their form as the name of one file."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import quote

from hdstore.errors import InvalidValueError
from hdstore.ids import NAMED_ID_PATTERN

__all__ = ["check_ref_name", "file_name_of", "is_foreign_ref", "is_ref_name"]

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\\ud800-\udfff]|\.\.|@\{|//|/\.|\.lock(/|$)|[./]$")
_OTHERS = r"refs/(?:hdstore/(?:incoming|remotes)/[^/]+/)?"
_ID = NAMED_ID_PATTERN.pattern
_BRANCH_OR_TAG = re.compile(rf"{_OTHERS}(?:heads|tags)/.*", re.DOTALL)
_OWN = re.compile(rf"{_OTHERS}(?:heads/hdstore|(?:heads|tags)/{_ID}/{_ID}|tags/keep/.*)", re.DOTALL)
_LONGEST = 1000
_LONGEST_PART = 250
"""A file system takes 255 bytes, and ``.lock`` is put behind."""


def is_ref_name(name: str) -> bool:
    """Says whether ``name`` may name a ref: ``HEAD``, or below ``refs/`` and in git's rules."""
    if name == "HEAD":
        return True
    raw = name.encode(errors="replace")
    too_long = len(raw) > _LONGEST or max(map(len, raw.split(b"/"))) > _LONGEST_PART
    return name.startswith("refs/") and not _FORBIDDEN.search(name) and not too_long


def check_ref_name(name: str) -> str:
    """Returns ``name`` when it may name a ref."""
    if not is_ref_name(name):
        raise InvalidValueError(f"{name!r} can not be the name of a ref.")
    return name


def is_foreign_ref(name: str) -> bool:
    """Says whether a ref is a branch or tag that is neither the catalog, nor a version, nor what a view pins.

    Such belong to other programs and people, in this repository or in another one: they are left where they are.
    """
    return bool(_BRANCH_OR_TAG.fullmatch(name)) and not _OWN.fullmatch(name)


def file_name_of(ref: str) -> str:
    """Returns the name of the lock file of a ref: readable, and different for different refs."""
    name = quote(ref, safe="")
    if len(name) > 200:
        name = name[:150] + "-" + hashlib.sha1(ref.encode(), usedforsecurity=False).hexdigest()
    return name
