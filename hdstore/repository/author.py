"""Who makes the changes: given by the caller, or read from the environment where a function's name says so."""

from __future__ import annotations

import os
import re
from pathlib import Path

from hdstore.errors import InvalidValueError
from hdstore.model import Author

__all__ = ["author_from_environment", "parse_author"]

_FORM = re.compile(r"\s*([^<>\n\0]*?)\s*<([^<>\s\0]*)>\s*")


def parse_author(text: str) -> Author:
    """Returns the author that ``Name <mail>`` describes."""
    match = _FORM.fullmatch(text)
    if match is None or not match[1]:
        raise InvalidValueError(f"An author is written as 'Name <mail>', not {text!r}.")
    return Author(name=match[1], email=match[2])


def author_from_environment() -> Author:
    """Returns the author by HDSTORE_AUTHOR, git's variables, git's user settings or the login name, in this order."""
    if given := os.environ.get("HDSTORE_AUTHOR"):
        return parse_author(given)
    name, email = _git_settings()
    name = os.environ.get("GIT_AUTHOR_NAME") or name
    email = os.environ.get("GIT_AUTHOR_EMAIL") or email
    login = _login()
    return Author(
        name=_clean(name or login), email=_clean(email or f"{login}@{os.uname().nodename or 'localhost'}")
    )


def _login() -> str:
    from getpass import getuser

    try:
        return getuser()
    except (OSError, KeyError):
        return "unknown"


def _clean(text: str) -> str:
    return re.sub(r"[<>\n\0]", "", text).strip() or "unknown"


def _git_settings() -> tuple[str, str]:
    """Returns name and address of the [user] section of the user's own git settings, "" where absent."""
    home = Path.home()
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "git" / "config"
    name = email = ""
    for path in (config, home / ".gitconfig"):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        name, email = _user_section(text, name, email)
    return name, email


def _user_section(text: str, name: str, email: str) -> tuple[str, str]:
    """Returns what the [user] section of git's settings says, else what is given."""
    import configparser

    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        # Git indents its keys, which configparser would read as continued lines.
        parser.read_string("\n".join(line.strip() for line in text.splitlines()))
    except configparser.Error:
        return name, email
    return (
        (parser.get("user", "name", fallback="") or name).strip('"'),
        (parser.get("user", "email", fallback="") or email).strip('"'),
    )
