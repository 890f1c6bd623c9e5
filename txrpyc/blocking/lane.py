"""The lane: the connections whose input one thread reads by itself, because they are busy.

That thread waits on all of them at once, and carries out their requests as it reads them: no call is handed from
one thread to another. Which thread it is may change at any time (see `workers`); the connections stay in the lane.
"""

from __future__ import annotations

import os
import select
from time import monotonic
from typing import Any, Final

from txrpyc.blocking.attended import Attended
from txrpyc.blocking.busy_poll import BusyPoll

__all__ = ["Lane"]

_QUIET: Final = 0.25
"""Seconds without a request after which a connection is given back to its reactor."""

_BUSY: Final = 0.1
"""Seconds between two requests, at most, of a connection that is worth taking."""


class Lane:
    """See the module.

    Args:
        reactor: where the connections live.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        # Connections are added by the reactor's thread while another one waits, which only epoll allows.
        self._can_hold = hasattr(select, "epoll")
        self._poller: Any = None
        self._wakeup = self._waker = -1
        self._held: dict[int, Attended] = {}
        self._busy = BusyPoll()
        self._swept = monotonic()
        self._closed = False

    def __len__(self) -> int:
        """How many connections are in it."""
        return len(self._held)

    def open(self) -> None:
        """Open the descriptors, if they are not: before the first thread waits."""
        if self._poller is None and not self._closed:
            self._poller = select.epoll() if self._can_hold else select.poll()
            self._wakeup, self._waker = os.pipe()
            for descriptor in (self._wakeup, self._waker):
                os.set_blocking(descriptor, False)
            self._poller.register(self._wakeup, select.POLLIN)

    def wake(self) -> None:
        """Let the thread that waits look around. Any thread may call."""
        if self._poller is not None and not self._closed:
            try:
                os.write(self._waker, b"x")
            except OSError:
                pass  # full: it will wake up all the same

    def close(self) -> None:
        """Close the descriptors. Nobody may be waiting."""
        if not self._closed and self._poller is not None:
            if self._can_hold:
                self._poller.close()
            os.close(self._wakeup)
            os.close(self._waker)
        self._closed = True

    # For the thread that waits.

    def ready(self, wait: bool) -> list[Attended]:
        """Give the connections that have sent something.

        Args:
            wait: whether to wait for one, or for `wake`.
        """
        timeout = 0.0 if not wait else _QUIET if self._held else None
        if not self._can_hold and timeout is not None:
            timeout *= 1000
        ready = self._busy.look(self._poller.poll) if wait and self._held else []
        found: list[Attended] = []
        for descriptor, _event in ready or self._poller.poll(timeout):
            if descriptor == self._wakeup:
                self._drain()
                continue
            connection = self._held.get(descriptor)
            if connection is not None:
                found.append(connection)
        if self._held:
            self._sweep(monotonic())
        return found

    def read(self, connection: Attended) -> None:
        """Read what a connection has sent."""
        reading = connection.reading
        if connection.descriptor >= 0 and reading is not None and not reading.receive():
            self.release(connection)

    def note(self, connection: Attended, now: float) -> None:
        """Take note that a connection had a turn; give it back if it is slow."""
        connection.seen = now
        if connection.slow:
            self.release(connection)

    def release(self, connection: Attended) -> None:
        """Give a connection back to its reactor. Any thread may call, if nobody reads it just now."""
        descriptor, connection.descriptor = connection.descriptor, -1
        if descriptor >= 0 and self._held.pop(descriptor, None) is connection:
            self._unregister(descriptor)
            assert connection.reading is not None
            self._reactor.callFromThread(connection.reading.resume)

    def release_all(self) -> None:
        """Give all back: there is no thread to wait for them."""
        for connection in list(self._held.values()):
            self.release(connection)

    def _sweep(self, now: float) -> None:
        """Give back those that were quiet for a while."""
        if now - self._swept <= _QUIET:
            return
        self._swept = now
        for connection in list(self._held.values()):
            if now - connection.seen > _QUIET:
                self.release(connection)

    def _drain(self) -> None:
        try:
            while len(os.read(self._wakeup, 512)) == 512:
                pass
        except BlockingIOError:
            pass

    def _unregister(self, descriptor: int) -> None:
        try:
            self._poller.unregister(descriptor)
        except (OSError, ValueError, KeyError):
            pass  # closed meanwhile, which unregisters

    # For the reactor's thread.

    def offer(self, connection: Attended) -> None:
        """Take a connection in, whose reactor has just read something, if it is busy, or new: who connects has
        something to ask.
        """
        if connection.descriptor >= 0 or self._closed or connection.reading is None or not self._can_hold:
            return
        now = monotonic()
        if connection.slow or (connection.seen and now - connection.seen > _BUSY):
            return
        descriptor = connection.reading.lend(lambda: self.forget(connection))
        if descriptor < 0:
            return
        connection.seen = now
        # Before it is watched, as something may have come already; from the first on, another thread may give it back.
        self._held[descriptor] = connection
        connection.descriptor = descriptor
        try:
            self._poller.register(descriptor, select.POLLIN)
        except (OSError, ValueError):  # the system watches no more of them; or the lane was closed this very moment
            self.release(connection)
        else:
            if self._held.get(descriptor) is not connection:
                self._unregister(descriptor)

    def forget(self, connection: Attended) -> None:
        """Take note that a connection is not to be read any more."""
        descriptor, connection.descriptor = connection.descriptor, -1
        if descriptor >= 0 and self._held.get(descriptor) is connection:
            del self._held[descriptor]
            self._unregister(descriptor)
