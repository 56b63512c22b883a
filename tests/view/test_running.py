"""Views over real repositories: what they give is what plain Python works out from all of the frames."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from view import reference
from view.making import Make, batches, found, frames

from hdstore import Frame, Repository, SingleFrame, replace
from hdstore.errors import InvalidValueError, NotFoundError
from hdstore.model import (
    Clip,
    FilterBy,
    Iteration,
    MappingRule,
    Order,
    Output,
    RoiRule,
    View,
    ViewQuery,
)
from hdstore.view import ViewItem, running

rules = st.builds(
    RoiRule,
    confidence=st.sampled_from([(None, None), (0.5, None), (None, 0.5)]),
    count=st.sampled_from([(1, None), (2, 3), (0, 1)]),
    labels=st.sampled_from([(), ("cat",), ("cat", "dog")]),
    must_not=st.booleans(),
)
places = st.sampled_from([("one", "first"), ("one", "Current"), ("two", "Current"), ("one", "*"), ("*", "*")])


@st.composite
def asked_queries(draw: st.DrawFn) -> tuple[ViewQuery, ...]:
    made = []
    for dataset, version in [("one", "Current"), *draw(st.lists(places, max_size=3))]:
        query = ViewQuery(
            dataset=dataset,
            version=version,
            filter=draw(st.sampled_from(FilterBy)),
            frame=draw(st.sampled_from(["", "cat OR 犬", 'context_id:"a"'])),
            rois=tuple(draw(st.lists(rules, max_size=2))),
            weight=draw(st.sampled_from([1.0, 0.25, 3.0])),
        )
        made.append(query)
    return tuple(draw(st.permutations(made)))


iterations = st.builds(
    Iteration,
    epoch=st.booleans(),
    infinite=st.booleans(),
    limit=st.none() | st.integers(0, 40),
    order=st.sampled_from(Order),
    seed=st.none() | st.integers(0, 9),
)
mappings = st.lists(
    st.builds(
        MappingRule,
        dataset=st.sampled_from(["*", "one"]),
        labels=st.sampled_from([("*",), ("cat",), ("dog", "cat"), ("car",)]),
        to=st.sampled_from(["cat", "animal", "dog"]),
        version=st.sampled_from(["*", "*", "Current"]),
    ),
    max_size=3,
).map(tuple)


def repository_of(make: Make, first: list[Frame], then: list[Frame], other: list[list[Frame]]) -> Repository:
    """Makes the datasets one (with a version before some changes) and two."""
    repository = make(one=[first], two=other)
    draft = repository.dataset("one").current()
    draft.snapshot(name="first", child_name="Current")
    repository.version("one/Current").add_frames(then)
    return repository


def shown(item: ViewItem) -> tuple[object, ...]:
    return item.query, item.frame.id, item.frame.annotations, item.numbers


@settings(max_examples=30)
@given(
    batches,
    batches,
    st.lists(batches, max_size=2),
    asked_queries(),
    iterations,
    mappings,
    st.sampled_from(Output),
)
def test_a_view_gives_what_the_page_says(
    make: Make,
    first: list[Frame],
    then: list[Frame],
    other: list[list[Frame]],
    asked: tuple[ViewQuery, ...],
    iteration: Iteration,
    mapping: tuple[MappingRule, ...],
    output: Output,
) -> None:
    """Over two datasets and two versions, with any filters, weights, orders, mappings and outputs."""
    repository = repository_of(make, first, then, other)
    enumeration = {"cat": 3, "animal": -7, "犬": 0}
    view = repository.data_view(
        View(queries=asked, iteration=iteration, mapping=mapping, output=output, enumeration=enumeration)
    )
    resolved = view.resolved
    shared = iteration.epoch or iteration.infinite
    units = reference.pool(found(repository, resolved), shared=shared)
    expected = []
    for query, _, frame in units:
        places = reference.chosen(resolved.queries[query], frame)
        for part in [(place,) for place in places] if output is Output.EACH else [places]:
            annotations = []
            for place in range(len(frame.annotations)) if output is Output.ALL else part:
                one = frame.annotations[place]
                labels = reference.mapped(one.labels, resolved.mapping, resolved.queries[query])
                annotations.append(replace(one, labels=labels))
            numbers = tuple(reference.numbered(one.labels, enumeration) for one in annotations)
            expected.append((query, frame.id, tuple(annotations), numbers))
    weights = [query.weight for query in resolved.queries]
    course = [*islice(reference.course(iteration, [unit[0] for unit in expected], weights), 150)]

    items = [*islice(view, 150)]
    assert [shown(item) for item in items] == [expected[unit] for unit in course]
    assert [item.position for item in items] == [*range(len(items))]
    assert [*islice(view.ids(), 150)] == [item.frame.id for item in items]
    for item in items[:: max(1, len(items) // 5)]:
        assert view.item(item.position) == item
    resumed = [*islice(view.items(7, 1, 3), 20)]
    assert resumed == items[7:][:60:3]
    assert view.counts().frames.number == len(reference.pool(found(repository, resolved)))


@settings(max_examples=15)
@given(
    batches,
    st.lists(batches, max_size=2),
    st.integers(1, 4),
    st.none() | st.sampled_from([0, 1, 40]),
    st.booleans(),
)
def test_clips_are_runs_of_one_context(
    make: Make, first: list[Frame], other: list[list[Frame]], length: int, gap: float | None, shared: bool
) -> None:
    """Of one dataset, in time, without larger gaps than allowed; what does not fill a clip is left out (row 118)."""
    repository = make(one=[first], two=other)
    clip = Clip(length=length, gap=gap)
    view = repository.data_view(
        View(
            queries=(
                ViewQuery(dataset="one", version="Current"),
                ViewQuery(dataset="two", version="Current"),
                ViewQuery(dataset="one", version="Current", frame="label:cat"),
            ),
            iteration=Iteration(clip=clip, epoch=shared),
        )
    )
    runs = reference.clips(
        reference.pool(found(repository, view.resolved), shared=shared), clip, shared=shared
    )
    course = reference.course(view.value.iteration, [run[0][0] for run in runs], [1.0] * 3)
    expected = [runs[unit] for unit in course]

    items = view.to_list()
    assert len(view) == len(expected)
    assert [[(part.query, part.frame) for part in item.clip] for item in items] == [
        [(query, frame) for query, _, frame in run] for run in expected
    ]
    assert [frame.id for frame in view.frames()] == [frame.id for run in expected for _, _, frame in run]
    assert all(item.frame == item.clip[0].frame for item in items)
    if items:
        assert view.item(len(items) - 1) == items[-1]


@settings(max_examples=10)
@given(st.lists(frames, max_size=30, unique_by=lambda frame: frame.id), st.data())
def test_order_knows_nothing_of_how_frames_came(
    make: Make, given_frames: list[Frame], data: st.DataObject
) -> None:
    """The same frames saved in other batches, through other values and other versions of the index."""
    cut = data.draw(st.integers(0, len(given_frames)))
    once, pieces = make(one=[given_frames]), make(one=[])
    draft = pieces.dataset("one").current()
    draft.add_frames(replace(frame, annotations=()) for frame in reversed(given_frames))
    for begin, end in ((cut, None), (0, cut)):
        draft.rows()
        draft.add_frames(given_frames[begin:end])
    for iteration in (Iteration(), Iteration(order=Order.RANDOM, infinite=True, limit=70)):
        view = View(queries=(ViewQuery(dataset="one", version="Current"),), iteration=iteration)
        assert once.data_view(view).to_list() == pieces.data_view(view).to_list()


def test_weighted_queries_draw_from_all_that_they_find(make: Make) -> None:
    """A narrow query with a large weight has its frames come more often, though a wide one finds them, too."""
    repository = make(one=[[SingleFrame(id=f"f{n}", metadata={"night": n == 0}) for n in range(6)]])
    wide = ViewQuery(dataset="one", version="Current")
    narrow = ViewQuery(dataset="one", version="Current", frame="meta.night:true", weight=5)
    for queries_in_turn in ((wide, narrow), (narrow, wide)):
        view = View(
            queries=queries_in_turn, iteration=Iteration(order=Order.RANDOM, infinite=True, limit=3600)
        )
        drawn = Counter(repository.data_view(view).ids())
        assert drawn == {"f0": 3100, **{f"f{n}": 100 for n in range(1, 6)}}
        once = repository.data_view(replace(view, iteration=Iteration(order=Order.RANDOM)))
        assert sorted(once.ids()) == [f"f{n}" for n in range(6)]


def test_the_first_query_has_a_frame_with_its_value(make: Make) -> None:
    """A frame that two versions hold differently comes once, as it is in the version of the first query."""
    old, new = SingleFrame(id="a", metadata={"speed": 1}), SingleFrame(id="a", metadata={"speed": 2})
    repository = repository_of(make, [old, SingleFrame(id="b")], [new], [[SingleFrame(id="a")]])
    first, current = ViewQuery(dataset="one", version="first"), ViewQuery(dataset="one", version="Current")
    other = ViewQuery(dataset="two", version="Current")

    for queries_in_turn, speed in (((first, current), 1), ((current, first), 2)):
        items = repository.data_view(View(queries=(*queries_in_turn, other))).to_list()
        assert sorted((item.frame.id, item.dataset) for item in items) == [
            ("a", "one"),
            ("a", "two"),
            ("b", "one"),
        ]
        [mine] = [item for item in items if (item.frame.id, item.dataset) == ("a", "one")]
        assert mine.frame.metadata == {"speed": speed}
        assert (mine.query, mine.version) == (0, queries_in_turn[0].version)


def test_equal_frames_come_by_their_datasets(make: Make) -> None:
    """In the order of the datasets' ids, whichever is asked first and however they are stored."""
    for names in (("one", "two"), ("two", "one")):
        repository = make(**{name: [[SingleFrame(id=f"{name}0"), SingleFrame(id="a")]] for name in names})
        for asked in (names, names[::-1]):
            queries = tuple(ViewQuery(dataset=name, version="Current") for name in asked)
            items = repository.data_view(View(queries=queries)).to_list()
            assert [item.dataset for item in items if item.frame.id == "a"] == ["one", "two"]


