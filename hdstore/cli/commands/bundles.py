"""``hdstore bundle``: versions and media in one file, for a USB stick or a mail."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from hdstore.cli.commands.remotes import show_report
from hdstore.cli.exits import Exit
from hdstore.cli.opening import AsJson, open_repository, settings
from hdstore.cli.output import count, iso_time, print_json, print_lines, say, size
from hdstore.cli.progress import working
from hdstore.cli.registry import command, group
from hdstore.errors import RepositoryNotFoundError

if TYPE_CHECKING:
    from hdstore.sync.bundles import BundleReport, CreatedBundle

__all__ = ["add_to"]

app = group("Carry versions and media in one file: on a USB stick, or in a mail.")

_NAMED = 5
"""How many of the versions that a bundle builds on are named."""

BundleFile: TypeAlias = Annotated[
    Path, typer.Argument(metavar="FILE", help="The file of the bundle.", show_default=False)
]


@command(app, "create", example="hdstore bundle create /media/usb/plates.hdsb --media all")
def create(
    context: typer.Context,
    path: BundleFile,
    versions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATASET/VERSION",
            help="The versions, or datasets with all of theirs.",
            show_default="everything",
        ),
    ] = None,
    media: Annotated[
        list[str] | None,
        typer.Option(
            "--media",
            metavar="all|none|version:D/V|view:NAME",
            help="Which kept media to take along; may be repeated.",
            show_default="none",
        ),
    ] = None,
    since: Annotated[
        list[str] | None,
        typer.Option(
            "--since",
            metavar="FILE|REMOTE|COMMIT",
            help="Leave out what the receiver has from another bundle, as a remote has, or up to a commit; may be"
            " repeated.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Writes versions with their history, and the names of everything, into one file.

    A bundle that was made with --since can be applied only where that is which it builds on.
    """
    with open_repository(context) as repository, working() as progress:
        made = repository.create_bundle(
            path, versions or (), media=media or "none", since=since or (), progress=progress
        )
    if as_json:
        print_json(_created_json(made))
    else:
        _show_created(made)


def _show_created(made: CreatedBundle) -> None:
    say(
        f"Made {made.path}: {count(len(made.refs), 'ref')}, {count(made.objects, 'object')}, {size(made.size)}."
    )
    if made.media:
        say(
            f"  metadata {size(made.metadata_size)}, {count(made.media, 'file')} of media {size(made.media_bytes)}"
        )
    if made.media_named > made.media:
        with_media = size(made.metadata_size + made.media_named_bytes)
        say(f"  metadata {size(made.metadata_size)}; with all media (--media all) {with_media}")
    if made.needs:
        say(f"  it builds on {_needs(made.needs)}, which the receiver must have")
    if made.lacking:
        say(
            f"  {count(len(made.lacking), 'file')} of media could not be taken along, for they are not kept here:"
        )
        print_lines(f"    {name}" for name in made.lacking)


def _needs(needs: dict[str, str]) -> str:
    named = [f"{called or 'a version'} at {oid[:10]}" for oid, called in needs.items()]
    more = len(named) - _NAMED
    return ", ".join(named[:_NAMED]) + (f" and {count(more, 'other')}" if more > 0 else "")


def _created_json(made: CreatedBundle) -> dict[str, object]:
    return {
        "path": str(made.path),
        "hash": made.hash,
        "size": made.size,
        "metadata_size": made.metadata_size,
        "refs": made.refs,
        "needs": made.needs,
        "objects": made.objects,
        "media": made.media,
        "media_bytes": made.media_bytes,
        "media_named": made.media_named,
        "media_named_bytes": made.media_named_bytes,
        "lacking": list(made.lacking),
    }


@command(app, "verify", example="hdstore bundle verify /media/usb/plates.hdsb")
def verify(context: typer.Context, path: BundleFile, as_json: AsJson = False) -> None:
    """Checks every byte of a bundle without taking anything over; ends with exit code 1 when something is wrong.

    Outside of a repository, what the bundle builds on counts as missing.
    """
    with working() as progress:
        try:
            with open_repository(context) as repository:
                report = repository.verify_bundle(path, progress=progress)
        except RepositoryNotFoundError:
            if settings(context).folder != Path():
                raise
            from hdstore.repository import verify_bundle

            report = verify_bundle(path, progress=progress)
    findings = _findings(report)
    if as_json:
        print_json(_report_json(report, findings))
    else:
        _show_verified(report, findings)
    if findings:
        raise typer.Exit(Exit.FINDINGS)


def _findings(report: BundleReport) -> list[dict[str, str]]:
    found = [{"where": problem.where, "message": problem.message} for problem in report.problems]
    for oid in report.missing:
        called = report.needs[oid] or "a version"
        message = f"the bundle builds on {called} at this commit, which is not here"
        found.append({"where": f"commit {oid}", "message": message})
    return found


def _show_verified(report: BundleReport, findings: list[dict[str, str]]) -> None:
    media = f", {count(report.media, 'file')} of media ({size(report.media_bytes)})" if report.media else ""
    say(f"{report.name}: {count(len(report.refs), 'ref')}, {count(report.objects, 'object')}{media}.")
    if report.needs:
        say(f"  it builds on {_needs(report.needs)}")
    if report.lacking:
        say(f"  {count(len(report.lacking), 'file')} of media were wanted and not kept where it was made")
    print_lines(f"{finding['where']}: {finding['message']}" for finding in findings)
    say(f"{count(len(findings), 'finding')}." if findings else "All is well.")


def _report_json(report: BundleReport, findings: list[dict[str, str]]) -> dict[str, object]:
    return {
        "hash": report.hash,
        "size": report.size,
        "created": iso_time(report.created),
        "refs": report.refs,
        "needs": report.needs,
        "missing": list(report.missing),
        "objects": report.objects,
        "media": report.media,
        "media_bytes": report.media_bytes,
        "lacking": list(report.lacking),
        "findings": findings,
    }


@command(app, "apply", example="hdstore bundle apply /media/usb/plates.hdsb")
def apply(context: typer.Context, path: BundleFile) -> None:
    """Checks a bundle and joins what it brings with what is here, as a pull does."""
    with open_repository(context) as repository:
        with working() as progress:
            report = repository.apply_bundle(path, progress=progress)
        show_report(repository, report, f"Applied {path.name}")


def add_to(root: typer.Typer) -> None:
    """Adds the group to the app."""
    root.add_typer(app, name="bundle")
