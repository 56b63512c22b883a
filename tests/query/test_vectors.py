"""The nearest vectors against comparing all frames in plain Python."""

from __future__ import annotations

import math
import random
import sys
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from segments import Shelf

from hdstore.errors import CancelledError, InvalidValueError, MissingPackageError, NotFoundError
from hdstore.model import Frame, SingleFrame
from hdstore.query import graphs
from hdstore.query import vectors as module
from hdstore.query.found import Found
from hdstore.query.graphs import FOLDER
from hdstore.query.properties import as_found
from hdstore.query.vectors import Nearest, Similarity, nearest

numbers = st.sampled_from(
    [0.0, -0.0, 1.0, -1.0, 0.1, 1 + 2**-30, 2.5, 1e-40, 1e-200, 1e30, -1e200]
) | st.floats(-3, 3)


def vector_sets(length: int) -> st.SearchStrategy[list[tuple[float, ...]]]:
    return st.lists(st.tuples(*[numbers] * length), min_size=1, max_size=12)


def score(one: tuple[float, ...], other: tuple[float, ...], similarity: Similarity) -> Fraction:
    """Returns likeness by exact arithmetic; more is nearer. Roots are not taken, for they keep the order."""
    a, b = [*map(Fraction, one)], [*map(Fraction, other)]
    if similarity is Similarity.L2:
        return -sum(((x - y) ** 2 for x, y in zip(a, b, strict=True)), Fraction())
    product = sum((x * y for x, y in zip(a, b, strict=True)), Fraction())
    if similarity is Similarity.DOT:
        return product
    # Numbers that a float32 holds as zero make a vector without a direction.
    if not any(a) or all(abs(y) <= 2.0**-150 for y in other):
        return Fraction()
    square = sum(x * x for x in a) * sum(y * y for y in b)
    return product * abs(product) / square


def told(likeness: Any, similarity: Similarity) -> float:
    """Returns the number people are told for an exact likeness."""
    try:
        if similarity is Similarity.DOT:
            return float(likeness)
        with localcontext(prec=60):
            root = float((Decimal(abs(likeness.numerator)) / Decimal(likeness.denominator)).sqrt())
    except OverflowError:
        return math.inf if likeness > 0 or similarity is Similarity.L2 else -math.inf
    return root if similarity is Similarity.L2 or likeness > 0 else -root


def close(likeness: Any, similarity: Similarity) -> Any:
    return pytest.approx(
        told(likeness, similarity), rel=1e-12, abs=1e-300 if similarity != "cosine" else 1e-15
    )


def shelf_of(held: list[tuple[float, ...]], **more: Any) -> Shelf:
    frames: list[Frame] = [
        SingleFrame(id=f"{(n * 7) % 1000:03}", vectors={"v": vector}) for n, vector in enumerate(held)
    ]
    return Shelf(frames, **more)


@given(
    st.integers(1, 4).flatmap(lambda n: st.tuples(vector_sets(n), st.tuples(*[numbers] * n))),
    st.sampled_from(Similarity),
    st.integers(1, 13),
)
def test_the_nearest_are_those_of_exact_arithmetic(
    vectors: tuple[list[tuple[float, ...]], tuple[float, ...]], similarity: Similarity, count: int
) -> None:
    """Whatever the numbers: as many as asked for, and none that was left out is nearer."""
    held, wanted = vectors
    shelf = shelf_of(held, count=2)

    found = nearest(shelf.rows, wanted, "v", similarity=similarity, count=count, read=shelf.read)

    exact = {frame.id: score(wanted, frame.vectors["v"], similarity) for frame in shelf.frames}
    assert len(found) == min(count, len(held)) == len({*found.ids()})
    assert not found.approximate
    for frame_id, number in zip(found.ids(), found.scores, strict=True):
        assert number == close(exact[frame_id], similarity)
    # Floats can not tell apart what differs behind their last digit; nothing nearer than that is missing.
    least = min(exact[frame_id] for frame_id in found.ids())
    for frame_id, likeness in exact.items():
        if frame_id not in found.ids() and likeness > least:
            assert told(likeness, similarity) == close(least, similarity)