@pytest.mark.parametrize("size", [1, 7, 25, 64])
@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_windows_do_not_show(make: Make, monkeypatch: pytest.MonkeyPatch, size: int, weight: float) -> None:
    """What is planned together changes nothing, whether epochs are shorter or longer."""
    repository = make(
        one=[[SingleFrame(id=str(number)) for number in range(20)]], two=[[SingleFrame(id="x")]]
    )
    view = View(
        queries=(
            ViewQuery(dataset="one", version="Current", weight=weight),
            ViewQuery(dataset="two", version="Current"),
        ),
        iteration=Iteration(order=Order.RANDOM, infinite=True, limit=200),
    )
    data = repository.data_view(view)
    whole = [[*data.items(start, worker, 3)] for start in (0, 31) for worker in range(3)]
    ids = [*data.ids(3)]

    monkeypatch.setattr(running, "_WINDOW", size)
    assert [[*data.items(start, worker, 3)] for start in (0, 31) for worker in range(3)] == whole
    assert [*data.ids(3)] == ids


def test_several_threads_share_a_view(make: Make) -> None:
    """Each has an iterator of its own; what they have in common is only read."""
    repository = make(one=[[SingleFrame(id=str(number)) for number in range(300)]])
    data = repository.data_view(View(queries=(ViewQuery(dataset="one", version="Current"),)))
    expected = [frame.id for frame in repository.data_view(data).frames()]

    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(lambda: [item.frame.id for item in data]) for _ in range(3)]
        singles = [pool.submit(lambda at=at: data.item(at).frame.id) for at in range(300)]
        assert all(run.result() == expected for run in runs)
        assert [single.result() for single in singles] == expected


