"""The report's text: whole, escaped, bounded, and with nothing that it would fetch or run."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import strategies
from hypothesis import given
from hypothesis import strategies as st

from hdstore.codec import decode_frame, encode_frame
from hdstore.diff import DiffSummary, FrameChange, LabelDelta, ValueChange, frame_change
from hdstore.diff.html import Picture, Report, frame_section, page_end, page_start, shown_sources
from hdstore.model import (
    Annotation,
    Box,
    Box3D,
    Ellipse,
    Frame,
    FrameGroup,
    Keypoints,
    Label,
    MaskValue,
    Polygon,
    Rle,
    Schema,
    SingleFrame,
    Skeleton,
    Source,
    replace,
)

VOID = {"meta", "image", "br"}
ELEMENTS = """html head meta title style body header main nav h1 h2 p span b small code kbd button table tr th td
    div ul li article figure figcaption svg image rect g path ellipse circle text script"""
ATTRIBUTES = """lang charset http-equiv content name class id tabindex viewbox role aria-label aria-pressed
    href width height x y d cx cy r rx ry transform font-size preserveaspectratio data-n data-side data-step"""
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;\u202e\x1b javascript:alert(1)"


class Checker(HTMLParser):
    """Goes through a page and notes its elements, in their nesting, and its texts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.texts: list[str] = []
        self.count: dict[str, int] = {}
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ELEMENTS.split(), tag
        self.count[tag] = self.count.get(tag, 0) + 1
        for name, value in attrs:
            assert name in ATTRIBUTES.split(), name
            if name == "href":
                self.hrefs.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)


def checked(page: str) -> Checker:
    """Returns what a page holds, once it is sure that it is well formed and made of what we write alone."""
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert checker.open == []
    return checker


def change_of(before: Frame | None, after: Frame | None) -> FrameChange:
    pair = [None if frame is None else decode_frame(encode_frame(frame)) for frame in (before, after)]
    change = frame_change(*pair)
    assert change is not None
    return change


def section(change: FrameChange, picture: Picture | None = None, schema: Schema | None = None) -> str:
    schemas = (schema or Schema(), schema or Schema())
    pictures = {i: picture or Picture(reason="none") for i in shown_sources(change)}
    return frame_section(change, pictures, schemas, 0)


def evil_frame(geometry: Box | Polygon | Keypoints | Rle, *, more: str = "") -> SingleFrame:
    """Returns a frame with markup in every text that a frame can have."""
    return SingleFrame(
        id=EVIL.replace("\x1b", ""),
        sources=(Source(id=EVIL, uri="javascript:alert(1)" + EVIL, hash=more, metadata={EVIL: EVIL + more}),),
        annotations=(
            Annotation(
                id=EVIL,
                labels=(EVIL, EVIL + more),
                object_id=EVIL + more,
                geometry=geometry,
                metadata={EVIL: {EVIL: EVIL + more}},
            ),
            Annotation(id=EVIL + "gone" + more, labels=(EVIL,), geometry=geometry),
        ),
        context_id=EVIL + more,
        blob=EVIL + more,
        extra={EVIL: EVIL + more},
        metadata={EVIL: EVIL + more},
        vectors={EVIL: (1.0, 2.0 + len(more))},
    )


def test_hostile_texts_stay_texts() -> None:
    """Markup in any text of a frame, schema, version or name is shown and nothing else."""
    change = change_of(
        evil_frame(Box(x=1, y=1, w=5, h=5)), evil_frame(Polygon(rings=((0, 0, 9, 0, 9, 9),)), more="!")
    )
    schema = Schema(labels=(Label(name=EVIL, color=EVIL),))
    report = Report(
        before=EVIL,
        after=EVIL,
        summary=DiffSummary(labels={EVIL: LabelDelta(1, 2)}, fields={EVIL: 1}),
        version=(ValueChange(("version", "metadata", EVIL), EVIL, [EVIL]),),
        shown=1,
    )
    page = page_start(report) + section(change, Picture(reason=EVIL), schema) + page_end(report)
    found = checked(page)

    assert (found.count["script"], found.count.get("img", 0)) == (1, 0)
    assert found.hrefs == []
    assert found.text.count("<script>alert(1)</script>") > 20
    assert "\u202e" not in page
    assert "\x1b" not in page


@given(strategies.frames(ids=st.just("x"), named=True), strategies.frames(ids=st.just("x"), named=True))
def test_any_frames_give_a_well_formed_section(before: Frame, after: Frame) -> None:
    """Whatever can be stored can be shown: as changed, as added, as removed."""
    for pair in ((before, after), (None, after), (before, None)):
        text = section(change_of(*pair))
        checked(text)
        assert "nan" not in re.sub(r">[^<]*<", "", text)


