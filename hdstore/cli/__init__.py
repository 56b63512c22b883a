"""The command line: each command parses, makes one library call and shows the result.

It alone reads the environment, asks questions and writes to standard output.
"""

from __future__ import annotations

from hdstore.cli.running import main

__all__ = ["main"]
