"""``hdstore root``: where linked media lie on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from hdstore.cli.opening import AsJson, open_repository
from hdstore.cli.output import print_json, print_table, say
from hdstore.cli.registry import command, group

__all__ = ["add_to"]

app = group("Add, list and remove roots: named places of this machine where linked media lie.")

RootName: TypeAlias = Annotated[
    str, typer.Argument(metavar="NAME", help="The root's name.", show_default=False)
]


@command(app, "add", example="hdstore root add photos /data/photos")
def add(
    context: typer.Context,
    name: RootName,
    place: Annotated[
        Path, typer.Argument(metavar="PLACE", help="The folder on this machine.", show_default=False)
    ],
) -> None:
    """Says where a root lies on this machine; reading it is allowed from then on."""
    with open_repository(context) as repository:
        repository.roots.add(name, place)
        say(f"Root {name} lies in {repository.roots.place(name)}")


@command(app, "list", example="hdstore root list")
def list_roots(context: typer.Context, as_json: AsJson = False) -> None:
    """Lists the roots of this machine."""
    with open_repository(context) as repository:
        roots = {name: str(place) for name, place in repository.roots.list().items()}
    if as_json:
        print_json(roots)
    else:
        print_table(("root", "place"), sorted(roots.items()))


@command(app, "remove", example="hdstore root remove photos")
def remove(context: typer.Context, name: RootName) -> None:
    """Forgets where a root lies; the files stay."""
    with open_repository(context) as repository:
        repository.roots.remove(name)
        say(f"Removed root {name}")


def add_to(root: typer.Typer) -> None:
    """Adds the group to the app."""
    root.add_typer(app, name="root")
