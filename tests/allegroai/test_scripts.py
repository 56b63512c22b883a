"""The shape of ClearML's two registering scripts: files beside JSON with regions, and pictures with masks in groups."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hdstore.allegroai import DatasetVersion, FrameGroup, SingleFrame


@pytest.mark.usefixtures("repository")
def test_files_with_regions_in_json_are_registered(picture: Callable[..., Path], tmp_path: Path) -> None:
    """Frames with polygons, confidence, metadata and sizes, uploaded from a folder."""
    for name in ("1", "2"):
        picture(f"data/{name}.jpg")
        roi = {"poly": [1, 1, 5, 1, 5, 4], "labels": ["tiger"], "meta": {"alive": "yes"}, "confidence": 0.5}
        text = json.dumps({"rois": [roi], "size": {"x": 8, "y": 6}, "meta": {"dangerous": "no"}})
        (tmp_path / f"data/{name}.json").write_text(text)
    frames = []
    for file in sorted((tmp_path / "data").glob("*.jpg")):
        data = json.loads(file.with_suffix(".json").read_text())
        a_frame = SingleFrame(source=str(file))
        for roi in data["rois"]:
            a_frame.add_annotation(
                poly2d_xy=roi["poly"],
                labels=roi["labels"],
                metadata={"alive": roi["meta"]["alive"]},
                confidence=roi["confidence"],
            )
        a_frame.width = data["size"]["x"]
        a_frame.height = data["size"]["y"]
        a_frame.metadata["dangerous"] = data["meta"]["dangerous"]
        frames.append(a_frame)

    ds = DatasetVersion.create_new_dataset(dataset_name="sample-dataset")
    dv = ds.create_version(version_name="initial")
    failed = dv.add_frames(
        frames, auto_upload_destination="s3://bucket/", local_dataset_root_path=str(tmp_path / "data")
    )
    dv.commit_version()
    assert failed == []
    assert len(list(dv.get_iterator())) == 2
    assert dv.get_stats()["labels"] == [{"name": "tiger", "count": 2}]


@pytest.mark.usefixtures("repository")
def test_pictures_with_masks_are_registered_in_groups(picture: Callable[..., Path], tmp_path: Path) -> None:
    """One group of several pictures, each with its mask, and what the masks' colours mean."""
    groups: dict[str, FrameGroup] = {}
    for number in ("000001", "000002"):
        image = picture(f"data/front_{number}.png")
        mask = picture(f"data/front_{number}_mask.png", color=(1, 1, 1))
        key, source_id = image.stem.split("_")
        group = groups.setdefault(key, FrameGroup())
        group[source_id] = SingleFrame(source=str(image), mask_source=str(mask))
    ds = DatasetVersion.create_new_dataset(dataset_name="sample-dataset-masks")
    assert ds.name == "sample-dataset-masks"
    dv = DatasetVersion.get_current(dataset_name="sample-dataset-masks")
    dv.set_masks_labels(
        {tuple(value): [name] for name, value in {"road": [1, 1, 1], "sky": [2, 2, 2]}.items()}
    )
    dv.add_frames(
        list(groups.values()), auto_upload_destination=True, local_dataset_root_path=str(tmp_path / "data")
    )
    dv.commit_version()
    (stored,) = dv
    assert isinstance(stored, FrameGroup)
    for key in stored.keys():  # noqa: SIM118
        assert stored[key].get_local_source() is not None
        assert stored[key].get_local_mask_source() is not None
