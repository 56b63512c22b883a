"""The seam to DataViews: what training asks of one, whoever gives it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hdstore.media import Media
    from hdstore.model import View
    from hdstore.view import ViewItem

__all__ = ["Items", "frames_of", "item_count"]


class Items(Protocol):
    """A view bound to where its frames and media lie; ``repository.data_view`` gives one.

    It can be pickled: another process opens the repository anew and reads the same frames in the same order.
    """

    @property
    def value(self) -> View:
        """The view itself."""
        ...

    @property
    def content_hash(self) -> str:
        """The hash of the view's value."""
        ...

    @property
    def media(self) -> Media:
        """Finds the media of its frames on this machine."""
        ...

    def __len__(self) -> int:
        """Returns how many items it gives; raises for a view without an end."""
        ...

    def item(self, position: int) -> ViewItem:
        """Returns the item at a position."""
        ...

    def items(self, start: int = 0, worker: int = 0, workers: int = 1) -> Iterator[ViewItem]:
        """Streams the items from a position on, each ``workers``-th of them beginning with the ``worker``-th."""
        ...

    def pinned(self) -> Items:
        """Returns the same view with the commits that its versions are now."""
        ...

    def with_value(self, value: View) -> Items:
        """Returns another view over the same repository."""
        ...


def item_count(view: Items, limit: int | None) -> int:
    """Returns how many items a view gives up to a limit; one without an end needs a limit."""
    iteration = view.value.iteration
    if limit is not None and iteration.infinite and iteration.limit is None:
        return limit
    return len(view) if limit is None else min(len(view), limit)


def frames_of(items: Iterable[ViewItem]) -> Iterator[ViewItem]:
    """Yields items of one frame each: a clip's are those of its frames, which share its position."""
    for item in items:
        if item.clip:
            yield from item.clip
        else:
            yield item
