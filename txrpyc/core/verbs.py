"""The verbs: what each kind of request does to a local object.

One function a verb, in a table by number. They run the user's code, so the face calls them where that may run:
never the codec, never the session. DEL and CLOSE are not here: they concern the tables and the connection, and the
session and the protocol do them.
"""

from __future__ import annotations

import builtins
import pickle
import sys
from collections.abc import Callable
from itertools import islice
from typing import Any, Protocol

from txrpyc.core.access import delete_attribute, get_attribute, set_attribute
from txrpyc.core.config import Rules
from txrpyc.core.consts import Verb
from txrpyc.core.identity import Identity, read_identity
from txrpyc.core.inspection import offered_methods
from txrpyc.core.objects import LentTable
from txrpyc.errors import UnknownReference

__all__ = ["Host", "perform"]


class Host(Protocol):
    """What the verbs may know of the connection that was asked."""

    @property
    def root(self) -> Any:
        """The service that this side offers."""

    @property
    def rules(self) -> Rules:
        """The rules as they are now."""

    @property
    def lent(self) -> LentTable:
        """What the peer may name."""

    def inspect_foreign(self, value: Any, identity: Identity) -> Any | None:
        """Give what another peer offers, if the value is a proxy of its object; None if it is an object of this
        process.
        """


def perform(host: Host, verb: int, arguments: tuple[Any, ...]) -> Any:
    """Do what a request asks and give the result.

    Args:
        host: the connection that was asked.
        verb: the number of the verb.
        arguments: what came with it, unboxed.

    Raises:
        ValueError: the verb is not one of RPyC's.
        Exception: whatever the arguments deserve, or the user's code raises; it is for the caller at the other end.
    """
    function = _TABLE.get(verb)
    if function is None:
        raise ValueError(f"unknown request {verb!r:.40}: RPyC's are 1 to {max(Verb).value}")
    return function(host, *arguments)


def _ping(host: Host, data: Any) -> Any:
    return data


def _getroot(host: Host) -> Any:
    return host.root


def _getattr(host: Host, value: Any, name: Any) -> Any:
    return get_attribute(value, name, host.rules)


def _delattr(host: Host, value: Any, name: Any) -> None:
    delete_attribute(value, name, host.rules)


def _setattr(host: Host, value: Any, name: Any, content: Any) -> None:
    set_attribute(value, name, content, host.rules)


def _call(host: Host, function: Any, args: Any, kwargs: Any = ()) -> Any:
    return function(*args, **dict(kwargs))


def _callattr(host: Host, value: Any, name: Any, args: Any, kwargs: Any = ()) -> Any:
    return get_attribute(value, name, host.rules)(*args, **dict(kwargs))


def _repr(host: Host, value: Any) -> str:
    return repr(value)


def _str(host: Host, value: Any) -> str:
    return str(value)


def _cmp(host: Host, value: Any, other: Any, operator: Any = "__cmp__") -> Any:
    # By the class, as the language does: an instance's own attribute is no operator.
    return get_attribute(type(value), operator, host.rules)(value, other)


def _hash(host: Host, value: Any) -> int:
    return hash(value)


def _dir(host: Host, value: Any) -> tuple[str, ...]:
    return tuple(dir(value))


def _pickle(host: Host, value: Any, protocol: Any) -> bytes:
    if not host.rules.allow_pickle:
        raise ValueError("pickling is disabled: the setting allow_pickle of the object's side is off")
    return pickle.dumps(value, protocol)


def _inspect(host: Host, package: Any) -> Any:
    identity = read_identity(package)
    value = host.lent.get(identity)
    foreign = host.inspect_foreign(value, identity)
    return foreign if foreign is not None else offered_methods(value)


def _buffiter(host: Host, iterator: Any, count: Any) -> tuple[Any, ...]:
    return tuple(islice(iterator, count))


def _oldslicing(host: Host, value: Any, attempt: Any, fallback: Any, start: Any, stop: Any, args: Any) -> Any:
    try:
        return get_attribute(value, attempt, host.rules)(slice(start, stop), *args)
    except Exception:
        stop = sys.maxsize if stop is None else stop
        return get_attribute(value, fallback, host.rules)(start, stop, *args)


def _ctxexit(host: Host, value: Any, error: Any) -> Any:
    leave = get_attribute(value, "__exit__", host.rules)
    if not error:
        return leave(None, None, None)
    if not issubclass(type(error), BaseException) and not (
        issubclass(type(error), type) and issubclass(error, BaseException)
    ):
        # What is no exception here (a proxy of the peer's) becomes the TypeError that raising it gives, as in rpyc.
        error = TypeError("exceptions must derive from BaseException")
    try:
        raise error
    except Exception as raised:
        return leave(type(raised), raised, raised.__traceback__)


def _instancecheck(host: Host, kind: Any, package: Any) -> bool:
    """Tell whether an object that the peer knows by its identity is an instance of a local class.

    An object that we lend is asked itself; one of the peer's is judged by its class, if that is a builtin one.
    """
    identity = read_identity(package)
    try:
        return isinstance(host.lent.get(identity), kind)
    except UnknownReference:
        module, _, name = identity[0].rpartition(".")
        known = vars(builtins).get(name) if module == "builtins" else None
        return isinstance(known, type) and issubclass(known, kind)


_TABLE: dict[int, Callable[..., Any]] = {
    Verb.PING: _ping,
    Verb.GETROOT: _getroot,
    Verb.GETATTR: _getattr,
    Verb.DELATTR: _delattr,
    Verb.SETATTR: _setattr,
    Verb.CALL: _call,
    Verb.CALLATTR: _callattr,
    Verb.REPR: _repr,
    Verb.STR: _str,
    Verb.CMP: _cmp,
    Verb.HASH: _hash,
    Verb.DIR: _dir,
    Verb.PICKLE: _pickle,
    Verb.INSPECT: _inspect,
    Verb.BUFFITER: _buffiter,
    Verb.OLDSLICING: _oldslicing,
    Verb.CTXEXIT: _ctxexit,
    Verb.INSTANCECHECK: _instancecheck,
}
