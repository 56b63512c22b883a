"""``hdstore import`` and ``export``: files of other tools in and out of a version."""

from __future__ import annotations

import enum
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from hdstore.cli.opening import open_repository
from hdstore.cli.output import count, note, say
from hdstore.cli.progress import working
from hdstore.cli.registry import command
from hdstore.cli.rooting import root_for

__all__ = ["add_to"]


class Readable(enum.StrEnum):
    """Formats that can be imported."""

    COCO = "coco"
    VOC = "voc"
    YOLO = "yolo"
    FOLDER = "folder"


class Writable(enum.StrEnum):
    """Formats that can be exported."""

    COCO = "coco"
    YOLO = "yolo"


class MediaPolicy(enum.StrEnum):
    """What happens to the media of an import."""

    LINK = "link"
    STORE = "store"


def import_files(
    context: typer.Context,
    format: Annotated[
        Readable, typer.Argument(metavar="coco|voc|yolo|folder", help="The format.", show_default=False)
    ],
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="The file or folder to read.", show_default=False)
    ],
    to: Annotated[
        str,
        typer.Option(
            metavar="DATASET[/VERSION]",
            help="The draft to import into; a dataset alone means its draft. What does not exist is made.",
            show_default=False,
        ),
    ],
    images: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the images lie.", show_default="beside the labels"),
    ] = None,
    media: Annotated[
        MediaPolicy,
        typer.Option(
            metavar="link|store", help="Leave media where they lie, or keep a copy in the repository."
        ),
    ] = MediaPolicy.LINK,
    root: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The root under which linked media lie.",
            show_default="the one that holds them; made where there is none",
        ),
    ] = None,
) -> None:
    """Imports files into a draft as one commit; importing them again changes nothing."""
    with open_repository(context) as repository:
        linked = root is None and media is MediaPolicy.LINK
        with root_for(repository.roots, images or path) if linked else nullcontext(), working() as progress:
            report = repository.import_files(
                format.value, path, to=to, images=images, media=media.value, root=root, progress=progress
            )
        for warning in report.warnings:
            note(f"Note: {warning}")
        changes = report.changes
        say(
            f"Imported into {report.version.path}: {count(changes.added, 'frame')} added,"
            f" {changes.updated:,} updated, {changes.unchanged:,} unchanged,"
            f" {count(report.annotations, 'annotation')} read."
        )


def export_files(
    context: typer.Context,
    format: Annotated[Writable, typer.Argument(metavar="coco|yolo", help="The format.", show_default=False)],
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="The file or folder to write.", show_default=False)
    ],
    source: Annotated[
        str,
        typer.Option("--from", metavar="DATASET/VERSION", help="The version to export.", show_default=False),
    ],
) -> None:
    """Exports a version, and says what the format could not hold."""
    with open_repository(context) as repository, working() as progress:
        report = repository.export_files(format.value, path, source=source, progress=progress)
    for warning in report.warnings:
        note(f"Note: {warning}")
    say(f"Exported {count(report.frames, 'frame')} and {count(report.annotations, 'annotation')} to {path}")


def add_to(app: typer.Typer) -> None:
    """Adds the commands to the app."""
    command(app, "import", example="hdstore import coco labels.json --to street --images photos")(
        import_files
    )
    command(app, "export", example="hdstore export yolo out --from street/Current")(export_files)
