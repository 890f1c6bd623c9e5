"""A reactor of one's own for each blocking connection: made, never installed, and run by whoever leads the hub."""

from __future__ import annotations

import select
import threading
from collections import deque
from collections.abc import Callable
from math import ceil
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

_POLLS = hasattr(select, "poll")
if _POLLS:
    from twisted.internet.pollreactor import PollReactor as _Reactor

    _INPUT = select.POLLIN
else:  # Windows
    from twisted.internet.selectreactor import SelectReactor as _Reactor

__all__ = ["PrivateReactor"]


class _Unregistered(_Reactor):
    """A reactor that does not take the thread which starts it for the application's reactor thread."""

    _registerAsIOThread = False
    _log = Logger()

    def turn(self, timeout: float | None) -> None:
        """Do an iteration: what is due, then wait at most so many seconds and handle what comes.

        Twisted's own does the same, but looks through timers that are not there and sets up a log context for each
        descriptor, which together cost as much as a short call.
        """
        if self.threadCallQueue or self._newTimedCalls or self._pendingTimedCalls:
            timeout = self._do_what_is_due(timeout)
        if not _POLLS:
            self.doIteration(timeout)  # type: ignore[no-untyped-call]
            return
        # poll() takes whole milliseconds: rounded down, it would spin through the last one.
        for descriptor, event in self._poller.poll(None if timeout is None else ceil(timeout * 1000)):
            selectable = self._selectables.get(descriptor)
            if selectable is None:
                continue
            if event != _INPUT:
                self._doReadOrWrite(selectable, descriptor, event)  # type: ignore[no-untyped-call]
                continue
            try:
                why = selectable.doRead()
            except BaseException as error:
                self._reading_failed(selectable, error)
                continue
            if why:
                self._disconnectSelectable(selectable, why, True)  # type: ignore[no-untyped-call]

    def _do_what_is_due(self, timeout: float | None) -> float | None:
        """Call what is due; give how long may be waited."""
        if self.timeout() == 0:
            timeout = 0.0  # what is due may bring about what the leader waits for, who must then look
        self.runUntilCurrent()
        soonest = self.timeout()
        return soonest if soonest is not None and (timeout is None or soonest < timeout) else timeout

    def _reading_failed(self, selectable: Any, error: BaseException) -> None:
        """Close a descriptor whose reading raised, for what it read may be lost. What is no Exception, a
        KeyboardInterrupt above all, is not kept from the caller, as a reactor's own loop would.
        """
        if isinstance(error, Exception):
            self._log.failure("reading from {what} failed", what=selectable)
        self._disconnectSelectable(selectable, error, True)  # type: ignore[no-untyped-call]
        if not isinstance(error, Exception):
            raise error


class PrivateReactor:
    """What the leading thread does: `txrpyc.blocking.hub.Leadership` over a Twisted reactor.

    Attributes:
        reactor: the reactor; to be touched by the leader only.
    """

    def __init__(self) -> None:
        self.reactor: Any = _Unregistered()  # type: ignore[no-untyped-call]
        self.reactor.startRunning(installSignalHandlers=False)
        self._calls: deque[Callable[[], None]] = deque()
        self._stepping = False
        self._disposed = False
        # Between waking and disposing: a byte written to a descriptor that was just closed could land in another file.
        self._waking = threading.RLock()

    def call(self, function: Callable[[], None]) -> None:
        """Run a function at the beginning of the next step. Any thread may call, also inside a garbage collection.

        Unlike ``callFromThread`` this costs a system call only while somebody is in a step.
        """
        self._calls.append(function)
        if self._stepping:
            self.interrupt()

    # For the hub.

    def step(self, timeout: float | None) -> None:
        """Run the reactor until something has happened, at most so many seconds."""
        self._stepping = True
        try:
            while self._calls:
                self._calls.popleft()()
            self.reactor.turn(timeout)
        finally:
            self._stepping = False

    def interrupt(self) -> None:
        """Make a running step return."""
        with self._waking:
            if not self._disposed:
                self.reactor.wakeUp()

    def dispose(self) -> None:
        """Close what the reactor opened. It cannot be used again."""
        reactor = self.reactor
        with self._waking:
            if self._disposed:
                return
            self._disposed = True
            self._calls.clear()
            for call in reactor.getDelayedCalls():
                call.cancel()
            reactor.removeAll()
            reactor.removeReader(reactor.waker)
            reactor.waker.connectionLost(Failure(ConnectionDone()))
            reactor.waker = None

    def __del__(self) -> None:
        """Close the waker's descriptors, which are plain numbers and would stay open."""
        if not getattr(self, "_disposed", True):
            self.dispose()
