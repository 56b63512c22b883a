"""Values: frames, annotations, geometry, schema, versions and edits. They are frozen and know nothing of a store."""

from __future__ import annotations

from hdstore.model.annotation import Annotation, Metadata
from hdstore.model.catalog import DatasetDocument, VersionRecord
from hdstore.model.change import replace
from hdstore.model.edit import (
    AddAnnotation,
    Changes,
    Edit,
    FrameEdit,
    PutFrame,
    RemoveAnnotation,
    RemoveFrame,
    ReplaceAnnotation,
    SetFrameMetadata,
    SetSchema,
    SetVersionMetadata,
    VersionEdit,
)
from hdstore.model.frame import Frame, FrameGroup, Mask, Preview, SingleFrame, Source, Timestamp
from hdstore.model.progress import Progress
from hdstore.model.rules import (
    check_frame,
    check_frame_id,
    check_given_frame,
    check_metadata,
    check_name,
    check_schema,
)
from hdstore.model.schema import ALL_MASKS, Label, MaskLabel, Schema, Skeleton
from hdstore.model.shapes import (
    Box,
    Box3D,
    Ellipse,
    Geometry,
    Keypoints,
    Keypoints3D,
    MaskValue,
    Polygon,
    Polygon3D,
    Rle,
)
from hdstore.model.version import Author, Commit, LabelCount, Stats, Status, VersionDocument

__all__ = [
    "ALL_MASKS",
    "AddAnnotation",
    "Annotation",
    "Author",
    "Box",
    "Box3D",
    "Changes",
    "Commit",
    "DatasetDocument",
    "Edit",
    "Ellipse",
    "Frame",
    "FrameEdit",
    "FrameGroup",
    "Geometry",
    "Keypoints",
    "Keypoints3D",
    "Label",
    "LabelCount",
    "Mask",
    "MaskLabel",
    "MaskValue",
    "Metadata",
    "Polygon",
    "Polygon3D",
    "Preview",
    "Progress",
    "PutFrame",
    "RemoveAnnotation",
    "RemoveFrame",
    "ReplaceAnnotation",
    "Rle",
    "Schema",
    "SetFrameMetadata",
    "SetSchema",
    "SetVersionMetadata",
    "SingleFrame",
    "Skeleton",
    "Source",
    "Stats",
    "Status",
    "Timestamp",
    "VersionDocument",
    "VersionEdit",
    "VersionRecord",
    "check_frame",
    "check_frame_id",
    "check_given_frame",
    "check_metadata",
    "check_name",
    "check_schema",
    "replace",
]
