"""``hdstore frame``: list, show, edit and delete frames."""

from __future__ import annotations

from typing import Annotated

import typer

from hdstore.cli.describe import print_frame
from hdstore.cli.editor import edit_frame, put_frame
from hdstore.cli.failures import writing
from hdstore.cli.opening import AsJson, Limit, VersionPath, open_repository, read_text
from hdstore.cli.output import count, print_json, print_lines, print_raw, say
from hdstore.cli.progress import working
from hdstore.cli.prompts import Yes, confirm_deletion
from hdstore.cli.registry import command, group
from hdstore.errors import InvalidInputError, NotFoundError

__all__ = ["add_to"]

app = group("List, show, edit and delete the frames of a version.")

FrameId = Annotated[str, typer.Argument(metavar="ID", help="The frame's id.", show_default=False)]


@command(app, "list", example="hdstore frame list street/Current --limit 20")
def list_frames(
    context: typer.Context, path: VersionPath, limit: Limit = None, as_json: AsJson = False
) -> None:
    """Lists the ids of a version's frames, sorted, one a line."""
    with open_repository(context) as repository:
        ids = sorted(repository.version(path).frame_ids())
    if as_json:
        print_json({"count": len(ids), "ids": ids[:limit]})
    else:
        print_lines(ids[:limit])


@command(app, "show", example="hdstore frame show street/Current photos/0001 --json")
def show(context: typer.Context, path: VersionPath, frame_id: FrameId, as_json: AsJson = False) -> None:
    """Shows one frame with its sources and annotations."""
    from hdstore.codec import frame_to_json

    with open_repository(context) as repository:
        frame = repository.version(path).frame(frame_id)
    if as_json:
        print_raw(frame_to_json(frame))
    else:
        print_frame(frame)


@command(app, "edit", example="hdstore frame edit street/Current photos/0001")
def edit(
    context: typer.Context,
    path: VersionPath,
    frame_id: FrameId,
    source: Annotated[
        str | None,
        typer.Option(
            "--json",
            metavar="FILE|-",
            help="Take the frame from a JSON file or, with -, from standard input; a new id adds a frame.",
        ),
    ] = None,
) -> None:
    """Edits one frame of a draft as JSON, in VISUAL or EDITOR (vi where none is set)."""
    with open_repository(context) as repository:
        version = repository.version(path)
        with writing(version):
            if source is None:
                changes = edit_frame(version, frame_id)
            else:
                changes = put_frame(version, frame_id, read_text(source), base=version.commit)
    if not changes:
        say(f"Nothing changed in frame {frame_id}")
    else:
        say(f"{'Added' if changes.added else 'Saved'} frame {frame_id} in commit {changes.after[:10]}")


@command(app, "delete", example="hdstore frame delete street/Current --query 'NOT label:*' --yes")
def delete(
    context: typer.Context,
    path: VersionPath,
    frame_ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="The frames' ids.", show_default=False)
    ] = None,
    query: Annotated[
        str | None, typer.Option(metavar="LUCENE", help="Delete the frames that meet this query instead.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Deletes frames from a draft; versions published before keep them."""
    if bool(frame_ids) == (query is not None):
        raise InvalidInputError("Say which frames to delete: by their ids, or by --query.")
    with open_repository(context) as repository:
        version = repository.version(path)
        if query is not None:
            ids = [frame.id for frame in version.query(query)]
            if not ids:
                say("No frame meets the query; nothing was deleted.")
                return
        else:
            ids = list(dict.fromkeys(frame_ids or ()))
            state = version.state()
            missing = [frame_id for frame_id in ids if frame_id not in state]
            if missing:
                raise NotFoundError(f"{version.path} has no frame {missing[0]!r}; nothing was deleted.")
        confirm_deletion(f"Delete {count(len(ids), 'frame')} from {version.path}?", yes=yes)
        with writing(version), working() as progress:
            changes = version.delete_frames(ids, progress=progress)
        say(f"Deleted {count(changes.removed, 'frame')} from {version.path} in commit {changes.after[:10]}")


def add_to(root: typer.Typer) -> None:
    """Adds the group to the app."""
    root.add_typer(app, name="frame")
