"""Moving versions, catalog and kept media between repositories; what is published is never overwritten."""

from __future__ import annotations

from hdstore.sync.exchange import Exchange, SyncReport, clone_into
from hdstore.sync.remotes import INCOMING_REF, Remotes
from hdstore.sync.urls import Place, parse_place

__all__ = ["INCOMING_REF", "Exchange", "Place", "Remotes", "SyncReport", "clone_into", "parse_place"]
