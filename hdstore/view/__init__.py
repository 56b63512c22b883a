"""DataViews at work: what their queries find, in which order frames come, and what comes of them.

``docs/iteration.md`` says it precisely enough to do it again elsewhere.
"""

from __future__ import annotations

from hdstore.view.pool import Asked
from hdstore.view.prefetch import PrefetchReport, different_media, prefetch
from hdstore.view.reading import MEMORY
from hdstore.view.running import Count, QueryCount, ViewCounts, ViewRun
from hdstore.view.shaping import ViewItem

__all__ = [
    "MEMORY",
    "Asked",
    "Count",
    "PrefetchReport",
    "QueryCount",
    "ViewCounts",
    "ViewItem",
    "ViewRun",
    "different_media",
    "prefetch",
]