def test_positions_that_are_not_there(make: Make) -> None:
    """Are refused with what there is."""
    view = make(one=[[SingleFrame(id="a")]]).data_view(
        View(queries=(ViewQuery(dataset="one", version="Current"),))
    )

    assert view.item(0).frame.id == "a"
    with pytest.raises(NotFoundError, match="1 items, and none at position 1"):
        view.item(1)
    with pytest.raises(InvalidValueError, match="not -1"):
        view.item(-1)
    for worker, workers in ((1, 1), (0, 0), (-1, 2)):
        with pytest.raises(InvalidValueError, match="can not be"):
            [*view.items(0, worker, workers)]


def test_a_view_is_entered_at_a_time(make: Make) -> None:
    """By context and timestamp, where the order is sequential (row 124)."""
    made = [
        SingleFrame(id=f"{context}{time}", context_id=context, timestamp=time)
        for context in "ab"
        for time in (0, 40, 80)
    ]
    repository = make(one=[made])
    view = repository.data_view(View(queries=(ViewQuery(dataset="one", version="Current"),)))

    assert view.position("b") == 3
    assert view.position("b", 41) == 5
    assert view.position("a", 80) == 2
    assert view.position("a", 81) is None
    assert view.position("c") is None
    random = replace(view.value, iteration=Iteration(order=Order.RANDOM))
    with pytest.raises(InvalidValueError, match="sequential"):
        repository.data_view(random).position("a")
