"""Colours and keys of labels."""

from __future__ import annotations

from hdstore_gui.editing.labels import NO_LABEL, PALETTE, Colours
from hdstore_gui.editing.shortcuts import label_keys

from hdstore.model import Label, LabelCount, Schema, Stats


def test_a_label_keeps_its_colour_when_others_are_added() -> None:
    """Colours follow from the names, in the order of the schema."""
    some = [Label(name=name) for name in ("car", "bus", "person")]
    more = [*some, *(Label(name=f"label {number}") for number in range(15))]

    assert [Colours(some).of(label.name) for label in some] == [
        Colours(more).of(label.name) for label in some
    ]


def test_labels_of_one_version_have_different_colours() -> None:
    """As many as the palette holds."""
    labels = [Label(name=f"label {number}") for number in range(len(PALETTE))]

    assert len({Colours(labels).of(label.name) for label in labels}) == len(PALETTE)


def test_the_schema_s_own_colour_wins() -> None:
    """What is no colour is passed over."""
    colours = Colours([Label(name="car", color="#102030"), Label(name="bus", color="red-ish")])

    assert colours.of("car") == (0x10, 0x20, 0x30)
    assert colours.of("bus") in PALETTE


def test_unlabelled_annotations_are_grey() -> None:
    """They stand back."""
    assert Colours().of_labels(()) == NO_LABEL


def test_labels_in_use_get_colours_too() -> None:
    """Also those the schema does not name."""
    stats = Stats(labels={"cat": LabelCount(annotations=1, frames=1), "car": LabelCount()})
    colours = Colours.of_version(Schema(labels=(Label(name="car"),)), stats)

    assert set(colours.known()) == {"car", "cat"}


def test_the_schema_s_keys_win_and_the_rest_take_what_is_left() -> None:
    """A key given twice belongs to the first."""
    labels = [Label(name="a"), Label(name="b", key="1"), Label(name="c", key="1"), Label(name="d", key="x")]

    assert label_keys(labels) == {"1": "b", "2": "a", "3": "c", "4": "d"}


def test_only_nine_labels_have_keys() -> None:
    """There are nine digits."""
    assert len(label_keys(Label(name=str(number)) for number in range(80))) == 9
