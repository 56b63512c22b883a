"""The shape of the code: who may import whom, how large things may grow, and what nobody does."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
LIBRARY = sorted((PROJECT / "hdstore").rglob("*.py"))
APP = sorted((PROJECT / "gui" / "hdstore_gui").rglob("*.py"))
TESTS = sorted((PROJECT / "tests").rglob("*.py"))
CODE = [*LIBRARY, *APP]


def name_of(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_layers_and_doors_hold() -> None:
    """Lower layers import no upper ones, and each third-party package has one door."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", [*CODE, *TESTS], ids=name_of)
def test_files_and_functions_stay_small(path: Path) -> None:
    """A file has fewer than 500 lines, a function of the library and the app fewer than 60."""
    text = path.read_text(encoding="utf-8")
    limit = 500 if path in CODE else 700
    assert text.count("\n") < limit
    if path in CODE:
        long = [f.name for f in functions(ast.parse(text)) if (f.end_lineno or 0) - f.lineno >= 60]
        assert long == []


def test_the_library_neither_prints_nor_asks() -> None:
    """Only the command line and its demo talk to people."""
    for path in LIBRARY:
        if path.relative_to(PROJECT).parts[1] in ("cli", "demo", "__main__.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            assert called not in ("print", "input", "breakpoint"), f"{name_of(path)}:{node.lineno}"


def test_nobody_unpickles_or_evaluates() -> None:
    """Data from a stranger never becomes code: no pickle, eval, exec or shell."""
    for path in CODE:
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                assert not {"pickle", "marshal", "shelve"} & set(names), name_of(path)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec"), f"{name_of(path)}:{node.lineno}"
        assert "shell=True" not in text, name_of(path)


def test_no_word_is_left_to_do() -> None:
    """No notes to come back to, in code or tests."""
    marks = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
    assert [name_of(path) for path in [*CODE, *TESTS] if marks.search(path.read_text(encoding="utf-8"))] == []


def test_tests_state_what_they_expect() -> None:
    """Each test function has a docstring; none sleeps, but where a process is killed at any moment."""
    for path in TESTS:
        if not path.name.startswith("test_") or path.parent.name == "benchmarks":
            continue
        text = path.read_text(encoding="utf-8")
        assert "time." + "sleep" not in text or path.name == "test_kill.py", name_of(path)
        for function in functions(ast.parse(text)):
            if function.name.startswith("test_"):
                assert ast.get_docstring(function), f"{name_of(path)}: {function.name}"
