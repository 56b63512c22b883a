"""Makes a repository in the format of today and writes down what is in it. Run by hand, once for each format:

python tests/formats/make.py tests/formats/v1

A format that was released is never made again: its file must open for ever.
"""

from __future__ import annotations

import gzip
import itertools
import json
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import hdstore
from hdstore import (
    Annotation,
    Author,
    Box,
    Box3D,
    Dataset,
    DatasetVersion,
    Ellipse,
    Frame,
    FrameGroup,
    Geometry,
    Keypoints,
    Keypoints3D,
    Label,
    Mask,
    MaskLabel,
    MaskValue,
    Polygon,
    Polygon3D,
    Preview,
    Repository,
    Rle,
    Schema,
    SingleFrame,
    Skeleton,
    Source,
)
from hdstore.codec import frame_to_builtins
from hdstore.codec.plain import schema_to_builtins, stats_to_builtins

BEGIN = 1_760_000_000

GEOMETRIES: list[Geometry] = [
    Box(x=253.85, y=-0.0, w=1e-300, h=5e-324),
    Box(x=1, y=2, w=3, h=4, angle=0.7853981633974483),
    Polygon(rings=((0, 0, 9.5, 0, 9.5, 9.5), (1, 1, 2, 1, 2, 2))),
    Ellipse(cx=5, cy=6, rx=7, ry=8),
    Ellipse(cx=5, cy=6, rx=7, ry=8, theta=-0.5),
    Keypoints(points=(1, 2, 3, 4), visibility=(2, 0), skeleton="person"),
    Keypoints3D(points=(1, 2, 3)),
    Polygon3D(rings=((1, 2, 3, 4, 5, 6),)),
    Box3D(front=(0, 0, 0, 1, 1), back=(0, 0, 5, 1, 1)),
    MaskValue(value=(128, 0, 255), mask="seg"),
    Rle(counts=(3, 2, 4), height=3, width=3),
    Rle(counts="135", height=3, width=3),
]


def frames(medium: str) -> list[Frame]:
    """Returns frames with everything the format can hold, and enough plain ones for a trie of several levels."""
    odd = SingleFrame(
        id="photos/犬 1.jpg",
        sources=(
            Source(
                uri=f"media:{medium}",
                hash=medium,
                size=5,
                width=640,
                height=480,
                content_type="image/jpeg",
                preview=Preview(uri="https://example.org/p.jpg", timestamp=1.5),
                masks=(Mask(uri="root:masks/1.png"), Mask(id="seg", uri="root:masks/2.png")),
                metadata={"camera": {"iso": 100}},
            ),
        ),
        annotations=tuple(
            Annotation(id=f"g{n}", labels=("cat", "犬"), geometry=shape, confidence=n / 16)
            for n, shape in enumerate(GEOMETRIES)
        ),
        metadata={
            "null": None,
            "true": True,
            "big": 2**64 - 1,
            "least": -(2**63),
            "half": 0.5,
            "list": [1, [2.0, "x"]],
        },
        extra={"unsearched": {"a": 1}},
        blob="raw\n",
        context_id="walk",
        timestamp=40.5,
        vectors={"clip": (0.1, -0.2, 1e-9)},
    )
    group = FrameGroup(
        id="moment",
        sources=(Source(id="front", uri="s3://b/f.mp4", timestamp=40), Source(id="rear", uri="s3://b/r.mp4")),
        annotations=(
            Annotation(id="whole", labels=("night",), sources=("front", "rear"), object_id="track 7"),
            Annotation(id="bare"),
        ),
    )
    plain = [
        SingleFrame(
            id=f"plain/{n:03}.jpg",
            metadata={"n": n},
            annotations=(Annotation(id="a", labels=("cat",)),) * (n % 2),
        )
        for n in range(700)
    ]
    return [odd, group, *plain]


