"""AsyncResult: RPyC's handle on a call that is under way, as an adapter over the protocol, and to a Deferred."""

from __future__ import annotations

from collections.abc import Callable, Generator
from enum import Enum
from threading import Lock
from time import monotonic
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger
from twisted.python.failure import Failure

from txrpyc.answer import Answer
from txrpyc.blocking.asking import Asking
from txrpyc.blocking.attendant import attend
from txrpyc.blocking.reactor_thread import application_reactor, in_reactor_thread, refuse_reactor_thread
from txrpyc.errors import AsyncResultTimeout, ConnectionLost

__all__ = ["AsyncResult", "WrappedAnswer"]


class WrappedAnswer(Answer):
    """Fires with a tuple of the value: a Deferred asks its result for its class, which a netref asks the peer."""

    def deliver(self, value: Any) -> None:
        """Fire."""
        self.callback((value,))


class _State(Enum):
    PENDING = "pending"
    READY = "ready"
    ERROR = "error"
    EXPIRED = "expired"


_PENDING = _State.PENDING

_Callback = Callable[["AsyncResult"], Any]

_callbacks_change = Lock()
"""Held, for a moment, while callbacks are added or taken."""


class AsyncResult:
    """The result of a call that was made with `async_`; it ends exactly once.

    It ends with a value, with the peer's exception, with `ConnectionLost`, or by expiring; and then calls its
    callbacks, whichever it was. Any thread may use it, except the thread of a running reactor for what waits
    (`wait`, `value`); that may await it.

    The protocol delivers the answer to it as to a Deferred (`txrpyc.answer.Receiver`).

    Args:
        connection: where the call is made, which was not sent yet.

    Attributes:
        sequence: the number of the request; None until it is sent.
    """

    __slots__ = (
        "__weakref__",
        "_callbacks",
        "_cancel_timer",
        "_connection",
        "_content",
        "_deadline",
        "_since",
        "_state",
        "_uncalled",
        "sequence",
    )

    _log = Logger()

    def __init__(self, connection: Asking) -> None:
        self._connection = connection
        self._since = connection.hub.mailbox.posted
        self._state = _PENDING
        self._content: Any = None
        self._deadline: float | None = None
        self._callbacks: list[_Callback] = []
        self._cancel_timer: Callable[[], None] | None = None
        self._uncalled = False
        self.sequence: int | None = None

    def __repr__(self) -> str:
        self._expire_if_due()
        return f"<AsyncResult object ({self._state.value}) at 0x{id(self):08x}>"

    # How it ends: by the leader's thread, or by whoever finds it expired.

    def deliver(self, value: Any) -> None:
        """End with a value. For the protocol."""
        self._end(_State.READY, value)

    def deliver_error(self, error: BaseException) -> None:
        """End with an exception. For the protocol."""
        self._end(_State.ERROR, error)

    def _end(self, state: _State, content: Any) -> None:
        self._content = content
        self._uncalled = bool(self._callbacks)
        self._state = state
        if self._cancel_timer is not None:
            self._cancel_timer()
        # Looked at after the state is set: `add_callback` looks at the state after it has added one.
        if self._callbacks:
            self._uncalled = True
            self._connection.hub.post(self._call_all)
        else:
            hub = self._connection.hub
            if hub.sleepers:
                hub.brought()

    def _call_all(self) -> None:
        self._uncalled = False
        with _callbacks_change:
            callbacks, self._callbacks = self._callbacks, []
        for function in callbacks:
            self._call(function)

    def _call(self, function: _Callback) -> None:
        try:
            function(self)
        except KeyboardInterrupt:
            raise  # not the callback's: somebody wants the program to end
        except BaseException:
            self._log.failure("a callback of an AsyncResult failed")

    def _see_to_callbacks(self) -> None:
        """Have the callbacks called before the end is reported, unless a thread is there for that."""
        if self._uncalled and self._connection.may_wait:
            self._connection.hub.wait(lambda: True)

    def _expire_if_due(self) -> None:
        deadline = self._deadline
        if self._state is not _PENDING or deadline is None or monotonic() < deadline:
            return
        if self._taken():
            self._end(_State.EXPIRED, None)

    def _taken(self) -> bool:
        """Take the answer out of the protocol's table. Whoever does, ends the result: if that was the reader, it is
        about to.
        """
        return self.sequence is not None and self._connection.forget(self.sequence)

    def is_done(self) -> bool:
        """Tell whether it has ended, without looking whether it should."""
        return self._state is not _PENDING

    # RPyC's API.

    def wait(self) -> None:
        """Wait until the result is there, and serve the peer's requests meanwhile.

        Raises:
            AsyncResultTimeout: it expired.
            WrongThread: this is the thread of a running reactor; await the result instead.
        """
        hub = self._connection.hub
        if self._state is _PENDING:
            self._connection.flush()
        while self._state is _PENDING:
            refuse_reactor_thread("waiting for a result", "await the AsyncResult, or use txrpyc.deferred")
            if not hub.wait(self.is_done, self._deadline, since=self._since):
                self._expire_if_due()
                if hub.ended and self._taken():
                    self._end(_State.ERROR, ConnectionLost("the connection is gone"))
        if self._uncalled:
            self._see_to_callbacks()
        if self._state is _State.EXPIRED:
            raise AsyncResultTimeout("result expired")

    def add_callback(self, func: _Callback) -> None:
        """Call a function with this result once it has ended, however it ends; at once if it has.

        It is called by a thread that waits for something of the connection, or by `BgServingThread`. What it raises
        is logged.
        """
        with _callbacks_change:
            self._callbacks.append(func)
        if self._state is not _PENDING and self._takes_back(func):
            self._call(func)

    def _takes_back(self, func: _Callback) -> bool:
        """Take a callback off the list; tell whether it was there, so that nobody else will call it."""
        with _callbacks_change:
            for index, callback in enumerate(self._callbacks):
                if callback is func:
                    del self._callbacks[index]
                    return True
        return False

    def set_expiry(self, timeout: float | None) -> None:
        """Let the result expire so many seconds from now unless it is there by then; None lets it never expire."""
        timer, self._cancel_timer = self._cancel_timer, None
        if timer is not None:
            timer()
        self._deadline = None if timeout is None else monotonic() + timeout
        if timeout is not None and self._state is _PENDING:
            cancel = self._cancel_timer = self._connection.call_later(timeout, self._expire_if_due)
            if self._state is not _PENDING:  # it ended this very moment, and may not have seen the timer
                cancel()

    @property
    def ready(self) -> bool:
        """Whether the result, a value or an error, is there. Takes in what has arrived, and serves it, without
        waiting.
        """
        self._expire_if_due()
        if self._state is _PENDING:
            self._connection.flush()
        if self._state is _PENDING and not in_reactor_thread():
            self._connection.poll_all()
        self._see_to_callbacks()
        return self._state in (_State.READY, _State.ERROR)

    @property
    def error(self) -> bool:
        """Whether the result is there and is an exception."""
        return self.ready and self._state is _State.ERROR

    @property
    def expired(self) -> bool:
        """Whether the result did not arrive in its time."""
        self._expire_if_due()
        self._see_to_callbacks()
        return self._state is _State.EXPIRED

    @property
    def value(self) -> Any:
        """The result; waits for it. Raises the exception if it is one, and as `wait`."""
        self.wait()
        if self._state is _State.ERROR:
            raise self._content
        return self._content

    # As a Deferred.

    def deferred(self, reactor: IReactorFromThreads | None = None) -> Deferred[Any]:
        """Give a Deferred of this result, for a Twisted program.

        Args:
            reactor: the program's reactor, in whose thread it fires; None means the installed one.

        Returns:
            A Deferred that fires with the value (a netref is in the reactor's thread of no use, as it blocks), and
            fails with the exception or with `AsyncResultTimeout`. Until then a thread of this library serves the
            connection, so nobody needs to wait.
        """
        target = reactor if reactor is not None else application_reactor()
        outcome: Deferred[Any] = Deferred()
        self.add_callback(lambda _result: target.callFromThread(self._fire, outcome))
        attend(self, self._connection)
        return outcome

    def _fire(self, outcome: Deferred[Any]) -> None:
        if outcome.called:  # cancelled meanwhile
            return
        if self._state is _State.READY:
            outcome.callback(self._content)
        else:
            error = self._content if self._state is _State.ERROR else AsyncResultTimeout("result expired")
            outcome.errback(Failure(error))

    def __await__(self) -> Generator[Deferred[Any], None, Any]:
        """Await the result in a coroutine of a Twisted program."""
        return self.deferred().__await__()
