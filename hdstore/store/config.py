"""Git's configuration file, read and written by ourselves: no includes, no conditions, nothing runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hdstore.errors import DamagedError, InvalidValueError
from hdstore.store import files
from hdstore.store.gitlock import GitLock
from hdstore.store.locks import Lock

__all__ = ["CONFIG_LIMIT", "Config", "Setting", "parse_config", "render_config"]

CONFIG_LIMIT = 1 << 20

_SECTION = re.compile(r'\[\s*([A-Za-z0-9.-]+)(?:\s+"((?:[^"\\\n]|\\.)*)")?\s*\]')
_KEY = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[ \t]*(=?)")
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b", '"': '"', "\\": "\\"}


class Setting(NamedTuple):
    """One setting; ``key`` is ``section[.subsection].name``, in lower case but for the subsection."""

    key: str
    value: str


def parse_config(text: str) -> list[Setting]:
    """Returns all settings in the order of the file."""
    return list(_Parser(text).settings())


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text.replace("\r\n", "\n")
        self._at = 0

    def settings(self) -> Iterator[Setting]:
        text, section = self._text, ""
        while self._skip_blank():
            if match := _SECTION.match(text, self._at):
                section = match[1].lower()
                if match[2] is not None:
                    section += "." + re.sub(r"\\(.)", r"\1", match[2])
                self._at = match.end()
            elif section and (match := _KEY.match(text, self._at)):
                self._at = match.end()
                # A name alone means true.
                yield Setting(f"{section}.{match[1].lower()}", self._value() if match[2] else "true")
            else:
                raise self._damaged()

    def _skip_blank(self) -> bool:
        """Moves to the next thing that is no blank and no comment, and says whether there is one."""
        text = self._text
        while self._at < len(text):
            if text[self._at] in "#;":
                end = text.find("\n", self._at)
                self._at = len(text) if end < 0 else end
            elif text[self._at].isspace():
                self._at += 1
            else:
                return True
        return False

    def _value(self) -> str:
        text, out, quoted = self._text, list[str](), False
        solid = 0  # blanks after this many characters are dropped unless more follows
        while self._at < len(text) and text[self._at] != "\n":
            char = text[self._at]
            self._at += 1
            if char == '"':
                quoted = not quoted
                solid = len(out)
            elif char == "\\":
                out.extend(self._escape())
                solid = len(out)
            elif char in "#;" and not quoted:
                end = text.find("\n", self._at)
                self._at = len(text) if end < 0 else end
            elif quoted or not char.isspace():
                out.append(char)
                solid = len(out)
            elif out:
                out.append(char)
        if quoted:
            raise self._damaged()
        return "".join(out[:solid])

    def _escape(self) -> str:
        char = self._text[self._at : self._at + 1]
        self._at += 1
        if char == "\n":
            return ""
        if char not in _ESCAPES or not char:
            raise self._damaged()
        return _ESCAPES[char]

    def _damaged(self) -> DamagedError:
        line = self._text.count("\n", 0, min(self._at, len(self._text))) + 1
        return DamagedError(f"Line {line} of the repository's config can not be read as git's configuration.")


def render_config(settings: list[Setting]) -> str:
    """Returns the file that holds these settings in this order."""
    lines: list[str] = []
    current = ""
    for key, value in settings:
        section, name = key.rsplit(".", 1)
        if section != current:
            lines.append(_section_line(section))
            current = section
        lines.append(f"\t{name} = {_quote(value)}")
    return "".join(line + "\n" for line in lines)


def _section_line(section: str) -> str:
    head, dot, sub = section.partition(".")
    if not dot:
        return f"[{head}]"
    escaped = sub.replace("\\", "\\\\").replace('"', '\\"')
    return f'[{head} "{escaped}"]'


def _quote(value: str) -> str:
    if "\0" in value:
        raise InvalidValueError("A setting can not hold a zero byte.")
    for char, name in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t"), ("\b", "\\b")):
        value = value.replace(char, name)
    if value != value.strip() or any(char in value for char in "#;\r"):
        return f'"{value}"'
    return value


class Config:
    """The file ``config`` of the repository at ``hds``."""

    def __init__(self, hds: Path) -> None:
        self._path = hds / "config"
        self._tmp = hds / "hdstore" / "tmp"
        self._lock = hds / "hdstore" / "locks" / "config.lock"

    def settings(self) -> list[Setting]:
        """Returns all settings in order; none where there is no file."""
        data = files.read_file(self._path, limit=CONFIG_LIMIT) or b""
        try:
            return parse_config(data.decode())
        except UnicodeDecodeError as error:
            raise DamagedError(f"{self._path} is not text in UTF-8.") from error

    def get(self, key: str) -> str | None:
        """Returns the last value of a key, or None."""
        return next((setting.value for setting in reversed(self.settings()) if setting.key == key), None)

    def change(self, values: dict[str, str | None]) -> None:
        """Sets keys to values; None removes a key. Other settings stay, comments do not."""
        for key in values:
            if not re.fullmatch(r"[a-z0-9-]+\.(?:[^\0\n]+\.)?[a-z][a-z0-9-]*", key):
                raise InvalidValueError(f"{key!r} can not be the name of a setting.")
        with Lock(self._lock, what="the configuration"), GitLock(self._path, self._tmp) as lock:
            kept = [setting for setting in self.settings() if setting.key not in values]
            kept += [Setting(key, value) for key, value in values.items() if value is not None]
            order = list(dict.fromkeys(setting.key.rsplit(".", 1)[0] for setting in kept))
            kept.sort(key=lambda setting: order.index(setting.key.rsplit(".", 1)[0]))
            lock.write(render_config(kept).encode())
            lock.commit()
