"""The sample set: in an installed package it lies in ``hdstore/_assets``, in a checkout in ``assets``."""

from __future__ import annotations

import importlib.resources
import shutil
from importlib.resources.abc import Traversable
from pathlib import Path

from hdstore.errors import NotFoundError, StorageError

__all__ = ["copy_sample", "sample"]

_PARTS = ("annotations.json", "corrections.json", "images", "masks")


def sample() -> Traversable:
    """Returns the folder of the sample set."""
    package = importlib.resources.files("hdstore")
    places: tuple[Traversable, ...] = (
        package.joinpath("_assets", "sample"),
        Path(__file__).resolve().parents[2] / "assets" / "sample",
    )
    for place in places:
        if place.joinpath("annotations.json").is_file():
            return place
    raise NotFoundError("The sample set is missing from this installation; install hdstore again.")


def copy_sample(target: Path) -> None:
    """Copies pictures, masks and annotations of the sample set to a new folder."""
    place = sample()
    try:
        target.mkdir(parents=True)
        for name in _PARTS:
            with importlib.resources.as_file(place.joinpath(name)) as found:
                if found.is_dir():
                    shutil.copytree(found, target / name)
                else:
                    shutil.copyfile(found, target / name)
    except OSError as error:
        raise StorageError(
            f"Could not copy the sample set to {target}: {error.strerror or error}."
        ) from error
