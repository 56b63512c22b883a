"""The façade: repositories, datasets and versions as users of the SDK, the command line and the app see them."""

from __future__ import annotations

from hdstore.repository.author import author_from_environment
from hdstore.repository.comparing import ComparedField, compare_views
from hdstore.repository.dataset import Dataset
from hdstore.repository.dataviews import DataView
from hdstore.repository.indexing import IndexedVersion, IndexReport
from hdstore.repository.merging import MergeReport
from hdstore.repository.naming import quote_name, split_path
from hdstore.repository.reports import Finding, GcReport, ImportReport
from hdstore.repository.repository import Repository, clone, init, open_repository, verify_bundle
from hdstore.repository.version import DatasetVersion
from hdstore.repository.viewfile import is_view_file, read_view_file
from hdstore.repository.views import StoredView

__all__ = [
    "ComparedField",
    "DataView",
    "Dataset",
    "DatasetVersion",
    "Finding",
    "GcReport",
    "ImportReport",
    "IndexReport",
    "IndexedVersion",
    "MergeReport",
    "Repository",
    "StoredView",
    "author_from_environment",
    "clone",
    "compare_views",
    "init",
    "is_view_file",
    "open_repository",
    "quote_name",
    "read_view_file",
    "split_path",
    "verify_bundle",
]
