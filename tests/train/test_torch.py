"""PyTorch datasets: every item once, whatever shares them out, and errors that name the frame."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hdstore import DatasetVersion, MediaError, Repository, View, replace
from hdstore.errors import InvalidValueError
from hdstore.media import Media
from hdstore.model import Clip, Iteration, Order, Output
from hdstore.repository import DataView
from hdstore.view import ViewItem

torch = pytest.importorskip("torch", reason="torch is not installed")

from torch.utils.data import DataLoader  # noqa: E402

from hdstore.train.torch import (  # noqa: E402
    CropLoader,
    DetectionLoader,
    FrameDataset,
    FrameStream,
    SegmentationLoader,
    collate,
    mask_numbers,
    stack,
)


def name(item: ViewItem, media: Media) -> str:
    """Loads the id of a frame, the simplest of loaders."""
    return item.frame.id


def opened(item: ViewItem, media: Media) -> str:
    """Loads the id of a frame whose picture is there."""
    source = item.frame.sources[0]
    if media.local_path(source.uri) is None:
        raise MediaError(f"The picture of {item.frame.id} is gone.")
    return item.frame.id


def flat(batches: Any) -> list[Any]:
    return [one for batch in batches for one in batch]


IDS = [f"p{number}" for number in range(6)]


# Loaders


def test_detection_gives_what_torchvision_models_take(view: DataView) -> None:
    """The picture as bytes, boxes, numbers, masks, points and where they came from, all aligned."""
    dataset = FrameDataset(view, DetectionLoader(masks=True, keypoints=True, tv_tensors=False))
    image, target = dataset[2]

    assert (image.shape, image.dtype) == ((3, 30, 40), torch.uint8)
    assert image[:, 10, 20].tolist() == [255, 0, 0]
    assert target["boxes"].dtype == torch.float32
    assert target["boxes"][0].tolist() == [10, 5, 30, 15]
    assert target["labels"].tolist() == [1, 2, 1, 2, 3]
    assert target["masks"].shape == (5, 30, 40)
    assert target["area"].tolist() == [200, 60, 10, 0, 120]
    assert target["keypoints"].shape == (5, 3, 2)
    assert target["visibility"][3].tolist() == [2, 1, 0]
    assert target["frame_labels"].tolist() == [9]
    assert (target["image_id"], target["frame_id"]) == (2, "p2")
    assert target["annotation_ids"] == ["box", "ring", "runs", "points", "road"]
    plain = FrameDataset(view, DetectionLoader(tv_tensors=False))[2][1]
    assert plain["area"][0] == 200
    assert not {"masks", "keypoints"} & plain.keys()


def test_torchvision_transforms_move_everything_together(view: DataView) -> None:
    """A flip turns picture, boxes, masks and points alike."""
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    from torchvision.transforms import v2

    dataset = FrameDataset(
        view, DetectionLoader(masks=True, keypoints=True), transform=v2.RandomHorizontalFlip(1.0)
    )
    image, target = dataset[2]

    assert image[:, 10, 20].tolist() == [255, 0, 0]
    assert target["boxes"][1].tolist() == [28, 2, 38, 8]
    assert target["masks"][4, 20:, 28:].all()
    assert target["keypoints"][3, 0].tolist() == pytest.approx([39, 2], abs=1)


def pair(item: ViewItem, media: Media) -> tuple[str, int]:
    """Loads two values."""
    return item.frame.id, item.position


def test_a_transform_gets_what_was_loaded(view: DataView) -> None:
    """A pair as two arguments, anything else as one; an item is no pair."""
    assert FrameDataset(view, pair, transform=lambda id, place: f"{id} at {place}")[2] == "p2 at 2"
    assert FrameDataset(view, name, transform=str.upper)[2] == "P2"
    whole = FrameStream(view, lambda item, media: item, transform=lambda item: item.frame.id)
    assert list(whole) == IDS


def test_crops_show_one_annotation(repository: Repository, value: View) -> None:
    """One item for each annotation, cut out and scaled; labels of the frame show the whole picture."""
    each = repository.data_view(replace(value, output=Output.EACH))
    dataset = FrameDataset(each, CropLoader(size=(8, 16)))
    found = {each.item(place).frame.annotations[0].id: dataset[place] for place in range(7)}

    image, number = found["box"]
    assert (image.shape, number) == ((3, 8, 16), 1)
    assert (image[0] == 255).all()
    assert not image[1:].any()
    assert found["round"][1] == -1
    assert found["place"][1] == 9
    wide = CropLoader(size=(25, 40), margin=1.0)(each.item(0), each.media)[0]
    assert wide[0, 5, 9:11].tolist() == [0, 255]


def test_segmentation_gives_numbers_by_pixel(view: DataView, draft: DatasetVersion, tmp_path: Path) -> None:
    """A mask's own values, or the numbers that the schema's labels have."""
    from PIL import Image

    from hdstore import MaskLabel

    image, mask = FrameDataset(view, SegmentationLoader())[1]
    assert (image.shape, mask.shape, mask.dtype) == ((3, 30, 40), (30, 40), torch.int64)
    assert mask.unique().tolist() == [0, 7]

    draft.set_mask_labels(
        {
            "_all_": (
                MaskLabel(value=(0,), labels=("ground",)),
                MaskLabel(value=(7, 7, 7), labels=("way", "road")),
            )
        }
    )
    numbers = mask_numbers(draft.schema(), view.value.enumeration)
    assert numbers == {(7, 7, 7): 3}
    mask = FrameDataset(view, SegmentationLoader(numbers=numbers))[1][1]
    assert mask.unique().tolist() == [3, 255]

    Image.new("RGB", (40, 30), (7, 7, 7)).save(tmp_path / "pictures" / "p1-mask.png")
    frame = draft.frame("p1")
    held = replace(frame.sources[0].masks[0], size=None, hash="")
    draft.add_frames([replace(frame, sources=(replace(frame.sources[0], masks=(held,)),))])
    view = view.with_value(view.value)
    assert FrameDataset(view, SegmentationLoader(numbers=numbers))[1][1].unique().tolist() == [3]
    with pytest.raises(InvalidValueError, match="'p1' is in colours"):
        FrameDataset(view, SegmentationLoader())[1]
    with pytest.raises(MediaError, match="'p1' has no mask 'x'"):
        FrameDataset(view, SegmentationLoader(mask="x"))[1]


def test_what_does_not_fit_is_refused(
    view: DataView, draft: DatasetVersion, value: View, repository: Repository
) -> None:
    """Views without numbers, frames of many annotations as crops, pictures of another size than was annotated."""
    bare = repository.data_view(replace(value, enumeration={}))
    for load in (DetectionLoader(), CropLoader(size=(4, 4))):
        with pytest.raises(InvalidValueError, match="no numbers"):
            FrameDataset(bare, load)
        with pytest.raises(InvalidValueError, match="no numbers"):
            FrameStream(bare, load)
    assert FrameDataset(bare, name)[0] == "p0"
    with pytest.raises(InvalidValueError, match="frame_per_roi"):
        FrameDataset(view, CropLoader(size=(4, 4)))[0]
    frame = draft.frame("p0")
    draft.add_frames([replace(frame, sources=(replace(frame.sources[0], width=80),))])
    view = view.with_value(view.value)
    with pytest.raises(MediaError, match=r"'p0' has 40 x 30 pixels.*80 x 30"):
        FrameDataset(view, DetectionLoader())[0]
    with pytest.raises(InvalidValueError, match="on_error"):
        FrameDataset(view, name, on_error="ignore")  # type: ignore[arg-type]


# By position


def test_a_dataset_has_every_item_of_its_view(shuffled: DataView) -> None:
    """In the view's order, also from the end; other positions are an IndexError, which ends a loop."""
    dataset = FrameDataset(shuffled, name)

    assert len(dataset) == 6
    assert list(dataset) == [item.frame.id for item in shuffled.items()]
    assert sorted(dataset) == IDS
    assert dataset[-1] == dataset[5]
    for position in (6, -7):
        with pytest.raises(IndexError, match="6 items"):
            dataset[position]


