"""The serving half of a connection of the Deferred face: what the peer asks is carried out in the reactor, at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import CoroutineType
from typing import Any, Protocol

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txrpyc.core.access import foreign_name, get_attribute
from txrpyc.core.brine import BRINABLE
from txrpyc.core.consts import CALLATTR, Verb
from txrpyc.core.verbs import perform
from txrpyc.deferred.remote import RemoteObject, RemotePath, resolve
from txrpyc.ending import cut_off, not_begun
from txrpyc.errors import ConnectionLost
from txrpyc.host import ServiceHost
from txrpyc.interfaces import IDispatcher
from txrpyc.protocol import RPyCProtocol

__all__ = ["Served", "Serving"]


class Served(Protocol):
    """What the serving half knows of its connection."""

    service: Any
    protocol: RPyCProtocol

    def made(self) -> None:
        """There is a transport."""

    def ended(self, error: Exception) -> None:
        """It is gone."""

    def reply(self, sequence: int, value: Any) -> None:
        """Answer a request with a value."""

    def leave(self) -> None:
        """Close the transport, behind what was sent."""


def _as_deferred(function: Callable[..., Any], *args: Any) -> Deferred[Any]:
    """Call a function that gives a value, a Deferred or a coroutine; give a Deferred of the result."""
    return maybeDeferred(function, *args).addCallback(_awaited)


def _awaited(value: Any) -> Any:
    # By its type: a service may return anything, also what raises when asked for its __class__.
    if type(value) is RemotePath:
        return resolve(value)
    return Deferred.fromCoroutine(value) if issubclass(type(value), CoroutineType) else value


_PASSED_ON = frozenset([Verb.REPR, Verb.STR, Verb.HASH, Verb.DIR, Verb.BUFFITER, Verb.CTXEXIT])
"""What is asked of an object without naming an attribute."""

_PASSED_ON_BY_NAME = {
    Verb.GETATTR: (0, "allow_getattr"),
    Verb.CALLATTR: (0, "allow_getattr"),
    Verb.SETATTR: (0, "allow_setattr"),
    Verb.DELATTR: (0, "allow_delattr"),
    Verb.CMP: (1, "allow_getattr"),
}
"""Where among the arguments behind the object the attribute's name is; and the rule that it takes."""


def _ask_foreign(value: Any) -> Any | None:
    """Give a Deferred of what another peer offers in an object of its; None for any other value."""
    return value._connection.request(Verb.INSPECT, value._identity) if type(value) is RemoteObject else None


