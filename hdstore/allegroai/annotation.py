"""The base of all annotations, and the register of types that scripts add."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, TypeVar

from hdstore.compat.coordinates import Values
from hdstore.compat.values import deep, label_list, plain_dict
from hdstore.compat.wire import CUSTOM_VALUES, TYPE, roi_to_dict
from hdstore.errors import InvalidInputError, InvalidValueError
from hdstore.ids import new_id
from hdstore.model import Annotation as NativeAnnotation
from hdstore.model import Geometry

__all__ = ["Annotation", "Binding", "registered"]

_custom: dict[str, type[Annotation]] = {}
_reserved: set[str] = set()

_Class = TypeVar("_Class", bound="type[Annotation]")


class Binding:
    """What ties annotations of this API to the one stored annotation they come from.

    Compared by identity: the copies of one stored annotation on several sources share one and become one.
    ``sources`` and ``position`` are as they were stored; ``position`` is None for what was not stored yet.
    """

    __slots__ = ("native_id", "position", "sources")

    def __init__(
        self, native_id: str = "", *, sources: tuple[str, ...] = (), position: int | None = None
    ) -> None:
        self.native_id = native_id
        self.sources = sources
        self.position = position


def registered(name: object) -> type[Annotation] | None:
    """Returns the class that was registered for a type name, or None."""
    return _custom.get(name) if isinstance(name, str) else None


def _plain(value: Any) -> Any:
    """Returns numbers and sequences of a custom type, arrays too, as what metadata can hold."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


class Annotation:
    """Labels with confidence and metadata on a frame; subclasses add where on the frame they lie.

    ``id`` names the object and may be shared by several annotations: those of one object or one track.
    """

    _kind: ClassVar[str] = ""
    _registered: ClassVar[str] = ""

    def __init__(
        self,
        values: Values = None,
        id: str | None = None,
        labels: Iterable[str] | None = None,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.values = values
        self.id = None if id is None else str(id)
        self.labels = label_list(labels)
        self.confidence = confidence
        self.metadata = plain_dict(metadata, "The metadata of an annotation")
        self.type_name = self._registered
        self.binding: Binding | None = None
        self.label_number: int | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.labels} {self.values}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Annotation) and type(other) is type(self) and other._state() == self._state()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def _state(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("binding", "label_number")}

    @classmethod
    def get_type(cls) -> str:
        """Returns the name of the type: "p2d", "b2d", "elp", "mask", "im" and so on, or a registered one."""
        return cls._registered or cls._kind

    @staticmethod
    def register(type_names: Iterable[str] | str) -> Callable[[_Class], _Class]:
        """Returns a decorator that adds a class under these names.

        ``add_annotation(NAME=values)`` then makes one, and it is of that class again when its frame is read.
        """
        names = label_list(type_names)
        if not names:
            raise InvalidInputError("An annotation type is registered under at least one name.")
        for name in names:
            if name in _reserved or not name.isidentifier():
                raise InvalidInputError(
                    f"{name!r} can not name an annotation type: it is taken, or no name of an argument."
                )

        def decorate(cls: _Class) -> _Class:
            cls._registered = names[0]
            _custom.update(dict.fromkeys(names, cls))
            return cls

        return decorate

    @staticmethod
    def reserve(names: Iterable[str]) -> None:
        """Keeps names of built-in types and arguments from being registered."""
        _reserved.update(names)

    @property
    def values(self) -> Values:
        """The numbers it is made of: a flat list, a list of flat lists for several rings, or None."""
        return self._values

    @values.setter
    def values(self, values: Values) -> None:
        self._values = None if values is None else self._parse(values)

    def _parse(self, values: Values) -> Values:
        return _plain(values)

    @property
    def label_enum(self) -> int | None:
        """The number that a view gives to its label, -1 where it gives none; None for a frame of no view."""
        return self.label_number

    def geometry(self) -> Geometry | None:
        """Returns where it lies, as the library's own value; None for labels of the whole frame."""
        return None

    def copy(self, id: str | None = None) -> Annotation:
        """Returns a copy that is another object: with this id, or a new random one."""
        twin = copy.deepcopy(self)
        twin.binding = None
        twin.id = new_id(16) if id is None else str(id)
        return twin

    def to_native(self) -> NativeAnnotation:
        """Returns it as the value that hdstore stores; the sources it lies on are known by its frame."""
        geometry = self.geometry()
        metadata = deep(self.metadata)
        own: dict[str, Any] = {}
        if self.type_name:
            own[TYPE] = self.type_name
            if geometry is None and self.values is not None:
                own[CUSTOM_VALUES] = copy.deepcopy(self.values)
        elif geometry is None and self.values is not None:
            raise InvalidValueError(
                "An annotation with values is of a class below Annotation; Annotation.register adds new ones."
            )
        if own.keys() & metadata.keys():
            raise InvalidValueError(
                f"The metadata keys {sorted(own)} belong to the type {self.type_name!r} of an annotation."
            )
        return NativeAnnotation(
            id=self.binding.native_id if self.binding else "",
            object_id=self.id,
            labels=tuple(label_list(self.labels)),
            confidence=None if self.confidence is None else float(self.confidence),
            geometry=geometry,
            metadata={**metadata, **own},
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns it as ClearML's REST interface writes an ROI."""
        return roi_to_dict(self.to_native())
