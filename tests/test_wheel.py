"""The wheel is whole: installed outside of the checkout, the demo runs from it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[1]


def run(command: list[str], folder: Path) -> str:
    environment = {
        k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "DISPLAY", "WAYLAND_DISPLAY")
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(target),
        str(PROJECT),
    ]
    run(build, target)
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the Python of a fresh environment with the wheel; dependencies are borrowed from this one."""
    place = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(place, with_pip=False, symlinks=True)
    python = place / "bin" / "python"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    run([*pip, str(wheel)], place)
    (own,) = place.glob("lib/python*/site-packages")
    # Its .pth files (an editable install of this checkout) are not followed from here.
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (own / "borrowed.pth").write_text("".join(f"{path}\n" for path in sorted(borrowed)))
    return python


def test_the_wheel_holds_packages_and_assets(wheel: Path) -> None:
    """Library, app, sample set, icons, type marker and licence are in; tests and scripts are not."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for name in (
        "hdstore/__init__.py",
        "hdstore_gui/app.py",
        "hdstore/_assets/sample/annotations.json",
        "hdstore/_assets/sample/images/cafe-01.jpg",
        "hdstore/_assets/icons/app.svg",
    ):
        assert name in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "docs/", "gui/"))]
    assert not [name for name in names if "/_assets/" in name and name.endswith(".py")]


def test_the_demo_runs_from_the_wheel(python: Path, tmp_path: Path) -> None:
    """Outside of the checkout, the installed command walks through the demo with the assets of the wheel."""
    folder = tmp_path / "demo"
    shown = run([str(python.parent / "hdstore"), "demo", str(folder), "--no-gui"], tmp_path)
    assert "nothing is damaged" in shown
    assert (folder / ".hds").is_dir()
    code = "import hdstore.demo.resources as r; print(r.__file__); print(r.sample())"
    module, sample = run([str(python), "-c", code], tmp_path).splitlines()
    assert module.startswith(str(python.parents[1]))
    assert sample.startswith(str(python.parents[1]))


def test_the_library_needs_no_qt_and_no_numpy(python: Path, tmp_path: Path) -> None:
    """Importing the library and listing a repository loads neither the app nor what only the app needs."""
    code = (
        "import sys, hdstore; hdstore.init('.').close();"
        "print([m for m in ('PySide6', 'numpy', 'typer', 'hdstore_gui') if m in sys.modules])"
    )
    assert run([str(python), "-c", code], tmp_path).strip() == "[]"
