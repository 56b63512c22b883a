"""``hdstore version meta|schema|mask-labels``: what a version says of itself."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from hdstore.cli.failures import writing
from hdstore.cli.opening import AsJson, VersionPath, open_repository, read_json
from hdstore.cli.output import print_json, print_table, say
from hdstore.cli.registry import command

__all__ = ["add_to"]

NewJson: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--set",
        metavar="JSON",
        help="Replace it with this JSON, with that of @FILE, or with - that of standard input.",
    ),
]


def meta(context: typer.Context, path: VersionPath, new: NewJson = None, as_json: AsJson = False) -> None:
    """Shows the metadata of a version, or replaces that of a draft."""
    with open_repository(context) as repository:
        version = repository.version(path)
        if new is not None:
            with writing(version):
                version.set_metadata(read_json(new))
        if as_json or new is None:
            print_json(version.metadata)
        else:
            say(f"Replaced the metadata of {version.path}")


def schema(context: typer.Context, path: VersionPath, new: NewJson = None, as_json: AsJson = False) -> None:
    """Shows the labels of a version, or replaces the schema of a draft."""
    from hdstore.codec.plain import schema_from_builtins, schema_to_builtins

    with open_repository(context) as repository:
        version = repository.version(path)
        if new is not None:
            with writing(version):
                version.set_schema(schema_from_builtins(read_json(new)))
        found = version.schema()
        if as_json:
            print_json(schema_to_builtins(found))
        elif new is not None:
            say(f"Replaced the schema of {version.path}")
        else:
            print_table(
                ("label", "colour", "key", "attributes", "description"),
                (
                    (label.name, label.color, label.key, ", ".join(label.attributes), label.description)
                    for label in found.labels
                ),
            )


def mask_labels(
    context: typer.Context, path: VersionPath, new: NewJson = None, as_json: AsJson = False
) -> None:
    """Shows what the pixel values of a version's masks mean, or replaces it in a draft."""
    from hdstore.codec.plain import mask_labels_from_builtins, schema_to_builtins

    with open_repository(context) as repository:
        version = repository.version(path)
        if new is not None:
            with writing(version):
                version.set_mask_labels(mask_labels_from_builtins(read_json(new)))
        found = version.schema()
        if as_json:
            print_json(schema_to_builtins(found).get("mask_labels", {}))
        elif new is not None:
            say(f"Replaced the mask labels of {version.path}")
        else:
            print_table(
                ("mask", "value", "labels", "colour"),
                (
                    (mask, ", ".join(map(str, value.value)), ", ".join(value.labels), value.color)
                    for mask, values in sorted(found.mask_labels.items())
                    for value in values
                ),
            )


def add_to(app: typer.Typer) -> None:
    """Adds the commands to the group ``version``."""
    command(app, "meta", example="""hdstore version meta street/Current --set '{"camera": "left"}'""")(meta)
    command(app, "schema", example="hdstore version schema street/Current --json")(schema)
    command(
        app,
        "mask-labels",
        example="""hdstore version mask-labels street/Current"""
        """ --set '{"_all_": [{"value": [1], "labels": ["road"]}]}'""",
    )(mask_labels)
