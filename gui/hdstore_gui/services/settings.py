"""What the app remembers from one start to the next, on this machine only."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings

__all__ = ["Settings"]

MAX_RECENT = 8


class Settings:
    """Typed access to the values that are kept; where they lie is decided by whoever makes the QSettings."""

    def __init__(self, store: QSettings) -> None:
        self._store = store

    @property
    def theme(self) -> str:
        """Either light, dark or system."""
        value = str(self._store.value("theme", "system"))
        return value if value in ("light", "dark", "system") else "system"

    @theme.setter
    def theme(self, name: str) -> None:
        self._store.setValue("theme", name)

    @property
    def thumbnail(self) -> int:
        """The width of a grid cell in pixels."""
        return self._number("thumbnail", 184)

    @thumbnail.setter
    def thumbnail(self, width: int) -> None:
        self._store.setValue("thumbnail", width)

    @property
    def recent(self) -> list[Path]:
        """The folders of the repositories opened last, newest first."""
        kept = self._store.value("recent", [])
        names = [kept] if isinstance(kept, str) else kept if isinstance(kept, list) else []
        return [Path(str(name)) for name in names]

    def remember(self, folder: Path) -> None:
        """Puts a folder at the head of the recent ones."""
        names = [str(folder), *(str(one) for one in self.recent if one != folder)]
        self._store.setValue("recent", names[:MAX_RECENT])

    @property
    def geometry(self) -> QByteArray:
        """Size and place of the window, as Qt packs them."""
        value = self._store.value("geometry")
        return value if isinstance(value, QByteArray) else QByteArray()

    @geometry.setter
    def geometry(self, packed: QByteArray) -> None:
        self._store.setValue("geometry", packed)

    def sizes(self, name: str) -> list[int]:
        """Returns the widths of a splitter's parts, or an empty list."""
        kept = self._store.value(f"sizes/{name}", [])
        values = kept if isinstance(kept, list) else []
        return [int(value) for value in values if str(value).isdigit()]

    def keep_sizes(self, name: str, sizes: list[int]) -> None:
        """Keeps the widths of a splitter's parts."""
        self._store.setValue(f"sizes/{name}", [str(size) for size in sizes])

    def _number(self, key: str, default: int) -> int:
        text = str(self._store.value(key, default))
        return int(text) if text.isdigit() else default
