"""Saving a draft: one commit by its author, on the tip that stands when it is written.

The objects of a save make one small pack: two files to flush instead of one for each object, and flushing is what a
save waits for. Packs are merged once many have gathered.

A save holds the draft's lock from reading the tip to moving it, so several writers of one draft follow each other and
none loses work. What took long (reading files, encoding frames) was done before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hdstore.codec import decode_frame
from hdstore.errors import ConflictError, EditConflictError
from hdstore.ids import frame_key
from hdstore.model import (
    Changes,
    Edit,
    FrameEdit,
    Metadata,
    Progress,
    Schema,
    SetSchema,
    SetVersionMetadata,
    VersionDocument,
    replace,
)
from hdstore.repository.core import Core, draft_ref
from hdstore.store import RefUpdate, Writer
from hdstore.version import Batch, Built, VersionState, build_edits, write_commit, write_tree

__all__ = ["save", "save_batch", "save_edits", "write_child", "write_metadata"]


def save(
    core: Core,
    dataset_id: str,
    version_id: str,
    build: Callable[[VersionState, Writer], Built],
    *,
    message: str,
) -> Changes:
    """Writes what ``build`` makes of a draft's tip as one commit; an exception from it leaves the draft as it was."""
    ref = draft_ref(dataset_id, version_id)
    with core.refs.lock(ref):
        state = VersionState(core.objects, core.draft_tip(dataset_id, version_id))
        with core.objects.pack() as writer:
            built = build(state, writer)
            commit = _commit(core, writer, state, built, message)
        return _move(core, ref, version_id, state, built, commit)


def save_edits(
    core: Core,
    dataset_id: str,
    version_id: str,
    edits: Sequence[Edit],
    *,
    message: str | None = None,
    base: str | None = None,
) -> Changes:
    """Applies edits to a draft as one commit.

    ``base`` is the commit at which the caller read what it edits; frames that changed since raise EditConflictError.
    """

    def build(state: VersionState, writer: Writer) -> Built:
        if base is not None and base != state.commit:
            _check_untouched(VersionState(core.objects, base), state, edits)
        return build_edits(core.objects, writer, state, edits)

    return save(core, dataset_id, version_id, build, message=message or _describe(edits))


def save_batch(
    core: Core,
    dataset_id: str,
    version_id: str,
    batch: Batch,
    *,
    message: str,
    schema: Callable[[Schema], Schema] | None = None,
    metadata: Callable[[Metadata], Metadata] | None = None,
    base: str | None = None,
    progress: Progress | None = None,
) -> Changes:
    """Writes a batch of frames to a draft as one commit; ``schema`` and ``metadata`` say what becomes of those.

    ``base`` is the commit at which the caller read what the batch replaces: ConflictError when the draft moved since.
    """

    def build(state: VersionState, writer: Writer) -> Built:
        if base not in (None, state.commit):
            raise ConflictError(
                f"Somebody else saved {core.path_of(dataset_id, version_id)} since its frames were read; nothing was"
                " changed, so do it again."
            )
        document, new_schema = state.document, state.schema
        if metadata is not None:
            document = replace(document, metadata=metadata(document.metadata))
        if schema is not None:
            new_schema = schema(new_schema)
        return batch.build(
            core.objects, writer, state, document=document, schema=new_schema, progress=progress
        )

    return save(core, dataset_id, version_id, build, message=message)


def write_child(
    core: Core,
    writer: Writer,
    state: VersionState,
    *,
    version_id: str,
    parents: tuple[str, ...],
    message: str,
    commit: str = "",
    metadata: Metadata | None = None,
) -> str:
    """Returns the first commit of a draft that begins with what ``state`` holds; costs the same at every size.

    It follows ``commit``, which need not be readable yet, or else the commit of ``state``.
    """
    document = replace(
        state.document,
        id=version_id,
        created=core.now(),
        parents=parents,
        metadata=state.document.metadata if metadata is None else metadata,
    )
    return _write_document(core, writer, state, document, message, parent=commit or state.commit)


def write_metadata(core: Core, writer: Writer, state: VersionState, metadata: Metadata) -> str:
    """Returns a commit on that of ``state`` that replaces the version's metadata."""
    document = replace(state.document, metadata=metadata)
    return _write_document(core, writer, state, document, "Edit the version", parent=state.commit)


def _write_document(
    core: Core, writer: Writer, state: VersionState, document: VersionDocument, message: str, *, parent: str
) -> str:
    tree = write_tree(
        writer,
        document=document,
        schema=state.schema,
        stats=state.stats,
        frames=state.oid("frames"),
        conflicts=state.oid("conflicts"),
    )
    return write_commit(
        writer, tree=tree, parents=(parent,), author=core.author, time=core.now(), message=message
    )


def _commit(core: Core, writer: Writer, state: VersionState, built: Built, message: str) -> str:
    if not built.is_change():
        return state.commit
    return write_commit(
        writer,
        tree=built.tree,
        parents=(state.commit,),
        author=core.author,
        time=core.now(),
        message=message,
    )


def _move(core: Core, ref: str, version_id: str, state: VersionState, built: Built, commit: str) -> Changes:
    if commit != state.commit:
        core.refs.update(RefUpdate(ref, state.commit, commit))
        core.after_save()
    return Changes(
        version_id=version_id,
        before=state.commit,
        after=commit,
        added=built.added,
        updated=built.updated,
        removed=built.removed,
        unchanged=built.unchanged,
        frame_ids=None if built.frame_ids is None else tuple(built.frame_ids),
        schema=built.schema,
        metadata=built.metadata,
        conflicts=built.conflicts,
        inverse=built.inverse,
    )


def _check_untouched(base: VersionState, tip: VersionState, edits: Sequence[Edit]) -> None:
    """Raises EditConflictError when what the edits touch is not what it was at ``base``."""
    for edit in edits:
        frame_id = ""
        ours: object
        before: object
        after: object
        if isinstance(edit, SetSchema):
            touched, ours, before, after = "the schema", edit.schema, base.schema, tip.schema
        elif isinstance(edit, SetVersionMetadata):
            touched, ours = "the metadata of the version", edit.metadata
            before, after = base.document.metadata, tip.document.metadata
        else:
            frame_id = edit.frame_id
            old = base.trie.find(frame_key(frame_id))
            new = tip.trie.find(frame_key(frame_id))
            if old == new:
                continue
            touched, ours = f"frame {frame_id!r}", edit
            before = None if old is None else decode_frame(old)
            after = None if new is None else decode_frame(new)
        if before != after:
            raise EditConflictError(
                f"Somebody else changed {touched} since it was read; look at their change and edit again.",
                frame_id=frame_id,
                base=before,
                ours=ours,
                theirs=after,
            )


def _describe(edits: Sequence[Edit]) -> str:
    """Returns the first line of a save's message."""
    frames = {edit.frame_id for edit in edits if isinstance(edit, FrameEdit)}
    if len(frames) == 1:
        return f"Edit frame {next(iter(frames))}"
    if frames:
        return f"Edit {len(frames)} frames"
    if all(isinstance(edit, SetSchema) for edit in edits):
        return "Edit the schema"
    return "Edit the version"