def test_a_dataset_is_pinned(view: DataView, draft: DatasetVersion) -> None:
    """What is saved later does not reach a dataset that was made before."""
    dataset, stream = FrameDataset(view, name), FrameStream(view.with_value(view.value), name)
    draft.delete_frames(["p0"])

    assert list(dataset) == list(stream) == IDS
    assert list(FrameDataset(view.with_value(view.value), name)) == IDS[1:]


@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_workers_open_the_repository_themselves(shuffled: DataView, method: str) -> None:
    """Two workers of either kind give what one process gives."""
    dataset = FrameDataset(shuffled, name)
    stream = FrameStream(shuffled, name)
    expected = list(dataset)

    loader = DataLoader(dataset, batch_size=2, num_workers=2, multiprocessing_context=method)
    assert flat(loader) == expected
    loader = DataLoader(stream, batch_size=1, num_workers=2, multiprocessing_context=method)
    assert flat(loader) == expected


def place(item: ViewItem, media: Media) -> int:
    """Loads where the media's handle lies in memory."""
    return id(media)


def test_a_fork_shares_no_open_files(view: DataView) -> None:
    """A worker that is a fork has handles of its own, and makes them once."""
    held = id(view.media)
    dataset, stream = FrameDataset(view, place), FrameStream(view, place)
    list(dataset), list(stream)

    for data in (dataset, stream):
        loader = DataLoader(data, num_workers=1, multiprocessing_context="fork")
        (other,) = set(torch.cat(list(loader)).tolist())
        assert other != held


