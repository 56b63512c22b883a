"""hdstore: git for dataset metadata.

    import hdstore

    with hdstore.open("plates") as repository:
        draft = repository.version("plates/Current")
        for frame in draft.query("rois:(label:donut AND confidence:>=0.75)"):
            print(frame.id, len(frame.annotations))

This page is the catalogue of public names; whatever is not listed may change.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hdstore.diff import Diff, FrameChange
    from hdstore.errors import (
        AlreadyExistsError,
        AmbiguousNameError,
        CancelledError,
        ConflictError,
        DamagedError,
        DivergedError,
        EditConflictError,
        HdstoreError,
        InvalidFileError,
        InvalidInputError,
        InvalidValueError,
        LockTimeoutError,
        MediaError,
        MissingPackageError,
        NotFoundError,
        QuerySyntaxError,
        ReadOnlyError,
        RemoteError,
        RepositoryNotFoundError,
        StorageError,
        UntrustedError,
    )
    from hdstore.model import (
        AddAnnotation,
        Annotation,
        Author,
        Box,
        Box3D,
        Changes,
        Commit,
        Edit,
        Ellipse,
        Frame,
        FrameGroup,
        Geometry,
        Keypoints,
        Keypoints3D,
        Label,
        LabelCount,
        Mask,
        MaskLabel,
        MaskValue,
        Polygon,
        Polygon3D,
        Preview,
        Progress,
        PutFrame,
        RemoveAnnotation,
        RemoveFrame,
        ReplaceAnnotation,
        Rle,
        Schema,
        SetFrameMetadata,
        SetSchema,
        SetVersionMetadata,
        SingleFrame,
        Skeleton,
        Source,
        Stats,
        Status,
        replace,
    )
    from hdstore.repository import (
        Dataset,
        DatasetVersion,
        Finding,
        GcReport,
        ImportReport,
        Repository,
        clone,
        init,
    )
    from hdstore.repository import open_repository as open
    from hdstore.version import VersionState

__all__ = [
    "AddAnnotation",
    "AlreadyExistsError",
    "AmbiguousNameError",
    "Annotation",
    "Author",
    "Box",
    "Box3D",
    "CancelledError",
    "Changes",
    "Commit",
    "ConflictError",
    "DamagedError",
    "Dataset",
    "DatasetVersion",
    "Diff",
    "DivergedError",
    "Edit",
    "EditConflictError",
    "Ellipse",
    "Finding",
    "Frame",
    "FrameChange",
    "FrameGroup",
    "GcReport",
    "Geometry",
    "HdstoreError",
    "ImportReport",
    "InvalidFileError",
    "InvalidInputError",
    "InvalidValueError",
    "Keypoints",
    "Keypoints3D",
    "Label",
    "LabelCount",
    "LockTimeoutError",
    "Mask",
    "MaskLabel",
    "MaskValue",
    "MediaError",
    "MissingPackageError",
    "NotFoundError",
    "Polygon",
    "Polygon3D",
    "Preview",
    "Progress",
    "PutFrame",
    "QuerySyntaxError",
    "ReadOnlyError",
    "RemoteError",
    "RemoveAnnotation",
    "RemoveFrame",
    "ReplaceAnnotation",
    "Repository",
    "RepositoryNotFoundError",
    "Rle",
    "Schema",
    "SetFrameMetadata",
    "SetSchema",
    "SetVersionMetadata",
    "SingleFrame",
    "Skeleton",
    "Source",
    "Stats",
    "Status",
    "StorageError",
    "UntrustedError",
    "VersionState",
    "clone",
    "init",
    "open",
    "replace",
]

# Names are loaded when they are first used, so that ``hdstore --help`` and tab completion need not load the store.
_HOMES = {
    "hdstore.diff": (
        "Diff",
        "FrameChange",
    ),
    "hdstore.errors": (
        "AlreadyExistsError",
        "AmbiguousNameError",
        "CancelledError",
        "ConflictError",
        "DamagedError",
        "DivergedError",
        "EditConflictError",
        "HdstoreError",
        "InvalidFileError",
        "InvalidInputError",
        "InvalidValueError",
        "LockTimeoutError",
        "MediaError",
        "MissingPackageError",
        "NotFoundError",
        "QuerySyntaxError",
        "ReadOnlyError",
        "RemoteError",
        "RepositoryNotFoundError",
        "StorageError",
        "UntrustedError",
    ),
    "hdstore.model": (
        "AddAnnotation",
        "Annotation",
        "Author",
        "Box",
        "Box3D",
        "Changes",
        "Commit",
        "Edit",
        "Ellipse",
        "Frame",
        "FrameGroup",
        "Geometry",
        "Keypoints",
        "Keypoints3D",
        "Label",
        "LabelCount",
        "Mask",
        "MaskLabel",
        "MaskValue",
        "Polygon",
        "Polygon3D",
        "Preview",
        "Progress",
        "PutFrame",
        "RemoveAnnotation",
        "RemoveFrame",
        "ReplaceAnnotation",
        "Rle",
        "Schema",
        "SetFrameMetadata",
        "SetSchema",
        "SetVersionMetadata",
        "SingleFrame",
        "Skeleton",
        "Source",
        "Stats",
        "Status",
        "replace",
    ),
    "hdstore.repository": (
        "Dataset",
        "DatasetVersion",
        "Finding",
        "GcReport",
        "ImportReport",
        "Repository",
        "clone",
        "init",
    ),
    "hdstore.version": ("VersionState",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


if not TYPE_CHECKING:  # a type checker that saw it would take any name for granted

    def __getattr__(name: str) -> Any:
        if name == "open":
            value = import_module("hdstore.repository").open_repository
        elif name in _HOME_OF:
            value = getattr(import_module(_HOME_OF[name]), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
