"""Bound methods of netrefs, called in one round trip.

RPyC asks for a method (GETATTR) and then calls it (CALL). Once it is known that a name is a method of a class, for
its inspection named it and the first instance that was asked for it gave a bound method, it is only bound here, and
calling it asks for both at once (CALLATTR).

What is given is a netref like any other. It learns its identity when somebody needs it: when it is passed on,
compared, shown, or called through `async_`.
"""

from __future__ import annotations

import types
from typing import Any

from txrpyc.blocking.netref import BaseNetref, is_netref, syncreq
from txrpyc.core.consts import CALLATTR, Verb
from txrpyc.core.identity import Identity, identify

__all__ = ["BoundMethod", "MethodMemory"]

_METHOD = identify(types.MethodType)[0]


class BoundMethod(BaseNetref):
    """A method of the peer's object that was not asked for yet.

    Args:
        owner: the netref of the object.
        name: the method's name.
    """

    __slots__ = ("_name", "_owner", "_real")

    _local_class = types.MethodType

    def __init__(self, owner: Any, name: str) -> None:
        put = object.__setattr__
        put(self, "____conn__", object.__getattribute__(owner, "____conn__"))
        put(self, "____methods__", None)
        put(self, "_owner", owner)
        put(self, "_name", name)

    @property
    def ____id_pack__(self) -> Identity:
        """The identity of the method; the first use asks the peer."""
        get = object.__getattribute__
        try:
            real = get(self, "_real")
        except AttributeError:
            real = syncreq(get(self, "_owner"), Verb.GETATTR, get(self, "_name"))
            object.__setattr__(self, "_real", real)
        identity: Identity = get(real, "____id_pack__")
        return identity

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the method."""
        get = object.__getattribute__
        keywords = tuple(kwargs.items()) if kwargs else ()
        conn = get(self, "____conn__")
        return conn.sync_request(CALLATTR, get(self, "_owner"), get(self, "_name"), args, keywords)


class MethodMemory:
    """What is known of the methods of one of the peer's classes, as its instances on one connection have them.

    Args:
        routines: the names that its inspection gave.
    """

    __slots__ = ("_routines", "_seen")

    def __init__(self, routines: frozenset[str]) -> None:
        self._routines = routines
        self._seen: set[str] = set()

    def get(self, owner: Any, name: str) -> Any:
        """Give an attribute of a netref: a `BoundMethod` if it is sure to be one, else what the peer gives."""
        if name in self._seen:
            return BoundMethod(owner, name)
        value = syncreq(owner, Verb.GETATTR, name)
        if (
            self._may_be_bound(name)
            and is_netref(value)
            and object.__getattribute__(value, "____id_pack__")[0] == _METHOD
        ):
            self._seen.add(name)
        return value

    def _may_be_bound(self, name: str) -> bool:
        return not name.startswith("__") and (name in self._routines or f"exposed_{name}" in self._routines)
