"""Annotations: every form of coordinates, every kind, and finding and removing them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hdstore import model
from hdstore.allegroai import (
    Annotation,
    BoundingBox2D,
    BoundingBox3D,
    ComplexPolygon2D,
    ComplexPolygon3D,
    Ellipse2D,
    ImageAnnotation,
    KeyPoints2D,
    KeyPoints3D,
    Mask,
    Polygon2D,
    Polygon3D,
    Rle,
    SingleFrame,
)
from hdstore.allegroai import annotation as annotation_module
from hdstore.errors import InvalidInputError, InvalidValueError

SQUARE = [0.0, 0.0, 4.0, 0.0, 4.0, 4.0, 0.0, 4.0]
HOLE = [1.0, 1.0, 2.0, 1.0, 2.0, 2.0]
PAIRS = [(0, 0), (4, 0), (4, 4), (0, 4)]


def frame() -> SingleFrame:
    return SingleFrame(source="s3://shop/plates/0001.jpg", width=640, height=480)


@pytest.mark.parametrize("values", [SQUARE, PAIRS, tuple(SQUARE), [SQUARE], [PAIRS], iter(SQUARE)])
def test_a_polygon_is_taken_flat_as_points_or_as_one_ring(values: Any) -> None:
    """All three forms give the same polygon."""
    made = frame()
    made.add_annotation(poly2d_xy=values, labels=["plate"])
    (polygon,) = made.annotations
    assert isinstance(polygon, Polygon2D)
    assert polygon.values == SQUARE
    assert polygon.polygon_xy == PAIRS
    assert polygon.geometry() == model.Polygon(rings=(tuple(SQUARE),))


@pytest.mark.parametrize(
    "values",
    [
        [SQUARE, HOLE],
        [PAIRS, [(1, 1), (2, 1), (2, 2)]],
        [*SQUARE, -999999999, *HOLE],
        [*SQUARE, -999999999, 0, *HOLE],
        [*SQUARE, -999999999, -999999999, *HOLE],
    ],
)
def test_a_polygon_of_several_rings_is_taken_in_every_form(values: Any) -> None:
    """Lists of rings, and ClearML's flat run with the separator alone or as a point, give two rings."""
    made = frame()
    made.add_annotation(poly2d_xy=values, labels=["donut"])
    (polygon,) = made.annotations
    assert isinstance(polygon, ComplexPolygon2D)
    assert polygon.values == [SQUARE, HOLE]
    assert polygon.polygons_xy[1] == [(1, 1), (2, 1), (2, 2)]
    assert made.to_native().annotations[0].geometry == model.Polygon(rings=(tuple(SQUARE), tuple(HOLE)))


def test_rings_in_space_are_kept() -> None:
    """3D polygons have triplets, also with the separator."""
    ring = [0.0, 0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 2.0, 1.0]
    made = frame()
    made.add_annotation(poly3d_xyz=ring, labels=["a"])
    made.add_annotation(poly3d_xyz=[*ring, -999999999, *ring], labels=["b"])
    single, several = made.annotations
    assert isinstance(single, Polygon3D)
    assert single.polygon_xyz[1] == (2, 0, 1)
    assert isinstance(several, ComplexPolygon3D)
    assert several.polygons_xyz[1] == single.polygon_xyz
    assert several.get_type() == "p3d"


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([1, 2, 3], "multiple of 2"),
        ("1,2", "sequence"),
        (7, "sequence"),
        ([[1, "x"]], "numbers"),
        ([(1, 2, 3)], "2"),
    ],
)
def test_coordinates_that_make_no_polygon_are_refused(values: Any, problem: str) -> None:
    """The message says what is wrong with the numbers."""
    with pytest.raises(ValueError, match=problem):
        frame().add_annotation(poly2d_xy=values, labels=["x"])


