"""PyTorch datasets over a view: by position, or as a stream shared between workers and nodes (rows 128-130).

    from torch.utils.data import DataLoader
    from hdstore.train.torch import DetectionLoader, FrameDataset, collate

    dataset = FrameDataset(repository.data_view("night"), DetectionLoader(masks=True))
    for images, targets in DataLoader(dataset, batch_size=8, num_workers=4, collate_fn=collate): ...

A **loader** makes what is trained on of an item of a view: any function ``load(item, media)`` that can be pickled. A
**transform** then gets what the loader returned; a pair comes as two arguments, as torchvision's ``v2`` wants it. Of a
clip each frame is loaded, and the sample is the list of them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from hdstore.errors import InvalidValueError, MediaError
from hdstore.model import DEFAULT_SEED, Order, replace
from hdstore.train.extras import need
from hdstore.train.loaders import CropLoader, DetectionLoader, SegmentationLoader, mask_numbers

if TYPE_CHECKING:
    from hdstore.media import Media
    from hdstore.train.items import Items
    from hdstore.view import ViewItem

torch: Any = need("torch", extra="torch")

__all__ = [
    "CropLoader",
    "DetectionLoader",
    "FrameDataset",
    "FrameStream",
    "Load",
    "SegmentationLoader",
    "collate",
    "mask_numbers",
    "stack",
]

Load: TypeAlias = "Callable[[ViewItem, Media], Any]"
"""Makes what is trained on of an item of a view, finding its media with the second argument."""

OnError: TypeAlias = Literal["raise", "skip"]
"""What happens to a frame whose media can not be had."""

_SLOTS = 1024
_SEEDS = 2**63

_log = logging.getLogger(__name__)


class _Here:
    """A view's handle, opened anew in each process: a fork would share its open files with its parent."""

    def __init__(self, view: Items) -> None:
        self._view = view
        self._process = os.getpid()

    def __call__(self) -> Items:
        if self._process != os.getpid():
            # Copying goes the way of pickling.
            self._view, self._process = copy(self._view), os.getpid()
        return self._view

    def __reduce__(self) -> tuple[type[_Here], tuple[Items]]:
        return _Here, (self._view,)


class _Sampler:
    """Turns items into samples, and says what happens to a frame whose media can not be had."""

    def __init__(self, load: Load, transform: Callable[..., Any] | None, on_error: OnError) -> None:
        if on_error not in ("raise", "skip"):
            raise InvalidValueError(f"on_error is 'raise' or 'skip', not {on_error!r}.")
        self._load = load
        self._transform = transform
        self.on_error = on_error
        # One place for each worker, in memory that all of them share.
        self._skipped = torch.zeros(_SLOTS, dtype=torch.int64).share_memory_()

    @property
    def skipped(self) -> int:
        """How many items were skipped, by all workers."""
        return int(self._skipped.sum())

    def __call__(self, item: ViewItem, media: Media) -> tuple[Any] | None:
        """Returns the sample in a tuple, or None where its item is skipped."""
        try:
            sample = self._loaded(item, media)
        except MediaError as error:
            if self.on_error == "raise":
                raise
            worker = torch.utils.data.get_worker_info()
            self._skipped[0 if worker is None else 1 + worker.id % (_SLOTS - 1)] += 1
            _log.warning("Skipped: %s", error)
            return None
        if self._transform is None:
            return (sample,)
        return (self._transform(*sample) if type(sample) is tuple else self._transform(sample),)

    def _loaded(self, item: ViewItem, media: Media) -> Any:
        if item.clip:
            return [self._load(one, media) for one in item.clip]
        return self._load(item, media)


class FrameDataset(torch.utils.data.Dataset):
    """The items of a view by position, for PyTorch's own samplers (row 128).

    The view is pinned: every worker, and every run from the same pickle, sees the same frames. It can be pickled, and
    each process that uses it opens the repository itself. ``transform`` gets what ``load`` returned. With
    ``on_error="skip"`` an item whose media can not be had comes as None, which ``collate`` and ``stack`` leave out;
    each is a warning in the log of this module, and ``skipped`` counts them.
    """

    def __init__(
        self,
        view: Items,
        load: Load,
        *,
        transform: Callable[..., Any] | None = None,
        on_error: OnError = "raise",
    ) -> None:
        self._view = _Here(_checked(view.pinned(), load))
        self._length = len(self._view())
        self._sample = _Sampler(load, transform, on_error)

    @property
    def skipped(self) -> int:
        """How many items were skipped so far, by all workers."""
        return self._sample.skipped

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, position: int) -> Any:
        if not -self._length <= position < self._length:
            raise IndexError(f"The view has {self._length} items, so there is no item {position}.")
        view = self._view()
        sample = self._sample(view.item(int(position) % self._length), view.media)
        return None if sample is None else sample[0]


