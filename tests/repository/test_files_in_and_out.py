"""Files into drafts and out of versions: where they go, what is made, what is left when it fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from hdstore import (
    Annotation,
    CancelledError,
    InvalidFileError,
    InvalidInputError,
    MediaError,
    NotFoundError,
    PutFrame,
    QuerySyntaxError,
    ReadOnlyError,
    Repository,
    SetVersionMetadata,
    replace,
)

XML = """<annotation><filename>{name}</filename><size><width>8</width><height>6</height><depth>3</depth></size>
<object><name>cat</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object>
</annotation>"""


@pytest.fixture
def voc(tmp_path: Path, repository: Repository) -> Path:
    """Returns a folder of three VOC pictures; "cats" is a root there."""
    folder = tmp_path / "cats"
    (folder / "Annotations").mkdir(parents=True)
    (folder / "JPEGImages").mkdir()
    for number in range(3):
        Image.new("RGB", (8, 6), (number, 0, 0)).save(folder / f"JPEGImages/{number}.png")
        (folder / f"Annotations/{number}.xml").write_text(XML.format(name=f"{number}.png"))
    repository.roots.add("cats", folder)
    return folder


def test_what_is_not_there_is_made(repository: Repository, voc: Path) -> None:
    """A dataset with its draft, or a version beside it; one commit with frames and labels."""
    report = repository.import_files("voc", voc, to="cats")

    assert report.version.path == "cats/Current"
    assert (report.changes.added, report.annotations, report.warnings) == (3, 3, [])
    assert report.changes.schema
    assert [label.name for label in report.version.schema().labels] == ["cat"]
    assert [commit.message for commit in report.version.log()] == ["Import voc from cats", "Begin"]
    assert report.version.frame("0.png").sources[0].uri == "root:cats/JPEGImages/0.png"
    assert repository.import_files("voc", voc, to="cats/more").version.path == "cats/more"
    assert repository.import_files("voc", voc, to="a%2Fb/c%2Fd").version.path == "a%2Fb/c%2Fd"
    assert repository.fsck() == []


def test_the_same_files_again_change_nothing(repository: Repository, voc: Path) -> None:
    """No commit, and what was drawn or said since is not lost where the file did not change."""
    version = repository.import_files("voc", voc, to="cats").version
    before = version.commit
    again = repository.import_files("voc", voc, to="cats/Current")

    assert (again.changes.unchanged, bool(again.changes), version.commit) == (3, False, before)


def test_a_published_version_says_how_to_go_on(repository: Repository, voc: Path) -> None:
    """The command that makes a child is in the message; without a draft the import has nowhere to go."""
    version = repository.import_files("voc", voc, to="cats").version
    version.publish()
    with pytest.raises(ReadOnlyError, match=rf"hdstore version create cats/NEW --parent {version.id}"):
        repository.import_files("voc", voc, to="cats/Current")
    with pytest.raises(NotFoundError, match="has no draft; create a version"):
        repository.import_files("voc", voc, to="cats")


def test_media_are_linked_or_kept(repository: Repository, voc: Path) -> None:
    """Stored media are named by their hash and are there when the folder is gone."""
    linked = repository.import_files("voc", voc, to="linked").version
    kept = repository.import_files("voc", voc, to="kept", media="store").version
    source = kept.frame("1.png").sources[0]

    assert source.uri == f"media:{source.hash}"
    assert len(list(repository.media.hashes())) == 3
    data = (voc / "JPEGImages/1.png").read_bytes()
    for file in (voc / "JPEGImages").iterdir():
        file.unlink()
    path = repository.media.local_path(source.uri)
    assert path is not None
    assert path.read_bytes() == data
    link = linked.frame("1.png").sources[0]
    assert repository.media.local_path(link.uri, hash=link.hash, size=link.size) == path
    assert repository.fsck() == []


def test_links_need_a_root(repository: Repository, tmp_path: Path) -> None:
    """A folder outside of all roots can not be linked; the message says what to do."""
    (tmp_path / "elsewhere").mkdir()
    Image.new("L", (2, 2)).save(tmp_path / "elsewhere/a.png")
    with pytest.raises(MediaError, match="name its folder as a root"):
        repository.import_files("folder", tmp_path / "elsewhere", to="d")
    assert repository.datasets() == []


@pytest.mark.parametrize("to", ["new", "new/version", "old/version", "old"])
def test_a_bad_file_leaves_nothing_behind(repository: Repository, voc: Path, to: str) -> None:
    """Neither a dataset nor a version nor a frame, whether the file is found bad first or last."""
    old = repository.create_dataset("old")
    before = repository._core.refs.list("refs/")
    (voc / "Annotations/2.xml").write_text(XML.format(name="2.png").replace("<xmin>1<", "<xmin>one<"))
    with pytest.raises(InvalidFileError, match=r"2\.xml"):
        repository.import_files("voc", voc, to=to)
    (voc / "Annotations/2.xml").write_text(XML.format(name="2.png"))
    (voc / "JPEGImages/2.png").unlink()
    (voc / "JPEGImages/2.png").symlink_to("/etc/hostname")
    (voc / "JPEGImages/3.png").mkdir()
    (voc / "JPEGImages/1.png").chmod(0)

    def stop(what: str, done: int, total: int | None) -> None:
        if what == "Reading images":
            raise CancelledError("Enough.")

    with pytest.raises(CancelledError):
        repository.import_files("voc", voc, to=to, progress=stop)
    assert repository._core.refs.list("refs/") == before
    assert len(old.current()) == 0


@pytest.mark.parametrize("to", ["new", "new/version", "old/version"])
def test_an_import_that_is_cancelled_while_writing_takes_back_what_it_made(
    repository: Repository, tmp_path: Path, to: str
) -> None:
    """A dataset or version made for it goes again; what was there stays."""
    old = repository.create_dataset("old")
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(1100):
        (folder / f"{number}.txt").write_bytes(b"")
    repository.roots.add("many", folder)

    def stop(what: str, done: int, total: int | None) -> None:
        if what == "Writing frames":
            raise CancelledError("Enough.")

    with pytest.raises(CancelledError):
        repository.import_files("folder", folder, to=to, progress=stop)
    assert repository.datasets() == [old]
    assert [version.name for version in old.versions()] == ["Current"]
    assert repository.import_files("folder", folder, to=to).changes.added == 1100


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"format": "excel"}, InvalidInputError, "no reader for 'excel'; there are coco, folder, voc, yolo"),
        ({"media": "copy"}, InvalidInputError, "say 'link' or 'store', not 'copy'"),
        ({"path": "absent"}, NotFoundError, r"nothing to import at .*absent"),
        ({"to": "a/b/c"}, InvalidInputError, "DATASET/VERSION"),
        ({"root": "absent"}, NotFoundError, "absent"),
        ({"images": "absent"}, NotFoundError, "absent"),
    ],
)
def test_what_can_not_be_imported_is_told(
    repository: Repository, voc: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Unknown formats, policies, paths and roots: one sentence, and nothing was made."""
    given = {"format": "voc", "path": voc, "to": "new"} | options
    with pytest.raises(error, match=message):
        repository.import_files(given.pop("format"), given.pop("path"), **given)
    assert repository.datasets() == []


