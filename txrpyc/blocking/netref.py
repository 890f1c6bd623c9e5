"""Netrefs: objects that stand for the peer's, and do to them what is done to themselves.

A netref's class is made of what the peer's class offers, so that the interpreter finds the special methods where it
looks for them, on the class. Everything else is asked of the peer, attribute by attribute. Only the names in
`LOCAL_ATTRS` are the netref's own.
"""

from __future__ import annotations

import pickle
import sys
import types
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from txrpyc.core.consts import Verb
from txrpyc.core.identity import LOCAL_ATTRS, Identity, class_of, identify, methods_of_instances, offered_methods

if TYPE_CHECKING:
    from txrpyc.blocking.asking import Asking

__all__ = ["BaseNetref", "NetrefMaker", "asyncreq", "is_netref", "syncreq"]

_NEVER_REMOTE = frozenset(["__array_struct__", "__array_interface__"])
"""numpy would read memory at the addresses that these give."""


def is_netref(value: object) -> bool:
    """Tell whether a value is a netref, without asking it."""
    return issubclass(type(value), BaseNetref)


def _connection(netref: Any) -> Asking:
    connection: Asking = object.__getattribute__(netref, "____conn__")
    return connection


def syncreq(netref: Any, verb: int, *arguments: Any) -> Any:
    """Ask the peer of a netref to do something to its object, and wait. Raises what the peer raises, and as
    `sync_request`.
    """
    return _connection(netref).sync_request(verb, netref, *arguments)


def asyncreq(netref: Any, verb: int, *arguments: Any) -> Any:
    """Ask the peer of a netref to do something to its object; give the `AsyncResult`."""
    return _connection(netref).async_request(verb, netref, *arguments)


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
    """

    __slots__ = ("____conn__", "____id_pack__", "__weakref__")

    def __init__(self, conn: Any, id_pack: Identity) -> None:
        object.__setattr__(self, "____conn__", conn)
        object.__setattr__(self, "____id_pack__", id_pack)

    @property
    def ____refcount__(self) -> int:
        """How often the peer sent the object and did not get it back yet."""
        return _connection(self).borrowed_count(object.__getattribute__(self, "____id_pack__"))

    def __getattribute__(self, name: str) -> Any:
        if name not in LOCAL_ATTRS:
            if name == "__call__":
                return object.__getattribute__(self, name)
            return syncreq(self, Verb.GETATTR, name)
        if name == "__doc__":
            return syncreq(self, Verb.GETATTR, name)
        if name in _NEVER_REMOTE:
            raise AttributeError(name)
        if name == "__class__":
            known = type.__getattribute__(type(self), "_local_class")
            return known if known is not None else syncreq(self, Verb.GETATTR, name)
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
        if not _connection(self).may_unpickle:
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
        local = _find_local(name)
        return isinstance(local, type) and isinstance(other, local)


def _special_method(name: str, text: str | None) -> Callable[..., Any]:
    """Make a method of a netref class that calls the peer's method of that name."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return syncreq(self, Verb.CALLATTR, name, args, tuple(kwargs.items()))

    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        return syncreq(self, Verb.CALL, args, tuple(kwargs.items()))

    def __array__(self: Any, *args: Any, **kwargs: Any) -> Any:
        function, (pickled,) = self.__reduce_ex__(-1)
        return function(pickled).__array__(*args, **kwargs)

    made = {"__call__": __call__, "__array__": __array__}.get(name, method)
    made.__name__ = made.__qualname__ = name
    made.__doc__ = text
    return made


# Classes that need no inspection, because every Python has them. rpyc knows these by name as well, and so never
# asks for them.

_BUILTIN_TYPES: tuple[type, ...] = (
    type, object, bool, complex, dict, float, int, list, slice, str, tuple, set, frozenset, bytes, bytearray,
    memoryview, BaseException, Exception, type(None), type(iter([])), type(iter(())), type(iter(set())),
    type(iter(range(1))), types.BuiltinFunctionType, types.CodeType, types.FrameType, types.FunctionType,
    types.GeneratorType, types.MappingProxyType, types.MethodType, types.MethodWrapperType, types.ModuleType,
    types.TracebackType, types.WrapperDescriptorType,
)  # fmt: skip
_BUILTINS = {identify(kind)[0]: kind for kind in _BUILTIN_TYPES}


def _find_local(name: str) -> Any:
    """Give the local class of a dotted name, or the class of modules for a module's; None if there is none loaded."""
    if name in _BUILTINS:
        return _BUILTINS[name]
    if name in sys.modules:
        return types.ModuleType
    module, _, attribute = name.rpartition(".")
    # vars(), not getattr(): the name is the peer's, and a module's own __getattr__ is code.
    found = vars(sys.modules[module]).get(attribute) if module in sys.modules else None
    return found if isinstance(found, type) else None


def _make_class(name: str, is_class: bool, methods: Iterable[tuple[str, str | None]]) -> type[BaseNetref]:
    local = _find_local(name)
    namespace: dict[str, Any] = {
        "__slots__": (),
        "_local_class": type(local) if is_class and local is not None else local,
    }
    namespace |= {method: _special_method(method, text) for method, text in methods if method not in LOCAL_ATTRS}
    made: type[BaseNetref] = NetrefMetaclass(name, (BaseNetref,), namespace)  # type: ignore[assignment]
    return made


_shared_classes: dict[tuple[str, bool], type[BaseNetref]] = {}


def _shared_class(name: str, is_class: bool) -> type[BaseNetref]:
    """Give the netref class of a builtin type, which all connections share."""
    made = _shared_classes.get((name, is_class))
    if made is None:
        kind = _BUILTINS[name]
        methods = offered_methods(kind) if is_class else methods_of_instances(kind)
        made = _shared_classes[name, is_class] = _make_class(name, is_class, methods)
    return made


class NetrefMaker:
    """Makes the netrefs of one connection: the blocking face's `txrpyc.core.boxing.ProxyMaker`.

    Args:
        connection: where the netrefs ask.
    """

    def __init__(self, connection: Asking) -> None:
        self._connection = connection
        self._classes: dict[tuple[str, int, bool], type[BaseNetref]] = {}

    def identity_of(self, value: object) -> tuple[Identity, bool] | None:
        """Give the identity of a netref, and whether it is of this connection; None for anything else."""
        if not issubclass(type(value), BaseNetref):
            return None
        return object.__getattribute__(value, "____id_pack__"), _connection(value) is self._connection

    def must_inspect(self, identity: Identity) -> bool:
        """Tell whether the methods of an identity's class are unknown."""
        return class_of(identity) not in self._classes and identity[0] not in _BUILTINS

    def learn(self, identity: Identity, methods: tuple[tuple[str, str | None], ...]) -> None:
        """Make the class for an identity's class."""
        self._classes[class_of(identity)] = _make_class(identity[0], not identity[2], methods)

    def make_proxy(self, identity: Identity) -> BaseNetref:
        """Make a netref."""
        made = self._classes.get(class_of(identity))
        if made is None:
            made = _shared_class(identity[0], not identity[2])
        return made(self._connection, identity)