class FrameStream(torch.utils.data.IterableDataset):
    """The items of a view as a stream in the view's own order, shared between workers and nodes (rows 121, 130).

    Item number p goes to shard p modulo the number of shards; a shard is one worker of one node. Within a node the
    DataLoader tells the workers apart. Nodes are told apart by ``rank`` and ``world_size``, or by ``torch.distributed``
    if that is initialised when the stream is made. With ``equal``, each node gets as many items as every other, in as
    many batches: up to ``world_size - 1`` of the last items are left out. Otherwise none is.

    ``set_epoch`` gives each epoch its own random order, the same on all nodes. ``state_dict`` and ``load_state_dict``
    continue a stream where it stood; ``seek`` does so by the number of batches that a DataLoader gave out. With
    ``on_error="skip"`` items whose media can not be had are passed over; each is a warning in the log of this module,
    and ``skipped`` counts them.
    """

    def __init__(
        self,
        view: Items,
        load: Load,
        *,
        transform: Callable[..., Any] | None = None,
        on_error: OnError = "raise",
        rank: int | None = None,
        world_size: int | None = None,
        equal: bool = False,
    ) -> None:
        pinned = _checked(view.pinned(), load)
        self._view = _Here(pinned)
        self._iteration = pinned.value.iteration
        self._sample = _Sampler(load, transform, on_error)
        self._rank, self._world = _node(rank, world_size)
        self._equal = equal
        # Shared, because workers that live on between epochs got their copy before the epoch was set.
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()
        self._resume: tuple[int, dict[int, int]] = (0, {})
        self._taken = 0

    @property
    def skipped(self) -> int:
        """How many items were skipped so far, by all workers."""
        return self._sample.skipped

    @property
    def epoch(self) -> int:
        """The epoch, counted from 0."""
        return int(self._epoch[0])

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch: a random order of seed s is that of seed s + ``epoch``; other orders stay as they are."""
        if epoch < 0:
            raise InvalidValueError(f"Epochs are counted from 0, and {epoch} is less.")
        self._epoch[0] = epoch

    def __iter__(self) -> Iterator[Any]:
        # Not in the generator, which begins only when its first item is wanted: the state is that of this pass at once.
        shard, shards = self._shard()
        (epoch, taken), self._resume = self._resume, (0, {})
        self._taken = taken.get(shard, 0) if epoch == self.epoch else 0
        return self._pass(shard, shards)

    def _pass(self, shard: int, shards: int) -> Iterator[Any]:
        view = self._of_epoch()
        end = self._end(view)
        for item in view.items(start=shard + self._taken * shards, worker=shard, workers=shards):
            if end is not None and item.position >= end:
                break
            self._taken += 1
            sample = self._sample(item, view.media)
            if sample is not None:
                yield sample[0]

    def state_dict(self) -> dict[str, Any]:
        """Returns where the stream stands in this process: in the loop itself, or in a worker of StatefulDataLoader."""
        return {"epoch": self.epoch, "taken": {str(self._shard()[0]): self._taken}, "view": self._hash()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues where ``state_dict`` was asked; raises InvalidValueError for the state of another view."""
        if state["view"] != self._hash():
            raise InvalidValueError("This state is of another view; a stream can not be continued by it.")
        self.set_epoch(state["epoch"])
        self._resume = (state["epoch"], {int(shard): taken for shard, taken in state["taken"].items()})

    def seek(self, *, epoch: int, batches: int, batch_size: int, workers: int) -> None:
        """Continues after so many batches of a DataLoader with ``workers`` workers gave out in ``epoch`` on this node.

        Raises:
            InvalidValueError: items may be skipped, so that batches do not tell how far the stream was.
        """
        if self._sample.on_error == "skip":
            raise InvalidValueError(
                "Where items are skipped, batches do not tell where the stream stood; keep its state_dict."
            )
        every, more = divmod(batches, max(workers, 1))
        given = {worker: every + (worker < more) for worker in range(max(workers, 1))}
        self.set_epoch(epoch)
        self._resume = (
            epoch,
            {worker * self._world + self._rank: count * batch_size for worker, count in given.items()},
        )

    def _shard(self) -> tuple[int, int]:
        """Returns which of how many shards this process reads.

        The first workers of all nodes come first, then the second ones: a whole number of rounds over the nodes then
        means equal batches on all of them.
        """
        worker = torch.utils.data.get_worker_info()
        number, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        return number * self._world + self._rank, workers * self._world

    def _of_epoch(self) -> Items:
        view = self._view()
        if not self.epoch or self._iteration.order is not Order.RANDOM:
            return view
        seed = DEFAULT_SEED if self._iteration.seed is None else self._iteration.seed
        iteration = replace(self._iteration, seed=(seed + self.epoch) % _SEEDS)
        return view.with_value(replace(view.value, iteration=iteration))

    def _end(self, view: Items) -> int | None:
        if not self._equal or (self._iteration.infinite and self._iteration.limit is None):
            return None
        return len(view) // self._world * self._world

    def _hash(self) -> str:
        return self._view().content_hash


def collate(batch: Sequence[tuple[Any, Any] | None]) -> tuple[list[Any], list[Any]]:
    """Returns the images and the targets of a batch as two lists, without items that were skipped.

    Pictures differ in size and targets in number, so nothing is stacked.
    """
    there = [sample for sample in batch if sample is not None]
    return [image for image, _ in there], [target for _, target in there]


def stack(batch: Sequence[Any]) -> Any:
    """Returns a batch stacked as PyTorch does by default, without items that were skipped; None if all were."""
    there = [sample for sample in batch if sample is not None]
    return torch.utils.data.default_collate(there) if there else None


def _checked(view: Items, load: Load) -> Items:
    if getattr(load, "needs_numbers", False) and not view.value.enumeration:
        raise InvalidValueError(
            "The view gives its labels no numbers, so there is nothing to learn; set its enumeration, such as"
            " {'car': 1, 'bus': 2}."
        )
    return view


def _node(rank: int | None, world_size: int | None) -> tuple[int, int]:
    if rank is None and world_size is None:
        distributed = torch.distributed
        if distributed.is_available() and distributed.is_initialized():
            return distributed.get_rank(), distributed.get_world_size()
        return 0, 1
    if rank is None or world_size is None or not 0 <= rank < world_size:
        raise InvalidValueError(
            f"A node is one rank of a world: 0 <= rank < world_size, not rank {rank} of {world_size}."
        )
    return rank, world_size
