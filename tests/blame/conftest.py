"""Fixtures of blame: repositories to write histories in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from blame.making import Making

from hdstore.store import Layout


@pytest.fixture
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Making]:
    """Returns a function that makes an empty repository to write histories in."""

    def new() -> Making:
        layout = Layout(tmp_path_factory.mktemp("blame"))
        layout.create()
        return Making(layout)

    return new


@pytest.fixture
def making(make: Callable[[], Making]) -> Making:
    """Returns an empty repository to write a history in."""
    return make()