SCHEMA = Schema(
    labels=(
        Label(
            name="cat", color="#ff8800", key="1", description="A cat", attributes={"age": ("young", "old")}
        ),
        Label(name="犬", foreign={"coco": {"id": 18, "supercategory": "animal"}}),
        Label(name="person", skeleton=Skeleton(names=("nose", "tail"), edges=((0, 1),))),
    ),
    mask_labels={"_all_": (MaskLabel(value=(128, 0, 255), labels=("cat", "sitting"), color="#000000"),)},
)


def fill(repository: Repository) -> None:
    """Makes datasets and versions in all of their states."""
    medium = repository.media.keep_bytes(b"bytes")
    street = repository.create_dataset(
        "Street/夜", project="cars/front", description="d", tags=["a"], metadata={"x": 1}
    )
    draft = street.current()
    draft.add_frames(frames(medium))
    draft.set_schema(SCHEMA)
    draft.set_metadata({"made": "by hand"})
    published, draft = draft.snapshot(name="v1", comment="first")
    published.set_tags(["good"])
    draft.apply(hdstore.SetFrameMetadata(frame_id="moment", set={"edited": 1}))
    left = branch(street, "left", published, hdstore.RemoveFrame(frame_id="plain/001.jpg"))
    right = branch(street, "right", published, hdstore.PutFrame(frame=SingleFrame(id="new")))
    street.create_version("merged", parents=[left, right], strategy="overlay")
    # Collected objects are stored as differences, later ones as they are written.
    repository.gc()
    street.create_version("gone").delete()
    repository.create_dataset("old").archive()
    repository.create_dataset("deleted").delete()


def branch(dataset: Dataset, name: str, parent: DatasetVersion, edit: hdstore.Edit) -> DatasetVersion:
    """Returns a published child of ``parent`` with one edit."""
    version = dataset.create_version(name, parents=[parent])
    version.apply(edit)
    version.publish(comment=f"the {name} side")
    return version


def describe(repository: Repository) -> dict[str, Any]:
    """Returns all that can be read from a repository, as plain values."""
    return {
        dataset.name: {
            "id": dataset.id,
            "project": dataset.project,
            "description": dataset.description,
            "tags": list(dataset.tags),
            "metadata": dataset.metadata,
            "archived": dataset.archived,
            "created": dataset.created,
            "versions": {version.name: describe_version(version) for version in dataset.versions()},
        }
        for dataset in repository.datasets()
    }


def describe_version(version: DatasetVersion) -> dict[str, Any]:
    """Returns all that can be read from a version, as plain values."""
    return {
        "id": version.id,
        "status": str(version.status),
        "commit": version.commit,
        "parents": list(version.parents),
        "continued_by": version.continued_by,
        "description": version.description,
        "tags": list(version.tags),
        "metadata": version.metadata,
        "updated": version.updated,
        "schema": schema_to_builtins(version.schema()),
        "stats": stats_to_builtins(version.stats()),
        "log": [[commit.id, commit.author.name, commit.time, commit.message] for commit in version.log()],
        "frames": {
            frame.id: frame_to_builtins(frame)
            for frame in version.frames()
            # The plain ones are alike: their ids and a few of them say enough.
            if not frame.id.startswith("plain/") or frame.id.endswith("00.jpg")
        },
        "frame_ids": len(set(version.frame_ids())),
    }


def main(target: Path) -> None:
    """Writes ``<target>.tar.gz``, the folder .hds, and ``<target>.json``, what is in it."""
    with tempfile.TemporaryDirectory() as folder:
        ticks = itertools.count(BEGIN)
        with hdstore.init(folder, author=Author("Ada Lovelace", "ada@example.org")) as repository:
            repository._core.clock = lambda: float(next(ticks))
            fill(repository)
            text = json.dumps(describe(repository), ensure_ascii=False, indent=1, sort_keys=True)
            assert repository.fsck() == []
        target.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
        with (
            gzip.GzipFile(target.with_suffix(".tar.gz"), "wb", mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w") as archive,
        ):
            archive.add(Path(folder) / ".hds", ".hds", filter=_anonymous)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if "/hdstore/index/" in member.name or "/hdstore/locks/" in member.name:
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = BEGIN
    return member


if __name__ == "__main__":
    main(Path(sys.argv[1]))
