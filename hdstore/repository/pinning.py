"""What a view's names mean now: ids for names, one query for each version, and the commits they stand at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from hdstore.codec import normal_view
from hdstore.errors import DamagedError, HdstoreError, InvalidValueError, NotFoundError, QuerySyntaxError
from hdstore.model import ANY, MAX_QUERIES, MappingRule, View, ViewQuery, replace
from hdstore.query.fields import Scope
from hdstore.query.fixing import fix_now
from hdstore.repository.core import Core
from hdstore.repository.dataset import Dataset
from hdstore.repository.naming import find_one
from hdstore.version import VersionState, commit_of

__all__ = ["resolve"]


def resolve(core: Core, view: View) -> View:
    """Returns the view with ids for names, wildcards written out, and the commit of every version it names.

    A query with a wildcard becomes one query for each version that it means, in the order in which the other queries
    name them first, each with its own filters and weight. Versions that the view pins keep their commits, so a pinned
    view resolves to itself. The word now in a query becomes the time of this call. Raises InvalidValueError for a view
    that breaks a rule, NotFoundError or AmbiguousNameError for a name, NotFoundError for a pinned commit that is not
    here.
    """
    view = normal_view(view)
    names = _Names(core, view)
    concrete = [names.pair(query) for query in view.queries if ANY not in (query.dataset, query.version)]
    pairs = list(dict.fromkeys(concrete))
    queries: list[ViewQuery] = []
    when = datetime.fromtimestamp(core.clock(), UTC)
    for number, query in enumerate(_fixed(query, when) for query in view.queries):
        meant = list(names.meant(query, pairs, f"queries[{number}]"))
        queries += [replace(query, dataset=dataset, version=version) for dataset, version in meant]
        if len(queries) > MAX_QUERIES:
            raise InvalidValueError(
                f"With its wildcards written out the view has more than {MAX_QUERIES} queries; name fewer versions."
            )
    used = list(dict.fromkeys((query.dataset, query.version) for query in queries))
    mapping = [
        replace(rule, dataset=dataset, version=version)
        for number, rule in enumerate(view.mapping)
        for dataset, version in names.scope(rule, used, f"mapping[{number}]")
    ]
    pins = {version: names.commit(dataset, version) for dataset, version in used}
    return replace(view, queries=tuple(queries), mapping=tuple(mapping), pins=pins)


def _fixed(query: ViewQuery, when: datetime) -> ViewQuery:
    """Returns a query that means the same at any time; one that can not be read stays as it is."""
    try:
        return replace(
            query,
            frame=fix_now(query.frame, when),
            source=fix_now(query.source, when, Scope.SOURCE),
            rois=tuple(
                replace(rule, query=fix_now(rule.query, when, Scope.ANNOTATION)) for rule in query.rois
            ),
        )
    except QuerySyntaxError:
        return query


class _Names:
    """Looks up what a view names, each dataset and version once."""

    def __init__(self, core: Core, view: View) -> None:
        self._core = core
        self._pins = view.pins
        self._listed = [d for d in core.catalog().datasets.values() if not d.deleted]
        self._known: dict[tuple[str, str], tuple[str, str]] = {}

    def pair(self, query: ViewQuery | MappingRule) -> tuple[str, str]:
        """Returns the ids of dataset and version that a query without wildcards names."""
        given = (query.dataset, query.version)
        if given not in self._known:
            self._known[given] = self._look_up(*given)
        return self._known[given]

    def _look_up(self, dataset: str, version: str) -> tuple[str, str]:
        if version in self._pins:
            # What is pinned is found although its version or dataset was deleted.
            held = self._state(self._pins[version], version).document.dataset_id
            if held in (dataset, self._id_of(dataset)):
                return held, version
        found = self._dataset(dataset)
        return found.id, found.version(version).id

    def _id_of(self, name: str) -> str | None:
        return next((d.id for d in self._listed if d.name == name), None)

    def _dataset(self, name: str) -> Dataset:
        return Dataset(self._core, find_one(name, self._listed, "dataset", "this repository").id)

    def meant(
        self, query: ViewQuery, pairs: Iterable[tuple[str, str]], where: str
    ) -> Iterator[tuple[str, str]]:
        """Yields the ids of dataset and version of all that a query means; ``pairs`` is what the others name."""
        if ANY not in (query.dataset, query.version):
            yield self.pair(query)
        else:
            yield from self._wildcard(query, pairs, where)

    def _wildcard(
        self, query: ViewQuery | MappingRule, pairs: Iterable[tuple[str, str]], where: str
    ) -> list[tuple[str, str]]:
        if query.dataset == ANY and query.version == ANY:
            return list(pairs)
        if query.version == ANY:
            dataset = self._dataset_of(query.dataset, pairs)
            found = [pair for pair in pairs if pair[0] == dataset]
            missing = f"every version of {query.dataset!r} that the view names, but it names none"
        else:
            found = self._in_every_dataset(query.version, dict.fromkeys(dataset for dataset, _ in pairs))
            missing = f"version {query.version!r} of every dataset the view names, but none has it"
        if not found:
            raise NotFoundError(f"{where} asks for {missing}.")
        return found

    def _dataset_of(self, name: str, pairs: Iterable[tuple[str, str]]) -> str:
        return name if any(name == dataset for dataset, _ in pairs) else self._dataset(name).id

    def _in_every_dataset(self, version: str, datasets: Iterable[str]) -> list[tuple[str, str]]:
        found = []
        for dataset in datasets:
            try:
                found.append(self._known.get((dataset, version)) or self._look_up(dataset, version))
            except NotFoundError:
                continue  # the wildcard means those datasets that have the version
        return found

    def scope(self, rule: MappingRule, used: list[tuple[str, str]], where: str) -> Iterator[tuple[str, str]]:
        """Yields where a mapping rule holds: the whole view, a dataset, or single versions."""
        if rule.version == ANY:
            yield (ANY if rule.dataset == ANY else self._dataset_of(rule.dataset, used)), ANY
        elif rule.dataset == ANY:
            yield from self._wildcard(rule, used, where)
        else:
            yield self.pair(rule)

    def commit(self, dataset: str, version: str) -> str:
        """Returns the commit that the view pins for a version, or else that at which the version stands."""
        if version not in self._pins:
            return commit_of(self._core.objects, self._core.living_ref(dataset, version)[1])
        commit = self._pins[version]
        held = self._state(commit, version).document
        if (held.dataset_id, held.id) != (dataset, version):
            raise DamagedError(
                f"The view pins {dataset}/{version} to commit {commit}, which is one of {held.dataset_id}/{held.id}."
            )
        return commit

    def _state(self, commit: str, version: str) -> VersionState:
        state = VersionState(self._core.objects, commit)
        try:
            _ = state.document
        except HdstoreError as error:
            if not self._core.objects.exists(commit):
                raise NotFoundError(
                    f"The view pins version {version} to commit {commit}, which is not in this repository; pull from"
                    " where the view comes from, or pin it again."
                ) from error
            raise
        return state
