"""What several imports into one version say of their files, joined, so that a later one does not wipe out the first."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hdstore.formats.coco_record import absent_keys
from hdstore.model import Metadata

__all__ = ["join_metadata"]


def join_metadata(before: Metadata, new: Metadata) -> Metadata:
    """Returns the ``Imported.metadata`` of two imports as one; joining the same twice changes nothing.

    Lists (licenses, annotations of images that are not there) hold the items of both, maps the keys of both; where two
    values can not be joined, the new one stands.
    """
    joined: Metadata = {}
    for format, value in (before | new).items():
        joined[format] = _joined(before[format], value) if format in before else value
        if format in before and isinstance(value, dict) and isinstance(before[format], dict):
            # Keys that a file did not have are left out of an export only if no file had them.
            absent = [set(absent_keys(record)) for record in (before[format], value)]
            joined[format].pop("absent", None)
            if absent[0] & absent[1]:
                joined[format]["absent"] = sorted(absent[0] & absent[1])
    return joined


def _joined(before: Any, new: Any) -> Any:
    if isinstance(before, dict) and isinstance(new, dict):
        return {
            key: _joined(before[key], value) if key in before else value
            for key, value in (before | new).items()
        }
    if isinstance(before, list) and isinstance(new, list):
        # By their JSON: comparing thousands of records with each other would take squared time.
        there = Counter(json.dumps(item, sort_keys=True) for item in before)
        more = []
        for item in new:
            text = json.dumps(item, sort_keys=True)
            if there[text]:
                there[text] -= 1
            else:
                more.append(item)
        return [*before, *more]
    return new
