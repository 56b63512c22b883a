"""What queries mean for a frame, an annotation and a source."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from hdstore.model import Annotation, Box, Frame, Rle, SingleFrame, Source, replace
from hdstore.query import compile, compile_annotation, compile_source

MEETS = [
    "",
    "*:*",
    # labels: the default field
    "Car",
    "label:Car",
    "labels:Car",
    "rois.label:Car",
    "rois.labels:Car",
    "annotations.label:Car",
    "label.keyword:Car",
    "rois.label.keyword:'Car'",
    '"Bus Stop"',
    r"Bus\ Stop",
    "C?r",
    "Bus*",
    "*Stop",
    "/[CB]ar/",
    "/Bus (Stop|Lane)/",
    "Cra~1",
    "Crab~2",
    '"Stop"~0',
    "label:(cow OR Car)",
    "label:[A TO D]",
    "*",
    # each clause by an annotation of its own
    "Car donut",
    "label:Car AND confidence:0.5",
    "rois.0.label:Car",
    "rois.1.label:donut",
    # one annotation meets it all
    "rois:(Car occluded)",
    "rois:(label:Car AND confidence:>=0.9)",
    "rois:(rois.label:Car AND meta.color:red)",
    "rois:(NOT label:*)",
    "rois.1:(donut)",
    "NOT rois:(Car donut)",
    "annotations:(sky AND type:rle)",
    "rois:(sources:(front OR side) AND Car)",
    "rois:(rois:(Car) occluded)",
    # annotations
    "confidence:0.9",
    "confidence:[0.8 TO 1]",
    "confidence:1.0",
    "confidence:>0.9",
    "rois.id:a1",
    "rois.object_id:track-1",
    "rois.sources:front",
    "rois.type:(box AND polygon AND ellipse)",
    "rois.meta.color:red",
    "rois.metadata.seen:2",
    "rois.area:1200",
    "rois.area:100",
    "rois:(Car x:10 y:20 w:30 h:40)",
    "rois:(sky area:2)",
    "_exists_:rois.object_id",
    "_exists_:rois",
    # sources
    "sources.id:front",
    "sources.uri:*back*",
    "sources.uri:root*front*1.jpg",
    "sources.uri:/root:.*front.*/",
    'sources.uri:"root:photos/front/1.jpg"',
    "sources.width:640",
    "sources.width:640.0",
    "sources.width:6.4e2",
    'sources.width:"640"',
    "sources.width:>1000 sources.width:<1000",
    "sources.1.width:1280",
    "sources:(width:640 AND height:480)",
    "sources:(sources.id:front)",
    "NOT sources:(width:640 AND height:720)",
    "sources.0:(uri:*front*)",
    "sources.size:[1000 TO *]",
    "sources.content_type:image*",
    "sources.timestamp:40",
    'sources.meta.hash.source:("h1" OR "h2")',
    "sources.masks.id:seg",
    "sources.masks.1.id:ins",
    "sources.0.masks.0.width:320",
    "sources.preview.uri:https://example.org/p.jpg",
    "_exists_:sources.preview",
    "sources.masks:*",
    # the frame
    "id:drive*",
    'id:"drive/0001"',
    "timestamp:1500",
    'context_id:"root:photos/front/1.jpg"',
    "blob:raw",
    # metadata
    "meta.city:bremen",
    "metadata.city:bremen",
    "meta.city.keyword:bremen",
    "meta.city:(hamburg OR bremen)",
    "meta.city:[a TO c]",
    "meta.city:>=bremen",
    "meta.city:bremne~1",
    r"meta.my\ key:blank",
    r"meta.a\.b:dotted",
    "meta.code:007",
    "meta.count:640",
    "meta.count:640.0",
    "meta.count:[600 TO 640]",
    "meta.count:{600 TO 641}",
    "meta.count:(>=600 AND <700)",
    "meta.ratio:.5",
    "meta.below:-5",
    "meta.below:[-5 TO -1]",
    "meta.below:{-6 TO -4}",
    r"meta.below:(\-5 OR 3)",
    "meta.huge:9223372036854775808",
    "meta.wet:true",
    "meta.dry:false",
    "meta.nothing:null",
    'meta.empty:""',
    "meta.empty:*",
    "meta.tags:night",
    "meta.tags:7",
    "meta.tags.1:rain",
    "meta.tags:(night AND rain)",
    "meta.nested.deep.er:x",
    "meta.nested.keyword.keyword:kw",
    "_exists_:meta.nested",
    "meta.nested.deep:*",
    "meta.crew.name:Ann",
    "meta.crew.1.name:Bob",
    "meta.crew.name:Ann AND meta.crew.age:47",
    "meta.grid:4",
    "meta.grid.1.0:3",
    "meta:*",
    "meta.link:http://example.org/a?b=1",
    'meta.note:"red blue"~1',
    'meta.note:"two cars"~3',
    r"meta.path:C\:\\data",
    'meta.path:"C:\\\\data"',
    # dates
    "meta.day:2024-10-20",
    "meta.day:[2024-10-20 TO 2024-10-30]",
    "meta.taken:2024-10-20",
    'meta.taken:"2024-10-20"',
    "meta.taken:2024-10-20T08:30",
    "meta.taken:2024-10-20T08:30:15",
    "meta.taken:2024-10-20T10:30:15+02:00",
    "meta.taken:[2024-10-01 TO 2024-10-20]",
    "meta.taken:[2024-10-20T08:00:00 TO 2024-10-20T09:00:00]",
    "meta.taken:<=2024-10-20",
    "meta.taken:>=2024-10-20",
    "meta.taken:{2024-10-19 TO 2024-10-21}",
    "meta.stamp:2024-10-21",
    "meta.fine:2024-10-20T08:30:15",
    "meta.fine:2024-10-20T08:30:15.25",
    "meta.taken:<now",
    "meta.not_day:2024-02-31",
    "meta.day:2024*",
    # negation
    "NOT cow",
    "Car -cow",
    "NOT meta.missing:*",
    "NOT meta.nothing:*",
    "NOT (cow OR meta.city:ulm)",
    "Car^3",
]

FAILS = [
    "car",
    "Ca",
    '"Car*"',
    "label:Bus",
    "NOT Car",
    "Car AND cow",
    "label:(cow OR horse)",
    "C?",
    "Crab~1",
    "/Ca/",
    '"Stop Bus"~5',
    "null",
    "rois.0.label:donut",
    "rois.9.label:Car",
    "rois.9:*",
    "rois:(Car donut)",
    "rois:(label:Car AND confidence:0.5)",
    "rois.0:(donut)",
    "NOT rois:(Car occluded)",
    "confidence:0.95",
    "confidence:{0.9 TO 1}",
    "rois.object_id:track",
    "rois.sources:back",
    "rois.type:mask",
    "rois.area:>1200",
    "sources.id:side",
    "sources:(width:640 AND height:720)",
    "sources.1.width:640",
    "sources.7.width:640",
    "sources.1:(preview:*)",
    "sources.1.preview.uri:*",
    "sources.1.hash:*",
    'sources.hash:""',
    "sources.1.hash:/.*/",
    "sources.2:*",
    "context_id:drive",
    "meta.city:Bremen",
    "meta.city:brem",
    "meta.missing:x",
    "meta.missing:null",
    "meta.city.part:x",
    "meta.code:7",
    "meta.count:641",
    "meta.count:[641 TO *]",
    "meta.count:{640 TO *}",
    "meta.count:6*",
    "meta.code:[0 TO 10]",
    "meta.huge:9223372036854775807",
    "meta.wet:1",
    "meta.wet:[0 TO 2]",
    "meta.wet:True",
    "meta.count:true",
    "meta.nothing:*",
    "meta.no_items:*",
    "meta.no_keys:*",
    "meta.empty:null",
    "meta.tags:snow",
    "meta.tags.0:rain",
    "meta.tags.9:rain",
    "meta.nested:x",
    "meta.nested.keyword:kw",
    "meta.crew:Ann",
    "meta.crew.0.name:Bob",
    'meta.note:"blue red"~5',
    'meta.note:"two cars"~2',
    "meta.day:2024-10-21",
    "meta.taken:{2024-10-20 TO *}",
    "meta.taken:<2024-10-20",
    "meta.stamp:[* TO 2024-10-20]",
    "meta.fine:2024-10-20T08:30:15.26",
    "meta.count:[2024-10-20 TO *]",
    "meta.city:[2024-10-20 TO *]",
    "meta.not_day:[2024-01-01 TO *]",
    "meta.taken:>now",
    "meta.day:[5 TO 9]",
    "id:2024-10-20",
]


@pytest.mark.parametrize("text", MEETS)
def test_the_street_meets(text: str, street: Frame) -> None:
    """These lines hold for the frame, and not their opposites."""
    assert compile(text)(street)
    assert not compile(f"NOT ({text or '*:*'})")(street)


@pytest.mark.parametrize("text", FAILS)
def test_the_street_does_not_meet(text: str, street: Frame) -> None:
    """These lines do not hold for the frame, but their opposites do."""
    assert not compile(text)(street)
    assert compile(f"-({text})")(street)


@pytest.mark.parametrize(
    "field",
    [
        "label",
        "confidence",
        "blob",
        "context_id",
        "rois",
        "rois.area",
        "rois.meta.x",
        "sources",
        "sources.uri",
        "sources.width",
        "sources.masks",
        "sources.masks.id",
        "sources.preview.uri",
        "meta",
        "meta.x",
    ],
)
def test_what_is_not_given_meets_nothing(field: str, bare: Frame) -> None:
    """A field that is not given does not exist, and only negation finds that."""
    assert not compile(f"{field}:*")(bare)
    assert not compile(f"_exists_:{field}")(bare)
    assert compile(f"NOT {field}:*")(bare)


def test_a_timestamp_defaults_to_that_of_the_first_source(bare: Frame) -> None:
    """A frame always has a time, at least 0."""
    frame = SingleFrame(id="x", sources=(Source(uri="u", timestamp=7),))

    assert compile("timestamp:7")(frame)
    assert compile("timestamp:0")(bare)


@pytest.mark.parametrize(
    ("text", "meets"),
    [
        ("cat", True),
        ("label:cat AND label:dog", True),
        ("rois.label:cat", True),
        ("NOT cow", True),
        ("confidence:>=0.75", True),
        ("meta.color:red", True),
        ("rois.meta.color:red", True),
        ("type:box AND area:[10 TO 20]", True),
        ("sources:front", True),
        ("sources:(side OR front)", True),
        ("object_id:*", False),
        ("label:cow OR confidence:<0.5", False),
        ("'Bus Stop'", False),
        ("", True),
    ],
)
def test_one_annotation_meets_an_annotation_query(text: str, meets: bool) -> None:
    """All clauses are asked of the same annotation, and paths start from it."""
    annotation = Annotation(
        labels=("cat", "dog"),
        confidence=0.8,
        metadata={"color": "red"},
        geometry=Box(x=0, y=0, w=5, h=3),
        sources=("front",),
    )

    assert meets is compile_annotation(text)(annotation)


@pytest.mark.parametrize(
    ("text", "meets"),
    [
        ("uri:*val*", True),
        ("sources.uri:*val*", True),
        ("width:640 AND NOT height:*", True),
        ("meta.lens:35", True),
        ("id:01", False),
        ("masks.id:*", False),
    ],
)
def test_one_source_meets_a_source_query(text: str, meets: bool) -> None:
    """All clauses are asked of the same source, and paths start from it."""
    source = Source(uri="root:val/1.jpg", width=640, metadata={"lens": 35})

    assert meets is compile_source(text)(source)


def test_an_unreadable_mask_has_no_area(street: Frame) -> None:
    """A run-length mask that can not be decoded is no match, and no error in the middle of a query."""
    broken = Annotation(id="b", geometry=Rle(counts=(1,), height=100, width=100))
    frame = replace(street, annotations=(broken,))

    assert not compile("rois.area:* OR rois.w:*")(frame)
    assert compile("rois.type:rle")(frame)


def test_now_is_the_moment_that_is_given() -> None:
    """A saved query may fix what now means, and a time without a zone is UTC."""
    frame = SingleFrame(id="x", metadata={"at": "2024-05-01T12:00:00"})
    noon = datetime(2024, 5, 1, 12)

    assert compile("meta.at:<=now", now=noon)(frame)
    assert not compile("meta.at:<now", now=noon)(frame)
    assert compile("meta.at:[now TO now]", now=noon.replace(tzinfo=UTC))(frame)
    assert compile("meta.at:>=now", now=noon.replace(tzinfo=timezone(timedelta(hours=2))))(frame)
    assert not compile("meta.at:>=now", now=noon.replace(tzinfo=timezone(timedelta(hours=-2))))(frame)


def test_quoted_now_is_a_text() -> None:
    """Quotes take the meaning from the word now."""
    frame = SingleFrame(id="x", metadata={"at": "now"})

    assert compile('meta.at:["now" TO "now"]')(frame)
    assert not compile("meta.at:[now TO now]")(frame)


def test_a_list_of_two_thousand_labels_is_one_set() -> None:
    """A long OR finds the last label as well as the first."""
    query = compile(" OR ".join(f"label{i}" for i in range(2000)))

    assert query(SingleFrame(id="x", annotations=(Annotation(labels=("label1999",)),)))
    assert not query(SingleFrame(id="x", annotations=(Annotation(labels=("label2000",)),)))
