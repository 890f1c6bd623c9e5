"""Workers: threads that carry out the jobs of connections which live in a reactor.

Most calls are short, and handing one from thread to thread costs more than most do. So:

1. One thread, the runner, carries out the jobs of all connections in turn, and reads the busy ones itself (`lane`).
2. If a job does not end soon, or waits for its client, another thread becomes the runner, and those connections that
   were waiting get a thread each: so many at a time as there may be.
3. A connection whose jobs take long is slow, and gets a thread of its own for them, until they are short again.
4. A connection's jobs are begun one at a time and in order, or `concurrency` of them.
5. Threads that nothing needed for a while end.
6. At the limit, what nobody has begun waits until a thread is free, except for what a thread that waits may do
   meanwhile: the jobs of its own connection, and of that for whose peer it waits (`attended`).
"""

from __future__ import annotations

import threading
from collections import deque
from threading import get_ident
from time import monotonic
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from txrpyc.blocking.attended import Attended
from txrpyc.blocking.lane import Lane
from txrpyc.blocking.watch import Watch
from txrpyc.errors import WrongThread

__all__ = ["Workers"]

_QUIET: Final = 10.0
"""Seconds after which threads end that nothing needed meanwhile."""


class _Worker:
    """One thread.

    Attributes:
        wanted: released to wake it when it is idle.
        task: the connection that it is woken for; None if it shall look what there is to do.
        at: the connection whose jobs it does now.
        used: whether it was woken since the last look.
        done: how many jobs it has done.
        ends: whether it shall end.
        ident: the thread's.
        inside: the connections whose jobs it is in the middle of, the innermost last.
    """

    def __init__(self) -> None:
        self.wanted = threading.Semaphore(0)
        self.task: Attended | None = None
        self.at: Attended | None = None
        self.used = True
        self.done = 0
        self.ends = False
        self.ident = 0
        self.inside: list[Attended] = []


