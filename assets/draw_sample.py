"""Draws the sample set: ``python assets/draw_sample.py`` from the checkout, with the ``gui`` extra for numpy.

The same numbers come out of every run; the JPEG bytes may differ with the version of Pillow.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))

from drawing.coco import CATEGORIES, MISTAKES, Writer, label_mask
from drawing.scenes import SHOTS, Shot, take

SAMPLE = Path(__file__).parent / "sample"
MASKED = "cafe-05"
PALETTE = {0: (38, 42, 51), 1: (245, 143, 176), 2: (224, 165, 72), 3: (132, 84, 54), 4: (120, 170, 214)}


def _draw(job: tuple[int, Shot]) -> Writer:
    """Draws one picture to its file and returns what is written about it."""
    day, shot = job
    picture, table = take(shot)
    picture.save(SAMPLE / "images" / f"{shot.name}.jpg", quality=85, optimize=True)
    if shot.name == MASKED:
        mask = Image.fromarray(label_mask(table)).convert("P")
        mask.putpalette([part for value in range(256) for part in PALETTE.get(value, (0, 0, 0))])
        mask.save(SAMPLE / "masks" / f"{shot.name}.png", optimize=True)
    writer = Writer()
    writer.add(shot, table, day)
    return writer


def main() -> None:
    """Draws all pictures and writes the annotations."""
    for folder in ("images", "masks"):
        (SAMPLE / folder).mkdir(parents=True, exist_ok=True)
    document = Writer()
    with ProcessPoolExecutor() as pool:
        for part in pool.map(_draw, enumerate(SHOTS, start=1)):
            number = len(document.images) + 1
            document.images += [image | {"id": number} for image in part.images]
            for annotation in part.annotations:
                document.annotations.append(
                    annotation | {"id": len(document.annotations) + 1, "image_id": number}
                )
            document.corrections |= part.corrections
    coco = {
        "info": {
            "description": "Donuts, waffles and coffee, drawn by a script",
            "year": 2025,
            "version": "1",
        },
        "licenses": [{"id": 1, "name": "Apache-2.0"}],
        "categories": CATEGORIES,
        "images": document.images,
        "annotations": document.annotations,
    }
    if set(document.corrections) != {f"{name}.jpg" for name in MISTAKES}:
        raise SystemExit(f"The mistakes made are {sorted(document.corrections)}.")
    _write(SAMPLE / "annotations.json", coco)
    _write(SAMPLE / "corrections.json", document.corrections)


def _write(path: Path, document: object) -> None:
    """Writes JSON with each picture and annotation on a line of its own, so that changes can be read."""
    if isinstance(document, dict) and "images" in document:
        parts = []
        for key, value in document.items():
            if isinstance(value, list):
                lines = ",\n  ".join(json.dumps(item) for item in value)
                parts.append(f'"{key}": [\n  {lines}\n ]')
            else:
                parts.append(f'"{key}": {json.dumps(value)}')
        text = "{\n " + ",\n ".join(parts) + "\n}\n"
    else:
        text = json.dumps(document, indent=2) + "\n"
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    np.seterr(invalid="raise")
    main()
