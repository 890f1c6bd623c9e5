"""Making netrefs, and the classes that they are of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from txrpyc.blocking.asking import Asking
from txrpyc.blocking.bound_method import MethodMemory
from txrpyc.blocking.local_types import BUILTINS, find_local
from txrpyc.blocking.netref import BaseNetref, NetrefMetaclass, boxed_reference, connection_of, syncreq
from txrpyc.core.consts import CALL, CALLATTR
from txrpyc.core.identity import LOCAL_ATTRS, Identity, class_of, methods_of_instances, offered_methods

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


_Methods = Iterable[tuple[str, str | None]]


def _make_class(name: str, is_class: bool, methods: _Methods, known: MethodMemory | None) -> type[BaseNetref]:
    local = find_local(name)
    namespace: dict[str, Any] = {
        method: _special_method(method, text) for method, text in methods if method not in LOCAL_ATTRS
    }
    # After the peer's names, so that none of them takes the place of ours.
    namespace["__slots__"] = ()
    namespace["_local_class"] = type(local) if is_class and local is not None else local
    namespace["_methods"] = known
    made: type[BaseNetref] = NetrefMetaclass(name.replace("\0", "?"), (BaseNetref,), namespace)  # type: ignore[assignment]
    return made


_shared_classes: dict[tuple[str, bool], type[BaseNetref]] = {}


def _shared_class(name: str, is_class: bool) -> type[BaseNetref]:
    """Give the netref class of a builtin type, which all connections share."""
    made = _shared_classes.get((name, is_class))
    if made is None:
        kind = BUILTINS[name]
        methods = offered_methods(kind) if is_class else methods_of_instances(kind)
        made = _shared_classes[name, is_class] = _make_class(name, is_class, methods, None)
    return made


class NetrefMaker:
    """Makes the netrefs of one connection: the blocking face's `txrpyc.core.session.Proxies`.

    Args:
        connection: where the netrefs ask.
    """

    def __init__(self, connection: Asking) -> None:
        self._connection = connection
        self._classes: dict[tuple[str, int, bool], type[BaseNetref]] = {}

    def reference_of(self, value: object) -> bytes | None:
        """Give the boxed reference to a netref of this connection; None for anything else."""
        if not issubclass(type(value), BaseNetref) or connection_of(value) is not self._connection:
            return None
        return boxed_reference(value)

    def identity_of(self, value: object) -> Identity | None:
        """Give the identity of a netref of any connection; None for anything else."""
        if not issubclass(type(value), BaseNetref):
            return None
        identity: Identity = object.__getattribute__(value, "____id_pack__")
        return identity

    def must_inspect(self, identity: Identity) -> bool:
        """Tell whether the methods of an identity's class are unknown."""
        return class_of(identity) not in self._classes and identity[0] not in BUILTINS

    def learn(self, identity: Identity, methods: tuple[tuple[str, str | None], ...]) -> None:
        """Make the class for an identity's class."""
        known = MethodMemory(name for name, _text in methods) if identity[2] else None
        self._classes[class_of(identity)] = _make_class(identity[0], not identity[2], methods, known)

    def make_proxy(self, identity: Identity) -> BaseNetref:
        """Make a netref."""
        made = self._classes.get(class_of(identity))
        if made is None:
            made = _shared_class(identity[0], not identity[2])
        return made(self._connection, identity)
