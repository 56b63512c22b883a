"""``hdstore dataset``: make, list, show, rename, tag, merge and delete datasets."""

from __future__ import annotations

from typing import Annotated

import typer

from hdstore.cli.commands.merging import say_merged
from hdstore.cli.describe import dataset_json
from hdstore.cli.failures import writing
from hdstore.cli.opening import AsJson, DatasetName, VersionPath, open_repository
from hdstore.cli.output import count, print_facts, print_json, print_table, say, wall_time
from hdstore.cli.progress import working
from hdstore.cli.prompts import Yes, confirm_deletion
from hdstore.cli.registry import command, group
from hdstore.errors import InvalidInputError, ReadOnlyError

__all__ = ["add_to"]

app = group("Make, list, rename, tag, merge and delete datasets.")


@command(app, "create", example="hdstore dataset create street --project city/cars --tag night")
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.", show_default=False)],
    project: Annotated[str, typer.Option(metavar="PATH", help="The project it belongs to.")] = "",
    description: Annotated[str, typer.Option(metavar="TEXT", help="What it is.")] = "",
    tag: Annotated[list[str] | None, typer.Option(metavar="TAG", help="A tag; may be repeated.")] = None,
) -> None:
    """Makes a dataset with an empty draft named Current."""
    with open_repository(context) as repository:
        dataset = repository.create_dataset(name, project=project, description=description, tags=tag or ())
        say(f"Made dataset {dataset.name} ({dataset.id}) with the empty draft {dataset.current().path}")


@command(app, "list", example="hdstore dataset list --json")
def list_datasets(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Archived datasets too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Lists the datasets."""
    with open_repository(context) as repository:
        listed = [dataset for dataset in repository.datasets() if everything or not dataset.archived]
        if as_json:
            print_json([dataset_json(dataset) for dataset in listed])
            return
        print_table(
            ("dataset", "id", "project", "versions", "updated", "tags"),
            (
                (d.name, d.id, d.project, len(d.versions()), wall_time(d.updated), ", ".join(d.tags))
                for d in listed
            ),
            right=("versions",),
        )


@command(app, "show", example="hdstore dataset show street")
def show(context: typer.Context, name: DatasetName, as_json: AsJson = False) -> None:
    """Shows what is said of a dataset."""
    with open_repository(context) as repository:
        dataset = repository.dataset(name)
        if as_json:
            print_json(dataset_json(dataset))
            return
        print_facts(
            (
                ("Dataset", dataset.name),
                ("Id", dataset.id),
                ("Project", dataset.project),
                ("Description", dataset.description),
                ("Tags", ", ".join(dataset.tags)),
                ("Archived", "yes" if dataset.archived else ""),
                ("Versions", len(dataset.versions())),
                ("Created", wall_time(dataset.created)),
                ("Updated", wall_time(dataset.updated)),
                *(("Metadata", f"{key}: {value}") for key, value in dataset.metadata.items()),
            )
        )


@command(app, "rename", example="hdstore dataset rename street road")
def rename(
    context: typer.Context,
    name: DatasetName,
    new_name: Annotated[str, typer.Argument(metavar="NEW-NAME", help="The new name.", show_default=False)],
) -> None:
    """Gives a dataset another name; its id stays."""
    with open_repository(context) as repository:
        dataset = repository.dataset(name)
        dataset.rename(new_name)
        say(f"Renamed dataset {dataset.id} to {dataset.name}")


@command(app, "tag", example="hdstore dataset tag street night rain")
def tag_dataset(
    context: typer.Context,
    name: DatasetName,
    tags: Annotated[list[str], typer.Argument(metavar="TAG", help="The tags.", show_default=False)],
    remove: Annotated[bool, typer.Option("--remove", help="Take the tags away instead.")] = False,
) -> None:
    """Adds tags to a dataset, or takes them away."""
    with open_repository(context) as repository:
        dataset = repository.dataset(name)
        change = dataset.remove_tags if remove else dataset.add_tags
        change(tags)
        say(f"Tags of {dataset.name}: {', '.join(dataset.tags) or 'none'}")


@command(
    app,
    "merge",
    example="hdstore dataset merge cars/v1 --into street/Current --label automobile=car --prefix-ids cars/",
)
def merge(
    context: typer.Context,
    path: VersionPath,
    into: Annotated[
        str,
        typer.Option(
            metavar="DATASET/VERSION", help="The draft of another dataset that takes it.", show_default=False
        ),
    ],
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="OLD=NEW", help="What a label is called there; may be repeated."),
    ] = None,
    frame: Annotated[
        list[str] | None,
        typer.Option(metavar="OLD=NEW", help="The id of a frame there; may be repeated."),
    ] = None,
    prefix_ids: Annotated[
        str, typer.Option(metavar="TEXT", help="Put before the ids of all other frames.")
    ] = "",
    message: Annotated[
        str | None, typer.Option("--message", "-m", metavar="TEXT", help="What the save says.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Merges a version into a draft of another dataset.

    Frames of one id and equal content become one; those that differ become conflicts, which is no failure. Merging
    again later, under the same names, brings only what is new.
    """
    with open_repository(context) as repository:
        other, draft = repository.version(path), repository.version(into)
        with writing(draft), working() as progress:
            report = draft.dataset.merge(
                other,
                into=draft,
                labels=_pairs("--label", label),
                ids=_pairs("--frame", frame),
                id_prefix=prefix_ids,
                message=message,
                progress=progress,
            )
        say_merged(report, draft, other.path, as_json=as_json)


def _pairs(option: str, given: list[str] | None) -> dict[str, str]:
    pairs = {}
    for text in given or ():
        old, equals, new = text.partition("=")
        if not (old and equals and new):
            raise InvalidInputError(f"{option} is given as OLD=NEW, not as {text!r}.")
        pairs[old] = new
    return pairs


@command(app, "delete", example="hdstore dataset delete street --all-versions --yes")
def delete(
    context: typer.Context,
    name: DatasetName,
    all_versions: Annotated[
        bool, typer.Option("--all-versions", help="Also when its drafts hold frames.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Also when it has published versions.")] = False,
    yes: Yes = False,
) -> None:
    """Deletes a dataset and its versions; media stay until gc finds that nothing needs them."""
    with open_repository(context) as repository:
        dataset = repository.dataset(name)
        versions = dataset.versions()
        frames = max((len(version) for version in versions), default=0)
        confirm_deletion(
            f"Delete dataset {dataset.name} with {count(len(versions), 'version')}"
            f" of up to {count(frames, 'frame')}?",
            yes=yes,
        )
        named = f"{dataset.name} ({dataset.id})"
        try:
            dataset.delete(all_versions=all_versions, force=force)
        except ReadOnlyError as error:
            error.add_note("Add --all-versions for drafts that hold frames, --force for published versions.")
            raise
        say(f"Deleted dataset {named}")


def add_to(root: typer.Typer) -> None:
    """Adds the group to the app."""
    root.add_typer(app, name="dataset")
