"""The metadata of a version and what the pixel values of its masks mean, as both of ClearML's packages give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hdstore.compat.lookup import check_version_metadata
from hdstore.compat.masks import (
    MASK_LABELS,
    MaskLabels,
    from_metadata,
    from_values,
    to_metadata,
    to_values,
)

if TYPE_CHECKING:
    from hdstore.repository import DatasetVersion

__all__ = ["VersionMetadata"]


class VersionMetadata:
    """A base of handles on a version; ``native`` is the library's own handle."""

    native: DatasetVersion

    def get_metadata(self) -> dict[str, Any]:
        """Returns its metadata; the mask labels are in it under "mask_labels"."""
        metadata = dict(self.native.metadata)
        labels = self.native.schema().mask_labels
        return metadata | {MASK_LABELS: to_metadata(labels)} if labels else metadata

    def set_metadata(self, metadata: Mapping[str, Any]) -> bool:
        """Replaces its metadata and returns True; False where it is published.

        Mask labels are replaced where "mask_labels" is in it, and stay as they are where it is not.
        """
        plain = check_version_metadata(metadata)
        labels = from_metadata(plain[MASK_LABELS]) if MASK_LABELS in plain else None
        if not self.native.is_draft:
            return False
        self.native.set_metadata({key: value for key, value in plain.items() if key != MASK_LABELS})
        if labels is not None:
            self.native.set_mask_labels(labels)
        return True

    def set_masks_labels(self, mask_value_label_mapping: MaskLabels) -> bool:
        """Says what the pixel values of masks mean: {(r, g, b): [labels]}; returns False where it is published."""
        labels = from_values(mask_value_label_mapping)
        if not self.native.is_draft:
            return False
        self.native.set_mask_labels({**self.native.schema().mask_labels, **labels})
        return True

    def get_masks_labels(self) -> dict[tuple[int, ...], list[str]]:
        """Returns what the pixel values of masks mean."""
        return to_values(self.native.schema().mask_labels)
