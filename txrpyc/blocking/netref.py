"""Netrefs: objects that stand for the peer's, and do to them what is done to themselves.

A netref's class is made of what the peer's class offers, so that the interpreter finds the special methods where it
looks for them, on the class. Everything else is asked of the peer, attribute by attribute. Only the names in
`LOCAL_ATTRS` are the netref's own.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Protocol

from txrpyc.blocking.asking import Asking
from txrpyc.blocking.local_types import find_local
from txrpyc.core.boxing import box_local
from txrpyc.core.consts import Verb
from txrpyc.core.identity import LOCAL_ATTRS, Identity

__all__ = ["BaseNetref", "NetrefMetaclass", "asyncreq", "box", "boxed_of", "connection_of", "is_netref", "syncreq"]

_NEVER_REMOTE = frozenset(["__array_struct__", "__array_interface__"])
"""numpy would read memory at the addresses that these give."""


def is_netref(value: object) -> bool:
    """Tell whether a value is a netref, without asking it."""
    return issubclass(type(value), BaseNetref)


def box(netref: Any) -> bytes:
    """Make the boxed reference to a netref, which then keeps it."""
    boxed = box_local(object.__getattribute__(netref, "____id_pack__"))
    object.__setattr__(netref, "____boxed__", boxed)
    return boxed


def syncreq(netref: Any, verb: int, *arguments: Any) -> Any:
    """Ask the peer of a netref to do something to its object, and wait. Raises what the peer raises, and as
    `sync_request`.
    """
    return connection_of(netref).sync_request(verb, netref, *arguments)


def asyncreq(netref: Any, verb: int, *arguments: Any, timeout: float | None = None) -> Any:
    """Ask the peer of a netref to do something to its object; give the `AsyncResult`, which expires after so many
    seconds.
    """
    return connection_of(netref).async_request(verb, netref, *arguments, timeout=timeout)


class KnownMethods(Protocol):
    """Gives attributes of netrefs of one class, with less asking where that does no harm."""

    def get(self, owner: Any, name: str) -> Any:
        """Give an attribute of a netref."""


class NetrefMetaclass(type):
    """Shows in its repr that a class is one of netrefs."""

    def __repr__(cls) -> str:
        return (
            f"<netref class '{cls.__module__}.{cls.__name__}'>"
            if cls.__module__
            else f"<netref class '{cls.__name__}'>"
        )


class BaseNetref(metaclass=NetrefMetaclass):
    """The base of all netref classes. Made by a connection only.

    Attributes:
        ____conn__: the connection.
        ____id_pack__: the identity of the object.
        ____methods__: what is known of the methods that the connection's netrefs of this class have; None if nothing.
        ____boxed__: the boxed reference to it, once it was needed.
    """

    __slots__ = ("____boxed__", "____conn__", "____id_pack__", "____methods__", "__weakref__")

    _local_class: ClassVar[type | None] = None
    """What `__class__` of a netref is; None if that must be asked."""

    def __init__(self, conn: Any, id_pack: Identity, methods: KnownMethods | None = None) -> None:
        object.__setattr__(self, "____conn__", conn)
        object.__setattr__(self, "____id_pack__", id_pack)
        object.__setattr__(self, "____methods__", methods)

    @property
    def ____refcount__(self) -> int:
        """How often the peer sent the object and did not get it back yet."""
        return connection_of(self).borrowed_count(object.__getattribute__(self, "____id_pack__"))

    def __getattribute__(self, name: str) -> Any:
        if name not in LOCAL_ATTRS:
            if name == "__call__":
                return object.__getattribute__(self, name)
            methods = _methods_of(self)
            return syncreq(self, Verb.GETATTR, name) if methods is None else methods.get(self, name)
        if name == "__doc__":
            return syncreq(self, Verb.GETATTR, name)
        if name in _NEVER_REMOTE:
            raise AttributeError(name)
        if name == "__class__":
            known = type.__getattribute__(type(self), "_local_class")
            if known is None and connection_of(self).may_wait:
                return syncreq(self, Verb.GETATTR, name)
            return known if known is not None else type(self)
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in LOCAL_ATTRS:
            object.__setattr__(self, name, value)
        else:
            syncreq(self, Verb.SETATTR, name, value)

    def __delattr__(self, name: str) -> None:
        if name in LOCAL_ATTRS:
            object.__delattr__(self, name)
        else:
            syncreq(self, Verb.DELATTR, name)

    def __dir__(self) -> Iterable[str]:
        return list(syncreq(self, Verb.DIR))

    def __hash__(self) -> int:
        return int(syncreq(self, Verb.HASH))

    def __cmp__(self, other: Any) -> Any:
        return syncreq(self, Verb.CMP, other, "__cmp__")

    def __eq__(self, other: object) -> Any:
        return syncreq(self, Verb.CMP, other, "__eq__")

    def __ne__(self, other: object) -> Any:
        return syncreq(self, Verb.CMP, other, "__ne__")

    def __lt__(self, other: Any) -> Any:
        return syncreq(self, Verb.CMP, other, "__lt__")

    def __gt__(self, other: Any) -> Any:
        return syncreq(self, Verb.CMP, other, "__gt__")

    def __le__(self, other: Any) -> Any:
        return syncreq(self, Verb.CMP, other, "__le__")

    def __ge__(self, other: Any) -> Any:
        return syncreq(self, Verb.CMP, other, "__ge__")

    def __repr__(self) -> str:
        return str(syncreq(self, Verb.REPR))

    def __str__(self) -> str:
        return str(syncreq(self, Verb.STR))

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> Any:
        # The class, as rpyc sends it: an instance or a traceback would tell a peer of rpyc no more.
        return syncreq(self, Verb.CTXEXIT, kind)

    def __reduce_ex__(self, protocol: Any) -> Any:
        if not connection_of(self).may_unpickle:
            raise pickle.PicklingError(
                "a netref is pickled by the peer and read here, which the setting allow_pickle of this side forbids"
            )
        return pickle.loads, (syncreq(self, Verb.PICKLE, protocol),)

    def __instancecheck__(self, other: Any) -> bool:
        name, class_id, instance_id = object.__getattribute__(self, "____id_pack__")
        if instance_id:
            raise TypeError("isinstance() arg 2 must be a type, a tuple of types, or a union")
        if is_netref(other):
            theirs = object.__getattribute__(other, "____id_pack__")
            if theirs[1] == class_id:
                return bool(theirs[2])
            return bool(syncreq(self, Verb.INSTANCECHECK, theirs))
        local = find_local(name)
        return local is not None and isinstance(other, local)


# By the slots themselves, without a call of Python's: every remote operation needs them.
connection_of: Callable[[Any], Asking] = vars(BaseNetref)["____conn__"].__get__
"""Gives the connection of a netref."""

boxed_of: Callable[[Any], bytes] = vars(BaseNetref)["____boxed__"].__get__
"""Gives the boxed reference to a netref. Raises AttributeError before the first `box`."""
_methods_of: Callable[[Any], KnownMethods | None] = vars(BaseNetref)["____methods__"].__get__
