"""``hdstore version``: list, make, snapshot, publish, rename and delete versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hdstore.cli.commands import annotating, statistics
from hdstore.cli.describe import version_json
from hdstore.cli.failures import child_hint, writing
from hdstore.cli.opening import AsJson, DatasetName, VersionPath, open_repository
from hdstore.cli.output import count, print_json, print_table, say, wall_time
from hdstore.cli.prompts import Yes, can_ask, choose, confirm_deletion
from hdstore.cli.registry import command, group
from hdstore.errors import AmbiguousNameError, InvalidInputError, ReadOnlyError

if TYPE_CHECKING:
    from hdstore.repository import Dataset, DatasetVersion, Repository

__all__ = ["add_to"]

app = group("List, make, snapshot, publish, describe and delete versions.")


@command(app, "list", example="hdstore version list street")
def list_versions(context: typer.Context, dataset: DatasetName, as_json: AsJson = False) -> None:
    """Lists the versions of a dataset, latest updated first."""
    with open_repository(context) as repository:
        versions = repository.dataset(dataset).versions()
        if as_json:
            print_json([version_json(version) for version in versions])
            return
        names = {version.id: version.name for version in versions}
        print_table(
            ("version", "id", "status", "frames", "parents", "updated"),
            (
                (
                    version.name,
                    version.id,
                    version.status,
                    f"{len(version):,}",
                    ", ".join(names.get(parent, parent) for parent in version.parents),
                    wall_time(version.updated),
                )
                for version in versions
            ),
            right=("frames",),
        )


@command(app, "create", example="hdstore version create street/relabel --parent v1")
def create(
    context: typer.Context,
    path: Annotated[
        str,
        typer.Argument(
            metavar="DATASET/NAME",
            help="The dataset, and the name of the new draft; a slash in a name is written %2F.",
            show_default=False,
        ),
    ],
    parent: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VERSION",
            help="A published version to begin from; may be repeated. None: an empty draft.",
        ),
    ] = None,
    overlay: Annotated[
        bool,
        typer.Option(
            "--overlay", help="Of several parents let the later one's frames win, instead of merging them."
        ),
    ] = False,
    description: Annotated[str, typer.Option(metavar="TEXT", help="What it is for.")] = "",
) -> None:
    """Makes a draft: a child of published versions, which are merged, or an empty one."""
    from hdstore.repository import split_path

    dataset_name, name = split_path(path)
    if not name:
        raise InvalidInputError(f"A new version is named DATASET/NAME, and {path!r} names a dataset alone.")
    with open_repository(context) as repository:
        dataset = repository.dataset(dataset_name)
        version = dataset.create_version(
            name,
            parents=parent or (),
            strategy="overlay" if overlay else "merge",
            description=description,
        )
        say(f"Made draft {version.path} ({version.id}) with {count(len(version), 'frame')}")
        waiting = len(version.conflicts())
        if waiting:
            say(f"{count(waiting, 'conflict')} to resolve: see 'hdstore conflicts {version.path}'.")


@command(app, "snapshot", example="hdstore version snapshot street --name v1")
def snapshot(
    context: typer.Context,
    path: Annotated[
        str,
        typer.Argument(
            metavar="DATASET[/VERSION]",
            help="The draft; a dataset alone means its only draft.",
            show_default=False,
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What the published version is called.", show_default="the time"),
    ] = None,
    message: Annotated[
        str | None, typer.Option("--message", "-m", metavar="TEXT", help="A comment on it.")
    ] = None,
) -> None:
    """Publishes a draft as it is, and goes on in a new draft of the same name."""
    with open_repository(context) as repository:
        draft = _draft(repository, path)
        with writing(draft):
            published, child = draft.snapshot(name=name, comment=message)
        say(f"Published {published.path} ({published.id}); work goes on in {child.path} ({child.id})")


def _draft(repository: Repository, path: str) -> DatasetVersion:
    """Returns the draft that is named, or the one meant by a dataset alone; asks where there are several."""
    from hdstore.repository import split_path

    dataset_name, version_name = split_path(path)
    dataset = repository.dataset(dataset_name)
    if version_name:
        return dataset.version(version_name)
    drafts = dataset.versions(published=False)
    return _choose_draft(dataset, drafts) if len(drafts) > 1 else dataset.current()


def _choose_draft(dataset: Dataset, drafts: list[DatasetVersion]) -> DatasetVersion:
    if not can_ask():
        raise AmbiguousNameError(
            f"Dataset {dataset.name!r} has {len(drafts)} drafts.",
            candidates=tuple(f"{draft.path} ({draft.id})" for draft in drafts),
        )
    lines = [f"{draft.path} ({draft.id}), {count(len(draft), 'frame')}" for draft in drafts]
    return drafts[choose(f"Dataset {dataset.name} has {len(drafts)} drafts. Which one?", lines)]


@command(app, "publish", example="hdstore version publish street/Current -m 'Labels checked'")
def publish(
    context: typer.Context,
    path: VersionPath,
    message: Annotated[
        str | None, typer.Option("--message", "-m", metavar="TEXT", help="A comment on it.")
    ] = None,
) -> None:
    """Makes a draft read-only for ever, under the name and id it has."""
    with open_repository(context) as repository:
        version = repository.version(path)
        with writing(version):
            version.publish(comment=message)
        say(f"Published {version.path} ({version.id})")
        say(child_hint(version))


@command(app, "rename", example="hdstore version rename street/Current relabel")
def rename(
    context: typer.Context,
    path: VersionPath,
    new_name: Annotated[str, typer.Argument(metavar="NEW-NAME", help="The new name.", show_default=False)],
) -> None:
    """Gives a version another name, published or not; its id stays."""
    with open_repository(context) as repository:
        version = repository.version(path)
        version.rename(new_name)
        say(f"Renamed version {version.id} to {version.path}")


@command(app, "delete", example="hdstore version delete street/relabel --yes")
def delete(
    context: typer.Context,
    path: VersionPath,
    force: Annotated[bool, typer.Option("--force", help="Also when it is published.")] = False,
    yes: Yes = False,
) -> None:
    """Deletes a version; its children keep their frames."""
    with open_repository(context) as repository:
        version = repository.version(path)
        named = f"{version.status} {version.path} ({version.id})"
        confirm_deletion(f"Delete {named} with {count(len(version), 'frame')}?", yes=yes)
        try:
            version.delete(force=force)
        except ReadOnlyError as error:
            error.add_note("Add --force to delete a published version.")
            raise
        say(f"Deleted {named}")


statistics.add_to(app)
annotating.add_to(app)


def add_to(root: typer.Typer) -> None:
    """Adds the group to the app."""
    root.add_typer(app, name="version")
