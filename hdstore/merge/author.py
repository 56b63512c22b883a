"""Who makes a merge."""

from __future__ import annotations

from hdstore.model import Author

__all__ = ["AUTHOR"]

AUTHOR = Author(name="hdstore", email="hdstore@localhost")
"""Nobody in person: whoever merges the same two commits makes the same one."""
