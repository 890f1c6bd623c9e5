"""The receiver of a call whose caller waits for it."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

from txrpyc.blocking.hub import Hub
from txrpyc.blocking.mailbox import check_stack
from txrpyc.errors import AsyncResultTimeout, ConnectionLost

__all__ = ["Call", "ask"]


class Call:
    """Takes the answer to one request for the thread that waits: `txrpyc.answer.Receiver`, without the Deferred and
    the callbacks that nobody could add.

    Attributes:
        sequence: the number of the request; None until it is sent.
        value: the result.
        error: the exception that the request led to; None if there is a result.
        arrived: once the answer is there, how many jobs had come before it; empty until then.
        done: gives whether the answer is there; without a call of Python's, as who waits asks more than once.
    """

    __slots__ = ("_hub", "arrived", "done", "error", "sequence", "value")

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.arrived: list[int] = []
        self.done = self.arrived.__len__
        self.sequence: int | None = None
        self.value: Any = None
        self.error: BaseException | None = None

    def deliver(self, value: Any) -> None:
        """Take the result."""
        self.value = value
        self.arrived.append(self._hub.mailbox.posted)
        if self._hub.sleepers:
            self._hub.brought()

    def deliver_error(self, error: BaseException) -> None:
        """Take the exception."""
        self.error = error
        self.arrived.append(self._hub.mailbox.posted)
        if self._hub.sleepers:
            self._hub.brought()


def ask(
    hub: Hub,
    send: Callable[[Call, int, tuple[Any, ...]], None],
    forget: Callable[[int], object],
    verb: int,
    arguments: tuple[Any, ...],
    timeout: float | None,
) -> Any:
    """Ask the peer of a connection, wait for the answer at most so many seconds, and give it.

    Args:
        hub: the connection's.
        send: sends a request.
        forget: gives up waiting for an answer; gives None if it was not waited for any more.
        verb, arguments: what to ask.
        timeout: seconds; None means for ever.

    Raises:
        AsyncResultTimeout: no answer in that time.
        ConnectionLost: the connection is gone.
        EncodingError: an argument cannot be sent.
        RecursionError: calls and callbacks are nested so deep that the stack is nearly full; nothing was sent.
        Exception: what the peer raised.
    """
    check_stack(30)  # now, not in the wait: the peer would go on with a request that nobody waits for any more
    since = hub.mailbox.posted
    deadline = None if timeout is None else monotonic() + timeout
    call = Call(hub)
    send(call, verb, arguments)
    while not hub.wait(call.done, deadline, since=since, checked=True, arrived=call.arrived):
        # Whoever takes it out of the table of those who wait ends it; if that was the reader, it is about to.
        if call.sequence is not None and forget(call.sequence) is not None:
            if deadline is not None and monotonic() >= deadline:
                raise AsyncResultTimeout("result expired")
            raise ConnectionLost("the connection is gone")
    if call.error is not None:
        raise call.error
    return call.value
