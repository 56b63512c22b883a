"""ClearML's newer Hyper-Datasets API (in the package ``clearml``) over hdstore: scripts run with the import changed."""

from __future__ import annotations

from hdstore.clearml.dataview import DataView
from hdstore.clearml.entry import DataEntry
from hdstore.clearml.hyperdataset import HyperDataset
from hdstore.clearml.image import DataEntryImage, DataSubEntryImage
from hdstore.clearml.management import HyperDatasetManagement
from hdstore.clearml.query import HyperDatasetQuery
from hdstore.clearml.sub_entry import DataSubEntry
from hdstore.compat.errors import ExistsError, HyperDatasetWarning, MissingError, UnreadableError
from hdstore.compat.session import use

__all__ = [
    "DataEntry",
    "DataEntryImage",
    "DataSubEntry",
    "DataSubEntryImage",
    "DataView",
    "ExistsError",
    "HyperDataset",
    "HyperDatasetManagement",
    "HyperDatasetQuery",
    "HyperDatasetWarning",
    "MissingError",
    "UnreadableError",
    "use",
]
