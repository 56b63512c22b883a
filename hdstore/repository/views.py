"""Stored views: what a model trains on, under a name, as a draft or published for ever (rows 107-109)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from hdstore.codec import normal_view, view_hash
from hdstore.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidValueError,
    QuerySyntaxError,
    ReadOnlyError,
)
from hdstore.ids import named_id
from hdstore.model import View, ViewDocument, ViewQuery, check_name, replace
from hdstore.repository.core import Change, Core
from hdstore.repository.naming import clean_project, clean_tags, find_one, in_project, match_tags
from hdstore.repository.pinning import resolve

__all__ = ["StoredView", "create_view", "find_view", "list_views"]


class StoredView:
    """A handle on a stored view; it always reads what the catalog says now."""

    def __init__(self, core: Core, view_id: str) -> None:
        self._core = core
        self.id = view_id

    def __repr__(self) -> str:
        document = self._core.catalog().views.get(self.id)
        return f"<StoredView {document.name if document else '?'!r} ({self.id})>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StoredView) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    # What it is

    @property
    def document(self) -> ViewDocument:
        """What the catalog says of it; raises NotFoundError once it is deleted."""
        return self._core.view_document(self.id)

    @property
    def value(self) -> View:
        """The view itself."""
        return self.document.view

    @property
    def content_hash(self) -> str:
        """The content hash of its value."""
        return view_hash(self.value)

    @property
    def name(self) -> str:
        """The name people gave it."""
        return self.document.name

    @property
    def published(self) -> bool:
        """Whether its value is fixed for ever."""
        return self.document.published

    @property
    def archived(self) -> bool:
        """Whether it is put away."""
        return self.document.archived

    @property
    def description(self) -> str:
        """What people say of it."""
        return self.document.description

    @property
    def project(self) -> str:
        """The project it belongs to, a path with slashes; "" at the top."""
        return self.document.project

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags."""
        return self.document.tags

    @property
    def created(self) -> int:
        """When it was made, in seconds since 1970."""
        return self.document.created

    # What people say of it

    def _edit(self, message: str, **fields: object) -> None:
        with self._core.changing(message) as change:
            change.put_view(replace(change.view_document(self.id), **fields))

    def rename(self, name: str) -> None:
        """Gives it another name, published or not; raises AlreadyExistsError when another view carries it."""
        check_name(name, "view")
        with self._core.changing(f"Rename view {self.name} to {name}") as change:
            _check_free(change, name, self.id)
            change.put_view(replace(change.view_document(self.id), name=name))

    def describe(self, text: str) -> None:
        """Replaces its description."""
        self._edit(f"Describe view {self.name}", description=text)

    def move(self, project: str) -> None:
        """Moves it to another project."""
        self._edit(f"Move view {self.name}", project=clean_project(project))

    def archive(self, archived: bool = True) -> None:
        """Puts it away, or with False brings it back."""
        self._edit(f"{'Archive' if archived else 'Restore'} view {self.name}", archived=archived)

    def set_tags(self, tags: str | Iterable[str]) -> None:
        """Replaces its tags; a string holds several with blanks between them."""
        self._edit(f"Tag view {self.name}", tags=clean_tags(tags))

    def add_tags(self, tags: str | Iterable[str]) -> None:
        """Adds tags it does not have."""
        new = clean_tags(tags)
        with self._core.changing(f"Tag view {self.name}") as change:
            document = change.view_document(self.id)
            change.put_view(replace(document, tags=tuple(dict.fromkeys((*document.tags, *new)))))

    def remove_tags(self, tags: str | Iterable[str]) -> None:
        """Takes tags away; those it does not have are passed over."""
        gone = clean_tags(tags)
        with self._core.changing(f"Tag view {self.name}") as change:
            document = change.view_document(self.id)
            change.put_view(replace(document, tags=tuple(tag for tag in document.tags if tag not in gone)))

    # Its value and its life

    def edit(self, view: View, *, base: str | None = None) -> None:
        """Replaces its value.

        ``base`` is the content hash of the value that was read; when somebody changed it since, nothing is saved and
        ConflictError says so. Raises ReadOnlyError on a published view, and as ``Repository.create_view`` does.
        """
        checked = storable(self._core, view)
        with self._core.changing(f"Edit view {self.name}") as change:
            document = change.view_document(self.id)
            _check_draft(document)
            if base is not None and view_hash(document.view) != base:
                raise ConflictError(
                    f"Somebody else changed the view {document.name!r} since it was read; read it and edit it again."
                )
            change.put_view(replace(document, view=checked))

    def check_editable(self) -> None:
        """Raises ReadOnlyError when it is published, or the repository is of a newer format."""
        self._core.check_writable()
        _check_draft(self.document)

    def clone(self, name: str, *, unpin: bool = False) -> StoredView:
        """Stores its value under a new name as a draft; with ``unpin`` its versions are free to move again.

        Description, tags and project come along.
        """
        document = self.document
        value = replace(document.view, pins={}) if unpin else document.view
        return _store(
            self._core,
            replace(document, name=name, view=value, published=False, archived=False),
            f"Clone view {document.name} as {name}",
        )

    def publish(self) -> None:
        """Pins every version it means and makes its value read-only for ever.

        Wildcards are written out, names become ids, drafts are pinned to the commit they are at now. Raises
        ReadOnlyError when it is published already, NotFoundError for a name that is not there.
        """
        core = self._core
        with core.changing(f"Publish view {self.name}") as change:
            document = change.view_document(self.id)
            if document.published:
                raise ReadOnlyError(f"View {document.name!r} is published already.")
            value = resolve(core, storable(core, document.view))
            change.put_view(replace(document, view=value, published=True))

    def delete(self, *, force: bool = False) -> None:
        """Deletes it; a published one with ``force`` only (row 108). What it alone pinned is left to ``gc``."""
        with self._core.changing(f"Delete view {self.name}") as change:
            document = change.view_document(self.id)
            if document.published and not force:
                raise ReadOnlyError(f"View {document.name!r} is published; deleting it needs force.")
            change.put_view(replace(document, deleted=True))