def test_equally_near_frames_come_by_id() -> None:
    """Ties are broken by the id, wherever the frames lie."""
    shelf = shelf_of([(1.0, 2.0)] * 9 + [(-1.0, 0.0)] * 3, count=4)

    for similarity in Similarity:
        found = nearest(shelf.rows, (2.0, 4.0), "v", similarity=similarity, count=4, read=shelf.read)
        assert found.ids() == ["000", "007", "014", "021"]


def test_what_float32_can_not_tell_apart_is_told_by_the_frames() -> None:
    """Numbers that the index rounds to one are compared as the frames hold them; few of these are read."""
    rng = random.Random(3)
    near = [(1.0 + n * 2.0**-40, 0.5) for n in range(20)]
    far = [(rng.uniform(-1, 0.8), rng.uniform(-1, 1)) for _ in range(3000)]
    shelf = shelf_of([*far[:400], *near, *far[400:500]], count=3)

    found = nearest(
        shelf.rows, (1.0 + 11 * 2.0**-40, 0.5), "v", similarity="l2_norm", count=3, read=shelf.read
    )

    held = {frame.id: frame.vectors["v"][0] for frame in shelf.frames}
    by_id = sorted((10, 12), key=lambda n: f"{(400 + n) * 7 % 1000:03}")
    assert [round((held[frame_id] - 1) * 2**40) for frame_id in found.ids()] == [11, *by_id]
    assert found.scores[0] == 0.0
    assert shelf.read_rows <= 20


@pytest.mark.parametrize("similarity", Similarity)
def test_rounding_to_float32_misleads_nobody(similarity: Similarity) -> None:
    """Of two vectors whose rounded numbers stand in the wrong order, the frames' own numbers tell which is nearer."""
    unit = 2.0**-23
    nearer, farther = (1 + 0.6 * unit, 0.0), (1 - 0.7 * unit, 0.0)
    if similarity is Similarity.DOT:
        nearer, farther = (1 + 0.45 * unit, 1.0), (1 + 0.4 * unit, 1.0)
    if similarity is Similarity.COSINE:
        nearer, farther = (1.0, 1 + 0.6 * unit), (1.0, 1 - 0.7 * unit)
    wanted = {"l2_norm": (1.0, 0.0), "dot_product": (1.0, 0.0), "cosine": (1.0, 1.0)}[similarity]
    for held in ([nearer, farther], [farther, nearer]):
        shelf = shelf_of(held)
        found = nearest(shelf.rows, wanted, "v", similarity=similarity, count=1, read=shelf.read)
        assert [frame.vectors["v"] for frame in found.frames()] == [nearer]


def test_squares_beyond_float32_mislead_nobody() -> None:
    """A vector that is too long for the index's arithmetic is compared by the frame's own numbers."""
    shelf = shelf_of([(0.0, 1.0), (1e30, 0.0)])

    found = nearest(shelf.rows, (1 + 2.0**-30, 1.0), "v", count=1, read=shelf.read)

    assert found.ids() == ["007"]


def test_zero_vectors_are_not_read() -> None:
    """However many vectors without a direction there are: the index knows them."""
    shelf = shelf_of([(0.0, 0.0)] * 200 + [(1.0, float(n)) for n in range(5)])

    nearest(shelf.rows, (1.0, 1.0), "v", count=3, read=shelf.read)

    assert shelf.read_rows <= 5


def test_only_a_few_frames_are_read() -> None:
    """Among many vectors the index decides; hardly more frames are read than are asked for."""
    rng = np.random.default_rng(2)
    shelf = shelf_of([tuple(row) for row in rng.standard_normal((400, 32)).astype(np.float32).tolist()])
    wanted = rng.standard_normal(32).tolist()

    for similarity in Similarity:
        shelf.read_rows = 0
        found = nearest(shelf.rows, wanted, "v", similarity=similarity, count=10, read=shelf.read)
        exact = sorted(shelf.frames, key=lambda frame: -score(tuple(wanted), frame.vectors["v"], similarity))
        assert found.ids() == [frame.id for frame in exact[:10]]
        assert shelf.read_rows == 10