class Workers:
    """A pool of threads. An idle connection holds none.

    Args:
        reactor: where the connections live.
        limit: the most threads. Connections beyond it take turns.
    """

    _log = Logger()

    def __init__(self, reactor: Any, limit: int) -> None:
        self._reactor = reactor
        self._limit = limit
        # Re-entrant: a destructor, at any point, may make a call end, whose callbacks are jobs.
        self._lock = threading.RLock()
        self._queue: deque[Attended] = deque()
        self._workers: set[_Worker] = set()
        self._idle: list[_Worker] = []
        # For each thread, what its worker is in the middle of.
        self.inside: dict[int, list[Attended]] = {}
        self._runner: _Worker | None = None
        self._waiting = False  # whether the runner waits for input, or is about to
        self.lane = Lane(reactor)
        # Held while the runner waits for input and reads it, but never in a job: who takes over, waits for that.
        self._reading = threading.Lock()
        self._watch = Watch(self, reactor)
        self._next_look: Any = None
        self._stopped = False
        self._on_idle: list[Deferred[None]] = []

    # Any thread may call.

    def come(self, connection: Attended) -> None:
        """Somebody shall do the jobs of a connection."""
        if connection.queued or not connection.permits or connection.hub.holds:
            return  # whoever is there looks again before leaving
        connection.queued = True
        if connection.slow:
            with self._lock:
                if self._begin(connection):
                    return
        self._queue.append(connection)
        # Looked at after that: the runner says that it waits before it looks for the last time.
        if self._waiting or self._runner is None:
            self._rouse()

    def sleeps(self) -> None:
        """This thread is about to sleep, in the middle of a job, until somebody else reads its connection's input."""
        runner = self._runner
        if runner is None or runner.ident != get_ident():
            return
        if runner.at is None:
            raise WrongThread(
                "a blocking call from inside the input of a connection, by a destructor say, may never end"
            )
        with self._lock:
            if self._runner is runner:  # still: so nobody else reads
                runner.at.slow = True
                self.lane.release(runner.at)
                self.pass_on(runner, 1)

    def pass_on(self, runner: _Worker, helpers: int) -> None:
        """Make another thread the runner, as this one is in the middle of a job for longer; and give so many
        connections that wait a thread.
        """
        with self._lock:
            if self._runner is not runner or self._stopped:
                return
            # Never without a runner meanwhile: its job may end this very moment, and it looks whether it still is.
            if not self._begin(None):
                # There may be no more threads. The reactor reads, at least, unless the runner does by now.
                if self._reading.acquire(blocking=False):
                    self.lane.release_all()
                    self._reading.release()
                return
            if self._waiting:
                self.lane.wake()  # the old one, which has got there before it could know
            for _ in range(helpers):
                try:
                    connection = self._queue.popleft()
                except IndexError:
                    return
                if not self._begin(connection):
                    self._queue.appendleft(connection)
                    return

    def forget(self, connection: Attended) -> None:
        """A connection is gone."""
        self.lane.forget(connection)

    def _rouse(self) -> None:
        with self._lock:
            if self._stopped:
                return
            if self._runner is None:
                self._begin(None)
            elif self._waiting:
                self._waiting = False
                self.lane.wake()
        self._watch.begin()

    def _begin(self, task: Attended | None) -> bool:
        """Have an idle thread, or a new one, attend to a connection, or, for None, be the runner; tell whether there
        was one to be had. With the lock.
        """
        if self._idle:
            worker = self._idle.pop()
        elif len(self._workers) < self._limit and not self._stopped:
            self.lane.open()
            worker = _Worker()
            self._workers.add(worker)
            # A thread that never comes back from the user's code must not keep the process.
            thread = threading.Thread(target=self._work, args=(worker,), name="txrpyc-workers", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system gives no more
                self._workers.discard(worker)
                return False
            self._reactor.callFromThread(self._look_later)
        else:
            return False
        worker.task = task
        worker.used = True
        if task is None:
            self._runner = worker
        worker.wanted.release()
        return True

    # In a worker's thread.

    def _work(self, worker: _Worker) -> None:
        worker.ident = get_ident()
        self.inside[worker.ident] = worker.inside
        while True:
            worker.wanted.acquire()
            if worker.ends:
                del self.inside[worker.ident]
                return
            task, worker.task = worker.task, None
            if task is not None:
                self._attend(task, worker)
            while self._goes_on(worker):
                try:
                    self._run(worker)
                except Exception:  # it must go on: all connections wait for it
                    self._log.failure("reading from the busy connections failed")

    def _goes_on(self, worker: _Worker) -> bool:
        """Tell whether this thread is the runner, or has become it as there is none; otherwise it is idle now."""
        if self._runner is worker:
            return True
        with self._lock:
            if self._runner is None and self._queue and not self._stopped:
                self._runner = worker
                return True
            self._idle.append(worker)
            if self._stopped:
                worker.ends = True
                worker.wanted.release()
                self._close_lane()
        self._tell_if_idle()
        return False

    def _run(self, worker: _Worker) -> None:
        """Do one round as the runner: read what has come, then give each connection that waits a turn."""
        with self._reading:
            if self._runner is not worker:
                return
            self._waiting = True
            wait = not self._queue and self._runner is worker
            if wait:
                self._tell_if_idle()
            connections = self.lane.ready(wait)
            self._waiting = False
            for connection in connections:
                self.lane.read(connection)
        for _ in range(len(self._queue)):
            if self._runner is not worker:
                return
            try:
                connection = self._queue.popleft()
            except IndexError:
                return
            self._attend(connection, worker)

    def _attend(self, connection: Attended, worker: _Worker) -> None:
        """Do jobs of a connection until there are none, or other connections wait."""
        connection.queued = False
        try:
            permit = connection.permits.pop()
        except IndexError:
            return  # there are threads at it, which look again before they leave
        worker.at = connection
        worker.inside.append(connection)
        hub = connection.hub
        jobs = hub.mailbox.jobs
        began = monotonic()
        done = worker.done
        try:
            while jobs and not hub.holds:
                if len(jobs) > 1 and connection.permits:
                    self.come(connection)  # for the next job, which need not wait for this one
                hub.do_job(True)
                worker.done += 1
                if self._queue:
                    break
        except BaseException:
            self._log.failure("a job ended its worker; closing the connection")
            connection.drop()
        worker.at = None
        worker.inside.pop()
        connection.permits.append(permit)
        now = monotonic()
        if worker.done != done:
            connection.took((now - began) / (worker.done - done))
        # If it is being read there is another runner by now.
        if self._runner is worker and self._reading.acquire(blocking=False):
            self.lane.note(connection, now)
            self._reading.release()
        if jobs and not hub.holds:
            connection.look_again()

    # In the reactor's thread.

    @property
    def threads(self) -> int:
        """How many threads there are, busy or not."""
        return len(self._workers)

    @property
    def stalled(self) -> tuple[_Worker, int] | None:
        """The runner, if it is in the middle of a job, and how many jobs it has done; None if it is not."""
        runner = self._runner
        return (runner, runner.done) if runner is not None and runner.at is not None else None

    @property
    def at_rest(self) -> bool:
        """Whether there is nothing to do."""
        return self._runner is None or (self._waiting and not len(self.lane))

    def has_read(self, connection: Attended) -> None:
        """The reactor has read something from a connection. From now on the runner may, unless it is at another one."""
        runner = self._runner
        if runner is not None and (runner.at is None or runner.at is connection):
            self.lane.offer(connection)

    def stop(self) -> None:
        """End; threads that are busy are left to themselves. Does nothing the second time."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            self._runner = None
            idle, self._idle = self._idle, []
        self._watch.end()
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None
        self._dismiss(idle)
        self.lane.release_all()
        self.lane.wake()
        self._close_lane()

    def _close_lane(self) -> None:
        """Close the lane, unless a thread still waits or reads there, which will then do it."""
        if self._reading.acquire(blocking=False):
            self.lane.close()
            self._reading.release()

    def when_idle(self) -> Deferred[None]:
        """Give a Deferred that fires when no connection has jobs."""
        idle: Deferred[None] = Deferred()
        self._on_idle.append(idle)
        self._look_for_idleness()
        return idle

    def _tell_if_idle(self) -> None:
        if self._on_idle:
            self._reactor.callFromThread(self._look_for_idleness)

    def _look_for_idleness(self) -> None:
        if not self._queue and len(self._idle) + self._waiting == len(self._workers):
            waiting, self._on_idle = self._on_idle, []
            for idle in waiting:
                idle.callback(None)

    def _look_later(self) -> None:
        if self._next_look is None and not self._stopped:
            self._next_look = self._reactor.callLater(_QUIET, self._look)

    def _look(self) -> None:
        """End the threads that nothing needed since the last look."""
        self._next_look = None
        with self._lock:
            unused = [worker for worker in self._idle if not worker.used]
            self._idle = [worker for worker in self._idle if worker.used]
            for worker in self._workers:
                worker.used = worker not in self._idle and worker is not self._runner
            if self._runner is not None and self.at_rest and not self._queue:
                # It goes among the idle ones, and ends with the next look.
                self._runner = None
                self.lane.wake()
        self._dismiss(unused)
        if self._workers:
            self._look_later()

    def _dismiss(self, workers: list[_Worker]) -> None:
        for worker in workers:
            self._workers.discard(worker)
            worker.ends = True
            worker.wanted.release()
