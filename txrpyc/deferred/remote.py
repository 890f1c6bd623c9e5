"""Remote objects of the Deferred face: a remote object is a path, and nothing is sent until it is called or awaited.

``conn.root.config.name`` is only noted; awaiting it asks for ``config``, then for its ``name``. ``conn.root.add(1,
2)`` is sent at once, as one request, and is a Deferred. The names of Python's own protocols (``__len__`` and the
like) are not part of paths, so that nothing is asked by accident; what they would do is in
`txrpyc.deferred.remotely`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterable
from itertools import islice
from typing import Any, Final, Protocol

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.python.failure import Failure

from txrpyc.answer import Answer
from txrpyc.core.brine import BRINABLE
from txrpyc.core.consts import GETATTR, Verb
from txrpyc.core.identity import Identity, describe

__all__ = ["Asked", "Remote", "RemoteCall", "RemoteObject", "RemotePath", "ask", "resolve"]

_FIRST_CHUNK, _LARGEST_CHUNK = 10, 1000
"""How many items of an iteration are fetched first and at most; rpyc's `buffiter` begins and ends with the same."""


class Asked(Protocol):
    """What a remote object knows of its connection."""

    def request(self, verb: int, *arguments: Any) -> RemoteCall:
        """Ask the peer."""

    def call(self, owner: RemoteObject, name: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> RemoteCall:
        """Ask the peer to call a method of an object, or the object, if the name is None."""

    def new_call(self) -> RemoteCall:
        """Make a RemoteCall that is fired by hand."""


class _Item:
    """A step to an item; its key. A step to an attribute is a str, its name."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key


_Step = str | _Item


class _Usable:
    """What can be done with a remote object, with a path from one, and with a call that will give one."""

    __slots__ = ()

    def __aiter__(self) -> AsyncIterator[Any]:
        """Iterate over the items; they are fetched in chunks that grow from ten to a thousand."""
        return _iterate(self)

    async def __aenter__(self) -> Any:
        """Enter the remote context manager; give what its ``__enter__`` gives."""
        target = await self  # type: ignore[misc]
        if target is not self:  # a circle would delay its release until a garbage collection
            object.__setattr__(self, "_entered", target)
        return await ask(target, Verb.CALLATTR, "__enter__", (), ())

    async def __aexit__(self, kind: Any, error: Any, traceback: Any) -> bool:
        """Leave the remote context manager."""
        target = self if isinstance(self, RemoteObject) else object.__getattribute__(self, "_entered")
        return bool(await ask(target, Verb.CTXEXIT, error))


class Remote(_Usable):
    """What `RemoteObject` and `RemotePath` share.

    Names that begin with an underscore may be their own; all others are paths. Python would ask `__getattr__` only when
    it has not found the name, and that costs more than all the rest of making a path.
    """

    __slots__ = ("_entered",)

    _base: RemoteObject
    _steps: tuple[_Step, ...]

    def __getattribute__(self, name: str) -> Any:
        if name[:1] != "_":
            return _path(self, name)
        try:
            return object.__getattribute__(self, name)
        except AttributeError:
            if name.startswith("__") and name.endswith("__"):
                raise AttributeError(f"{name} of a remote object is reached by txrpyc.deferred.remotely") from None
            return _path(self, name)

    def __getitem__(self, key: Any) -> RemotePath:
        return _path(self, _Item(key))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"to set an attribute of a remote object: await remotely.setattr(remote, {name!r}, value)")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"to delete an attribute of a remote object: await remotely.delattr(remote, {name!r})")

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError("to set an item of a remote object: await remotely.setitem(remote, key, value)")

    def __delitem__(self, key: Any) -> None:
        raise TypeError("to delete an item of a remote object: await remotely.delitem(remote, key)")

    def __iter__(self) -> Any:
        raise TypeError(
            "a remote object is iterated over with 'async for', or with remotely.iter() and remotely.take()"
        )

    def __await__(self) -> Generator[Deferred[Any], None, Any]:
        return resolve(self).__await__()


class RemoteObject(Remote):
    """An object of the peer's. Awaiting it gives itself.

    Attributes:
        _identity: its identity.
    """

    __slots__ = ("__weakref__", "_connection", "_identity")

    _connection: Asked
    _identity: Identity

    def __init__(self, connection: Asked, identity: Identity) -> None:
        put = object.__setattr__
        put(self, "_connection", connection)
        put(self, "_identity", identity)

    def __call__(self, *args: Any, **kwargs: Any) -> RemoteCall:
        """Call the object. Fires with the result; see `txrpyc.protocol.RPyCProtocol.request` for the failures."""
        return connection_of(self).call(self, None, args, kwargs)

    def __repr__(self) -> str:
        return f"<RemoteObject {describe(self._identity)}>"


class RemotePath(Remote):
    """The way to something from a remote object. Awaiting it reads what is there."""

    __slots__ = ("_base", "_steps")

    def __call__(self, *args: Any, **kwargs: Any) -> RemoteCall:
        """Call what is there. One request, if the way is one attribute long; otherwise what is on the way is asked
        for first.
        """
        base, steps = _base_of(self), _steps_of(self)
        step = steps[-1]
        if len(steps) == 1 and type(step) is str:
            return connection_of(base).call(base, step, args, kwargs)
        return _start(base._connection, self._call_after(args, kwargs))

    async def _call_after(self, args: Any, kwargs: Any) -> Any:
        *way, step = self._steps
        owner = await _follow(self._base, way)
        if type(step) is _Item:
            function = await _follow(owner, (step,))
            return await ask(function, Verb.CALL, args, tuple(kwargs.items()))
        return await ask(owner, Verb.CALLATTR, step, args, tuple(kwargs.items()))

    def __repr__(self) -> str:
        way = "".join(f"[{step.key!r}]" if isinstance(step, _Item) else f".{step}" for step in self._steps)
        return f"<RemotePath {describe(self._base._identity)} {way}>"


# What each call needs, past `Remote.__getattribute__` and `Remote.__setattr__`.
connection_of: Callable[[RemoteObject], Asked] = RemoteObject.__dict__["_connection"].__get__
identity_of: Callable[[RemoteObject], Identity] = RemoteObject.__dict__["_identity"].__get__
_base_of: Callable[[RemotePath], RemoteObject] = RemotePath.__dict__["_base"].__get__
_set_base: Callable[[RemotePath, RemoteObject], None] = RemotePath.__dict__["_base"].__set__
_steps_of: Callable[[RemotePath], tuple[_Step, ...]] = RemotePath.__dict__["_steps"].__get__
_set_steps: Callable[[RemotePath, tuple[_Step, ...]], None] = RemotePath.__dict__["_steps"].__set__


def _path(remote: Any, step: _Step) -> RemotePath:
    path = object.__new__(RemotePath)
    if type(remote) is RemoteObject:
        _set_base(path, remote)
        _set_steps(path, (step,))
    else:
        _set_base(path, _base_of(remote))
        _set_steps(path, (*_steps_of(remote), step))
    return path


_HARMLESS: Final = BRINABLE | {RemoteObject}
"""Types whose instances can be asked for their class."""


class RemoteCall(Answer, _Usable):
    """A call that is under way: a Deferred that fires with the result. ``async for`` and ``async with`` may be
    applied to it.
    """

    inner: Deferred[Any] | None = None
    _entered: Any = None

    def deliver(self, value: Any) -> None:
        """Fire; fail if the value, an object of our own that came back, raises when a Deferred asks for its class."""
        if type(value) not in _HARMLESS:
            try:
                isinstance(value, Deferred)
            except Exception as error:
                self.errback(Failure(error))
                return
        self.callback(value)

    def deliver_error(self, error: BaseException) -> None:
        """Fail; with StopAsyncIteration for StopIteration, which cannot be raised into a coroutine."""
        if isinstance(error, StopIteration):
            error = StopAsyncIteration(*error.args)
        super().deliver_error(error)

    def cancel(self) -> None:
        """Give up: no answer is waited for any more."""
        if self.inner is not None and not self.called:
            self.inner.cancel()
        super().cancel()


def _start(connection: Asked, work: Coroutine[Deferred[Any], Any, Any]) -> RemoteCall:
    """Run a coroutine and give it as a RemoteCall."""
    call = connection.new_call()
    inner = call.inner = Deferred.fromCoroutine(work)

    def fail(failure: Failure) -> None:
        if not (call.called and failure.check(CancelledError)):
            call.errback(failure)

    inner.addCallbacks(call.callback, fail)
    return call


def ask(target: Any, verb: Verb, *arguments: Any) -> Deferred[Any]:
    """Ask the peer to do something to an object; or do it here, if it turned out to be a value of our own."""
    if isinstance(target, RemoteObject):
        return target._connection.request(verb, target, *arguments)
    return succeed(_LOCALLY[verb](target, *arguments))


_LOCALLY: dict[int, Callable[..., Any]] = {
    Verb.GETATTR: getattr,
    Verb.SETATTR: setattr,
    Verb.DELATTR: delattr,
    Verb.CALL: lambda target, args, kwargs: target(*args, **dict(kwargs)),
    Verb.CALLATTR: lambda target, name, args, kwargs: getattr(target, name)(*args, **dict(kwargs)),
    Verb.REPR: repr,
    Verb.STR: str,
    Verb.HASH: hash,
    Verb.DIR: lambda target: tuple(dir(target)),
    Verb.CMP: lambda target, other, operator: getattr(type(target), operator)(target, other),
    Verb.BUFFITER: lambda target, count: tuple(islice(target, count)),
    Verb.CTXEXIT: lambda target, error: target.__exit__(type(error) if error else None, error, None),
}


async def _follow(target: Any, way: Iterable[_Step]) -> Any:
    for step in way:
        if type(step) is _Item:
            target = await ask(target, Verb.CALLATTR, "__getitem__", (step.key,), ())
        else:
            target = await ask(target, Verb.GETATTR, step)
    return target


def resolve(remote: Remote) -> Deferred[Any]:
    """Give a Deferred of what is at the end of a path: a value, or a `RemoteObject`."""
    if isinstance(remote, RemoteObject):
        return succeed(remote)
    base, steps = remote._base, remote._steps
    if len(steps) == 1 and type(steps[0]) is str:
        return base._connection.request(GETATTR, base, steps[0])
    return _start(base._connection, _follow(base, steps))


async def _iterate(source: Any) -> AsyncIterator[Any]:
    target = await source
    if not isinstance(target, RemoteObject):
        for item in target:
            yield item
        return
    iterator = await ask(target, Verb.CALLATTR, "__iter__", (), ())
    count = _FIRST_CHUNK
    while chunk := await ask(iterator, Verb.BUFFITER, count):
        count = min(count * 2, _LARGEST_CHUNK)
        for item in chunk:
            yield item
