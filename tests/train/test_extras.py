"""Optional packages: missed in a sentence, and only when they are needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hdstore.errors import HdstoreError, MissingPackageError
from hdstore.train.extras import need

HEAVY = {"torch", "torchvision", "pyarrow", "ray", "daft", "mlflow", "pandas"}


def test_a_missing_package_says_what_brings_it() -> None:
    """It can be caught as ours and as an ImportError."""
    with pytest.raises(MissingPackageError, match=r"nosuch.*pip install 'hdstore\[arrow\]'") as caught:
        need("nosuch.part", extra="arrow")

    assert isinstance(caught.value, HdstoreError)
    assert isinstance(caught.value, ImportError)
    assert need("json.decoder", extra="arrow").JSONDecoder


def test_what_a_package_itself_misses_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken installation shows what is broken."""
    (tmp_path / "halfpackage.py").write_text("import nosuchthing\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ModuleNotFoundError, match="nosuchthing"):
        need("halfpackage", extra="arrow")


def test_no_extra_is_loaded_before_it_is_used() -> None:
    """Neither with the package nor with the commands."""
    code = "import sys, hdstore.train, hdstore.cli.app; print(*{m.partition('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert HEAVY.isdisjoint(done.stdout.split())