def test_a_moved_file_keeps_its_frame(repository: Repository, voc: Path) -> None:
    """Found again by its content, it keeps id and annotations; a copy becomes a frame of its own."""
    version = repository.import_files("folder", voc / "JPEGImages", to="cats").version
    frame = version.frame("0.png")
    drawn = Annotation(id="drawn", labels=("cat",))
    version.apply(PutFrame(frame=replace(frame, annotations=(drawn,))))
    (voc / "JPEGImages/deep").mkdir()
    (voc / "JPEGImages/0.png").rename(voc / "JPEGImages/deep/moved.png")
    (voc / "JPEGImages/copy.png").write_bytes((voc / "JPEGImages/1.png").read_bytes())
    changes = repository.import_files("folder", voc / "JPEGImages", to="cats").changes

    assert (changes.added, changes.updated, changes.unchanged) == (1, 1, 2)
    assert set(version.frame_ids()) == {"0.png", "1.png", "2.png", "copy.png"}
    assert version.frame("0.png").annotations == (drawn,)
    assert version.frame("0.png").sources[0].uri == "root:cats/JPEGImages/deep/moved.png"


def test_foreign_metadata_stand_beside_ones_own(repository: Repository, tmp_path: Path) -> None:
    """What a file says of itself goes under ``_src`` of the version, whatever stands there already."""
    repository.roots.add("here", tmp_path)
    document = {"info": {"year": 2020}, "images": [{"id": 1, "file_name": "a.jpg"}], "annotations": []}
    (tmp_path / "coco.json").write_text(json.dumps(document))
    version = repository.create_dataset("d").current()
    for held in ({"mine": 1}, {"mine": 1, "_src": 5}, {"mine": 1, "_src": {"other": 1}}):
        version.apply(SetVersionMetadata(metadata=held))
        repository.import_files("coco", tmp_path / "coco.json", to="d")
        assert version.metadata["mine"] == 1
        assert version.metadata["_src"]["coco"]["file"]["info"] == {"year": 2020}
    assert version.metadata["_src"]["other"] == 1
    repository.export_files("coco", tmp_path / "out.json", source="d/Current")
    assert json.loads((tmp_path / "out.json").read_text())["info"] == {"year": 2020}


def test_versions_are_exported_drafts_and_published(
    repository: Repository, voc: Path, tmp_path: Path
) -> None:
    """COCO and YOLO come out with every annotation; unknown formats and versions are named."""
    version = repository.import_files("voc", voc, to="cats").version
    coco = repository.export_files("coco", tmp_path / "out.json", source="cats/Current")
    version.snapshot(name="v1")
    yolo = repository.export_files("yolo", tmp_path / "yolo", source="cats/v1")

    assert (coco.frames, coco.annotations) == (yolo.frames, yolo.annotations) == (3, 3)
    assert len(json.loads((tmp_path / "out.json").read_text())["annotations"]) == 3
    assert sorted(path.name for path in (tmp_path / "yolo").rglob("*.txt")) == ["0.txt", "1.txt", "2.txt"]
    with pytest.raises(InvalidInputError, match="no writer for 'excel'; there are coco, yolo"):
        repository.export_files("excel", tmp_path / "x", source="cats/v1")
    with pytest.raises(NotFoundError, match="no version 'v2'"):
        repository.export_files("coco", tmp_path / "x", source="cats/v2")
    with pytest.raises(QuerySyntaxError):
        version.query("(")
