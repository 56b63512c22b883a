"""Laws: what is stored comes back exactly from entries and from their REST form."""

from __future__ import annotations

from hypothesis import given
from strategies import frames

from hdstore.clearml.converting import bind_entry, entry_from_native, entry_to_native
from hdstore.clearml.entry import DataEntry
from hdstore.codec import decode_frame, encode_frame
from hdstore.model import Frame


@given(frames(named=True))
def test_an_entry_gives_back_the_frame_it_was_read_from(frame: Frame) -> None:
    """Every field, whatever importers and other APIs have put there."""
    assert entry_to_native(entry_from_native(frame)) == frame


@given(frames(named=True))
def test_the_dict_of_an_entry_describes_it_whole(frame: Frame) -> None:
    """Also boxes, which it shows by their corners."""
    plain = entry_from_native(frame).to_api_object()
    again = entry_to_native(DataEntry.from_api_object(plain))
    assert again.annotations == frame.annotations
    assert (again.id, again.metadata, again.sources) == (frame.id, frame.metadata, frame.sources)
    assert (again.context, again.time) == (frame.context, frame.time)


@given(frames())
def test_annotations_that_were_saved_keep_their_ids(frame: Frame) -> None:
    """A second save of the same entry makes no new annotations."""
    entry = entry_from_native(frame)
    stored = decode_frame(encode_frame(entry_to_native(entry)))
    bind_entry(entry, stored)
    assert entry_to_native(entry) == stored
