"""Bundles: one file with versions and, if wanted, media, for whoever is not reached by a network."""

from __future__ import annotations

from hdstore.sync.bundles.applying import Applied, apply_bundle, verify_bundle
from hdstore.sync.bundles.checking import BundleReport, Here, is_bundle_ref
from hdstore.sync.bundles.container import is_bundle, open_bundle
from hdstore.sync.bundles.creating import BundleContent, CreatedBundle, create_bundle

__all__ = [
    "Applied",
    "BundleContent",
    "BundleReport",
    "CreatedBundle",
    "Here",
    "apply_bundle",
    "create_bundle",
    "is_bundle",
    "is_bundle_ref",
    "open_bundle",
    "verify_bundle",
]
