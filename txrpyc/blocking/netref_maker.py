"""Making netrefs, and the classes that they are of."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from txrpyc.blocking.asking import Asking
from txrpyc.blocking.bound_method import MethodMemory
from txrpyc.blocking.local_types import BUILTINS, find_local
from txrpyc.blocking.netref import BaseNetref, NetrefMetaclass, box, boxed_of, connection_of, syncreq
from txrpyc.core.consts import CALL, CALLATTR
from txrpyc.core.identity import LOCAL_ATTRS, Identity, class_of
from txrpyc.core.inspection import Methods, methods_of_instances, offered_methods

__all__ = ["NetrefMaker"]


def _special_method(name: str, text: str | None) -> Callable[..., Any]:
    """Make a method of a netref class that calls the peer's method of that name."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return syncreq(self, CALLATTR, name, args, tuple(kwargs.items()) if kwargs else ())

    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        return connection_of(self).sync_request(CALL, self, args, tuple(kwargs.items()) if kwargs else ())

    def __array__(self: Any, *args: Any, **kwargs: Any) -> Any:
        function, (pickled,) = self.__reduce_ex__(-1)
        return function(pickled).__array__(*args, **kwargs)

    made = {"__call__": __call__, "__array__": __array__}.get(name, method)
    made.__name__ = made.__qualname__ = name
    made.__doc__ = text
    return made


def _local_class(name: str, is_class: bool) -> type | None:
    """Give what `__class__` of a netref is, if that is known here."""
    local = find_local(name)
    return type(local) if is_class and local is not None else local


def _make_class(name: str, methods: Methods, local: type | None) -> type[BaseNetref]:
    namespace: dict[str, Any] = {
        method: _special_method(method, text) for method, text in methods if method not in LOCAL_ATTRS
    }
    # After the peer's names, so that none of them takes the place of ours.
    namespace["__slots__"] = ()
    namespace["_local_class"] = local
    made: type[BaseNetref] = NetrefMetaclass(name.replace("\0", "?"), (BaseNetref,), namespace)  # type: ignore[assignment]
    return made


@cache
def _builtin_class(name: str, is_class: bool) -> type[BaseNetref]:
    """Give the netref class of a builtin type."""
    kind = BUILTINS[name]
    methods = offered_methods(kind) if is_class else methods_of_instances(kind)
    return _make_class(name, methods, _local_class(name, is_class))


class _Kind:
    """A netref class, for all connections whose peers offer the same; and the names of its methods.

    Args:
        name: the name of the peer's class.
        methods: what the inspection gave.
        local: what `__class__` of the netrefs is; None if that must be asked.
    """

    __slots__ = ("made", "routines")

    def __init__(self, name: str, methods: Methods, local: type | None) -> None:
        self.made = _make_class(name, methods, local)
        self.routines = frozenset([method for method, _text in methods])


_MOST = 100
"""How many kinds are remembered, whether or not there are connections that use them."""

_LARGEST = 50_000
"""Characters of docstrings that a kind may have to be remembered."""

_kinds: dict[tuple[str, int, Methods], _Kind] = {}


def _kind_of(name: str, is_class: bool, methods: Methods) -> _Kind:
    """Make a netref class, or give one that was made for the same before: a program that connects again and again
    would spend much of its time on that.
    """
    local = _local_class(name, is_class)
    key = name, id(local), methods
    kind = _kinds.get(key)
    if kind is None:
        kind = _Kind(name, methods, local)
        if sum([len(method) + len(text or "") for method, text in methods]) <= _LARGEST:
            if len(_kinds) >= _MOST:
                _kinds.clear()
            _kinds[key] = kind
    return kind


class NetrefMaker:
    """Makes the netrefs of one connection: the blocking face's `txrpyc.core.session.Proxies`.

    Args:
        connection: where the netrefs ask.
    """

    def __init__(self, connection: Asking) -> None:
        self._connection = connection
        self._classes: dict[tuple[str, int, bool], tuple[type[BaseNetref], MethodMemory | None]] = {}

    def reference_of(self, value: object) -> bytes | None:
        """Give the boxed reference to a netref of this connection; None for anything else."""
        if not issubclass(type(value), BaseNetref) or connection_of(value) is not self._connection:
            return None
        try:
            return boxed_of(value)
        except AttributeError:
            return box(value)

    def identity_of(self, value: object) -> Identity | None:
        """Give the identity of a netref of any connection; None for anything else."""
        if not issubclass(type(value), BaseNetref):
            return None
        identity: Identity = object.__getattribute__(value, "____id_pack__")
        return identity

    def must_inspect(self, identity: Identity) -> bool:
        """Tell whether the methods of an identity's class are unknown."""
        return class_of(identity) not in self._classes and identity[0] not in BUILTINS

    def learn(self, identity: Identity, methods: Methods) -> None:
        """Make the class for an identity's class."""
        kind = _kind_of(identity[0], not identity[2], methods)
        # What its instances have is this connection's own: other peers may have others by the same name.
        self._classes[class_of(identity)] = kind.made, MethodMemory(kind.routines) if identity[2] else None

    def make_proxy(self, identity: Identity) -> BaseNetref:
        """Make a netref."""
        known = self._classes.get(class_of(identity))
        if known is None:
            return _builtin_class(identity[0], not identity[2])(self._connection, identity)
        made, methods = known
        return made(self._connection, identity, methods)
