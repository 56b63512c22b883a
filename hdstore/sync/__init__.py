"""Moving versions, catalog and kept media between two repositories; forward only, nothing is ever overwritten."""

from __future__ import annotations

from hdstore.sync.remotes import INCOMING_REF, Remotes, SyncReport, clone_into
from hdstore.sync.urls import Place, parse_place

__all__ = ["INCOMING_REF", "Place", "Remotes", "SyncReport", "clone_into", "parse_place"]
