"""Files in and out of a version: what the readers and writers of formats give and take, put into drafts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hdstore.errors import HdstoreError, InvalidInputError, NotFoundError, ReadOnlyError
from hdstore.formats import FOREIGN as SOURCE_KEY
from hdstore.formats import READERS, WRITERS, ExportReport, Imported, join_metadata, write_yolo
from hdstore.media import Linker, Media, Policy, Roots
from hdstore.model import Frame, Metadata, Progress, Schema, replace
from hdstore.repository.core import Core
from hdstore.repository.dataset import FIRST_VERSION
from hdstore.repository.naming import quote_name, split_path
from hdstore.repository.reports import ImportReport
from hdstore.repository.saving import save_batch
from hdstore.repository.version import DatasetVersion
from hdstore.version import Batch, VersionState

if TYPE_CHECKING:
    from hdstore.repository.repository import Repository

__all__ = ["export_files", "import_files"]


def import_files(
    repository: Repository,
    core: Core,
    format: str,
    path: Path,
    *,
    to: str,
    images: str | Path | None,
    media: str,
    root: str | None,
    progress: Progress | None,
) -> ImportReport:
    """Reads files of a format into a draft; see ``Repository.import_files``."""
    target = _existing(repository, to)
    path = path.absolute()
    imported, linker = _open(core, format, path, images=images, media=media, root=root, progress=progress)
    annotations = 0

    def counted() -> Iterator[Frame]:
        nonlocal annotations
        for frame in imported.frames:
            annotations += len(frame.annotations)
            yield frame

    frames = counted()
    if format == "folder" and target is not None:
        frames = _with_moved_files(frames, target.state(), core.roots)
    # Everything is read and checked before anything is made, so a bad file leaves no empty dataset behind.
    with Batch(core.layout.tmp) as batch:
        batch.put_all(frames, progress, "Reading frames")
        with _made(repository, to) if target is None else nullcontext(target) as draft:
            changes = save_batch(
                core,
                draft.dataset.id,
                draft.id,
                batch,
                message=f"Import {format} from {path.name}",
                schema=partial(_joined_schema, imported.schema),
                metadata=partial(_joined_metadata, imported.metadata),
                progress=progress,
            )
    return ImportReport(draft, changes, annotations, [*imported.warnings.lines(), *linker.warnings])


def _open(
    core: Core,
    format: str,
    path: Path,
    *,
    images: str | Path | None,
    media: str,
    root: str | None,
    progress: Progress | None,
) -> tuple[Imported, Linker]:
    """Returns what a reader finds at an absolute path, and the linker that makes its sources."""
    reader = READERS.get(format)
    if reader is None:
        raise InvalidInputError(f"There is no reader for {format!r}; there are {', '.join(sorted(READERS))}.")
    if not path.exists():
        raise NotFoundError(f"There is nothing to import at {path}.")
    policy: Policy
    if media == "link":
        policy = "link"
    elif media == "store":
        policy = "store"
    else:
        raise InvalidInputError(f"Media are linked or stored, say 'link' or 'store', not {media!r}.")
    # Absolute too: the reader joins names to it, and the linker resolves relative paths against it a second time.
    base = Path(images).absolute() if images is not None else None
    linker = core.media.linker(
        policy=policy, root=root, base=base or (path if path.is_dir() else path.parent)
    )
    return reader(path, images=base, linker=linker, progress=progress), linker


def _joined_schema(found: Schema, held: Schema) -> Schema:
    masks = {**held.mask_labels, **found.mask_labels}
    return replace(held.with_labels(*found.labels), mask_labels=masks)


def _joined_metadata(found: Metadata, held: Metadata) -> Metadata:
    """Returns a version's metadata with what a format said of itself under the key for it."""
    if not found:
        return held
    before = held.get(SOURCE_KEY)
    return {**held, SOURCE_KEY: join_metadata(before if isinstance(before, dict) else {}, found)}


def _with_moved_files(frames: Iterable[Frame], state: VersionState, roots: Roots) -> Iterator[Frame]:
    """Streams the frames of a folder, where a file that moved inside its root keeps the frame it had.

    A file is taken for moved when its id is new, a frame of the version has its content hash, and the file that this
    frame links to is gone. Its frame keeps id and annotations and gets the new place.
    """
    new: dict[str, Frame] = {}
    for frame in frames:
        link = _linked_hash(frame)
        if link and link not in new and frame.id not in state:
            new[link] = frame
        else:
            yield frame
    if new and len(state):
        for old in state.frames():
            link = _linked_hash(old)
            if link in new and not _link_exists(old.sources[0].uri, roots):
                moved = new.pop(link)
                source = replace(old.sources[0], uri=moved.sources[0].uri)
                yield replace(old, sources=(source,))
    yield from new.values()


def _linked_hash(frame: Frame) -> str:
    """Returns the content hash of a frame with one source that is linked, else ""."""
    if len(frame.sources) != 1 or not frame.sources[0].uri.startswith("root:"):
        return ""
    return frame.sources[0].hash


def _link_exists(uri: str, roots: Roots) -> bool:
    try:
        return roots.resolve(uri).exists()
    except HdstoreError:
        return True  # its root is not mounted here: nobody can say that the file is gone


def _existing(repository: Repository, to: str) -> DatasetVersion | None:
    """Returns the draft an import goes to, or None where it is still to be made."""
    dataset_name, version_name = split_path(to)
    try:
        dataset = repository.dataset(dataset_name)
    except NotFoundError:
        return None
    try:
        version = dataset.version(version_name) if version_name else dataset.current()
    except NotFoundError:
        if not version_name and dataset.versions():
            raise
        return None
    if not version.is_draft:
        name = quote_name(dataset.name)
        raise ReadOnlyError(
            f"Version {version.path} is published and can not be imported into; make a child with"
            f" 'hdstore version create {name}/NEW --parent {version.id}' and import into {name}/NEW"
        )
    return version


@contextmanager
def _made(repository: Repository, to: str) -> Iterator[DatasetVersion]:
    """Makes the draft an import goes to; what was made goes again when the import fails."""
    dataset_name, version_name = split_path(to)
    undo: Callable[[], None]
    try:
        dataset = repository.dataset(dataset_name)
    except NotFoundError:
        dataset = repository.create_dataset(dataset_name)
        version = dataset.current()
        if version_name not in ("", version.name):
            version = dataset.create_version(version_name)
        undo = partial(dataset.delete, force=True)
    else:
        version = dataset.create_version(version_name or FIRST_VERSION)
        undo = version.delete
    try:
        yield version
    except BaseException:
        undo()
        raise


def export_files(
    version: DatasetVersion, media: Media, format: str, path: Path, *, progress: Progress | None
) -> ExportReport:
    """Writes a version in a format; see ``Repository.export_files``."""
    state = version.state()
    frames = state.frames()
    metadata = state.document.metadata.get(SOURCE_KEY, {})
    if format == "yolo":
        return write_yolo(
            path,
            frames,
            schema=state.schema,
            metadata=metadata,
            locate=lambda source: media.local_path(source.uri, hash=source.hash, size=source.size),
            progress=progress,
        )
    writer = WRITERS.get(format)
    if writer is None:
        raise InvalidInputError(f"There is no writer for {format!r}; there are {', '.join(sorted(WRITERS))}.")
    return writer(path, frames, schema=state.schema, metadata=metadata, progress=progress)
