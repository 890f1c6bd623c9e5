"""What Python's operators and builtin functions do, done to remote objects: ``await remotely.len(rows)``.

Each takes a remote object or a path from one, and gives a Deferred that fires with the result, and fails as any
remote call does. The names are those of the builtins and of the module `operator`; import the module, not the
names.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import Any

from twisted.internet.defer import Deferred

from txrpyc.core.consts import Verb
from txrpyc.deferred.remote import Remote, ask, resolve

__all__ = [
    "call",
    "contains",
    "delattr",
    "delitem",
    "dir",
    "eq",
    "get",
    "getattr",
    "getitem",
    "hash",
    "iter",
    "len",
    "repr",
    "setattr",
    "setitem",
    "str",
    "take",
]


def _do(remote: Remote, verb: Verb, *arguments: Any) -> Deferred[Any]:
    if not isinstance(remote, Remote):
        raise TypeError(f"a remote object or path is needed, not {remote!r}")
    return resolve(remote).addCallback(ask, verb, *arguments)


def call(remote: Remote, name: builtins.str, *args: Any, **kwargs: Any) -> Deferred[Any]:
    """Call a method by its name; the way to names that paths leave out: ``call(a, "__add__", b)``."""
    return _do(remote, Verb.CALLATTR, name, args, tuple(kwargs.items()))


def get(remote: Remote) -> Deferred[Any]:
    """Read what is at the end of a path, as awaiting it does; for code that cannot await."""
    return resolve(remote)


def getattr(remote: Remote, name: builtins.str) -> Deferred[Any]:
    """Read an attribute by its name."""
    return _do(remote, Verb.GETATTR, name)


def setattr(remote: Remote, name: builtins.str, value: Any) -> Deferred[None]:
    """Set an attribute."""
    return _do(remote, Verb.SETATTR, name, value)


def delattr(remote: Remote, name: builtins.str) -> Deferred[None]:
    """Delete an attribute."""
    return _do(remote, Verb.DELATTR, name)


def getitem(remote: Remote, key: Any) -> Deferred[Any]:
    """Read ``remote[key]``."""
    return call(remote, "__getitem__", key)


def setitem(remote: Remote, key: Any, value: Any) -> Deferred[None]:
    """Set ``remote[key]``."""
    return call(remote, "__setitem__", key, value)


def delitem(remote: Remote, key: Any) -> Deferred[None]:
    """Delete ``remote[key]``."""
    return call(remote, "__delitem__", key)


def contains(remote: Remote, item: Any) -> Deferred[bool]:
    """Tell whether ``item in remote``."""
    return call(remote, "__contains__", item)


def len(remote: Remote) -> Deferred[int]:
    """Give the length."""
    return call(remote, "__len__")


def eq(remote: Remote, other: Any) -> Deferred[Any]:
    """Compare for equality, at the peer; may fire with NotImplemented."""
    return _do(remote, Verb.CMP, other, "__eq__")


def repr(remote: Remote) -> Deferred[builtins.str]:
    """Give the repr that the peer's object has there."""
    return _do(remote, Verb.REPR)


def str(remote: Remote) -> Deferred[builtins.str]:
    """Give the text that the peer's object is there."""
    return _do(remote, Verb.STR)


def hash(remote: Remote) -> Deferred[int]:
    """Give the hash that the peer's object has there."""
    return _do(remote, Verb.HASH)


def dir(remote: Remote) -> Deferred[tuple[builtins.str, ...]]:
    """Give the names of the attributes."""
    return _do(remote, Verb.DIR)


def iter(remote: Remote) -> Deferred[Any]:
    """Give a remote iterator, for `take`. In coroutines ``async for`` is simpler."""
    return call(remote, "__iter__")


def take(iterator: Remote | Iterator[Any], count: int) -> Deferred[tuple[Any, ...]]:
    """Fetch the next items of what `iter` gave, at most so many; none when it is at its end."""
    if isinstance(iterator, Iterator):  # of a value that came over, which `iter` was told of by a path
        return ask(iterator, Verb.BUFFITER, count)
    return _do(iterator, Verb.BUFFITER, count)
