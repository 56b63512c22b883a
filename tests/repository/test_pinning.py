"""What names in a view mean: ids, wildcards written out, and commits."""

from __future__ import annotations

import pytest

from hdstore import (
    AmbiguousNameError,
    DamagedError,
    Dataset,
    DatasetVersion,
    InvalidValueError,
    MappingRule,
    NotFoundError,
    Repository,
    SetFrameMetadata,
    View,
    ViewQuery,
    replace,
)
from hdstore.model import MAX_QUERIES
from hdstore.repository.pinning import resolve


@pytest.fixture
def plates(dataset: Dataset, draft: DatasetVersion) -> dict[str, str]:
    """Returns the ids of all there is: plates/v1 (published), plates/Current, cups/Current, cups/v1 (a draft)."""
    published, child = draft.snapshot(name="v1")
    repository = Repository(dataset._core.layout, dataset._core.author)
    cups = repository.create_dataset("cups")
    other = cups.create_version("v1")
    return {
        "plates": dataset.id,
        "cups": cups.id,
        "plates/v1": published.id,
        "plates/Current": child.id,
        "cups/Current": cups.version("Current").id,
        "cups/v1": other.id,
    }


def q(path: str, **fields: object) -> ViewQuery:
    dataset, _, version = path.partition("/")
    return ViewQuery(dataset=dataset, version=version, **fields)  # type: ignore[arg-type]


def meant(repository: Repository, ids: dict[str, str], *paths: str) -> list[str]:
    """Returns the versions that queries mean, by their names again."""
    found = resolve(repository._core, View(queries=tuple(map(q, paths)))).queries
    names = {version: path for path, version in ids.items()}
    assert all(query.dataset == ids[names[query.version].partition("/")[0]] for query in found)
    return [names[query.version] for query in found]


def test_names_become_ids_and_versions_commits(repository: Repository, plates: dict[str, str]) -> None:
    """By names and ids alike; the commit of a published version is that of its tag. All else stays as it is."""
    queries = (
        q("plates/v1", frame="x", weight=2.5),
        ViewQuery(dataset=plates["plates"], version=plates["plates/Current"]),
        q("plates/" + plates["plates/v1"]),
    )
    view = View(queries=queries, enumeration={"cat": 1}, projection=("id",))
    found = resolve(repository._core, view)

    first, second = plates["plates/v1"], plates["plates/Current"]
    assert found == replace(
        view,
        queries=tuple(
            replace(query, dataset=plates["plates"], version=version)
            for query, version in zip(queries, (first, second, first), strict=True)
        ),
        pins={
            first: repository.version("plates/v1").commit,
            second: repository.version("plates/Current").commit,
        },
    )


def test_wildcards_mean_what_the_other_queries_name(repository: Repository, plates: dict[str, str]) -> None:
    """In the order in which these are named first, each once; what nobody names is not meant (row 90)."""
    assert meant(repository, plates, "*/*", "cups/Current", "plates/v1", "cups/Current") == [
        "cups/Current",
        "plates/v1",
        "cups/Current",
        "plates/v1",
        "cups/Current",
    ]
    assert meant(repository, plates, "plates/v1", "plates/*", "plates/Current") == [
        "plates/v1",
        "plates/v1",
        "plates/Current",
        "plates/Current",
    ]
    # A version of every dataset: of those that are named and have it.
    assert meant(repository, plates, "*/v1", "plates/Current", "cups/Current") == [
        "plates/v1",
        "cups/v1",
        "plates/Current",
        "cups/Current",
    ]
    assert meant(repository, plates, "*/v1", "cups/Current") == ["cups/v1", "cups/Current"]


