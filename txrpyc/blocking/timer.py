"""Timers that any thread may set and cancel, on a reactor that only one thread may touch."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["call_later"]


def call_later(
    reactor: IReactorTime, in_reactor: Callable[[Callable[[], None]], None], seconds: float, function: Callable[[], Any]
) -> Callable[[], None]:
    """Call a function after so many seconds from now; give a function that cancels it.

    Args:
        reactor: the reactor, which may not be touched here.
        in_reactor: runs a function soon in the reactor's thread.
        seconds: from now, also if the reactor gets to know of it later.
        function: called in the reactor's thread.
    """
    due = monotonic() + seconds
    delayed: IDelayedCall | None = None
    cancelled = False

    def start() -> None:
        nonlocal delayed
        if not cancelled:
            delayed = reactor.callLater(max(0.0, due - monotonic()), function)

    def stop() -> None:
        if delayed is not None and delayed.active():
            delayed.cancel()

    def cancel() -> None:
        nonlocal cancelled
        cancelled = True
        in_reactor(stop)

    in_reactor(start)
    return cancel
