"""Identities: how an object is named on the wire.

An identity is ``(name, class id, instance id)``. A class has instance id 0; anything else has the name and the id
of its class. The ids are whatever integers the owner chose; rpyc and we use `id`.

An object may lie about ``__class__`` or fail to tell it; then its true type is used. That is never the connection's
trouble.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from txrpyc.errors import ProtocolError

__all__ = [
    "LOCAL_ATTRS",
    "Identity",
    "class_of",
    "clean",
    "describe",
    "identify",
    "read_identity",
]

Identity = tuple[str, int, int]

LOCAL_ATTRS = frozenset(
    [
        "____conn__",
        "____id_pack__",
        "____refcount__",
        "__class__",
        "__cmp__",
        "__del__",
        "__delattr__",
        "__dir__",
        "__doc__",
        "__getattr__",
        "__getattribute__",
        "__hash__",
        "__instancecheck__",
        "__init__",
        "__metaclass__",
        "__module__",
        "__new__",
        "__reduce__",
        "__reduce_ex__",
        "__repr__",
        "__setattr__",
        "__slots__",
        "__str__",
        "__weakref__",
        "__dict__",
        "__methods__",
        "__exit__",
        "__eq__",
        "__ne__",
        "__lt__",
        "__gt__",
        "__le__",
        "__ge__",
        "__array_struct__",
        "__array_interface__",
    ]
)
"""The names that a netref answers itself, so that an inspection leaves them out."""


def _qualified(owner: Any, name: Any) -> str:
    return f"{owner.__module__}.{name}"


def _module_name(module: ModuleType) -> str:
    name = module.__name__
    return f"{name}" if name in sys.modules else _qualified(type(module), name)


def _true_name(kind: type) -> str:
    """Name a class without asking its metaclass."""
    name = type.__dict__["__name__"].__get__(kind)
    try:
        module = type.__dict__["__module__"].__get__(kind)
    except AttributeError:
        module = None
    return f"{module}.{name}" if type(module) is str else f"{name}"


def identify(value: Any) -> Identity:
    """Give the identity of a local object, as rpyc makes it."""
    kind = type(value)
    try:
        if isinstance(value, type):
            return clean(_qualified(value, value.__name__)), id(value), 0
        if isinstance(value, ModuleType):
            return clean(_module_name(value)), id(kind), id(value)
        claimed = value.__class__
        return clean(_qualified(claimed, claimed.__name__)), id(kind), id(value)
    except Exception:
        if issubclass(kind, type):
            return clean(_true_name(value)), id(value), 0
        return clean(_true_name(kind)), id(kind), id(value)


def clean(name: str) -> str:
    """Give a text as the wire can carry it."""
    return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode()


def read_identity(package: Any) -> Identity:
    """Check an identity from the wire. Raises `ProtocolError` if it is none."""
    if type(package) is tuple and len(package) == 3:
        name, class_id, instance_id = package
        if type(name) is bytes:
            name = name.decode("utf-8", "replace")
        if type(name) is str and type(class_id) is int and type(instance_id) is int:
            return name, class_id, instance_id
    raise ProtocolError("a reference that is not a tuple of name, class id and instance id")


def describe(identity: Identity) -> str:
    """Give an identity in words, for error messages."""
    name, _class_id, instance_id = identity
    return f"class {name}" if not instance_id else f"{name} object {instance_id:#x}"


def class_of(identity: Identity) -> tuple[str, int, bool]:
    """Give what all objects share that are inspected alike: the name, the class id, and whether it is a class
    itself.
    """
    return identity[0], identity[1], identity[2] == 0
