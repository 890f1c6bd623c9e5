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
"""Seconds without a new job after which idle threads end."""


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
        limit: the most threads. Connections beyond it wait for a free one.
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
        self._pool = ThreadPool(0, limit, "txrpyc-workers")
        # A thread that never comes back from the user's code must not keep the process.
        self._pool.threadFactory = _DaemonThread
        self._idle_since: Any = None
        self._on_idle: list[Deferred[None]] = []

    def start(self) -> None:
        """Be ready. In the reactor's thread."""
        self._pool.start()

    def stop(self) -> None:
        """End; threads that are busy are left to themselves. In the reactor's thread."""
        if self._idle_since is not None and self._idle_since.active():
            self._idle_since.cancel()
        threading.Thread(target=self._pool.stop, name="txrpyc-workers-stop", daemon=True).start()

    def come(self, hub: Hub) -> None:
        """Somebody shall do the jobs of a connection. Any thread may call."""
        with self._lock:
            if self._at.get(hub, 0) >= self._concurrency:
                return  # whoever is there looks again before leaving
            self._at[hub] = self._at.get(hub, 0) + 1
        self._pool.callInThread(self._serve, hub)

    def run(self, function: Callable[[], Any]) -> None:
        """Call a function in a thread."""
        self._pool.callInThread(function)

    def _serve(self, hub: Hub) -> None:
        hub.hire()
        try:
            while True:
                while hub.do_job():
                    pass
                if hub.wait(lambda: hub.has_jobs, monotonic() + _LINGER, serve=False):
                    continue
                with self._lock:
                    if not hub.has_jobs:
                        self._leave(hub)
                        return
        except BaseException:
            self._log.failure("a job ended its worker")
            with self._lock:
                self._leave(hub)
            if hub.has_jobs:
                self.come(hub)
        finally:
            hub.dismiss()
            self._reactor.callFromThread(self._look_for_idleness)

    def _leave(self, hub: Hub) -> None:
        self._at[hub] -= 1
        if not self._at[hub]:
            del self._at[hub]

    # In the reactor's thread.

    @property
    def busy(self) -> int:
        """How many connections have a worker."""
        return len(self._at)

    def when_idle(self) -> Deferred[None]:
        """Give a Deferred that fires when no connection has jobs."""
        idle: Deferred[None] = Deferred()
        self._on_idle.append(idle)
        self._look_for_idleness()
        return idle

    def _look_for_idleness(self) -> None:
        if self._at:
            return
        waiting, self._on_idle = self._on_idle, []
        for idle in waiting:
            idle.callback(None)
        if self._idle_since is not None and self._idle_since.active():
            self._idle_since.reset(_QUIET)
        elif self._pool.started and not self._pool.joined:
            self._idle_since = self._reactor.callLater(_QUIET, self._shrink)

    def _shrink(self) -> None:
        if not self._at and not self._pool.joined:
            self._pool.adjustPoolsize(0, 0)
            self._pool.adjustPoolsize(0, self._limit)
