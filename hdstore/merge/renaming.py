"""Other names for what another dataset calls differently: labels in frames and schema, ids of frames."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from hdstore.model import Frame, Schema, replace

__all__ = ["Renaming"]


@dataclass(frozen=True, slots=True)
class Renaming:
    """Labels and frame ids to others; a frame whose id is not mapped gets the prefix."""

    labels: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""

    def __bool__(self) -> bool:
        return bool(self.labels or self.ids or self.prefix)

    @property
    def digest(self) -> str:
        """A name for this renaming: equal ones have the equal digest."""
        plain = [dict(self.labels), dict(self.ids), self.prefix]
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()

    def frame_id(self, frame_id: str) -> str:
        """Returns the new id of a frame."""
        found = self.ids.get(frame_id)
        return self.prefix + frame_id if found is None else found

    def frame(self, frame: Frame) -> Frame:
        """Returns a frame under its new id, with the new names of its labels."""
        annotations = tuple(
            replace(annotation, labels=self._names(annotation.labels))
            if not self.labels.keys().isdisjoint(annotation.labels)
            else annotation
            for annotation in frame.annotations
        )
        return replace(frame, id=self.frame_id(frame.id), annotations=annotations)

    def schema(self, schema: Schema) -> Schema:
        """Returns a schema with the new names; where two labels become one, the one that had the name is kept."""
        kept = {label.name: label for label in schema.labels if label.name not in self.labels}
        labels = []
        for label in schema.labels:
            name = self.labels.get(label.name, label.name)
            if label.name in self.labels and name in kept:
                continue
            kept[name] = label
            labels.append(replace(label, name=name))
        masks = {
            mask: tuple(replace(one, labels=self._names(one.labels)) for one in listed)
            for mask, listed in schema.mask_labels.items()
        }
        return replace(schema, labels=tuple(labels), mask_labels=masks)

    def _names(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.labels.get(name, name) for name in labels))
