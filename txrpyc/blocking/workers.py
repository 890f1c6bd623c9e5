"""Workers: threads that carry out the jobs of connections which live in a reactor, and belong to none of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from txrpyc.blocking.hub import Hub

__all__ = ["Workers"]

_QUIET = 10.0
"""Seconds after which threads end that nothing needed meanwhile."""


_LINGER = 0.02
"""Seconds that a worker stays with a connection whose jobs are done: handing it over for each would cost more than
most jobs do.
"""


class _DaemonThread(threading.Thread):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.daemon = True


class Workers:
    """A pool of threads. A connection holds one while it has jobs, or `concurrency` of them, and none while it is idle.

    Args:
        reactor: where the connections live.
        limit: the most threads. Connections beyond it take turns.
        concurrency: how many jobs of one connection may be under way at once; more than one gives up their order,
            except of their beginnings.
    """

    _log = Logger()

    def __init__(self, reactor: Any, limit: int, concurrency: int = 1) -> None:
        self._reactor = reactor
        self._limit = limit
        self._concurrency = concurrency
        self._lock = threading.Lock()
        self._at: dict[Hub, int] = {}
        self._wanted = 0
        self._most_wanted = 0
        self._pool = ThreadPool(0, limit, "txrpyc-workers")
        # A thread that never comes back from the user's code must not keep the process.
        self._pool.threadFactory = _DaemonThread
        self._next_look: Any = None
        self._stopped = False
        self._on_idle: list[Deferred[None]] = []

    def start(self) -> None:
        """Be ready. In the reactor's thread."""
        self._pool.start()

    def stop(self) -> None:
        """End; threads that are busy are left to themselves. Does nothing the second time. In the reactor's thread."""
        if self._stopped:
            return
        self._stopped = True
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None
        threading.Thread(target=self._pool.stop, name="txrpyc-workers-stop", daemon=True).start()

    def come(self, hub: Hub, drop: Callable[[], None]) -> None:
        """Somebody shall do the jobs of a connection. Any thread may call.

        Args:
            hub: the connection's.
            drop: cuts the connection; called when a job raises, which is meant to end whoever serves.
        """
        with self._lock:
            if self._at.get(hub, 0) >= self._concurrency:
                return  # whoever is there looks again before leaving
            self._at[hub] = self._at.get(hub, 0) + 1
            self._wanted += 1
            self._most_wanted = max(self._most_wanted, self._wanted)
        self._pool.callInThread(self._serve, hub, drop)

    # In a worker's thread.

    def _serve(self, hub: Hub, drop: Callable[[], None]) -> None:
        hub.hire()
        try:
            left = self._work(hub)
        except BaseException:
            self._log.failure("a job ended its worker; closing the connection")
            drop()
            left = self._leaves(hub)
        finally:
            hub.dismiss()
            self._reactor.callFromThread(self._look_for_idleness)
        if not left:
            self._pool.callInThread(self._serve, hub, drop)

    def _work(self, hub: Hub) -> bool:
        """Do jobs until there are none, or it is another connection's turn; tell whether this one has been left."""
        while True:
            if hub.do_job():
                if self._crowded:
                    return self._leaves(hub)
            elif (self._crowded or not self._stays(hub)) and self._leaves(hub):
                return True

    @staticmethod
    def _stays(hub: Hub) -> bool:
        """Wait a moment for jobs; tell whether there are any."""
        return hub.wait(lambda: hub.has_jobs, monotonic() + _LINGER, serve=False)

    @property
    def _crowded(self) -> bool:
        """Whether connections wait for a thread."""
        return self._wanted > self._limit

    def _leaves(self, hub: Hub) -> bool:
        """Leave a connection, if nothing came meanwhile; tell whether it did."""
        with self._lock:
            if hub.has_jobs:
                return False
            self._wanted -= 1
            self._at[hub] -= 1
            if not self._at[hub]:
                del self._at[hub]
            return True

    # In the reactor's thread.

    @property
    def threads(self) -> int:
        """How many threads there are, busy or not."""
        return self._pool.workers

    def when_idle(self) -> Deferred[None]:
        """Give a Deferred that fires when no connection has jobs."""
        idle: Deferred[None] = Deferred()
        self._on_idle.append(idle)
        self._look_for_idleness()
        return idle

    def _look_for_idleness(self) -> None:
        if not self._at:
            waiting, self._on_idle = self._on_idle, []
            for idle in waiting:
                idle.callback(None)
        if self._next_look is None and not self._stopped:
            self._next_look = self._reactor.callLater(_QUIET, self._shrink)

    def _shrink(self) -> None:
        """End the threads that nothing needed since the last look."""
        self._next_look = None
        with self._lock:
            needed, self._most_wanted = self._most_wanted, self._wanted
        for _ in range(self.threads - needed):
            self._pool.stopAWorker()
        # The pool itself remembers every thread that it ever had.
        self._pool.threads[:] = [thread for thread in self._pool.threads if thread.is_alive()]
        if self.threads:
            self._next_look = self._reactor.callLater(_QUIET, self._shrink)