@implementer(IDispatcher)
class Serving:
    """Carries out the requests of one connection.

    Args:
        connection: the connection.
    """

    _log = Logger()

    def __init__(self, connection: Served) -> None:
        self._host = ServiceHost(connection, _ask_foreign)
        self._connection = connection
        self._greeted: Deferred[Any] = succeed(None)
        self._parted = False
        self._running: set[int] = set()
        self._refuses = False
        self._holds = False
        self._held: deque[tuple[int, int, tuple[Any, ...]]] = deque()
        self._on_parted: list[Deferred[None]] = []

    # For the protocol.

    def connection_made(self) -> None:
        """Greet. Requests are served meanwhile, so `on_connect` may ask the peer something, at both ends at once."""
        self._greeted = _as_deferred(self._connection.service.on_connect, self._connection)
        self._greeted.addErrback(self._greeting_failed)
        self._connection.made()

    def request_received(self, sequence: int, verb: int, arguments: tuple[Any, ...]) -> None:
        """Carry out a request, and answer when its result is there."""
        if self._holds:
            self._held.append((sequence, verb, arguments))
            self._connection.protocol.pause()
            return
        if self._refuses and not self._running:
            self._refuse(not_begun(), sequence)
            return
        try:
            value = self._carry_out(verb, arguments)
            is_plain = type(value) in BRINABLE
            if not is_plain:
                value = _awaited(value)
        except BaseException as error:
            self._refuse(error, sequence)
            return
        if not is_plain and issubclass(type(value), Deferred):
            self._running.add(sequence)
            value.addCallbacks(self._answer, self._refuse_failure, callbackArgs=(sequence,), errbackArgs=(sequence,))
        else:
            self._connection.reply(sequence, value)

    def connection_lost(self, error: Exception) -> None:
        """Let everybody know: those who wait, and then the service, once it has done greeting."""
        self._connection.ended(error)
        self._greeted.addCallback(
            lambda _result: _as_deferred(self._connection.service.on_disconnect, self._connection)
        )
        self._greeted.addErrback(lambda failure: self._log.failure("on_disconnect failed", failure))
        self._greeted.addCallback(self._has_parted)

    def output_full(self, full: bool) -> None:
        """Begin nothing more while the peer does not take its answers."""
        self._holds = full
        while self._held and not self._holds:
            self.request_received(*self._held.popleft())

    # For a server that ends.

    @property
    def is_busy(self) -> bool:
        """Whether requests are being carried out."""
        return bool(self._running)

    def refuse_more(self) -> None:
        """From now on refuse requests, but for those that come while one is carried out, which may depend on them."""
        self._refuses = True

    def cut_off(self) -> None:
        """Answer with an error what is being carried out."""
        for sequence in tuple(self._running):
            self._refuse(cut_off(), sequence)

    def when_parted(self) -> Deferred[None]:
        """Give a Deferred that fires when the connection is gone and `on_disconnect` has ended."""
        if self._parted:
            return succeed(None)
        parted: Deferred[None] = Deferred()
        self._on_parted.append(parted)
        return parted

    def _has_parted(self, _result: Any) -> None:
        self._parted = True
        waiting, self._on_parted = self._on_parted, []
        for parted in waiting:
            parted.callback(None)

    def _carry_out(self, verb: int, arguments: tuple[Any, ...]) -> Any:
        """Do what is asked; to an object of another peer's, have that one do it, as far as our rules go."""
        if not arguments or type(arguments[0]) is not RemoteObject:
            if verb == CALLATTR and len(arguments) == 4 and not arguments[3]:
                # The commonest: what `perform` would do, with fewer calls.
                value, name, args, _keywords = arguments
                return get_attribute(value, name, self._connection.protocol.session.rules)(*args)
            return perform(self._host, verb, arguments)
        target, *rest = arguments
        if verb in _PASSED_ON_BY_NAME:
            place, permission = _PASSED_ON_BY_NAME[Verb(verb)]
            rest[place] = foreign_name(rest[place], self._host.rules, permission)
        elif verb not in _PASSED_ON:
            return perform(self._host, verb, arguments)
        return target._connection.request(verb, target, *rest)

    # Results.

    def _answer(self, value: Any, sequence: int) -> None:
        self._running.discard(sequence)
        self._connection.reply(sequence, value)

    def _refuse_failure(self, failure: Failure, sequence: int) -> None:
        self._running.discard(sequence)
        assert failure.value is not None
        if failure.value.__traceback__ is None:
            failure.value.__traceback__ = failure.getTracebackObject()
        self._refuse(failure.value, sequence)

    def _refuse(self, error: BaseException, sequence: int) -> None:
        rules = self._host.rules
        if isinstance(error, SystemExit) and rules.propagate_SystemExit_locally:
            raise error
        if isinstance(error, KeyboardInterrupt) and rules.propagate_KeyboardInterrupt_locally:
            raise error
        self._log.debug("a served call raised {error}", error=type(error).__name__)
        self._connection.protocol.answer_error(sequence, error)

    def _greeting_failed(self, failure: Failure) -> None:
        protocol = self._connection.protocol
        if protocol.lost is None or not failure.check(ConnectionLost):
            self._log.failure("on_connect failed; closing the connection", failure)
        self._connection.leave()
