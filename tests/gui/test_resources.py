"""Icons, in a checkout and in a wheel."""

from __future__ import annotations

from pathlib import Path

import pytest
from hdstore_gui import resources
from hdstore_gui.widgets.actions import Spec
from hdstore_gui.widgets.table import table
from PySide6.QtGui import QColor

from hdstore.errors import NotFoundError

ICONS = Path(__file__).resolve().parents[2] / "assets" / "icons"


def specs() -> tuple[Spec, ...]:
    class Anything:
        def __getattr__(self, name: str) -> object:
            return lambda *_: None

    return table(Anything())


def test_every_action_finds_its_icon(qapp: object) -> None:
    """And it is drawn in the colour asked for."""
    for spec in specs():
        if spec.icon:
            image = resources.pixmap(spec.icon, QColor("#ff0000"), size=24).toImage()
            inked = [
                QColor.fromRgba(image.pixel(x, y))
                for x in range(24)
                for y in range(24)
                if image.pixel(x, y) >> 24 > 200
            ]
            assert inked, spec.icon
            assert all(color.red() > 200 and color.green() < 40 for color in inked), spec.icon


@pytest.mark.parametrize("path", sorted(ICONS.glob("*.svg")), ids=lambda path: path.stem)
def test_icons_follow_the_theme(path: Path) -> None:
    """They are strokes in the current colour, on a grid of 24."""
    text = path.read_text()

    assert "currentColor" in text
    assert 'viewBox="0 0 24 24"' in text


def test_the_package_is_looked_at_before_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel carries its icons inside."""
    inside = tmp_path / "_assets" / "icons"
    inside.mkdir(parents=True)
    (inside / "app.svg").write_text("from the wheel")
    monkeypatch.setattr("importlib.resources.files", lambda package: tmp_path)

    assert resources.asset("icons/app.svg").read_text() == "from the wheel"
    assert resources.asset("icons/box.svg").read_text().startswith("<svg")


def test_a_missing_icon_is_named() -> None:
    """The sentence says what to do."""
    with pytest.raises(NotFoundError, match=r"icons/none\.svg"):
        resources.asset("icons/none.svg")


def test_no_two_actions_of_one_place_share_a_key() -> None:
    """A key means one thing in the grid and one in a frame."""
    everywhere = {key for spec in specs() if spec.scope.name == "WINDOW" for key in spec.keys}
    for scopes in (("BROWSE",), ("FRAME", "CANVAS"), ("CONFLICTS",)):
        keys = [key for spec in specs() if spec.scope.name in scopes for key in spec.keys]
        assert len(keys) == len(set(keys)), scopes
        assert not everywhere & set(keys)


def test_action_ids_are_unique() -> None:
    """They name rows of the table."""
    ids = [spec.id for spec in specs()]

    assert len(ids) == len(set(ids))
