"""ClearML's Hyper-Datasets API (the package ``allegroai``) over hdstore: scripts run with the import changed.

    from hdstore.allegroai import DatasetVersion, SingleFrame

    version = DatasetVersion.create_version(dataset_name="plates", version_name="first")
    frame = SingleFrame(source="photos/0001.jpg", metadata={"alive": "yes"})
    frame.add_annotation(box2d_xywh=(10, 10, 30, 20), labels=["donut"])
    version.add_frames([frame])

All calls mean the repository of the current folder, or the one that ``use`` has chosen.
``docs/allegroai.md`` says where they do other than ClearML's.
"""

from __future__ import annotations

from hdstore.allegroai.bulk import BulkContext
from hdstore.allegroai.dataframe import (
    Annotation,
    BoundingBox2D,
    BoundingBox3D,
    ComplexPolygon2D,
    ComplexPolygon3D,
    Ellipse2D,
    FrameGroup,
    ImageAnnotation,
    KeyPoints2D,
    KeyPoints3D,
    Mask,
    Polygon2D,
    Polygon3D,
    Rle,
    SingleFrame,
)
from hdstore.allegroai.dataset import Dataset
from hdstore.allegroai.dataset_version import DatasetVersion
from hdstore.allegroai.dataview import DataView, IterationOrder
from hdstore.compat.errors import ExistsError, HyperDatasetWarning, MissingError
from hdstore.compat.session import use

__all__ = [
    "Annotation",
    "BoundingBox2D",
    "BoundingBox3D",
    "BulkContext",
    "ComplexPolygon2D",
    "ComplexPolygon3D",
    "DataView",
    "Dataset",
    "DatasetVersion",
    "Ellipse2D",
    "ExistsError",
    "FrameGroup",
    "HyperDatasetWarning",
    "ImageAnnotation",
    "IterationOrder",
    "KeyPoints2D",
    "KeyPoints3D",
    "Mask",
    "MissingError",
    "Polygon2D",
    "Polygon3D",
    "Rle",
    "SingleFrame",
    "use",
]
