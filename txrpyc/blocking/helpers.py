"""RPyC's wrappers around callable netrefs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import WeakValueDictionary

from txrpyc.blocking.async_result import AsyncResult
from txrpyc.blocking.netref import asyncreq, is_netref, syncreq
from txrpyc.core.consts import Verb

__all__ = ["async_", "buffiter", "timed"]


class _Async:
    """What `async_` gives: calling it sends the call and gives the `AsyncResult` at once."""

    __slots__ = ("__weakref__", "proxy")

    def __init__(self, proxy: Any) -> None:
        self.proxy = proxy

    def __call__(self, *args: Any, **kwargs: Any) -> AsyncResult:
        result: AsyncResult = asyncreq(self.proxy, Verb.CALL, args, tuple(kwargs.items()))
        return result

    def __repr__(self) -> str:
        return f"async_({self.proxy!r})"


_wrappers: WeakValueDictionary[int, _Async] = WeakValueDictionary()
"""By the id of the netref, which the wrapper keeps alive."""


def async_(proxy: Any) -> _Async:
    """Give a version of a callable netref whose calls do not wait but give an `AsyncResult`.

    Calls start at the peer in the order in which they are made. The wrapper need not be kept: ``async_(f)(x)`` works.

    Args:
        proxy: the netref, or such a wrapper, which is given back.

    Raises:
        TypeError: it is no netref, or the peer's object cannot be called.
    """
    if isinstance(proxy, _Async):
        return proxy
    if not is_netref(proxy):
        raise TypeError(f"async_() takes a netref (an object of the peer's), not {proxy!r}")
    wrapper = _wrappers.get(id(proxy))
    if wrapper is None:
        if not callable(proxy):
            name = object.__getattribute__(proxy, "____id_pack__")[0]
            raise TypeError(f"async_() takes a netref that can be called, not {proxy!r} of class {name}")
        wrapper = _wrappers[id(proxy)] = _Async(proxy)
    return wrapper


class timed:
    """A version of a callable netref whose calls give an `AsyncResult` that expires.

    Args:
        proxy: the netref.
        timeout: seconds from each call on.

    Raises:
        TypeError: as `async_`.
    """

    __slots__ = ("__weakref__", "proxy", "timeout")

    def __init__(self, proxy: Any, timeout: float | None) -> None:
        self.proxy = async_(proxy)
        self.timeout = timeout

    def __call__(self, *args: Any, **kwargs: Any) -> AsyncResult:
        arguments = (args, tuple(kwargs.items()))
        result: AsyncResult = asyncreq(self.proxy.proxy, Verb.CALL, *arguments, timeout=self.timeout)
        return result

    def __repr__(self) -> str:
        return f"timed({self.proxy.proxy!r}, {self.timeout!r})"


def buffiter(obj: Any, chunk: int = 10, max_chunk: int = 1000, factor: int = 2) -> Iterator[Any]:
    """Iterate over a remote iterable, fetching many items at a time.

    Args:
        obj: a netref that can be iterated over.
        chunk: how many items to fetch first.
        max_chunk: how many to fetch at most.
        factor: by how much to multiply the number after each fetch; at least 1.

    Raises:
        ValueError: the factor is less than 1.
    """
    if factor < 1:
        raise ValueError(f"factor must be at least 1, not {factor!r}")
    iterator = iter(obj)
    while items := syncreq(iterator, Verb.BUFFITER, chunk):
        chunk = min(chunk * factor, max_chunk)
        yield from items
