"""AsyncResult: RPyC's handle on a call that is under way, as an adapter over the protocol's Deferred."""

from __future__ import annotations

from collections.abc import Callable, Generator
from enum import Enum
from functools import partial
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


class AsyncResult:
    """The result of a call that was made with `async_`; it ends exactly once.

    It ends with a value, with the peer's exception, with `ConnectionLost`, or by expiring; and then calls its
    callbacks, whichever it was. Any thread may use it, except the thread of a running reactor for what waits
    (`wait`, `value`); that may await it.

    Args:
        connection: where the call is made.
        answer: the Deferred of the call, which was not sent yet.
    """

    _log = Logger()

    def __init__(self, connection: Asking, answer: Answer) -> None:
        self._connection = connection
        self._answer = answer
        self._since = connection.hub.posted
        self._state = _State.PENDING
        self._content: Any = None
        self._deadline: float | None = None
        self._callbacks: list[Callable[[AsyncResult], Any]] = []
        self._cancel_timer: Callable[[], None] | None = None
        self._ending = Lock()
        self._uncalled = False
        answer.addCallbacks(self._succeeded, self._failed)

    def __repr__(self) -> str:
        self._expire_if_due()
        return f"<AsyncResult object ({self._state.value}) at 0x{id(self):08x}>"

    # How it ends: by the leader's thread, or by whoever finds it expired.

    def _succeeded(self, wrapped: tuple[Any]) -> None:
        self._end(_State.READY, wrapped[0])

    def _failed(self, failure: Failure) -> None:
        self._end(_State.ERROR, failure.value)

    def _end(self, state: _State, content: Any) -> None:
        with self._ending:
            self._content = content
            self._state = state
            callbacks, self._callbacks = self._callbacks, []
            timer, self._cancel_timer = self._cancel_timer, None
        if timer is not None:
            timer()
        if callbacks:
            self._uncalled = True
            self._connection.hub.post(partial(self._call_all, callbacks))
        else:
            self._connection.hub.notify()

    def _call_all(self, callbacks: list[Callable[[AsyncResult], Any]]) -> None:
        self._uncalled = False
        for function in callbacks:
            self._call(function)

    def _call(self, function: Callable[[AsyncResult], Any]) -> None:
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
        if self._state is not _State.PENDING or deadline is None or monotonic() < deadline:
            return
        if self._taken():
            self._end(_State.EXPIRED, None)

    def _taken(self) -> bool:
        """Take the answer out of the protocol's table. Whoever does, ends the result: if that was the reader, it is
        about to.
        """
        return self._answer.sequence is not None and self._connection.forget(self._answer.sequence)

    def _done(self) -> bool:
        return self._state is not _State.PENDING

    # RPyC's API.

    def wait(self) -> None:
        """Wait until the result is there, and serve the peer's requests meanwhile.

        Raises:
            AsyncResultTimeout: it expired.
            WrongThread: this is the thread of a running reactor; await the result instead.
        """
        hub = self._connection.hub
        while self._state is _State.PENDING:
            refuse_reactor_thread("waiting for a result", "await the AsyncResult, or use txrpyc.deferred")
            if not hub.wait(self._done, self._deadline, since=self._since):
                self._expire_if_due()
                if hub.ended and self._taken():
                    self._end(_State.ERROR, ConnectionLost("the connection is gone"))
        self._see_to_callbacks()
        if self._state is _State.EXPIRED:
            raise AsyncResultTimeout("result expired")

    def add_callback(self, func: Callable[[AsyncResult], Any]) -> None:
        """Call a function with this result once it has ended, however it ends; at once if it has.

        It is called by a thread that waits for something of the connection, or by `BgServingThread`. What it raises
        is logged.
        """
        with self._ending:
            pending = self._state is _State.PENDING
            if pending:
                self._callbacks.append(func)
        if not pending:
            self._call(func)

    def set_expiry(self, timeout: float | None) -> None:
        """Let the result expire so many seconds from now unless it is there by then; None lets it never expire."""
        with self._ending:
            timer, self._cancel_timer = self._cancel_timer, None
        if timer is not None:
            timer()
        self.expire_at(None if timeout is None else monotonic() + timeout)
        if timeout is not None and self._state is _State.PENDING:
            self._cancel_timer = self._connection.call_later(timeout, self._expire_if_due)

    def expire_at(self, deadline: float | None) -> None:
        """Do as `set_expiry`, with a time of `time.monotonic`, but without a timer: it expires when somebody waits
        or looks.
        """
        self._deadline = deadline

    @property
    def ready(self) -> bool:
        """Whether the result, a value or an error, is there. Takes in what has arrived, and serves it, without
        waiting.
        """
        self._expire_if_due()
        if self._state is _State.PENDING and not in_reactor_thread():
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