def test_vectors_are_compared_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays bounded: blocks of any size give the same, with all frames and with some."""
    rng = np.random.default_rng(4)
    shelf = shelf_of([tuple(row) for row in rng.integers(-3, 4, (500, 3)).astype(float).tolist()])
    some = Found(tuple((segment, rows[::3]) for segment, rows in as_found(shelf.rows).parts))

    def answers() -> list[tuple[list[str], tuple[float, ...]]]:
        found = [
            nearest(rows, (1.0, 2.0, 0.5), "v", similarity=similarity, count=20, read=shelf.read)
            for similarity in Similarity
            for rows in (shelf.rows, some)
        ]
        return [(one.ids(), one.scores) for one in found]

    whole = answers()
    monkeypatch.setattr(module, "_CHUNK", 7 * 4 * 3)

    assert answers() == whole


def test_only_what_was_found_is_compared() -> None:
    """A filter on frames is a filter on neighbours (row 134)."""
    shelf = shelf_of([(float(n),) for n in range(100)])
    found = Found(tuple((segment, rows[rows >= 30]) for segment, rows in as_found(shelf.rows).parts))
    ids = {shelf.at(segment, row).id for segment, rows in found.parts for row in rows.tolist()}

    near = nearest(found, [3.0], "v", similarity="l2_norm", count=5, read=shelf.read)

    assert {*near.ids()} <= ids
    values = sorted(
        shelf.at(segment, row).vectors["v"][0] for segment, rows in found.parts for row in rows.tolist()
    )
    assert list(near.scores) == [value - 3 for value in values[:5]]
    nothing = Found(())
    assert nearest(nothing, [3.0], "v", read=shelf.read).ids() == []


def test_frames_without_a_vector_of_this_length_are_passed_over() -> None:
    """Other names and other lengths do not count, nor do frames of other versions."""
    shelf = Shelf(
        [
            SingleFrame(id="a", vectors={"v": (1.0, 0.0), "w": (0.0,)}),
            SingleFrame(id="b", vectors={"v": (1.0,)}),
            SingleFrame(id="c"),
            SingleFrame(id="d", vectors={"v": (0.0, 1.0)}),
            SingleFrame(id="-gone", vectors={"v": (1.0, 0.0), "old": (1.0,)}),
        ]
    )

    assert nearest(shelf.rows, (1.0, 0.1), "v", read=shelf.read).ids() == ["a", "d"]
    assert nearest(shelf.rows, (1.0,), "v", read=shelf.read).ids() == ["b"]
    with pytest.raises(InvalidValueError, match="1 or 2 numbers, not 3"):
        nearest(shelf.rows, (1.0, 2.0, 3.0), "v", read=shelf.read)
    with pytest.raises(NotFoundError, match="'old', 'v', 'w'"):
        nearest(shelf.rows, (1.0,), "x", read=shelf.read)
    with pytest.raises(NotFoundError, match="'old'"):
        nearest(shelf.rows, (1.0,), "old", read=shelf.read)
    without = Found(
        tuple(
            (segment, np.array([row for row in rows if shelf.at(segment, row).id == "c"], np.int32))
            for segment, rows in as_found(shelf.rows).parts
        )
    )
    assert len(nearest(without, (1.0,), "v", read=shelf.read)) == 0


def test_zero_has_no_direction() -> None:
    """A zero vector is like nothing and unlike nothing: its cosine is 0."""
    shelf = shelf_of([(0.0, 0.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 0.0)])

    found = nearest(shelf.rows, (2.0, 0.0), "v", read=shelf.read)

    assert (found.ids(), found.scores) == (["007", "000", "021", "014"], (1.0, 0.0, 0.0, -1.0))
    for similarity in ("cosine", "dot_product"):
        found = nearest(shelf.rows, (0.0, 0.0), "v", similarity=similarity, count=3, read=shelf.read)
        assert (found.ids(), found.scores) == (["000", "007", "014"], (0.0,) * 3)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"vector": []}, "list of one finite number"),
        ({"vector": "1"}, "list of one finite number"),
        ({"vector": None}, "list of numbers"),
        ({"vector": ["x"]}, "list of numbers"),
        ({"vector": [math.nan]}, "finite"),
        ({"vector": [10**400]}, "list of numbers"),
        ({"count": 0}, "One neighbour"),
        ({"similarity": "hamming"}, "cosine, l2_norm, dot_product"),
        ({"similarity": "l2_norm", "fast": True}, "cosine only"),
        ({"similarity": "dot_product", "fast": True}, "cosine only"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: dict[str, Any], match: str) -> None:
    """A wrong question is told what is wrong with it."""
    shelf = shelf_of([(1.0,)])

    with pytest.raises(InvalidValueError, match=match):
        nearest(shelf.rows, **{"vector": [1.0], "name": "v", "read": shelf.read, **arguments})


def test_a_search_can_be_cancelled() -> None:
    """Progress is told block by block, and may stop the search."""
    shelf = shelf_of([(1.0,), (2.0,)])
    told: list[tuple[str, int, int | None]] = []

    nearest(shelf.rows, [1.0], "v", read=shelf.read, progress=lambda *step: told.append(step))

    assert told[-1] == ("Comparing vectors", 2, 2)

    def stop(what: str, done: int, total: int | None) -> None:
        raise CancelledError("stop")

    with pytest.raises(CancelledError):
        nearest(shelf.rows, [1.0], "v", read=shelf.read, progress=stop)


# The fast search


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Shelf]:
    """Returns a folder with segments of vectors around a few hundred centres, enough of them for a graph."""
    rng = np.random.default_rng(5)
    centres = rng.standard_normal((300, 8))
    rows = centres[rng.integers(0, 300, 11_000)] + 0.2 * rng.standard_normal((11_000, 8))
    rows[17] = 0
    folder = tmp_path_factory.mktemp("index")
    frames = [SingleFrame(id=f"{n}", vectors={"v": tuple(row)}) for n, row in enumerate(rows.tolist())]
    return folder, Shelf(frames, folder, count=1)


def recall(exact: Nearest, fast: Nearest) -> float:
    return len({*exact.ids()} & {*fast.ids()}) / len(exact)


def test_the_fast_search_finds_nearly_all_and_says_so(many: tuple[Path, Shelf]) -> None:
    """Its answers are ranked exactly, near complete, and marked as approximate; its graph is kept for others."""
    pytest.importorskip("usearch", reason="the extra vector is not installed")
    folder, shelf = many
    found = []
    told: list[str] = []
    for number in range(20):
        wanted = shelf.frames[number * 500].vectors["v"]
        exact = nearest(shelf.rows, wanted, "v", count=20, read=shelf.read)
        fast = nearest(
            shelf.rows,
            wanted,
            "v",
            count=20,
            fast=True,
            read=shelf.read,
            progress=lambda *s: told.append(s[0]),
        )
        assert (exact.approximate, fast.approximate) == (False, True)
        assert len(fast) == 20
        assert list(fast.scores) == sorted(fast.scores, reverse=True)
        by_id = dict(zip(exact.ids(), exact.scores, strict=True))
        assert all(by_id.get(i, s) == s for i, s in zip(fast.ids(), fast.scores, strict=True))
        found.append(recall(exact, fast))
    assert sum(found) / len(found) > 0.95
    assert "Linking near vectors" in told

    [kept] = (folder / FOLDER).iterdir()
    inode = kept.stat().st_ino
    again = shelf.opened()
    fast = nearest(again.rows, wanted, "v", count=20, fast=True, read=again.read)
    assert fast.ids() == nearest(shelf.rows, wanted, "v", count=20, fast=True, read=shelf.read).ids()
    assert kept.stat().st_ino == inode


def test_the_fast_search_respects_a_filter(many: tuple[Path, Shelf]) -> None:
    """Only frames that were found come out: by the graph where they are many, compared one by one where few."""
    pytest.importorskip("usearch", reason="the extra vector is not installed")
    _, shelf = many
    wanted = shelf.frames[0].vectors["v"]
    for keep, approximate in ((lambda row: row % 20 != 1, True), (lambda row: row % 20 == 1, False)):
        parts = tuple(
            (segment, np.array([row for row in rows.tolist() if keep(row)], np.int32))
            for segment, rows in as_found(shelf.rows).parts
        )
        exact = nearest(Found(parts), wanted, "v", count=20, read=shelf.read)
        fast = nearest(Found(parts), wanted, "v", count=20, fast=True, read=shelf.read)

        assert fast.approximate is approximate
        assert len(fast) == 20
        assert recall(exact, fast) > 0.9
        assert all(keep(row) for _, row in fast.run)


def test_a_damaged_graph_is_built_again(many: tuple[Path, Shelf], caplog: pytest.LogCaptureFixture) -> None:
    """Graphs are derived: one whose bytes changed is not believed, one that belongs to nothing is removed."""
    pytest.importorskip("usearch", reason="the extra vector is not installed")
    folder, shelf = many
    wanted = shelf.frames[0].vectors["v"]
    before = nearest(shelf.rows, wanted, "v", fast=True, read=shelf.read)
    (folder / FOLDER / "segment-9.0123456789abcdef").write_bytes(b"")
    [kept] = (folder / FOLDER).glob("segment-0.*")
    raw = bytearray(kept.read_bytes())
    raw[-100] ^= 255
    kept.write_bytes(raw)

    again = shelf.opened()
    after = nearest(again.rows, wanted, "v", fast=True, read=again.read)

    assert "built again" in caplog.text
    assert recall(before, after) > 0.9
    assert [path.name for path in (folder / FOLDER).iterdir()] == [kept.name]


def test_a_graph_of_another_program_is_built_again(
    many: tuple[Path, Shelf], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes of another version of the package are not given to this one."""
    pytest.importorskip("usearch", reason="the extra vector is not installed")
    folder, shelf = many
    wanted = shelf.frames[0].vectors["v"]
    nearest(shelf.rows, wanted, "v", fast=True, read=shelf.read)
    [kept] = (folder / FOLDER).glob("segment-0.*")
    inode = kept.stat().st_ino
    monkeypatch.setattr(graphs, "version", lambda name: "0")
    again = shelf.opened()

    nearest(again.rows, wanted, "v", fast=True, read=again.read)

    assert kept.stat().st_ino != inode


