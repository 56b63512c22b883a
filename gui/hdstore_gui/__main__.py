"""Starts the app: ``python -m hdstore_gui [FOLDER]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hdstore_gui.app import run

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Reads the arguments and runs the app."""
    parser = argparse.ArgumentParser(prog="hdstore-gui", description="Browses and annotates datasets.")
    parser.add_argument("folder", nargs="?", type=Path, help="the folder of a repository to open")
    return run(parser.parse_args(arguments).folder)


if __name__ == "__main__":
    sys.exit(main())
