"""Finding leaves in a segment by their object ids, many at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LeafPlaces"]


class LeafPlaces:
    """The places of a segment's leaves; ids are rows of 20 bytes."""

    def __init__(self, ids: NDArray[np.uint8]) -> None:
        self._ids = ids
        keys = _keys(ids)
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]

    def find(self, ids: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Returns the place of each leaf, or -1."""
        if not len(self._keys):
            return np.full(len(ids), -1)
        wanted = _keys(ids)
        near = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        places: NDArray[np.int64] = self._order[near]
        same = (self._ids[places] == ids).all(axis=1)
        # Ids that begin alike do not occur by chance, but somebody may have sought two.
        for row in np.flatnonzero(~same & (self._keys[near] == wanted)).tolist():
            places[row] = self._among(int(near[row]), ids[row])
            same[row] = True
        return np.where(same, places, -1)

    def _among(self, begin: int, wanted: NDArray[np.uint8]) -> int:
        """Returns the place of a leaf among those that begin like it, or -1."""
        end = int(np.searchsorted(self._keys, self._keys[begin], side="right"))
        for place in self._order[begin:end].tolist():
            if bytes(self._ids[place]) == bytes(wanted):
                return int(place)
        return -1


def _keys(ids: NDArray[np.uint8]) -> NDArray[Any]:
    """Returns the first eight bytes of each id as one number."""
    return np.ascontiguousarray(ids[:, :8]).view(">u8").ravel().astype(np.uint64)
