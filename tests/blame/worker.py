"""A process that asks for the history of a frame at each commit it is told, and says how long it is."""

from __future__ import annotations

import sys
from pathlib import Path

from hdstore.blame import Histories, histories
from hdstore.store import Layout, Objects


def main() -> None:
    histories._WORTH = 10**9
    layout = Layout(Path(sys.argv[1]))
    for line in sys.stdin:
        found = Histories(
            Objects(layout.hds),
            layout.index / "history" / "plates.1",
            tmp=layout.tmp,
            lock=layout.locks / "history.lock",
            named="{}/{}".format,
        )
        events = list(found.events(line.strip(), "a"))
        print(len(events), events[0].commit.id, flush=True)


if __name__ == "__main__":
    main()
