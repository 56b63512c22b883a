"""The guided tour: ``hdstore demo`` makes a repository from the sample set and shows each step it takes."""

from __future__ import annotations

from hdstore.demo.running import run_demo

__all__ = ["run_demo"]
