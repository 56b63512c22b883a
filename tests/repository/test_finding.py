"""What a version tells of its frames: each is asked of all frames, and of those that meet a query."""

from __future__ import annotations

import pytest

from hdstore import DatasetVersion, QuerySyntaxError
from hdstore.errors import InvalidInputError
from hdstore.model import Annotation, SingleFrame
from hdstore.query.ordering import OrderBy
from hdstore.repository import finding


@pytest.fixture
def streets(draft: DatasetVersion) -> DatasetVersion:
    """Returns a draft of ten frames with speeds, contexts, labels and vectors, beside the three it had."""
    draft.add_frames(
        SingleFrame(
            id=f"s{number}",
            context_id=f"clip{number % 2}",
            metadata={"speed": number},
            vectors={"v": (float(number), 1.0)},
            annotations=(Annotation(id="n", labels=("car",) * (number % 3)),),
        )
        for number in range(10)
    )
    return draft


def test_counts(streets: DatasetVersion) -> None:
    """Without a question they are the version's own; else those of frames and annotations that meet it."""
    assert finding.statistics(streets) == streets.stats()
    assert finding.statistics(streets, query="*:*") == streets.stats()
    assert finding.statistics(streets, query="meta.speed:*", roi="rois.id:n").annotations == 10
    found = finding.distribution(streets, "rois.id", query="meta.speed:>4", bins=2)
    assert [(value.value, value.frames) for value in found.values] == [("n", 5)]


def test_orders(streets: DatasetVersion) -> None:
    """Frames by any field; pages give frames, also by fields that have to be read."""
    found = finding.ordered(streets, "meta.speed", descending=True, query="meta.speed:*")
    assert found.page(0, 3).ids() == ["s9", "s8", "s7"]
    assert [frame.id for frame in found.page(8, 3).frames()] == ["s1", "s0"]
    assert len(finding.ordered(streets, "rois.id")) == 13
    assert finding.ordered(streets).page(0, 1).ids() == ["s0"]


def test_groups(streets: DatasetVersion) -> None:
    """Frames by context, or by any field."""
    groups = finding.group(streets, query="meta.speed:*")
    assert [(group.value, group.count) for group in groups] == [("clip0", 5), ("clip1", 5)]
    assert [group.count for group in finding.group(streets, "label", roi="rois.id:n")] == [6, 4]


def test_neighbours(streets: DatasetVersion) -> None:
    """The nearest of all, and of those that meet a query."""
    near = finding.nearest(streets, [5.2, 1.0], "v", count=2, similarity="l2_norm")
    assert near.ids() == [frame.id for frame in near.frames()] == ["s5", "s6"]
    near = finding.nearest(streets, [5.2, 1.0], "v", count=2, similarity="l2_norm", query="meta.speed:>6")
    assert near.ids() == ["s7", "s8"]


def test_last_updates(streets: DatasetVersion) -> None:
    """The time of the last save orders frames."""
    streets.add_frames([SingleFrame(id="s3", metadata={"speed": -1})])

    updated = finding.last_updates(streets)

    found = finding.ordered(streets, OrderBy("updated", descending=True, numbers=updated))
    assert found.page(0, 2).ids() == ["s3", "s0"]
    assert found.page(10, 9).ids() == ["a", "b", "c"]


def test_slips_are_told_before_the_index_is_built(streets: DatasetVersion) -> None:
    """A name or query that can not be read costs nothing."""
    for call in (
        lambda: finding.distribution(streets, "speed"),
        lambda: finding.distribution(streets, "label", roi="a:b"),
        lambda: finding.statistics(streets, query="a:("),
        lambda: finding.group(streets, "speed"),
        lambda: finding.ordered(streets, "speed"),
        lambda: finding.nearest(streets, [], "v"),
    ):
        with pytest.raises(InvalidInputError):
            call()
    assert not streets._core.index.holds(streets.state().trie.tree)
    with pytest.raises(QuerySyntaxError, match=r"meta\.speed"):
        finding.distribution(streets, "speed")
