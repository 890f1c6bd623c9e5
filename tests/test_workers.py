"""The workers: threads that come to connections with jobs, and end when nothing needs them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txrpyc.blocking.hub import Hub
from txrpyc.blocking.workers import _QUIET, Workers

PATIENCE = 30.0


class ClockWithThreads(Clock):
    """A Clock that other threads may call; what they want is done by `until`."""

    def __init__(self) -> None:
        super().__init__()
        self._wanted: queue.SimpleQueue[Callable[[], Any]] = queue.SimpleQueue()

    def callFromThread(self, function: Callable[..., Any], *args: Any) -> None:
        self._wanted.put(lambda: function(*args))

    def until(self, holds: Callable[[], bool]) -> None:
        """Do what threads want, until a condition holds."""
        while not holds():
            self._wanted.get(timeout=PATIENCE)()


class WorkersTests(SynchronousTestCase):
    def workers(self, limit: int = 10, concurrency: int = 1) -> Workers:
        self.clock = ClockWithThreads()
        workers = Workers(self.clock, limit, concurrency)
        workers.start()
        self.addCleanup(workers.stop)
        self.dropped: list[Hub] = []
        return workers

    def hub(self, workers: Workers) -> Hub:
        """Make the hub of a connection that these workers serve."""
        hub = Hub(None, lambda: workers.come(hub, lambda: self.dropped.append(hub)))
        return hub

    def until_idle(self, workers: Workers) -> None:
        idle = workers.when_idle()
        self.clock.until(lambda: bool(idle.called))

    def keep_busy(self, workers: Workers, count: int) -> tuple[threading.Event, list[Hub]]:
        """Have so many connections do a job at the same time; give what ends those jobs."""
        free, begun = threading.Event(), threading.Barrier(count + 1)

        def job() -> None:
            begun.wait(PATIENCE)
            free.wait(PATIENCE)

        hubs = [self.hub(workers) for _ in range(count)]
        for hub in hubs:
            hub.post(job)
        begun.wait(PATIENCE)
        return free, hubs

    def test_order(self) -> None:
        """The jobs of a connection are done in order, outside the thread that posts them."""
        workers = self.workers()
        hub = self.hub(workers)
        done: list[tuple[int, bool]] = []
        here = threading.get_ident()
        for number in range(1000):
            hub.post(lambda number=number: done.append((number, threading.get_ident() != here)))
        self.until_idle(workers)
        self.assertEqual(done, [(number, True) for number in range(1000)])

    def test_connections_at_once(self) -> None:
        """Jobs of different connections are done at the same time."""
        workers = self.workers()
        free, _hubs = self.keep_busy(workers, 10)
        self.assertEqual(workers.threads, 10)
        free.set()
        self.until_idle(workers)

    def test_concurrency(self) -> None:
        """With a concurrency of 3, three jobs of one connection are done at the same time."""
        workers = self.workers(concurrency=3)
        hub = self.hub(workers)
        meeting = threading.Barrier(4)
        for _ in range(3):
            hub.post(lambda: meeting.wait(PATIENCE))
        meeting.wait(PATIENCE)
        self.until_idle(workers)

    def test_turns(self) -> None:
        """Beyond the limit, connections take turns after each job, and each keeps its order."""
        workers = self.workers(limit=1)
        free, (first,) = self.keep_busy(workers, 1)
        second = self.hub(workers)
        done: list[str] = []
        for number in range(3):
            first.post(lambda number=number: done.append(f"first {number}"))
            second.post(lambda number=number: done.append(f"second {number}"))
        free.set()
        self.until_idle(workers)
        self.assertEqual(done, [f"{which} {number}" for number in range(3) for which in ("second", "first")])
        self.assertEqual(workers.threads, 1)

    def test_threads_end(self) -> None:
        """Threads that nothing needed for a while end, and come again with the jobs."""
        workers = self.workers()
        free, _hubs = self.keep_busy(workers, 10)
        threads = [thread for thread in threading.enumerate() if "txrpyc-workers" in thread.name]
        free.set()
        self.until_idle(workers)
        self.clock.pump([_QUIET] * 2)
        self.assertEqual(workers.threads, 0)
        for thread in threads:
            thread.join(PATIENCE)
            self.assertFalse(thread.is_alive())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        free, _hubs = self.keep_busy(workers, 2)
        self.assertEqual(workers.threads, 2)
        free.set()
        self.until_idle(workers)

    def test_busy_threads_stay(self) -> None:
        """While one connection is busy all the time, its thread stays, and those that others left end."""
        workers = self.workers()
        busy, _hubs = self.keep_busy(workers, 1)
        others, _hubs = self.keep_busy(workers, 9)
        others.set()
        self.clock.until(lambda: len(workers._at) == 1)
        self.clock.until(lambda: bool(self.clock.getDelayedCalls()))
        self.clock.pump([_QUIET] * 2)
        self.assertEqual(workers.threads, 1)
        busy.set()
        self.until_idle(workers)

    def test_job_that_raises(self) -> None:
        """A job that raises has its connection dropped; the other jobs are done all the same."""
        workers = self.workers()
        hub = self.hub(workers)
        free, begun = threading.Event(), threading.Event()
        done: list[str] = []

        def job() -> None:
            begun.set()
            free.wait(PATIENCE)
            raise KeyboardInterrupt

        hub.post(job)
        begun.wait(PATIENCE)
        hub.post(lambda: done.append("the last one"))
        free.set()
        self.until_idle(workers)
        self.assertEqual((self.dropped, done), ([hub], ["the last one"]))
        self.assertEqual(len(self.flushLoggedErrors(KeyboardInterrupt)), 1)

    def test_stop(self) -> None:
        """Stopping leaves nothing to the reactor, and its threads end."""
        workers = self.workers()
        free, _hubs = self.keep_busy(workers, 3)
        threads = [thread for thread in threading.enumerate() if "txrpyc-workers" in thread.name]
        free.set()
        self.until_idle(workers)
        workers.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        for thread in threads:
            thread.join(PATIENCE)
            self.assertFalse(thread.is_alive())