def test_a_graph_that_can_not_be_kept_serves_once(
    tmp_path: Path, many: tuple[Path, Shelf], caplog: pytest.LogCaptureFixture
) -> None:
    """Where the index can not be written, or is gone by now, the search still answers."""
    pytest.importorskip("usearch", reason="the extra vector is not installed")
    _, shelf = many
    folder = tmp_path / "index"
    folder.mkdir()
    again = Shelf(shelf.frames, folder, count=1)
    rmtree(folder)

    found = nearest(again.rows, shelf.frames[0].vectors["v"], "v", fast=True, read=again.read)

    assert len(found) == 50
    assert "is not kept" in caplog.text
    assert not folder.exists()


def test_few_vectors_are_all_compared() -> None:
    """Where comparing all is as fast, the fast search is exact, and says so; it needs no package then."""
    shelf = shelf_of([(1.0, 0.0), (0.0, 1.0)])

    found = nearest(shelf.rows, (1.0, 0.1), "v", fast=True, read=shelf.read)

    assert (found.ids(), found.approximate) == (["000", "007"], False)


def test_a_missing_package_is_named(many: tuple[Path, Shelf], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without usearch, the fast search says what to install."""
    _, shelf = many
    for name in ("usearch", "usearch.index"):
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(MissingPackageError, match=r"pip install 'hdstore\[vector\]'"):
        nearest(shelf.rows, shelf.frames[0].vectors["v"], "v", fast=True, read=shelf.read)
