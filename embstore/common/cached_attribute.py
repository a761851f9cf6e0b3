"""Attributes computed when they are first read, without a lock."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

Value = TypeVar("Value")


class cached_attribute(Generic[Value]):  # noqa: N801 it is used like property
    """A method whose value an object keeps from its first reading on.

    Up to Python 3.11 ``functools.cached_property`` holds a lock of the whole class while
    it computes, so that two workers on two layers wait for each other. This one holds
    none: two threads that share an object may both compute.
    """

    def __init__(self, compute: Callable[[Any], Value]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "cached_attribute[Value]": ...
    @overload
    def __get__(self, instance: object, owner: type) -> Value: ...
    def __get__(self, instance: object, owner: type) -> "cached_attribute[Value] | Value":
        if instance is None:
            return self
        # Python looks here first from now on, because this class has no __set__.
        value = instance.__dict__[self._name] = self._compute(instance)
        return value
