"""Runs command lines as a user does: in a folder of their own, with what they print read back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sync.servers import https_server, https_site, ssh_server  # noqa: F401

from hdstore.cli import main
from hdstore.model import Annotation, Box, SingleFrame, Source
from hdstore.repository import Repository, init, open_repository


@dataclass(frozen=True)
class Result:
    """What a command line did: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON value on standard output."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        """The lines of standard output."""
        return self.out.splitlines()


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Returns a function that runs a command line in a fresh folder and expects the exit code ``code``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object, code: int = 0) -> Result:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()

        assert status == code, printed.err + printed.out
        return Result(status, printed.out, printed.err)

    return run


def frame(name: str, *labels: str, confidence: float | None = None) -> SingleFrame:
    """Returns a frame with one box a label."""
    return SingleFrame(
        id=name,
        metadata={"place": "Köln"},
        sources=(Source(uri=f"https://example.org/{name}.jpg", width=64, height=48),),
        annotations=tuple(
            Annotation(
                id=f"{label}-{number}",
                labels=(label,),
                geometry=Box(x=1.5, y=2.0, w=10.0, h=5.0),
                confidence=confidence,
            )
            for number, label in enumerate(labels)
        ),
    )


@pytest.fixture
def street(run: Run, tmp_path: Path) -> Path:
    """Returns the folder of a repository with dataset ``street``: frames a, b, c in its draft Current."""
    with init(tmp_path) as repository:
        draft = repository.create_dataset("street").current()
        draft.add_frames([frame("a", "car"), frame("b", "car", "bus", confidence=0.5), frame("c")])
    return tmp_path


@pytest.fixture
def opened(street: Path) -> Repository:
    """Returns the repository of ``street``, open."""
    return open_repository(street)
