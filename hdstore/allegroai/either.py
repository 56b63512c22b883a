"""Methods that are called on the class with names, or on an object that already knows what it is."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, Generic, ParamSpec, TypeVar

__all__ = ["either"]

_Owner = TypeVar("_Owner")
_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")


class either(Generic[_Owner, _Params, _Result]):
    """A decorator for a method whose first argument is the object, or None when the class is called."""

    def __init__(self, function: Callable[Concatenate[_Owner | None, _Params], _Result]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: _Owner | None, owner: type) -> Callable[_Params, _Result]:
        """Returns the method bound to the object, or to None."""
        bound = functools.partial(self._function, instance)
        return functools.update_wrapper(bound, self._function)
