"""Frames for the tests of views, and what plain Python says queries of them find."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

import hdstore
from hdstore import Annotation, Frame, Repository, SingleFrame, Source
from hdstore.model import View
from hdstore.query.columnar import compile_filter

Make = Callable[..., Repository]

labels = st.lists(st.sampled_from(["cat", "dog", "car", "犬"]), min_size=1, max_size=3).map(tuple)
frames = st.builds(
    SingleFrame,
    id=st.sampled_from(
        [f"{name}{number}" for name in ("f", "frame-with-a-long-name-", "é") for number in range(9)]
    ),
    context_id=st.sampled_from(
        ["", "a", "a/b", "犬", "context-that-is-longer-1", "context-that-is-longer-2"]
    ),
    timestamp=st.sampled_from([None, 0, 1, 1.5, 2, 40, 80, 81, -5, 1e18]),
    sources=st.sampled_from([(), (Source(uri="s3://b/x.jpg", timestamp=3),), (Source(uri="s3://b/y.jpg"),)]),
    annotations=st.lists(
        st.builds(Annotation, labels=labels, confidence=st.sampled_from([None, 0.2, 0.9])), max_size=4
    ).map(lambda several: tuple(hdstore.replace(one, id=str(n)) for n, one in enumerate(several))),
)
"""Small frames that share contexts, times and ids."""

batches = st.lists(frames, max_size=12)


def found(repository: Repository, view: View) -> list[tuple[str, list[Frame]]]:
    """Returns for each query of a resolved view its dataset and the frames that meet it, by looking at all of them."""
    result = []
    for query in view.queries:
        wanted = compile_filter(query)
        version = repository.dataset(query.dataset).version(query.version)
        result.append((query.dataset, [frame for frame in version.frames() if wanted.matches(frame)]))
    return result