def test_a_wildcard_keeps_its_filters_and_weight(repository: Repository, plates: dict[str, str]) -> None:
    """Each query it becomes has them all."""
    found = resolve(
        repository._core, View(queries=(q("plates/v1"), q("cups/v1"), q("*/*", frame="label:cat", weight=3)))
    )

    assert [(query.frame, query.weight) for query in found.queries] == [("", 1.0)] * 2 + [
        ("label:cat", 3.0)
    ] * 2


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (("plates/v1", "cups/*"), r"queries\[1\] asks for every version of 'cups' that the view names, but it names"),
        (("*/v2", "plates/v1"), r"queries\[0\] asks for version 'v2' of every dataset the view names, but none has it"),
        (("zoo/v1",), "There is no dataset 'zoo' in this repository: it has 'cups', 'plates'"),
        (("plates/v1", "zoo/*"), "There is no dataset 'zoo'"),
        (("plates/V1",), "no version 'V1' in dataset 'plates'; did you mean 'v1'"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_named(
    repository: Repository, plates: dict[str, str], paths: tuple[str, ...], said: str
) -> None:
    """With the query that asks for it, or with what there is."""
    with pytest.raises(NotFoundError, match=said):
        meant(repository, plates, *paths)


def test_a_name_of_two_versions_is_asked_back(repository: Repository, plates: dict[str, str]) -> None:
    """As everywhere: by a name and by a wildcard."""
    repository.version("plates/Current").rename("v1")
    for paths in (("plates/v1",), ("*/v1", "plates/" + plates["plates/v1"])):
        with pytest.raises(AmbiguousNameError):
            resolve(repository._core, View(queries=tuple(map(q, paths))))


def test_mapping_rules_are_resolved_too(repository: Repository, plates: dict[str, str]) -> None:
    """A rule for a version that several datasets have becomes one for each; a star stays where it means all."""
    rules = [
        MappingRule(dataset=dataset, version=version, labels=("a",), to="b")
        for dataset, version in (("*", "*"), ("cups", "*"), ("plates", "v1"), ("*", "v1"))
    ]
    found = resolve(repository._core, View(queries=(q("plates/Current"), q("cups/v1")), mapping=tuple(rules)))

    assert [(rule.dataset, rule.version) for rule in found.mapping] == [
        ("*", "*"),
        (plates["cups"], "*"),
        (plates["plates"], plates["plates/v1"]),
        (plates["plates"], plates["plates/v1"]),
        (plates["cups"], plates["cups/v1"]),
    ]
    assert set(found.pins) == {plates["plates/Current"], plates["cups/v1"]}
    with pytest.raises(NotFoundError, match="There is no dataset 'zoo'"):
        resolve(repository._core, replace(found, mapping=(replace(rules[0], dataset="zoo"),)))


def test_a_pinned_view_resolves_to_itself(repository: Repository, plates: dict[str, str]) -> None:
    """Whatever becomes of its versions and their names; what it does not name is not pinned."""
    view = View(
        queries=(q("plates/Current"), q("*/*", frame="x"), q("cups/v1")),
        mapping=(MappingRule(labels=("*",), to="x"),),
    )
    core = repository._core
    pinned = resolve(core, view)
    commit = repository.version("plates/Current").commit

    repository.version("plates/Current").apply(SetFrameMetadata(frame_id="a", set={"k": 1}))
    assert resolve(core, pinned) == pinned
    assert resolve(core, view).pins[plates["plates/Current"]] != commit
    repository.dataset("cups").rename("mugs")
    repository.version("plates/Current").delete()
    assert resolve(core, pinned) == pinned
    # A dataset's name will do beside a pinned version's id, also when the version is gone.
    by_name = replace(pinned, queries=(ViewQuery(dataset="plates", version=plates["plates/Current"]),))
    assert resolve(core, by_name).pins == {plates["plates/Current"]: commit}
    repository.dataset("plates").delete(force=True)
    assert resolve(core, pinned) == pinned
    with pytest.raises(NotFoundError, match="There is no dataset 'plates'"):
        resolve(core, by_name)


def test_a_pin_is_a_commit_of_its_version(repository: Repository, plates: dict[str, str]) -> None:
    """One of another version, or of none, is damage; one that is not here says so."""
    core = repository._core
    pinned = resolve(core, View(queries=(q("plates/v1"),)))
    v1 = plates["plates/v1"]
    for commit, error, said in (
        (
            repository.version("plates/Current").commit,
            DamagedError,
            f"is one of .*/{plates['plates/Current']}",
        ),
        (core.catalog().commit, DamagedError, "holds no version"),
        (
            "0" * 40,
            NotFoundError,
            f"pins version {v1} to commit 0{{40}}, which is not in this repository; pull",
        ),
    ):
        with pytest.raises(error, match=said):
            resolve(core, replace(pinned, pins={v1: commit}))


def test_wildcards_do_not_grow_without_end(repository: Repository, plates: dict[str, str]) -> None:
    """A thousand queries at most, written out."""
    many = (q("plates/v1"), q("cups/v1"), *(q("*/*") for _ in range(MAX_QUERIES // 2)))
    with pytest.raises(
        InvalidValueError, match="With its wildcards written out the view has more than 1000 queries"
    ):
        resolve(repository._core, View(queries=many))
    assert len(resolve(repository._core, View(queries=many[:-1])).queries) == MAX_QUERIES
