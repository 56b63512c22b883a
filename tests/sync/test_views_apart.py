"""A view that two people published differently, each in a repository of their own."""

from __future__ import annotations

from hdstore import Repository, View, ViewQuery, replace
from hdstore.codec import view_hash
from hdstore.repository.core import KEEP_REF

VIEW = View(queries=(ViewQuery(dataset="plates", version="v1"),))


def test_both_values_are_kept_and_nothing_is_found_wrong(ada: Repository, bob: Repository) -> None:
    """One keeps the id, the other gets one of its own; names may be equal, so ids tell them apart."""
    view = ada.create_view("train", VIEW)
    ada.push()
    bob.pull()
    for number, repository in enumerate((ada, bob), start=1):
        stored = repository.view(view.id)
        stored.edit(replace(stored.value, enumeration={"cat": number}))
        stored.publish()
    values = {view_hash(repository.view(view.id).value) for repository in (ada, bob)}
    ada.push()
    bob.pull()
    bob.push()
    ada.pull()

    for repository in (ada, bob):
        held = repository.views()
        assert {view_hash(stored.value) for stored in held} == values
        assert view_hash(repository.view(view.id).value) == min(values)
        assert [stored.published for stored in held] == [True, True]
        assert repository.fsck() == []
        assert repository._core.refs.list(KEEP_REF)
    assert ada._core.catalog().commit == bob._core.catalog().commit