def test_the_page_loads_and_runs_nothing_else() -> None:
    """Its policy forbids everything but the page's own style and script, which it names by their hashes."""
    report = Report(before="a", after="b", summary=DiffSummary(), shown=0)
    page = page_start(report) + page_end(report)
    checked(page)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    for kind in ("script", "style"):
        body = re.search(rf"<{kind}>(.*)</{kind}>", page, re.DOTALL)
        assert body is not None
        digest = base64.b64encode(hashlib.sha256(body[1].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy[1]
    assert policy[1].startswith("default-src 'none'; img-src data:;")
    assert "http:" not in page
    assert "https:" not in page
    assert "No frame changed." in page


def test_both_sides_are_drawn_and_told_apart() -> None:
    """What was, what is and what stayed have groups of their own; a name is written twice where it changed."""
    kept = Annotation(id="k", labels=("kept",), geometry=Box(x=0, y=0, w=2, h=2))
    before = SingleFrame(
        id="f",
        sources=(Source(uri="u", width=100, height=80),),
        annotations=(
            kept,
            Annotation(id="m", labels=("cat",), geometry=Box(x=10, y=10, w=20, h=20)),
            Annotation(id="r", labels=("dog",), geometry=Box(x=40, y=40, w=20, h=20)),
        ),
    )
    after = SingleFrame(
        id="f",
        sources=before.sources,
        annotations=(
            kept,
            Annotation(id="m", labels=("cat",), geometry=Ellipse(cx=20, cy=20, rx=10, ry=5, theta=0.5)),
            Annotation(id="r", labels=("wolf",), geometry=Box(x=40, y=40, w=20, h=20)),
        ),
    )
    text = section(change_of(before, after), Picture(data="data:image/jpeg;base64,AA", width=100, height=80))
    groups = re.findall(r'<g class="([a-z]+)[^"]*">(.*?)</g>', text)

    assert [name for name, _ in groups] == ["same", "after", "after", "before", "before"]
    assert [re.findall(r">([a-z]+)</text>", inner) for _, inner in groups] == [
        ["kept"],
        ["cat"],
        ["wolf"],
        [],
        ["dog"],
    ]
    assert 'd="M10 10L30 10L30 30L10 30Z"' in groups[3][1]
    assert 'transform="rotate(28.65 20 20)"' in groups[1][1]
    assert 'viewBox="0 0 100 80"' in text
    assert checked(text).hrefs == ["data:image/jpeg;base64,AA"]


def test_every_kind_of_geometry_is_drawn() -> None:
    """Rings with holes, joined keypoints without those not seen, cuboids and masks of run lengths."""
    shapes = [
        Polygon(rings=((0, 0, 9, 0, 9, 9), (1, 1, 2, 1, 2, 2))),
        Keypoints(points=(1, 1, 2, 2, 0, 0), visibility=(2, 1, 0)),
        Box3D(front=(0, 0, 0, 4, 4), back=(2, 2, 5, 4, 4)),
        Rle(counts=(1, 4, 1), height=3, width=2),
        MaskValue(value=(1,)),
        Rle(counts="o", height=3, width=2),
    ]
    annotations = tuple(
        Annotation(id=str(n), labels=("joined",), geometry=shape) for n, shape in enumerate(shapes)
    )
    schema = Schema(labels=(Label(name="joined", skeleton=Skeleton(edges=((0, 1), (1, 2), (0, 9)))),))
    text = section(change_of(None, SingleFrame(id="f", annotations=annotations)), None, schema)

    assert "M0 0L9 0L9 9ZM1 1L2 1L2 2Z" in text
    assert text.count("<circle") == 2
    assert 'd="M1 1L2 2"' in text
    assert 'd="M0 0L4 0L4 4L0 4ZM2 2L6 2L6 6L2 6Z' in text
    assert 'class="mask" d="M0 1h1v2h-1zM1 0h1v2h-1z"' in text
    assert "1 annotation not drawn." in checked(text).text


@given(st.integers(1, 7), st.integers(1, 7), st.data())
def test_masks_are_drawn_pixel_by_pixel(height: int, width: int, data: st.DataObject) -> None:
    """The bars cover exactly the pixels that are set."""
    cuts = sorted(data.draw(st.lists(st.integers(0, height * width), max_size=6)))
    counts = tuple(b - a for a, b in zip([0, *cuts], [*cuts, height * width], strict=True))
    mask = Annotation(id="a", geometry=Rle(counts=counts, height=height, width=width))
    text = section(change_of(None, SingleFrame(id="f", annotations=(mask,))))
    covered = [
        x * height + y
        for x, top, long in re.findall(r"M(\d+) (\d+)h1v(\d+)h-1z", text)
        for x, y in [(int(x), int(top) + i) for i in range(int(long))]
    ]
    expected = [
        pixel
        for number, (start, length) in enumerate(zip([0, *cuts], counts, strict=True))
        if number % 2
        for pixel in range(start, start + length)
    ]

    assert sorted(covered) == expected


def test_a_huge_frame_makes_a_small_section() -> None:
    """Points and lines are bounded, and what is left out is counted; a mask's claim costs nothing."""
    zigzag = Polygon(rings=(tuple(float(n % 97) for n in range(8000)),))
    many = tuple(Annotation(id=str(n), labels=("x",), geometry=zigzag) for n in range(1000))
    claims = Annotation(id="c", geometry=Rle(counts=(0, 2**50), height=1, width=2**50))
    text = section(change_of(None, SingleFrame(id="f", annotations=(*many, claims))))

    assert len(text) < 500_000
    assert "996 annotations not drawn." in text
    assert "and 501 more" in text


def test_the_pictures_are_those_on_which_something_changed() -> None:
    """A group shows the sources of its changed annotations and its changed sources, else its first."""
    sources = tuple(Source(id=name, uri=name) for name in ("left", "right", "top"))
    box = Annotation(id="a", geometry=Box(x=0, y=0, w=1, h=1), sources=("right",))
    base = FrameGroup(id="g", sources=sources, annotations=(box,))
    moved = replace(box, geometry=Box(x=1, y=0, w=1, h=1))
    other = (sources[0], sources[1], Source(id="top", uri="new"))

    assert shown_sources(change_of(base, replace(base, annotations=(moved,)))) == ["right"]
    assert shown_sources(change_of(base, replace(base, sources=other))) == ["top"]
    assert shown_sources(change_of(base, replace(base, context_id="c"))) == ["left"]
    assert shown_sources(change_of(SingleFrame(id="f"), SingleFrame(id="f", blob="b"))) == []
    assert "the frame has no source" in section(change_of(SingleFrame(id="f"), SingleFrame(id="f", blob="b")))
