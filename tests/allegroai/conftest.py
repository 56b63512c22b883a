"""A repository in the current folder, as scripts have it."""

from __future__ import annotations

from script_fixtures import picture, repository

__all__ = ["picture", "repository"]