def test_a_turned_box_keeps_its_angle() -> None:
    """Four or five numbers: the fifth is an angle and never lost."""
    made = frame()
    made.add_annotation(box2d_xywh=(10, 10, 30, 20), labels=["upright"])
    made.add_annotation(box2d_xywh=(10, 10, 30, 20, 0.5), labels=["turned"])
    upright, turned = made.annotations
    assert isinstance(upright, BoundingBox2D)
    assert isinstance(turned, BoundingBox2D)
    assert (upright.angle, turned.angle) == (0.0, 0.5)
    assert upright.get_bounding_box() == [10, 10, 30, 20]
    assert turned.bounding_box_xywh == [10, 10, 30, 20]
    assert turned.bounding_box_xywha == [10, 10, 30, 20, 0.5]
    assert turned.get_bounding_box()[2] > 30
    shapes = [a.geometry for a in made.to_native().annotations]
    assert shapes == [model.Box(x=10, y=10, w=30, h=20), model.Box(x=10, y=10, w=30, h=20, angle=0.5)]


def test_an_ellipse_tells_its_parts() -> None:
    """Centre, radii, angle, the box that turns with it and points on it."""
    ellipse = Ellipse2D([50, 40, 20, 10, math.pi / 2], labels=["cup"])
    assert (ellipse.center, ellipse.radii, ellipse.angle) == ((50, 40), (20, 10), math.pi / 2)
    assert ellipse.get_bounding_box() == [30, 30, 40, 20, math.pi / 2]
    assert ellipse.ellipse2d_xyrrt == ellipse.values
    first, *_, last = ellipse.get_polygon(num_point=8)
    assert first == pytest.approx((50, 60))
    assert len(ellipse.get_polygon()) == 4
    assert last != first


def test_points_masks_and_boxes_in_space_keep_their_numbers() -> None:
    """Each kind gives back what it was made of."""
    made = frame()
    made.add_annotation(points2d_xy=[(1, 2), (3, 5)], labels=["hand"])
    made.add_annotation(points3d_xyz=[1, 2, 3, 4, 5, 6], labels=["hand"])
    made.add_annotation(box3d_xyzwhxyzwh=range(10), labels=["car"])
    made.add_annotation(mask_rgb=(1, 2, 3), mask_id="seg", labels=["road"])
    flat, space, cuboid, mask = made.annotations
    assert isinstance(flat, KeyPoints2D)
    assert (flat.keypoints_xy, flat.get_bounding_box()) == ([(1, 2), (3, 5)], [1, 2, 2, 3])
    assert isinstance(space, KeyPoints3D)
    assert space.keypoints_xyz == [(1, 2, 3), (4, 5, 6)]
    assert isinstance(cuboid, BoundingBox3D)
    assert cuboid.bounding_box_3d_xyzwhxyzwh == list(range(10))
    assert isinstance(mask, Mask)
    assert (mask.mask_rgb, mask.mask_id) == ([1, 2, 3], "seg")
    kinds = [annotation.get_type() for annotation in made.annotations]
    assert kinds == ["k2d", "k3d", "b3d", "mask"]


def test_labels_alone_label_the_whole_frame() -> None:
    """``labels`` without a geometry and ``frame_class`` are kept and come back."""
    made = frame()
    assert made.add_annotation(labels=["indoor", "evening"]) == [0]
    assert made.add_annotation(frame_class=["kitchen"], confidence=0.5) == [1]
    whole = [a for a in made.annotations if isinstance(a, ImageAnnotation)]
    assert [a.labels for a in whole] == [["indoor", "evening"], ["kitchen"]]
    assert whole[1].image_classes == ["kitchen"]
    assert [a.labels for a in made.to_native().annotations] == [("indoor", "evening"), ("kitchen",)]


def test_several_geometries_in_one_call_share_an_id() -> None:
    """Each makes its own annotation; the id they share is made up where none is given, the same every time."""
    first, second = frame(), frame()
    for made in (first, second):
        assert made.add_annotation(box2d_xywh=(1, 2, 3, 4), poly2d_xy=SQUARE, labels=["a"]) == [0, 1]
        assert made.add_annotation(box2d_xywh=(1, 2, 3, 4), points2d_xy=[1, 2], id="track 7") == [2, 3]
        assert made.add_annotation(box2d_xywh=(1, 2, 3, 4), labels=["single"]) == [4]
    ids = [a.id for a in first.annotations]
    assert ids[0] == ids[1] is not None
    assert ids[2:] == ["track 7", "track 7", None]
    assert ids == [a.id for a in second.annotations]
    other = SingleFrame(source="s3://shop/plates/0002.jpg")
    other.add_annotation(box2d_xywh=(1, 2, 3, 4), poly2d_xy=SQUARE, labels=["a"])
    assert other.annotations[0].id != ids[0]