def test_a_dataset_can_be_pickled(shuffled: DataView) -> None:
    """The copy reads the same, and says of the same view."""
    dataset = FrameDataset(shuffled, DetectionLoader(tv_tensors=False))
    stream = FrameStream(shuffled, name)

    again = pickle.loads(pickle.dumps(dataset))
    assert [target["frame_id"] for _, target in again] == [target["frame_id"] for _, target in dataset]
    assert list(pickle.loads(pickle.dumps(stream))) == list(stream)


def test_batches_of_pictures_are_lists(view: DataView) -> None:
    """Collate keeps pictures and targets apart; stack makes tensors of what has one shape."""
    images, targets = collate([FrameDataset(view, DetectionLoader())[n] for n in range(2)] + [None])
    assert [len(images), len(targets)] == [2, 2]
    assert stack([(torch.zeros(2), 1), None, (torch.ones(2), 2)])[1].tolist() == [1, 2]
    assert stack([None]) is None
    assert collate([None]) == ([], [])


def test_missing_media_name_the_frame(view: DataView, tmp_path: Path) -> None:
    """By position and in a stream, also from a worker."""
    (tmp_path / "pictures" / "p3.png").unlink()
    load = DetectionLoader()

    with pytest.raises(MediaError, match=r"'root:pics/p3.png' of frame 'p3' is not on this machine"):
        FrameDataset(view, load)[3]
    with pytest.raises(MediaError, match="frame 'p3'"):
        list(FrameStream(view, load))
    with pytest.raises(MediaError, match="frame 'p3'"):
        list(DataLoader(FrameDataset(view, load), num_workers=1, collate_fn=collate))


