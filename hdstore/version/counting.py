"""Statistics kept up by addition: what one frame adds, so that a change costs what it touches (row 33)."""

from __future__ import annotations

from hdstore.model import Frame, LabelCount, Stats

__all__ = ["Tally", "count_frame", "merge_counts"]


class Tally:
    """Counts over frames to which frames are added and from which they are taken."""

    def __init__(self, stats: Stats | None = None) -> None:
        stats = stats or Stats()
        self.frames = stats.frames
        self.annotated = stats.annotated
        self.annotations = stats.annotations
        self.content_types = dict(stats.content_types)
        self.labels = {name: [count.annotations, count.frames] for name, count in stats.labels.items()}

    def add(self, frame: Frame, times: int = 1) -> None:
        """Counts a frame in (``times`` 1) or out (-1)."""
        self.frames += times
        annotations = frame.annotations
        if annotations:
            self.annotated += times
            self.annotations += times * len(annotations)
            labels = self.labels
            in_frame = set()
            for annotation in annotations:
                for label in annotation.labels:
                    count = labels.get(label)
                    if count is None:
                        count = labels[label] = [0, 0]
                    if label not in in_frame:
                        in_frame.add(label)
                        count[1] += times
                    count[0] += times
        for source in frame.sources:
            kind = source.content_type
            if kind:
                self.content_types[kind] = self.content_types.get(kind, 0) + times

    def stats(self) -> Stats:
        """Returns the counts as a value; what counts to nothing is left out."""
        return Stats(
            frames=self.frames,
            annotated=self.annotated,
            annotations=self.annotations,
            content_types={name: n for name, n in sorted(self.content_types.items()) if n},
            labels={
                name: LabelCount(annotations=count[0], frames=count[1])
                for name, count in sorted(self.labels.items())
                if count[0] or count[1]
            },
        )


def count_frame(frame: Frame) -> Stats:
    """Returns what one frame counts for."""
    tally = Tally()
    tally.add(frame)
    return tally.stats()


def merge_counts(*parts: Stats) -> Stats:
    """Returns the sum of statistics over disjoint sets of frames."""
    tally = Tally()
    for part in parts:
        tally.frames += part.frames
        tally.annotated += part.annotated
        tally.annotations += part.annotations
        for name, n in part.content_types.items():
            tally.content_types[name] = tally.content_types.get(name, 0) + n
        for name, count in part.labels.items():
            held = tally.labels.setdefault(name, [0, 0])
            held[0] += count.annotations
            held[1] += count.frames
    return tally.stats()
