"""The tree of errors: caught by what a caller would do, and read as sentences."""

from __future__ import annotations

import ast
import inspect
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from hdstore import errors
from hdstore.errors import (
    AmbiguousNameError,
    EditConflictError,
    HdstoreError,
    NotFoundError,
    QuerySyntaxError,
)

LIBRARY = Path(errors.__file__).parent
CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, HdstoreError)]


@pytest.mark.parametrize(
    ("name", "bases"),
    [
        ("InvalidInputError", (ValueError,)),
        ("InvalidValueError", (errors.InvalidInputError,)),
        ("InvalidFileError", (errors.InvalidInputError,)),
        ("QuerySyntaxError", (errors.InvalidInputError,)),
        ("NotFoundError", (KeyError,)),
        ("RepositoryNotFoundError", (NotFoundError,)),
        ("AmbiguousNameError", (LookupError,)),
        ("EditConflictError", (errors.ConflictError,)),
        ("DivergedError", (errors.ConflictError,)),
        ("LockTimeoutError", (TimeoutError,)),
        ("StorageError", (OSError,)),
        ("MissingPackageError", (ImportError,)),
    ],
)
def test_errors_can_be_caught_as_what_they_are(name: str, bases: tuple[type, ...]) -> None:
    """Each is an HdstoreError and the builtin that callers know."""
    kind = getattr(errors, name)

    assert issubclass(kind, HdstoreError)
    assert issubclass(kind, bases)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Every class is drawn there, and nothing else."""
    drawn = {word for word in (errors.__doc__ or "").replace("─", " ").split() if word.endswith("Error")}

    assert drawn == {kind.__name__ for kind in CLASSES}


def test_a_missing_name_reads_as_a_sentence() -> None:
    """KeyError shows quotes around its argument; ours does not."""
    assert str(NotFoundError("There is no dataset.")) == "There is no dataset."
    assert str(NotFoundError()) == ""


def test_errors_carry_what_a_caller_needs() -> None:
    """Positions, candidates and both sides of a conflict."""
    syntax = QuerySyntaxError("An operand is missing.", text="a AND", position=5)
    assert syntax.caret() == "a AND\n     ^"
    assert "a AND\n     ^" in "".join(traceback.format_exception(syntax))
    assert AmbiguousNameError("Two.", candidates=("a", "b")).candidates == ("a", "b")
    conflict = EditConflictError("Changed.", frame_id="f", base=1, ours=2, theirs=3)
    assert (conflict.frame_id, conflict.base, conflict.ours, conflict.theirs) == ("f", 1, 2, 3)


SIMPLE = [
    kind for kind in CLASSES if kind.__init__ in (Exception.__init__, KeyError.__init__, OSError.__init__)
]


@pytest.mark.parametrize("kind", SIMPLE, ids=lambda kind: kind.__name__)
def test_errors_pass_between_processes(kind: type[HdstoreError]) -> None:
    """A worker's error arrives as what it was."""
    again = pickle.loads(pickle.dumps(kind("A sentence.")))

    assert type(again) is kind
    assert str(again) == "A sentence."


def raised() -> Iterator[tuple[str, str]]:
    """Returns the place and the last words of every message that is raised as one literal."""
    names = {kind.__name__ for kind in CLASSES}
    for path in sorted(LIBRARY.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Raise)
                and isinstance(node.exc, ast.Call)
                and isinstance(node.exc.func, ast.Name)
                and node.exc.func.id in names
                and node.exc.args
            ):
                message = node.exc.args[0]
                if isinstance(message, ast.JoinedStr):
                    message = message.values[-1]
                if isinstance(message, ast.Constant) and isinstance(message.value, str):
                    yield f"{path.relative_to(LIBRARY)}:{node.lineno}", message.value


def test_messages_are_whole_sentences() -> None:
    """They end with a full stop, or with a command or an id that a stop would spoil."""
    odd = [(place, end) for place, end in raised() if not end.rstrip().endswith((".", "?", "NEW"))]

    assert odd == []