def test_skipped_items_are_counted_and_told(
    view: DataView, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Over all workers; what is left comes as ever."""
    for number in (1, 4):
        (tmp_path / "pictures" / f"p{number}.png").unlink()
    dataset = FrameDataset(view, opened, on_error="skip")
    stream = FrameStream(view, opened, on_error="skip")

    assert list(dataset) == ["p0", None, "p2", "p3", None, "p5"]
    assert list(stream) == ["p0", "p2", "p3", "p5"]
    assert (dataset.skipped, stream.skipped) == (2, 2)
    assert [record.message for record in caplog.records][:1] == ["Skipped: The picture of p1 is gone."]
    assert sorted(flat(DataLoader(stream, batch_size=2, num_workers=2))) == ["p0", "p2", "p3", "p5"]
    assert stream.skipped == 4


# As a stream


@pytest.mark.parametrize(("world", "workers"), [(1, 0), (3, 0), (2, 2)])
def test_nodes_and_workers_share_the_items(shuffled: DataView, world: int, workers: int) -> None:
    """Together they have each item once, and none has more than one item more than another."""
    parts = [
        flat(
            DataLoader(
                FrameStream(shuffled, name, rank=rank, world_size=world), batch_size=1, num_workers=workers
            )
        )
        for rank in range(world)
    ]

    assert sorted(flat(parts)) == IDS
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("workers", [0, 2])
def test_equal_nodes_have_equal_batches(shuffled: DataView, workers: int) -> None:
    """Of six items four nodes get one each, in one batch each: a barrier after each batch never waits in vain."""
    parts = [
        list(
            DataLoader(FrameStream(shuffled, name, rank=rank, world_size=4, equal=True), num_workers=workers)
        )
        for rank in range(4)
    ]

    assert [len(part) for part in parts] == [1, 1, 1, 1]
    assert len(set(flat(flat(parts)))) == 4


def test_a_node_is_one_of_its_world(view: DataView) -> None:
    """Half of the two numbers, or a rank outside, is refused."""
    for rank, world in ((0, None), (None, 2), (2, 2), (-1, 2)):
        with pytest.raises(InvalidValueError, match="rank"):
            FrameStream(view, name, rank=rank, world_size=world)


def test_epochs_have_orders_of_their_own(shuffled: DataView, view: DataView) -> None:
    """The same on each machine: epoch e of seed s is the order of seed s + e; a sequential view has one order."""
    stream = FrameStream(shuffled, name)
    orders = []
    for epoch in range(4):
        stream.set_epoch(epoch)
        orders.append(list(stream))
    moved = shuffled.with_value(replace(shuffled.value, iteration=Iteration(order=Order.RANDOM, seed=9)))

    assert all(sorted(order) == IDS for order in orders)
    assert len({tuple(order) for order in orders}) > 2
    assert orders[0] == [item.frame.id for item in shuffled.items()]
    assert orders[2] == [item.frame.id for item in moved.items()]
    still = FrameStream(view, name)
    still.set_epoch(3)
    assert list(still) == IDS
    with pytest.raises(InvalidValueError, match="from 0"):
        still.set_epoch(-1)


def test_workers_that_live_on_hear_of_the_epoch(shuffled: DataView) -> None:
    """Persistent workers got their copy of the stream before the epoch was set."""
    stream = FrameStream(shuffled, name)
    loader = DataLoader(stream, batch_size=1, num_workers=2, persistent_workers=True)

    for epoch in (0, 1, 2):
        stream.set_epoch(epoch)
        assert flat(loader) == list(FrameStreamAt(shuffled, epoch))


def FrameStreamAt(view: DataView, epoch: int) -> FrameStream:
    stream = FrameStream(view, name)
    stream.set_epoch(epoch)
    return stream


@pytest.mark.parametrize("stop", range(7))
def test_a_stream_goes_on_where_it_stood(shuffled: DataView, view: DataView, stop: int) -> None:
    """From its state, in a fresh process as it were, and then goes through the next epoch whole."""
    stream = FrameStream(shuffled, name)
    stream.set_epoch(1)
    whole = list(stream)
    running = iter(stream)
    begun = [next(running) for _ in range(stop)]
    state = stream.state_dict()

    again = FrameStream(shuffled, name)
    again.load_state_dict(pickle.loads(pickle.dumps(state)))
    assert begun + list(again) == whole
    again.set_epoch(2)
    assert len(list(again)) == 6
    again.load_state_dict(state)
    again.set_epoch(2)
    assert len(list(again)) == 6
    with pytest.raises(InvalidValueError, match="another view"):
        FrameStream(view, name).load_state_dict(state)


@pytest.mark.parametrize(("workers", "batches"), [(0, 0), (0, 2), (2, 1), (2, 3)])
def test_a_stream_goes_on_after_so_many_batches(shuffled: DataView, workers: int, batches: int) -> None:
    """Whatever the workers had prepared ahead: the batches that follow are those that were to follow."""

    def loader(stream: FrameStream) -> DataLoader[Any]:
        return DataLoader(stream, batch_size=2, num_workers=workers)

    stream = FrameStream(shuffled, name, rank=0, world_size=1)
    whole = list(loader(stream))
    again = FrameStream(shuffled, name)
    again.seek(epoch=0, batches=batches, batch_size=2, workers=workers)

    assert sorted(flat(loader(again))) == sorted(flat(whole[batches:]))
    with pytest.raises(InvalidValueError, match="state_dict"):
        FrameStream(view=shuffled, load=name, on_error="skip").seek(
            epoch=0, batches=1, batch_size=1, workers=0
        )


@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning")
def test_the_stateful_loader_keeps_the_place_of_each_worker(shuffled: DataView) -> None:
    """torchdata's loader asks the stream in each worker, and goes on in the middle."""
    stateful = pytest.importorskip("torchdata.stateful_dataloader", reason="torchdata is not installed")

    def loader() -> Any:
        return stateful.StatefulDataLoader(FrameStream(shuffled, name), batch_size=1, num_workers=2)

    whole = flat(loader())
    first = loader()
    running = iter(first)
    begun = flat(next(running) for _ in range(3))
    state = first.state_dict()
    second = loader()
    second.load_state_dict(state)

    assert begun + flat(second) == whole


def test_endless_views_stream(repository: Repository, value: View) -> None:
    """A stream of a view without an end goes on; a dataset by position has none."""
    endless = repository.data_view(replace(value, iteration=Iteration(infinite=True)))
    stream = iter(FrameStream(endless, name, equal=True))

    assert Counter(next(stream) for _ in range(18)) == dict.fromkeys(IDS, 3)
    with pytest.raises(ValueError, match=r"end|limit|infinite"):
        FrameDataset(endless, name)


def test_a_clip_is_the_list_of_its_frames(repository: Repository, value: View) -> None:
    """Of each context, in order."""
    clips = repository.data_view(replace(value, iteration=Iteration(clip=Clip(length=2))))

    assert list(FrameStream(clips, name)) == [["p0", "p1"], ["p3", "p4"]]
    assert FrameDataset(clips, name)[1] == ["p3", "p4"]


def run_node(rank: int, view: DataView, place: str) -> None:
    """Reads one node's part and gathers all parts on each."""
    from torch import distributed

    distributed.init_process_group("gloo", init_method=f"file://{place}", rank=rank, world_size=2)
    try:
        mine = list(FrameStream(view, name))
        parts: list[Any] = [None, None]
        distributed.all_gather_object(parts, mine)
        assert len(mine) == 3
        assert sorted(flat(parts)) == IDS
    finally:
        distributed.destroy_process_group()


@pytest.mark.slow
def test_nodes_are_told_apart_by_torch_distributed(shuffled: DataView, tmp_path: Path) -> None:
    """Two real processes of one group share the items without being told."""
    if not torch.distributed.is_available():
        pytest.skip("this torch has no torch.distributed")
    torch.multiprocessing.spawn(run_node, args=(shuffled, str(tmp_path / "group")), nprocs=2)
