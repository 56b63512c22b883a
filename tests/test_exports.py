"""Public names: what ``hdstore`` and its packages promise is there, sorted and documented."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from pkgutil import iter_modules

import pytest

import hdstore

PACKAGES = [
    "hdstore",
    *(f"hdstore.{module.name}" for module in iter_modules(hdstore.__path__) if module.ispkg),
]
SLOW = {"PIL", "watchdog", "yaml", "typer", "rich", "defusedxml", "PySide6", "numpy"}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_promised_name_is_there(package: str) -> None:
    """``__all__`` is sorted, without repeats, and each name can be had."""
    module = import_module(package)
    names = list(module.__all__) if hasattr(module, "__all__") else []

    assert len(set(names)) == len(names)
    assert all(hasattr(module, name) for name in names)
    assert module.__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="nonsense"):
        hdstore.nonsense  # noqa: B018
    assert set(hdstore.__all__) <= set(dir(hdstore))


@pytest.mark.parametrize("name", hdstore.__all__)
def test_public_classes_and_functions_are_documented(name: str) -> None:
    """Their own sentence and one for each public method."""
    value = getattr(hdstore, name)
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        return
    assert inspect.getdoc(value)
    if inspect.isclass(value) and value.__module__.startswith("hdstore.repository"):
        for method, member in vars(value).items():
            if not method.startswith("_") and (callable(member) or isinstance(member, property)):
                assert inspect.getdoc(member), f"{name}.{method}"


def test_importing_the_library_is_quick() -> None:
    """``import hdstore`` loads none of the libraries that only some calls need."""
    code = "import sys, hdstore; print(*sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert SLOW.isdisjoint(done.stdout.split())
