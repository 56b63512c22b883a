"""COCO's run-length masks: runs of background and foreground in turn, column by column, background first.

The compressed string holds each count (from the fourth on, its difference to the count before the last) in
groups of five bits, lowest first, as characters from "0" on; a sixth bit says that more groups follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from hdstore.errors import InvalidValueError
from hdstore.geometry.rings import Bounds

__all__ = [
    "MAX_MASK_PIXELS",
    "decode_counts",
    "encode_counts",
    "mask_counts",
    "rle_area",
    "rle_bounds",
    "rle_mask",
    "rle_runs",
]

MAX_MASK_PIXELS = 1 << 28
"""How many pixels a mask may have to be unpacked into bytes: a few letters may claim terabytes."""

_MAX_GROUPS = 11
"""A count has at most 11 groups of five bits: more would not fit in 53 bits."""


def decode_counts(counts: str | Sequence[int], *, height: int, width: int) -> tuple[int, ...]:
    """Returns the run lengths of a mask, given as COCO's compressed string or as run lengths.

    Raises:
        InvalidValueError: the string is none that COCO's tools write, or the runs do not fill the picture.
    """
    lengths = _from_string(counts) if isinstance(counts, str) else tuple(counts)
    if any(length < 0 for length in lengths) or sum(lengths) != height * width:
        raise InvalidValueError(
            f"The runs of a mask of {width} x {height} pixels add up to {height * width}, none negative;"
            f" these add up to {sum(lengths)}."
        )
    return lengths


def _from_string(text: str) -> tuple[int, ...]:
    counts: list[int] = []
    value = shift = 0
    for position, letter in enumerate(text):
        code = ord(letter) - 48
        if not 0 <= code < 64 or shift >= 5 * _MAX_GROUPS:
            raise InvalidValueError(
                f"A compressed mask is made of the letters '0' to 'o' in groups, which {letter!r} at position"
                f" {position} breaks."
            )
        value |= (code & 0x1F) << shift
        shift += 5
        if code & 0x20:
            continue
        if code & 0x10:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    if shift:
        raise InvalidValueError("A compressed mask ends in the middle of a number.")
    return tuple(counts)


def encode_counts(counts: Sequence[int]) -> str:
    """Returns run lengths as COCO's compressed string."""
    letters: list[str] = []
    for i, count in enumerate(counts):
        value = count - counts[i - 2] if i > 2 else count
        more = True
        while more:
            group = value & 0x1F
            value >>= 5
            more = value != (-1 if group & 0x10 else 0)
            letters.append(chr(group + (0x20 if more else 0) + 48))
    return "".join(letters)


def rle_area(counts: Sequence[int]) -> int:
    """Returns how many pixels of a mask are set."""
    return sum(counts[1::2])


def rle_runs(counts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yields the start and length of each run of set pixels, counted down the columns."""
    ends = list(accumulate(counts))
    for i in range(1, len(counts), 2):
        if counts[i]:
            yield ends[i - 1], counts[i]


def rle_bounds(counts: Sequence[int], *, height: int) -> Bounds | None:
    """Returns the smallest rectangle around the set pixels, or None where none is set."""
    left = top = right = bottom = -1
    for start, length in rle_runs(counts):
        last = start + length - 1
        first_x, last_x = start // height, last // height
        # A run that goes on in the next column touches both ends of a column.
        first_y, last_y = (start % height, last % height) if first_x == last_x else (0, height - 1)
        if left < 0:
            left, top, bottom = first_x, first_y, last_y
        top, bottom, right = min(top, first_y), max(bottom, last_y), last_x
    if left < 0:
        return None
    return (left, top, right - left + 1, bottom - top + 1)


def rle_mask(counts: Sequence[int], *, height: int, width: int) -> bytearray:
    """Returns a mask as one byte (0 or 1) a pixel, row by row."""
    if height * width > MAX_MASK_PIXELS:
        raise InvalidValueError(
            f"A mask of {width} x {height} pixels is not unpacked; at most {MAX_MASK_PIXELS} pixels are."
        )
    if sum(counts) != height * width:
        raise InvalidValueError(
            f"The runs of a mask of {width} x {height} pixels add up to {height * width}, not {sum(counts)}."
        )
    columns = bytearray(height * width)
    for start, length in rle_runs(counts):
        columns[start : start + length] = b"\x01" * length
    return bytearray().join(columns[row::height] for row in range(height))


def mask_counts(mask: bytes | bytearray, *, height: int, width: int) -> tuple[int, ...]:
    """Returns the run lengths of a mask of one byte a pixel, row by row; every byte but 0 is set."""
    if len(mask) != height * width:
        raise InvalidValueError(
            f"A mask of {width} x {height} pixels has {height * width} bytes, not {len(mask)}."
        )
    plain = mask.translate(b"\x00" + b"\x01" * 255)
    columns = b"".join(plain[column::width] for column in range(width))
    counts: list[int] = []
    place, wanted = 0, b"\x01"
    while place < len(columns):
        end = columns.find(wanted, place)
        end = len(columns) if end < 0 else end
        counts.append(end - place)
        place, wanted = end, b"\x00" if wanted == b"\x01" else b"\x01"
    return tuple(counts)
