"""A real model on real photographs: the script of docs/training.md, on its view and on another one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hdstore import Repository, RoiRule, View, ViewQuery
from hdstore.model import Iteration, Order, Output
from hdstore.train import Splitter, write_split

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "training.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_script_trains_on_what_its_view_says(
    repository: Repository, shared_data: Callable[[str], Path], tmp_path: Path
) -> None:
    """Blood cells told apart from their crops by two workers' data; a run with another view needs no other script."""
    pytest.importorskip("torch", reason="torch is not installed")
    bccd = shared_data("bccd")
    repository.roots.add("bccd", bccd)
    draft = repository.import_files("voc", bccd, to="blood").version
    write_split(draft, Splitter({"train": 70, "test": 30}, by="id", salt="1"), "part")
    draft.publish()
    kinds = {"platelets": {"WBC": 0, "Platelets": 1}, "red cells": {"WBC": 0, "RBC": 1}}
    stored = {
        name: repository.create_view(name, crops(numbers)).content_hash for name, numbers in kinds.items()
    }
    (match,) = re.findall(r"<!-- script: train.py -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "train.py").write_text(match, encoding="utf-8")

    shown = {name: train(tmp_path / "train.py", repository, name) for name in kinds}

    for name, line in shown.items():
        found = re.fullmatch(r"view (\w+): (\d+) of (\d+) right\n", line)
        assert found is not None, line
        assert stored[name].startswith(found[1])
        assert int(found[3]) >= 100
        assert int(found[2]) / int(found[3]) > 0.85
    assert len(set(shown.values())) == 2


def crops(numbers: dict[str, int]) -> View:
    """Returns a view of single cells of these kinds, at most 200."""
    rule = RoiRule(query=f"label:({' OR '.join(numbers)})")
    return View(
        queries=(ViewQuery(dataset="blood", version="Current", rois=(rule,)),),
        enumeration=numbers,
        output=Output.EACH,
        iteration=Iteration(order=Order.RANDOM, seed=1, limit=200),
    )


def train(script: Path, repository: Repository, view: str) -> str:
    """Runs the script with a view of the environment and returns what it printed."""
    paths = os.pathsep.join(entry for entry in sys.path if entry)
    environment = os.environ | {
        "HDSTORE_REPO": str(repository.folder),
        "HDSTORE_VIEW": view,
        "PYTHONPATH": f"{PROJECT}{os.pathsep}{paths}",
    }
    done = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
