"""``hdstore view``: make, find, show, edit, publish, compare and run views."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from shlex import quote
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from hdstore.cli.commands import view_export, view_making, view_running
from hdstore.cli.editor import edit_text
from hdstore.cli.opening import AsJson, only_one, open_repository
from hdstore.cli.output import count, print_json, print_raw, print_table, say
from hdstore.cli.prompts import Yes, confirm_deletion
from hdstore.cli.registry import command, group
from hdstore.cli.viewing import ViewFile, ViewName, print_view, queries_of, read_view, view_json
from hdstore.errors import ReadOnlyError

if TYPE_CHECKING:
    from hdstore.repository import StoredView

__all__ = ["add_to"]

app = group("Make, find, edit, publish, compare and run views: what a model trains on.")

view_making.add_to(app)

NewName: TypeAlias = Annotated[
    str, typer.Argument(metavar="NEW-NAME", help="The new name.", show_default=False)
]


@command(app, "list", example="hdstore view list --text 'street|night'")
def list_views(
    context: typer.Context,
    text: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX", help="Only those whose name, id, description, datasets or versions match."
        ),
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="TAG", help="Only those with one of these tags.")
    ] = None,
    project: Annotated[
        str | None, typer.Option(metavar="PATH", help="Only those of a project and of those below it.")
    ] = None,
    published: Annotated[
        bool | None, typer.Option("--published/--drafts", help="Only those that are, or are not, published.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Archived views too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Lists the stored views, oldest first."""
    with open_repository(context) as repository:
        found = repository.views(
            text=text,
            tags=tag or (),
            project=project,
            published=published,
            archived=None if everything else False,
        )
        if as_json:
            print_json([view_json(view) for view in found])
            return
        print_table(
            ("view", "id", "status", "project", "queries", "tags"),
            (
                (
                    view.name,
                    view.id,
                    "published" if view.published else "draft",
                    view.project,
                    len(view.value.queries),
                    ", ".join(view.tags),
                )
                for view in found
            ),
            right=("queries",),
        )