def test_an_annotation_of_nothing_is_refused() -> None:
    """Neither geometry nor labels is a mistake, and so is a mask id without a mask."""
    with pytest.raises(InvalidInputError, match="neither"):
        frame().add_annotation(confidence=0.5)
    with pytest.raises(InvalidInputError, match="mask_rgb"):
        frame().add_annotation(labels=["a"], mask_id="seg")
    with pytest.raises(InvalidInputError, match=r"no annotation type 'spline'"):
        frame().add_annotation(spline=[1, 2], labels=["a"])


def test_annotations_are_found_by_id_and_index() -> None:
    """An empty list where nothing matches."""
    made = frame()
    made.add_annotation(box2d_xywh=(1, 2, 3, 4), labels=["a"], id="x")
    made.add_annotation(box2d_xywh=(5, 6, 7, 8), labels=["b"], id="x")
    made.add_annotation(labels=["c"])
    assert [a.labels for a in made.get_annotations(id="x")] == [["a"], ["b"]]
    assert [a.labels for a in made.get_annotations(index=2)] == [["c"]]
    assert made.get_annotations(index=9) == made.get_annotations(id="y") == []
    assert len(made.get_annotations()) == len(made.get_all_annotations()) == 3


def test_annotations_are_removed_by_index_id_label_and_labels() -> None:
    """What is removed is returned; without an argument all go."""

    def filled() -> SingleFrame:
        made = frame()
        made.add_annotation(labels=["a"], id="x")
        made.add_annotation(labels=["a", "b"], id="y")
        made.add_annotation(labels=["b"])
        return made

    made = filled()
    removed = made.remove_annotation(index=1)
    assert isinstance(removed, Annotation)
    assert removed.labels == ["a", "b"]
    assert made.remove_annotation(index=7) is None
    assert made.remove_annotation(id="x") == [filled().annotations[0]]
    assert [a.labels for a in filled().remove_annotations(label="b")] == [["a", "b"], ["b"]]
    assert [a.labels for a in filled().remove_annotations(labels=["a"])] == [["a"]]
    assert [a.labels for a in filled().remove_annotations(id="y", label="a")] == [["a", "b"]]
    made = filled()
    assert len(made.remove_annotations()) == 3
    assert made.annotations == []
    with pytest.raises(InvalidInputError, match="index"):
        made.remove_annotation()


def test_annotations_compare_by_value_and_copy_to_new_objects() -> None:
    """Equal in all they say; a copy has another id."""
    first = BoundingBox2D([1, 2, 3, 4], id="x", labels=["a"], confidence=0.5, metadata={"k": 1})
    assert first == BoundingBox2D((1, 2, 3, 4), id="x", labels=["a"], confidence=0.5, metadata={"k": 1})
    assert first != BoundingBox2D([1, 2, 3, 4], id="x", labels=["b"], confidence=0.5, metadata={"k": 1})
    twin = first.copy()
    assert twin.id not in (None, "x")
    assert first.copy(id="x") == first
    twin.metadata["k"] = 2
    assert first.metadata == {"k": 1}
    assert first.label_enum is None


def test_an_annotation_is_written_as_an_roi() -> None:
    """The REST form has label, poly, confidence and the type in its meta."""
    roi = BoundingBox2D([1, 2, 3, 4], id="x", labels=["a"], confidence=0.5, metadata={"k": 1}).to_dict()
    assert roi["label"] == ["a"]
    assert roi["poly"] == [1, 2, 3, 4]
    assert roi["confidence"] == 0.5
    assert roi["meta"] == {"_type": "b2d", "_id": "x", "k": 1}