def _check_draft(document: ViewDocument) -> None:
    if document.published:
        raise ReadOnlyError(
            f"View {document.name!r} is published and can not be changed; clone it under a new name and edit the clone."
        )


def storable(core: Core, view: View) -> View:
    """Returns the view as it is stored: checked, its queries parsed, its names looked up, its pins complete.

    What it does not pin keeps its names, and means what these names mean when it is read. Raises InvalidValueError,
    QuerySyntaxError, NotFoundError or AmbiguousNameError.
    """
    view = normal_view(view)
    for number, query in enumerate(view.queries):
        _check_syntax(query, f"queries[{number}]")
    resolved = resolve(core, view)
    return resolved if view.is_pinned else view


def _check_syntax(query: ViewQuery, where: str) -> None:
    from hdstore.query import compile, compile_annotation, compile_source  # most commands store no view

    checks: list[tuple[str, str, Callable[[str], object]]] = [
        ("frame", query.frame, compile),
        ("source", query.source, compile_source),
        *(
            (f"rois[{number}].query", rule.query, compile_annotation)
            for number, rule in enumerate(query.rois)
        ),
    ]
    for field, text, check in checks:
        try:
            check(text)
        except QuerySyntaxError as error:
            error.add_note(f"It stands in {where}.{field}.")
            raise


def create_view(
    core: Core, name: str, view: View, *, project: str, description: str, tags: str | Iterable[str]
) -> StoredView:
    """Stores a view; see ``Repository.create_view``."""
    document = ViewDocument(
        id="",
        name=name,
        created=0,
        project=clean_project(project),
        description=description,
        tags=clean_tags(tags),
        view=storable(core, view),
    )
    return _store(core, document, f"Create view {name}")


def _store(core: Core, document: ViewDocument, message: str) -> StoredView:
    """Stores a document under a fresh id."""
    check_name(document.name, "view")
    view_id = named_id(document.name)
    with core.changing(message) as change:
        _check_free(change, document.name, view_id)
        change.put_view(replace(document, id=view_id, created=core.now()))
    return StoredView(core, view_id)


def _check_free(change: Change, name: str, view_id: str) -> None:
    for other in change.views.values():
        if other.name == name and not other.deleted and other.id != view_id:
            raise AlreadyExistsError(f"There is a view {name!r} already ({other.id}); choose another name.")


def find_view(core: Core, name: str) -> StoredView:
    """Returns the stored view of this id or name; raises NotFoundError or AmbiguousNameError."""
    listed = [document for document in core.catalog().views.values() if not document.deleted]
    return StoredView(core, find_one(name, listed, "view", "this repository").id)


def list_views(
    core: Core,
    *,
    text: str | None,
    project: str | None,
    recursive: bool,
    tags: Sequence[str],
    archived: bool | None,
    published: bool | None,
) -> list[StoredView]:
    """Returns the stored views that meet all conditions, oldest first; see ``Repository.views``."""
    try:
        pattern = re.compile(text) if text is not None else None
    except re.error as error:
        raise InvalidValueError(f"The text {text!r} is not a regular expression: {error}.") from error
    found = [
        document
        for document in core.catalog().views.values()
        if not document.deleted
        and (archived is None or document.archived == archived)
        and (published is None or document.published == published)
        and (project is None or in_project(document.project, clean_project(project), recursive))
        and (not tags or match_tags(document.tags, tags))
        and (pattern is None or any(map(pattern.search, _texts(core, document))))
    ]
    found.sort(key=lambda document: (document.created, document.id))
    return [StoredView(core, document.id) for document in found]


def _texts(core: Core, document: ViewDocument) -> set[str]:
    """Returns what a search by text looks at: name, id, description, and the datasets and versions by name and id."""
    texts = {document.name, document.id, document.description}
    datasets = core.catalog().datasets
    for query in document.view.queries:
        texts.update((query.dataset, query.version))
        dataset = datasets.get(query.dataset)
        if dataset is not None:
            texts.add(dataset.name)
            if query.version in dataset.versions:
                texts.add(dataset.versions[query.version].name)
    return texts
