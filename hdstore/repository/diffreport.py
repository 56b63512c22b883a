"""The report of a diff: one HTML file with the pictures in it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from hdstore.diff import FrameChange, ValueChange
from hdstore.diff.html import Picture, Report, frame_section, page_end, page_start, shown_sources
from hdstore.errors import InvalidInputError, InvalidValueError, MediaError, RemoteError, UntrustedError
from hdstore.media import Media
from hdstore.model import Progress, Source
from hdstore.repository.diffing import SORTED, Counted
from hdstore.train.pictures import load_picture
from hdstore.train.writing import new_file
from hdstore.version import VersionState

__all__ = ["write_report"]

_SIDE = 800
"""The longer side of an embedded picture in pixels."""

_QUALITY = 80


def write_report(
    path: Path,
    media: Media,
    before: tuple[str, VersionState],
    after: tuple[str, VersionState],
    changes: Counted,
    version: Sequence[ValueChange] = (),
    *,
    progress: Progress | None = None,
) -> Report:
    """Writes changes between two named states as one HTML file that needs no network, and returns what stands above.

    Each frame shows its pictures, made smaller, with the annotations of both states over them. The file takes its place
    when it is whole. Raises StorageError when it can not be written, InvalidInputError for more than 2,000 frames.
    """
    if changes.limit is None or changes.limit > SORTED:
        raise InvalidInputError(
            f"A report holds at most {SORTED:,} frames; choose some by a query or by their ids."
        )
    chosen = list(changes)
    report = Report(
        before=before[0],
        after=after[0],
        summary=changes.summary(),
        version=version,
        shown=len(chosen),
        more=changes.more,
    )
    schemas = (before[1].schema, after[1].schema)
    reader = _Reader(media)
    with new_file(path) as stream:
        stream.write(page_start(report).encode())
        for place, change in enumerate(chosen):
            if progress is not None:
                progress("Drawing frames", place, len(chosen))
            pictures = {i: reader.picture(_source(change, i)) for i in shown_sources(change)}
            stream.write(frame_section(change, pictures, schemas, place).encode())
        stream.write(page_end(report).encode())
    return report


def _source(change: FrameChange, source_id: str) -> Source:
    before, after = change.read()
    found = (after.source(source_id) if after else None) or (before.source(source_id) if before else None)
    assert found is not None, "only sources of the frame are shown"
    return found


class _Reader:
    """Reads pictures; once a kept medium could not be fetched, no other one is asked for: its place is away."""

    def __init__(self, media: Media) -> None:
        self._media = media
        self._fetch = True

    def picture(self, source: Source) -> Picture:
        """Returns a source as a small JPEG; its preview where it is no picture, or nothing with the reason why."""
        width, height = source.width or 0, source.height or 0
        preview = source.preview
        asked = [(source.uri, source.hash, source.size)]
        asked += [(preview.uri, preview.hash, preview.size)] if preview else []
        reasons = []
        for uri, hash, size in asked:
            path, reason = self._find(uri, hash, size)
            if path is not None:
                try:
                    data, found = _embedded(path)
                except MediaError as error:
                    reason = str(error).replace(str(path), path.name)
                else:
                    return Picture(data=data, width=width or found[0], height=height or found[1])
            reasons.append(reason)
        return Picture(reason=reasons[0], width=width, height=height)

    def _find(self, uri: str, hash: str, size: int | None) -> tuple[Path | None, str]:
        """Returns where a medium lies, or why it does not: in words that name no folder of this machine."""
        try:
            return self._media.local_path(uri, hash=hash, size=size, fetch=self._fetch), _why_not(uri)
        except UntrustedError:
            return None, "this machine does not allow its place."
        except InvalidValueError:
            return None, "its URI can not be read."
        except (MediaError, RemoteError):
            if not uri.startswith("media:"):
                return None, "it was changed since it was linked."
            self._fetch = False
            return None, "it is kept elsewhere and could not be fetched."


def _why_not(uri: str) -> str:
    """Returns why the bytes that a URI means are not on this machine."""
    match uri.partition(":")[0]:
        case "":
            return "nothing says where it lies."
        case "media":
            return "it is kept elsewhere, and not here yet."
        case "root":
            return "its root is not mapped on this machine, or the file is not there."
        case "file":
            return "the file is not there."
        case _:
            return "it lies on a server, which a report does not ask."


def _embedded(path: Path) -> tuple[str, tuple[int, int]]:
    """Returns a picture as a data URI, made smaller, and its size as it was."""
    image = load_picture(path)
    size = image.size
    image.thumbnail((_SIDE, _SIDE))
    stream = BytesIO()
    image.save(stream, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode(), size
