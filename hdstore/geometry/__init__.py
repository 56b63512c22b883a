"""Plain mathematics on numbers and tuples: rings, boxes, ellipses and run-length masks; it knows no model."""

from __future__ import annotations

from hdstore.geometry.boxes import box_bounds, box_corners, box_iou
from hdstore.geometry.ellipse import ellipse_bounds, ellipse_ring
from hdstore.geometry.overlap import Overlap, Run, rings_overlap, rings_runs, runs_overlap
from hdstore.geometry.rings import (
    SEPARATOR,
    Bounds,
    Pair,
    Ring,
    flat,
    join_rings,
    pairs,
    points_bounds,
    ring_area,
    ring_centroid,
    rings_area,
    rings_contain,
    split_rings,
)
from hdstore.geometry.rle import (
    MAX_MASK_PIXELS,
    decode_counts,
    encode_counts,
    mask_counts,
    rle_area,
    rle_bounds,
    rle_mask,
    rle_runs,
)

__all__ = [
    "MAX_MASK_PIXELS",
    "SEPARATOR",
    "Bounds",
    "Overlap",
    "Pair",
    "Ring",
    "Run",
    "box_bounds",
    "box_corners",
    "box_iou",
    "decode_counts",
    "ellipse_bounds",
    "ellipse_ring",
    "encode_counts",
    "flat",
    "join_rings",
    "mask_counts",
    "pairs",
    "points_bounds",
    "ring_area",
    "ring_centroid",
    "rings_area",
    "rings_contain",
    "rings_overlap",
    "rings_runs",
    "rle_area",
    "rle_bounds",
    "rle_mask",
    "rle_runs",
    "runs_overlap",
    "split_rings",
]
