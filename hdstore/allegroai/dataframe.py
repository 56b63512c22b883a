"""Frames: a single frame has one source, a group has several by name; both are read and changed in place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias

from hdstore.allegroai.annotated import Annotated
from hdstore.allegroai.annotation import Annotation, Binding
from hdstore.allegroai.frame_base import FrameBase, FrameId, Owner
from hdstore.allegroai.gathering import Lists, bind, gather
from hdstore.allegroai.kinds import (
    BoundingBox2D,
    BoundingBox3D,
    ComplexPolygon2D,
    ComplexPolygon3D,
    Ellipse2D,
    ImageAnnotation,
    KeyPoints2D,
    KeyPoints3D,
    Mask,
    Polygon2D,
    Polygon3D,
    Rle,
)
from hdstore.allegroai.native import annotation_from_native
from hdstore.compat.places import PathLike
from hdstore.compat.readable import Readable
from hdstore.compat.sourced import MaskSources
from hdstore.compat.values import number
from hdstore.compat.wire import frame_from_dict
from hdstore.errors import InvalidInputError, InvalidValueError
from hdstore.ids import derive_id
from hdstore.model import Frame as NativeFrame
from hdstore.model import FrameGroup as NativeFrameGroup
from hdstore.model import SingleFrame as NativeSingleFrame
from hdstore.model import Source, replace

if TYPE_CHECKING:
    from hdstore.repository import Repository

__all__ = [
    "Annotation",
    "AnyFrame",
    "BoundingBox2D",
    "BoundingBox3D",
    "ComplexPolygon2D",
    "ComplexPolygon3D",
    "Ellipse2D",
    "FrameGroup",
    "ImageAnnotation",
    "KeyPoints2D",
    "KeyPoints3D",
    "Mask",
    "Polygon2D",
    "Polygon3D",
    "Rle",
    "SingleFrame",
    "frame_from_native",
]


class SingleFrame(FrameBase, Readable, Annotated):
    """One source with its annotations, metadata, masks and preview."""

    def __init__(
        self,
        id: FrameId | None = None,
        source: PathLike | None = None,
        width: int | None = None,
        height: int | None = None,
        timestamp: int | float | None = None,
        size: int | None = None,
        hash: str | None = None,
        preview_uri: PathLike | None = None,
        preview_uri_timestamp: int | float | None = None,
        metadata: Mapping[str, Any] | None = None,
        annotations: Iterable[Annotation] | None = None,
        mask_source: PathLike | None = None,
        context_id: str | None = None,
        *,
        masks_source: MaskSources | None = None,
        blob: str = "",
        meta_blob: Mapping[str, Any] | None = None,
        vectors: Mapping[str, Iterable[float]] | None = None,
    ) -> None:
        if mask_source is not None and masks_source is not None:
            raise InvalidInputError("Give mask_source for one mask or masks_source for several, not both.")
        FrameBase.__init__(self, id, metadata, context_id, blob=blob, meta_blob=meta_blob, vectors=vectors)
        Readable.__init__(self, source)
        Annotated.__init__(self, annotations)
        self._source_id = "00"
        self.width = width
        self.height = height
        self.size = size
        self.hash = hash
        self.timestamp = timestamp
        self.preview_uri = preview_uri
        self.preview_uri_timestamp = preview_uri_timestamp
        self.masks_source = masks_source if mask_source is None else {"00": mask_source}

    def __repr__(self) -> str:
        return f"<SingleFrame {self.id} {self.source}>"

    def _derived_id(self) -> str:
        return derive_id("frame", self._uri) if self._uri else ""

    def _first_uri(self) -> str:
        return self._uri or ""

    def _home(self) -> Repository | None:
        return None if self._owner is None else self._owner.repository

    def _object_id_seed(self) -> str:
        return self.id

    @property
    def timestamp(self) -> int | float:
        """The place in the medium in milliseconds; 0 for stills."""
        return self._source_time if self._frame_time is None else self._frame_time

    @timestamp.setter
    def timestamp(self, timestamp: int | float | None) -> None:
        time = 0 if timestamp is None else number(timestamp, "The timestamp of a frame")
        has_source = self._uri is not None or self._is_stored
        self._source_time = time if has_source else 0
        self._frame_time = None if has_source or not time else time

    # Other forms

    def to_native(self) -> NativeSingleFrame:
        """Returns it as the value that hdstore stores."""
        source = self.source_value(self._source_id)
        return NativeSingleFrame(
            **self._frame_fields(),
            sources=() if source is None else (source,),
            annotations=gather(self._lists()),
        )

    def _lists(self) -> Lists:
        return Lists({self._source_id: self.annotations}, alone=True)

    def bind(self, native: NativeFrame) -> None:
        """Ties its annotations to those of the stored frame that was made of it."""
        bind(self._lists(), native.annotations)

    @classmethod
    def from_native(cls, native: NativeSingleFrame, owner: Owner | None = None) -> SingleFrame:
        """Returns a stored frame in this form; ``to_native`` gives back exactly what was stored."""
        frame = cls()
        frame._load_frame_fields(native, owner)
        for source in native.sources:
            frame.load_source(source)
            frame._source_id = source.id
        frame.annotations = [
            annotation_from_native(value, Binding(value.id, sources=value.sources, position=position))
            for position, value in enumerate(native.annotations)
        ]
        return frame

    @classmethod
    def from_dict(cls, singleframe_dict: Mapping[str, Any]) -> SingleFrame | FrameGroup:
        """Returns the frame that ``to_dict`` describes; a group where it has several sources."""
        return frame_from_native(frame_from_dict(singleframe_dict))

    from_api_object = from_dict


class FrameGroup(FrameBase, MutableMapping[str, SingleFrame]):
    """Single frames by name, as a dict; the name is the id of the source.

    The metadata of each single frame lies in that of the group, under its name.
    """

    def __init__(
        self,
        id: FrameId | None = None,
        metadata: Mapping[str, Any] | None = None,
        *args: Any,
        context_id: str | None = None,
        blob: str = "",
        meta_blob: Mapping[str, Any] | None = None,
        vectors: Mapping[str, Iterable[float]] | None = None,
        **kwargs: SingleFrame,
    ) -> None:
        FrameBase.__init__(self, id, metadata, context_id, blob=blob, meta_blob=meta_blob, vectors=vectors)
        self._frames: dict[str, SingleFrame] = {}
        self._unplaced: list[Annotation] = []
        for mapping in args:
            self.update(mapping)
        self.update(kwargs)

    def __repr__(self) -> str:
        return f"<FrameGroup {self.id} {list(self._frames)}>"

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __getitem__(self, key: str) -> SingleFrame:
        return self._frames[key]

    def __setitem__(self, key: str, frame: SingleFrame) -> None:
        if not key:
            raise InvalidValueError("A frame of a group has a name, which can not be empty.")
        if not isinstance(frame, SingleFrame):
            raise InvalidValueError(f"A group holds SingleFrames, and {key!r} is a {type(frame).__name__}.")
        self._frames[key] = frame

    def __delitem__(self, key: str) -> None:
        del self._frames[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)

    def _derived_id(self) -> str:
        members = sorted((key, frame._first_uri()) for key, frame in self._frames.items())
        if not any(uri for _, uri in members):
            return ""
        return derive_id("group", *(part for member in members for part in member))

    def _first_uri(self) -> str:
        return next((frame._first_uri() for frame in self._frames.values()), "")

    # Annotations of all sources

    def get_global_annotations(self) -> list[Annotation]:
        """Returns the annotations that lie on all single frames, as the first of them holds them."""
        frames = list(self._frames.values())
        if not frames:
            return list(self._unplaced)
        return [a for a in frames[0].annotations if all(a in other.annotations for other in frames[1:])]

    def add_global_annotation(self, annotation: Annotation) -> None:
        """Adds a copy of an annotation to every single frame; it is stored once, on all sources."""
        if not isinstance(annotation, Annotation):
            raise InvalidValueError(f"An Annotation is needed, not a {type(annotation).__name__}.")
        if not self._frames:
            raise InvalidInputError(
                "A global annotation lies on all frames of a group; add the frames first."
            )
        binding = Binding()
        for frame in self._frames.values():
            twin = annotation.copy(id=annotation.id)
            twin.id = annotation.id
            twin.binding = binding
            frame.annotations.append(twin)

    def remove_global_annotation(self, annotation: Annotation) -> bool:
        """Removes what equals an annotation from every single frame; says whether each of them held it."""
        everywhere = bool(self._frames)
        for frame in self._frames.values():
            if annotation in frame.annotations:
                frame.annotations.remove(annotation)
            else:
                everywhere = False
        return everywhere

    # Other forms

    def to_native(self) -> NativeFrameGroup:
        """Returns it as the value that hdstore stores."""
        fields = self._frame_fields()
        for key, frame in self._frames.items():
            if frame.blob or frame.meta_blob or frame.vectors:
                raise InvalidValueError(
                    f"blob, meta_blob and vectors belong to a group, but its frame {key!r} has its own."
                )
            own = frame._frame_fields()
            fields["context_id"] = fields["context_id"] or own["context_id"]
            if own["metadata"]:
                if fields["metadata"].get(key):
                    raise InvalidValueError(
                        f"The metadata of a group has no key of the name of a frame, but {key!r} is both."
                    )
                fields["metadata"][key] = own["metadata"]
        sources = (_member_source(key, frame) for key, frame in self._frames.items())
        return NativeFrameGroup(**fields, sources=tuple(sources), annotations=gather(self._lists()))

    def _lists(self) -> Lists:
        return Lists({key: frame.annotations for key, frame in self._frames.items()}, self._unplaced)

    def bind(self, native: NativeFrame) -> None:
        """Ties its annotations to those of the stored frame that was made of it."""
        bind(self._lists(), native.annotations)

    @classmethod
    def from_native(cls, native: NativeFrameGroup, owner: Owner | None = None) -> FrameGroup:
        """Returns a stored group in this form; ``to_native`` gives back exactly what was stored."""
        group = cls()
        group._load_frame_fields(native, owner)
        for source in native.sources:
            frame = SingleFrame()
            frame.load_source(source)
            frame._source_id = source.id
            frame._owner = owner
            metadata = group._metadata.get(source.id)
            if isinstance(metadata, dict) and metadata:
                frame.metadata = group._metadata.pop(source.id)
            group._frames[source.id] = frame
        for position, value in enumerate(native.annotations):
            binding = Binding(value.id, sources=value.sources, position=position)
            for key in dict.fromkeys(value.sources or list(group._frames)[:1]):
                group._list_of(key).append(annotation_from_native(value, binding))
            if not value.sources and not group._frames:
                group._unplaced.append(annotation_from_native(value, binding))
        return group

    def _list_of(self, key: str) -> list[Annotation]:
        if key not in self._frames:
            raise InvalidValueError(
                f"An annotation lies on the source {key!r}, which the group does not have."
            )
        return self._frames[key].annotations

    @classmethod
    def from_dict(cls, framegroup_dict: Mapping[str, Any]) -> FrameGroup:
        """Returns the group that ``to_dict`` describes."""
        native = frame_from_dict({**framegroup_dict, "frame_type": "group"})
        if not isinstance(native, NativeFrameGroup):
            raise InvalidValueError("This dict is not a group of frames.")
        return cls.from_native(native)

    from_api_object = from_dict


def _member_source(key: str, frame: SingleFrame) -> Source:
    source = frame.source_value(key) or Source(id=key)
    # A frame that has a time but no source of its own gets one here.
    return source if frame._frame_time is None else replace(source, timestamp=frame._frame_time)


AnyFrame: TypeAlias = SingleFrame | FrameGroup


def frame_from_native(native: NativeFrame, owner: Owner | None = None) -> AnyFrame:
    """Returns a stored frame as a SingleFrame or FrameGroup."""
    if isinstance(native, NativeFrameGroup):
        return FrameGroup.from_native(native, owner)
    return SingleFrame.from_native(native, owner)