@command(app, "show", example="hdstore view show cats --value")
def show(
    context: typer.Context,
    name: ViewName,
    value: Annotated[
        bool, typer.Option("--value", help="Print the view alone as JSON, as --file takes it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Shows a stored view."""
    from hdstore.codec import view_to_json

    only_one("--value", value, "--json", as_json)
    with open_repository(context) as repository:
        view = repository.view(name)
        if value:
            print_raw(view_to_json(view.value))
        elif as_json:
            print_json(view_json(view))
        else:
            print_view(view, repository.with_names(view.value))


@command(app, "edit", example="hdstore view edit cats")
def edit(
    context: typer.Context,
    name: ViewName,
    file: ViewFile = None,
) -> None:
    """Edits a draft view as JSON, in VISUAL or EDITOR (vi where none is set)."""
    from hdstore.codec import view_from_text, view_to_json

    with open_repository(context) as repository:
        view = repository.view(name)
        base = view.content_hash
        with _writing(view):
            view.check_editable()  # before anything is typed
            if file is not None:
                view.edit(read_view(file))
            else:
                edit_text(
                    view_to_json(view.value) + "\n",
                    lambda text: view.edit(view_from_text(text, what="What you wrote"), base=base),
                    what="view",
                    instead="--file",
                )
        say(
            f"Nothing changed in view {view.name}" if view.content_hash == base else f"Saved view {view.name}"
        )


@contextmanager
def _writing(view: StoredView) -> Iterator[None]:
    """Adds to a refusal to change a published view how to go on from it."""
    try:
        yield
    except ReadOnlyError as error:
        if view.published:
            error.add_note(f"Make a draft of it: hdstore view clone {quote(view.name)} NEW-NAME")
        raise


@command(app, "clone", example="hdstore view clone cats cats-2 --unpin")
def clone(
    context: typer.Context,
    name: ViewName,
    new_name: NewName,
    unpin: Annotated[
        bool, typer.Option("--unpin", help="Let its versions move again, instead of pinning their commits.")
    ] = False,
) -> None:
    """Stores a view under another name, as a draft."""
    with open_repository(context) as repository:
        made = repository.view(name).clone(new_name, unpin=unpin)
        say(f"Made draft view {made.name} ({made.id}) of {queries_of(made.value)}")


@command(app, "publish", example="hdstore view publish cats")
def publish_view(context: typer.Context, name: ViewName) -> None:
    """Pins the commits of a view's versions and makes it read-only for ever."""
    with open_repository(context) as repository:
        view = repository.view(name)
        with _writing(view):
            view.publish()
        pinned = count(len(view.value.pins), "version")
        say(f"Published view {view.name} ({view.id}) with {pinned} pinned; its hash is {view.content_hash}")


@command(app, "archive", example="hdstore view archive cats")
def archive(context: typer.Context, name: ViewName) -> None:
    """Puts a view away: lists leave it out."""
    with open_repository(context) as repository:
        view = repository.view(name)
        view.archive()
        say(f"Archived view {view.name}")


@command(app, "restore", example="hdstore view restore cats")
def restore(context: typer.Context, name: ViewName) -> None:
    """Brings an archived view back."""
    with open_repository(context) as repository:
        view = repository.view(name)
        view.archive(False)
        say(f"Restored view {view.name}")


@command(app, "rename", example="hdstore view rename cats all-cats")
def rename(context: typer.Context, name: ViewName, new_name: NewName) -> None:
    """Gives a view another name, published or not; its id stays."""
    with open_repository(context) as repository:
        view = repository.view(name)
        view.rename(new_name)
        say(f"Renamed view {view.id} to {view.name}")


@command(app, "describe", example="hdstore view describe cats 'Cats of the front camera'")
def describe(
    context: typer.Context,
    name: ViewName,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The description.", show_default=False)],
) -> None:
    """Replaces the description of a view."""
    with open_repository(context) as repository:
        view = repository.view(name)
        view.describe(text)
        say(f"Described view {view.name}")


@command(app, "move", example="hdstore view move cats city/cars")
def move(
    context: typer.Context,
    name: ViewName,
    project: Annotated[
        str,
        typer.Argument(metavar="PROJECT", help="A path with slashes; '' for the top.", show_default=False),
    ],
) -> None:
    """Moves a view to another project."""
    with open_repository(context) as repository:
        view = repository.view(name)
        view.move(project)
        say(f"Moved view {view.name} to {view.project or 'the top'}")


@command(app, "tag", example="hdstore view tag cats night rain")
def tag_view(
    context: typer.Context,
    name: ViewName,
    tags: Annotated[list[str], typer.Argument(metavar="TAG", help="The tags.", show_default=False)],
    remove: Annotated[bool, typer.Option("--remove", help="Take the tags away instead.")] = False,
) -> None:
    """Adds tags to a view, or takes them away."""
    with open_repository(context) as repository:
        view = repository.view(name)
        change = view.remove_tags if remove else view.add_tags
        change(tags)
        say(f"Tags of {view.name}: {', '.join(view.tags) or 'none'}")


@command(app, "delete", example="hdstore view delete cats --yes")
def delete(
    context: typer.Context,
    name: ViewName,
    force: Annotated[bool, typer.Option("--force", help="Also when it is published.")] = False,
    yes: Yes = False,
) -> None:
    """Deletes a view; versions and frames stay, what only it pinned goes with the next gc."""
    with open_repository(context) as repository:
        view = repository.view(name)
        named = f"{'published' if view.published else 'draft'} view {view.name} ({view.id})"
        confirm_deletion(f"Delete {named}?", yes=yes)
        try:
            view.delete(force=force)
        except ReadOnlyError as error:
            error.add_note("Add --force to delete a published view.")
            raise
        say(f"Deleted {named}")


view_running.add_to(app)
view_export.add_to(app)


def add_to(root: typer.Typer) -> None:
    """Adds the group to the app."""
    root.add_typer(app, name="view")
