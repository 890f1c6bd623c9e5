"""Ending a server: what runs may end first, for some time; what has not begun is refused.

No call whose answer a client has got is lost; and no client waits for an answer that will not come: each call either
ends, or fails with an error that says why: an EOFError, as for a connection that is lost, and of the builtin class,
which every peer can make.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

__all__ = ["CUT_OFF", "NOT_BEGUN", "Ending", "cut_off", "not_begun"]

NOT_BEGUN: Final = "the server is shutting down, and has not begun this call"
CUT_OFF: Final = "the server has shut down before this call had ended; it may still run, or have run"

_PAUSE: Final = 0.005
"""Seconds between two looks whether a connection has ended its calls."""


def not_begun() -> Exception:
    """Make the error of a call that came too late."""
    return EOFError(NOT_BEGUN)


def cut_off() -> Exception:
    """Make the error of a call that took too long."""
    return EOFError(CUT_OFF)


class _Ending(Protocol):
    """A connection that ends."""

    @property
    def is_busy(self) -> bool:
        """Whether calls of the peer's run."""

    def refuse_more(self) -> None:
        """From now on refuse calls, but for those that running ones have led to."""

    def cut_off(self) -> None:
        """Answer calls that run, or wait, with an error."""

    def leave(self) -> None:
        """Close the transport, behind what was sent."""


class Ending:
    """How a server's connections end. In the reactor's thread.

    Args:
        reactor: the reactor.
        grace: seconds that running calls get.
    """

    def __init__(self, reactor: Any, grace: float) -> None:
        self._reactor = reactor
        self._until = reactor.seconds() + grace
        self._hurried = False
        self._is_over: Callable[[], None] = lambda: None

    def hurry(self) -> None:
        """Grant no more time, to nobody."""
        self._until = self._reactor.seconds()
        self._hurried = True
        self._is_over()

    async def at_most(self, seconds: float, waited_for: Deferred[Any]) -> None:
        """Wait for a Deferred, whatever comes of it, but for no longer than so many seconds."""
        over: Deferred[None] = Deferred()

        def end(_result: Any = None) -> None:
            if not over.called:
                over.callback(None)

        self._is_over = end
        timer = self._reactor.callLater(0 if self._hurried else seconds, end)
        waited_for.addBoth(end)
        await over
        if timer.active():
            timer.cancel()

    async def end(self, connections: Iterable[_Ending]) -> None:
        """Have connections end their calls, and close each as soon as it has, or when the time is over."""
        left = list(connections)
        for connection in left:
            connection.refuse_more()
        while True:
            # Asked once: another thread may end a call between two looks.
            ended = [connection for connection in left if not connection.is_busy]
            for connection in ended:
                connection.leave()
            left = [connection for connection in left if connection not in ended]
            if not left or self._reactor.seconds() >= self._until:
                break
            await deferLater(self._reactor, _PAUSE)
        for connection in left:
            connection.cut_off()
            connection.leave()
