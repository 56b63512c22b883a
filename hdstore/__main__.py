"""Lets ``python -m hdstore`` do what the command ``hdstore`` does."""

from __future__ import annotations

import sys

from hdstore.cli import main

if __name__ == "__main__":
    sys.exit(main())