def test_the_caller_keeps_its_metadata_and_a_single_label_is_one_label() -> None:
    """Dicts are copied, and a string is not taken apart into letters."""
    given = {"alive": "yes"}
    made = frame()
    made.add_annotation(labels="dog", box2d_xywh=(1, 2, 3, 4), poly2d_xy=SQUARE, metadata=given)
    made.annotations[0].metadata["alive"] = "no"
    assert given == made.annotations[1].metadata == {"alive": "yes"}
    assert made.annotations[0].labels == ["dog"]


def test_a_kind_without_coordinates_can_not_be_stored() -> None:
    """The message names the class."""
    made = SingleFrame(annotations=[Polygon2D(labels=["a"])])
    with pytest.raises(InvalidValueError, match="Polygon2D has no coordinates"):
        made.to_native()
    made = SingleFrame(annotations=[Annotation(values=[1, 2], labels=["a"])])
    with pytest.raises(InvalidValueError, match="register"):
        made.to_native()
    with pytest.raises(InvalidValueError, match="Annotation objects"):
        SingleFrame(annotations=[{"labels": ["a"]}])  # type: ignore[list-item]


def test_hdstore_adds_visibility_and_run_length_masks() -> None:
    """Both are stored and come back."""
    made = SingleFrame(
        annotations=[
            KeyPoints2D([1, 2, 3, 4], labels=["hand"], visibility=[2, 0], skeleton="hand"),
            Rle([0, 6], size=(2, 3), labels=["crowd"]),
        ]
    )
    back = SingleFrame.from_native(made.to_native())
    assert back.annotations == made.annotations
    assert isinstance(back.annotations[1], Rle)
    assert back.annotations[1].get_bounding_box() == [0, 0, 3, 2]


@pytest.fixture
def _registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotation_module, "_custom", {})


@pytest.mark.usefixtures("_registry")
def test_a_registered_type_is_made_stored_and_read_as_its_class() -> None:
    """The keyword of add_annotation is the name it was registered under."""

    @Annotation.register(["spline_xy", "curve_xy"])
    class Spline(Annotation):
        @property
        def knots(self) -> int:
            return len(self.values) // 2

    made = frame()
    assert made.add_annotation(curve_xy=(1, 2, 3, 4), labels=["crack"], metadata={"depth": 3}) == [0]
    back = SingleFrame.from_native(made.to_native())
    (spline,) = back.annotations
    assert isinstance(spline, Spline)
    assert (spline.knots, spline.labels, spline.metadata) == (2, ["crack"], {"depth": 3})
    assert Spline.get_type() == "spline_xy"
    assert back.to_native() == made.to_native()
    assert SingleFrame.from_dict(made.to_dict()).to_native() == made.to_native()


@pytest.mark.usefixtures("_registry")
def test_a_registered_type_may_refine_a_built_in_one() -> None:
    """It keeps the geometry, so that everything else sees a box."""

    @Annotation.register(["plate_xywh"])
    class Plate(BoundingBox2D):
        pass

    made = frame()
    made.add_annotation(plate_xywh=(1, 2, 3, 4), labels=["plate"])
    native = made.to_native()
    assert native.annotations[0].geometry == model.Box(x=1, y=2, w=3, h=4)
    assert isinstance(SingleFrame.from_native(native).annotations[0], Plate)
    clash = Plate((1, 2, 3, 4), metadata={"_type": "mine"})
    clash.type_name = "plate_xywh"
    with pytest.raises(InvalidValueError, match="belong"):
        clash.to_native()


@pytest.mark.usefixtures("_registry")
@pytest.mark.parametrize("name", ["poly2d_xy", "labels", "b2d", "not a name"])
def test_names_that_are_taken_are_not_registered(name: str) -> None:
    """Arguments of add_annotation and built-in types keep their meaning."""
    with pytest.raises(InvalidInputError, match="name"):
        Annotation.register([name])
    with pytest.raises(InvalidInputError, match="at least one"):
        Annotation.register([])
