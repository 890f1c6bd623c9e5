"""The workers: one thread for the jobs of all connections, and more of them where jobs do not end soon."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.blocking.kinds import BlockingTestCase, Waiting
from txrpyc.blocking import workers as workers_module
from txrpyc.blocking.attended import _LONG, _LONG_ONES, _SHORT_ONES, Attended
from txrpyc.blocking.hub import Hub
from txrpyc.blocking.watch import _LULL, Watch
from txrpyc.blocking.watch import _PATIENCE as _LOOK
from txrpyc.blocking.workers import _QUIET, Workers

PATIENCE = 30.0
REAL_THREAD = threading.Thread
DESCRIPTORS = "/proc/self/fd"


class ClockWithThreads(Clock):
    """A Clock that other threads may call; what they want is done by `until`."""

    def __init__(self) -> None:
        super().__init__()
        self._wanted: queue.SimpleQueue[Callable[[], Any]] = queue.SimpleQueue()

    def callFromThread(self, function: Callable[..., Any], *args: Any) -> None:
        self._wanted.put(lambda: function(*args))

    def until(self, holds: Callable[[], object]) -> None:
        """Do what threads want, until a condition holds."""
        while not holds():
            self._wanted.get(timeout=PATIENCE)()

    def do_one(self) -> None:
        """Do the next thing that a thread wants."""
        self._wanted.get(timeout=PATIENCE)()

    def catch_up(self) -> None:
        """Do what threads have wanted so far."""
        while not self._wanted.empty():
            self._wanted.get()()

    def pass_until(self, step: float, holds: Callable[[], object]) -> None:
        """Do what threads want, and let time pass in steps, until a condition holds of which nobody tells."""
        deadline = monotonic() + PATIENCE
        while True:
            self.catch_up()
            if holds():
                return
            assert monotonic() < deadline, "it never came"
            self.advance(step)
            try:
                self._wanted.get(timeout=0.002)()
            except queue.Empty:
                pass


class Reading:
    """Stands for the input of a connection; see `LentReading`. It is read from a pipe."""

    def __init__(self) -> None:
        self.descriptor, self.other = os.pipe()
        os.set_blocking(self.descriptor, False)
        self.lent = False

    def lend(self, on_stop: Callable[[], None]) -> int:
        if self.lent:
            return -1
        self.lent = True
        self.on_stop = on_stop
        return self.descriptor

    def resume(self) -> None:
        self.lent = False

    def receive(self) -> bool:
        return bool(os.read(self.descriptor, 1))

    def close(self) -> None:
        if self.lent:
            self.on_stop()
        for descriptor in (self.descriptor, self.other):
            if descriptor >= 0:
                os.close(descriptor)
        self.descriptor = self.other = -1


class WorkersTestCase(BlockingTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.left_by_others = threads()
        self.addCleanup(self.join)
        self.clock = ClockWithThreads()
        self.dropped: list[Attended] = []
        # How long a job took is what the test says, not what a busy machine makes of it.
        self.now = 1000.0
        self.patch(workers_module, "monotonic", lambda: self.now)

    def join(self) -> None:
        """Wait for all threads of the workers', which were stopped, to end."""
        for thread in threads():
            if thread in self.left_by_others:
                continue  # which has failed for it
            thread.join(PATIENCE)
            self.assertFalse(thread.is_alive(), "a thread hangs")

    def workers(self, limit: int = 10) -> Workers:
        workers = Workers(self.clock, limit)
        self.addCleanup(workers.stop)
        return workers

    def connection(self, workers: Workers, concurrency: int = 1) -> Attended:
        """Make what the workers know of a connection."""
        attended = Attended(workers, concurrency)
        attended.hub = Hub(None, attended)
        attended.drop = lambda: self.dropped.append(attended)
        return attended

    def connections(self, workers: Workers, count: int) -> list[Attended]:
        return [self.connection(workers) for _ in range(count)]

    def until_idle(self, workers: Workers) -> None:
        idle = workers.when_idle()
        self.clock.until(lambda: idle.called)

    def until_begun(self, begun: threading.Semaphore, count: int) -> None:
        """Wait for so many jobs to begin, while the workers are watched."""
        for _ in range(count):
            self.clock.pass_until(_LOOK, lambda: begun.acquire(blocking=False))

    def look(self, times: int = 2) -> None:
        """Let the watch look, by default often enough to find that the runner is still in the same job."""
        self.clock.catch_up()
        for _ in range(times):
            self.clock.advance(_LOOK)

    def hang(self, connections: list[Attended]) -> tuple[threading.Semaphore, threading.Event]:
        """Give each connection a job that tells that it has begun, and then waits."""
        begun, free = threading.Semaphore(0), threading.Event()
        self.addCleanup(free.set)

        def job() -> None:
            begun.release()
            free.wait(PATIENCE)

        for connection in connections:
            connection.hub.post(job)
        return begun, free

    def do(self, connection: Attended, seconds: float = 0.0) -> int:
        """Have a connection do one job that takes so long; give which thread did it, once that has left."""
        done: queue.SimpleQueue[int] = queue.SimpleQueue()

        def job() -> None:
            self.now += seconds
            done.put(threading.get_ident())

        connection.hub.post(job)
        ident = done.get(timeout=PATIENCE)
        self.clock.pass_until(0, lambda: connection.permits and not connection.queued)
        return ident


class Door:
    """A lock that can be taken by ``with`` only once it is opened."""

    def __init__(self, lock: Any) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()
        self._lock = lock
        self.acquire, self.release = self._lock.acquire, self._lock.release

    def __enter__(self) -> None:
        self.reached.set()
        self.opened.wait(PATIENCE)
        self._lock.acquire()

    def __exit__(self, *_error: object) -> None:
        self._lock.release()


def threads() -> list[threading.Thread]:
    """Give the workers' threads."""
    return [thread for thread in threading.enumerate() if "txrpyc-workers" in thread.name]


class JobTests(WorkersTestCase):
    def test_order(self) -> None:
        """The jobs of a connection are done in order, outside the thread that posts them."""
        workers = self.workers()
        connection = self.connection(workers)
        done: list[tuple[int, bool]] = []
        here = threading.get_ident()
        for number in range(1000):
            connection.hub.post(lambda number=number: done.append((number, threading.get_ident() != here)))
        self.until_idle(workers)
        self.assertEqual(done, [(number, True) for number in range(1000)])

    def test_one_thread(self) -> None:
        """One thread does the short jobs of many connections, which take turns."""
        workers = self.workers()
        connections = self.connections(workers, 50)
        begun, free = self.hang(connections[:1])
        begun.acquire(timeout=PATIENCE)
        done: list[tuple[int, int]] = []
        for number in range(10):
            for which, connection in enumerate(connections):
                connection.hub.post(lambda number=number, which=which: done.append((number, which)))
        free.set()
        self.until_idle(workers)
        self.assertEqual(workers.threads, 1)
        for number in range(10):
            turn = done[number * 50 : number * 50 + 50]
            self.assertEqual(sorted(turn), [(number, which) for which in range(50)])

    def test_job_of_a_job(self) -> None:
        """A job that is posted while the connection's last one is about to end is done."""
        workers = self.workers()
        connections = self.connections(workers, 20)
        count = [0] * 20

        def job(which: int) -> None:
            count[which] += 1
            if count[which] < 500:
                connections[which].hub.post(lambda: job(which))

        for which, connection in enumerate(connections):
            connection.hub.post(lambda which=which: job(which))
        self.clock.pass_until(_LOOK, lambda: count == [500] * 20)

    def test_many_posters(self) -> None:
        """Of jobs that many threads post at once, none is lost or done twice, each poster's are done in order, and
        each connection's one at a time.
        """
        workers = self.workers()
        connections = self.connections(workers, 8)
        inside = [0] * 8
        done: list[list[tuple[int, int]]] = [[] for _ in connections]
        crowded: list[int] = []

        def job(which: int, poster: int, number: int) -> None:
            inside[which] += 1
            if inside[which] != 1:
                crowded.append(which)
            done[which].append((poster, number))
            inside[which] -= 1

        def post(poster: int) -> None:
            for number in range(500):
                which = (poster + number) % 8
                connections[which].hub.post(partial(job, which, poster, number))

        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(1e-5)
        posters = [Waiting(lambda poster=poster: post(poster)) for poster in range(6)]
        self.clock.pass_until(_LOOK, lambda: sum(map(len, done)) >= 6 * 500)
        for poster in posters:
            poster.result()
        self.assertEqual(crowded, [])
        for poster in range(6):
            for which, jobs in enumerate(done):
                expected = [number for number in range(500) if (poster + number) % 8 == which]
                self.assertEqual([number for other, number in jobs if other == poster], expected)

    def test_job_that_raises(self) -> None:
        """A job that raises has its connection dropped; the other jobs are done all the same."""
        workers = self.workers()
        connection = self.connection(workers)
        free, begun = threading.Event(), threading.Event()
        done: list[str] = []

        def job() -> None:
            begun.set()
            free.wait(PATIENCE)
            raise KeyboardInterrupt

        connection.hub.post(job)
        begun.wait(PATIENCE)
        connection.hub.post(lambda: done.append("the last one"))
        free.set()
        self.until_idle(workers)
        self.assertEqual((self.dropped, done), ([connection], ["the last one"]))
        self.assertEqual(len(self.flushLoggedErrors(KeyboardInterrupt)), 1)
        self.assertEqual(workers.threads, 1)

    def test_when_idle(self) -> None:
        """Who asks when no connection has jobs is told after the last one, or at once."""
        workers = self.workers()
        self.assertTrue(workers.when_idle().called)
        begun, free = self.hang(self.connections(workers, 3))
        idle = workers.when_idle()
        self.until_begun(begun, 3)
        self.assertFalse(idle.called)
        free.set()
        self.clock.until(lambda: idle.called)
        self.assertTrue(workers.when_idle().called)


class LongJobTests(WorkersTestCase):
    def test_hanging_job(self) -> None:
        """While a job hangs another thread does those of other connections, and its connection's own come after it."""
        workers = self.workers()
        hanging, other = self.connections(workers, 2)
        begun, free = self.hang([hanging])
        begun.acquire(timeout=PATIENCE)
        done: queue.SimpleQueue[str] = queue.SimpleQueue()
        hanging.hub.post(lambda: done.put("behind it"))
        other.hub.post(lambda: done.put("other"))
        self.look()
        self.assertEqual(done.get(timeout=PATIENCE), "other")
        free.set()
        self.assertEqual(done.get(timeout=PATIENCE), "behind it")

    def test_patience(self) -> None:
        """A runner that was at another job at the last look keeps its office, however long it has been at work."""
        workers = self.workers()
        one, other = self.connections(workers, 2)
        for _ in range(10):
            begun, free = self.hang([one, other])
            for _ in range(2):
                begun.acquire(timeout=PATIENCE)
                self.look(1)
                free.set()
            self.until_idle(workers)
        self.assertEqual(workers.threads, 1)

    def test_helpers_double(self) -> None:
        """When one thread after the other hangs, each time twice as many are added, until all connections have one."""
        workers = self.workers(limit=100)
        begun, free = self.hang(self.connections(workers, 40))
        begun.acquire(timeout=PATIENCE)
        counts = [workers.threads]
        while counts[-1] < 40:
            self.look()
            for _ in range(workers.threads - counts[-1]):
                self.assertTrue(begun.acquire(timeout=PATIENCE))
            counts.append(workers.threads)
        # Each time a new runner, and 1, 2, 4, 8 helpers, as far as there is something to help with.
        self.assertEqual(counts, [1, 3, 6, 11, 20, 37, 40])
        free.set()
        self.until_idle(workers)

    def test_calm(self) -> None:
        """After a while without a jam, the next one is met by one helper again."""
        workers = self.workers(limit=100)
        begun, free = self.hang(self.connections(workers, 6))
        self.until_begun(begun, 6)
        free.set()
        self.until_idle(workers)
        self.look(3)
        begun, free = self.hang(self.connections(workers, 6))
        begun.acquire(timeout=PATIENCE)
        self.look()
        for _ in range(2):
            self.assertTrue(begun.acquire(timeout=PATIENCE))
        self.clock.catch_up()
        self.assertFalse(begun.acquire(blocking=False))
        free.set()
        self.until_idle(workers)

    def test_up_to_the_limit(self) -> None:
        """As many connections as there may be threads do a job that hangs at once; the next one waits for its turn."""
        workers = self.workers()
        begun, free = self.hang(self.connections(workers, 10))
        self.until_begun(begun, 10)
        done = threading.Event()
        self.connection(workers).hub.post(done.set)
        self.look(10)
        self.assertEqual((workers.threads, done.is_set()), (10, False))
        free.set()
        self.clock.pass_until(_LOOK, done.is_set)

    def test_turns(self) -> None:
        """At the limit, connections take turns after each job, and each keeps its order."""
        workers = self.workers(limit=1)
        first, second = self.connections(workers, 2)
        begun, free = self.hang([first])
        begun.acquire(timeout=PATIENCE)
        done: list[str] = []
        for number in range(3):
            first.hub.post(lambda number=number: done.append(f"first {number}"))
            second.hub.post(lambda number=number: done.append(f"second {number}"))
        self.look(5)
        free.set()
        self.until_idle(workers)
        self.assertEqual(done, [f"{which} {number}" for number in range(3) for which in ("second", "first")])
        self.assertEqual(workers.threads, 1)

    def test_ends_when_found_too_late(self) -> None:
        """At the limit a runner whose job ends just when it is found to hang goes on being the runner."""
        workers = self.workers(limit=1)
        one, other = self.connections(workers, 2)
        begun, free = self.hang([one])
        begun.acquire(timeout=PATIENCE)
        workers._lock = lock = Door(workers._lock)
        lock.opened.set()
        begin = workers._begin

        def late(task: Attended | None) -> bool:
            lock.reached.clear()
            free.set()
            # The runner goes on, or wants to know whether it may.
            self.until(lambda: workers._waiting or lock.reached.is_set())
            return begin(task)

        workers._begin = late
        self.look()
        workers._begin = begin
        done = threading.Event()
        other.hub.post(done.set)
        self.assertTrue(done.wait(PATIENCE))

    def test_slow_at_the_limit(self) -> None:
        """At the limit a slow connection, too, gets its turn."""
        workers = self.workers(limit=2)
        slow, *others = self.connections(workers, 3)
        slow.slow = True
        begun, free = self.hang(others)
        self.until_begun(begun, 2)
        done = threading.Event()
        slow.hub.post(done.set)
        self.look(5)
        self.assertFalse(done.is_set())
        free.set()
        self.clock.pass_until(_LOOK, done.is_set)

    def test_waiting_job(self) -> None:
        """A job that waits for its client has another thread take over at once, without any look."""
        workers = self.workers()
        waiting, other = self.connections(workers, 2)
        begun, news, done = threading.Event(), threading.Event(), threading.Event()
        outcomes: list[bool] = []

        def job() -> None:
            begun.set()
            outcomes.append(waiting.hub.wait(news.is_set))

        waiting.hub.post(job)
        begun.wait(PATIENCE)
        other.hub.post(done.set)
        self.assertTrue(done.wait(PATIENCE))
        self.assertEqual(outcomes, [])
        news.set()
        waiting.hub.notify()
        self.until_idle(workers)
        self.assertEqual(outcomes, [True])

    def test_waiting_job_serves(self) -> None:
        """A job that waits does the jobs of its own connection that come meanwhile, in its own thread, also where
        that is the only one.
        """
        for limit in (1, 10):
            workers = self.workers(limit)
            connection = self.connection(workers)
            idents: list[int] = []

            def inner(idents: list[int] = idents) -> None:
                idents.append(threading.get_ident())

            def outer(connection: Attended = connection, idents: list[int] = idents) -> None:
                idents.append(threading.get_ident())
                connection.hub.wait(lambda: len(idents) == 11)

            connection.hub.post(outer)
            self.clock.pass_until(0, lambda idents=idents: idents)
            for _ in range(10):
                connection.hub.post(inner)
            self.until_idle(workers)
            self.assertEqual(len(idents), 11)
            self.assertEqual(len(set(idents)), 1)

    def test_concurrency(self) -> None:
        """With a concurrency of 3, three jobs of one connection are under way at once, and no more."""
        workers = self.workers()
        connection = self.connection(workers, concurrency=3)
        begun, free = self.hang([connection] * 5)
        self.until_begun(begun, 3)
        self.look(10)
        self.assertFalse(begun.acquire(blocking=False))
        free.set()
        self.until_begun(begun, 2)
        self.until_idle(workers)

    def test_beginnings_in_order(self) -> None:
        """With a concurrency of 3, the jobs of one connection are still begun in order."""
        workers = self.workers()
        connection = self.connection(workers, concurrency=3)
        begun: list[int] = []
        gate = threading.Semaphore(0)

        def job(number: int) -> None:
            begun.append(number)
            gate.acquire(timeout=PATIENCE)

        for number in range(9):
            connection.hub.post(lambda number=number: job(number))
        for number in range(9):
            self.clock.pass_until(_LOOK, lambda number=number: len(begun) >= min(9, number + 3))
            self.assertEqual(begun, list(range(min(9, number + 3))))
            gate.release()
        self.until_idle(workers)


class FewThreadsTests(WorkersTestCase):
    """The system gives no more threads, as where it limits processes; it says so by a RuntimeError."""

    def allow(self, count: int) -> None:
        """From now on, the system gives so many threads."""
        left = iter(range(count))

        class Thread(REAL_THREAD):
            def start(self) -> None:
                if next(left, None) is None:
                    raise RuntimeError("can't start new thread")
                super().start()

        self.patch(workers_module.threading, "Thread", Thread)

    def test_no_more(self) -> None:
        """When it gives no more, connections take turns as at the limit."""
        workers = self.workers()
        self.allow(2)
        begun, free = self.hang(self.connections(workers, 5))
        begun.acquire(timeout=PATIENCE)
        self.look(10)
        self.assertTrue(begun.acquire(timeout=PATIENCE))
        self.look(10)
        self.assertFalse(begun.acquire(blocking=False))
        free.set()
        self.until_begun(begun, 3)
        self.until_idle(workers)
        self.assertEqual(workers.threads, 2)

    def test_waiting(self) -> None:
        """A job that waits for its client goes on when there is no thread to take over."""
        workers = self.workers()
        self.allow(1)
        connection = self.connection(workers)
        news, waited = threading.Event(), threading.Event()

        def job() -> None:
            if connection.hub.wait(news.is_set):
                waited.set()

        connection.hub.post(job)
        self.clock.pass_until(_LOOK, lambda: connection.hub.sleepers)
        news.set()
        connection.hub.notify()
        self.assertTrue(waited.wait(PATIENCE))
        self.until_idle(workers)

    def test_more_again(self) -> None:
        """When it gives none at all, jobs are done as soon as it gives one again and something comes."""
        workers = self.workers()
        self.allow(0)
        one, other = self.connections(workers, 2)
        done: queue.SimpleQueue[int] = queue.SimpleQueue()
        one.hub.post(lambda: done.put(1))
        self.allow(1)
        other.hub.post(lambda: done.put(2))
        self.assertEqual([done.get(timeout=PATIENCE) for _ in range(2)], [1, 2])


class Watched:
    """Stands for workers."""

    def __init__(self) -> None:
        self.stalled: tuple[Any, int] | None = None
        self.at_rest = True
        self.passed_on: list[Any] = []

    def pass_on(self, runner: Any, helpers: int) -> None:
        self.passed_on.append((runner, helpers))


class WatchTests(SynchronousTestCase):
    """The watch by itself."""

    def setUp(self) -> None:
        self.clock = ClockWithThreads()
        self.watched = Watched()
        self.watch = Watch(self.watched, self.clock)

    def look(self, times: int) -> None:
        self.clock.catch_up()
        for _ in range(times):
            self.clock.advance(_LOOK)

    def test_ends_and_begins(self) -> None:
        """It looks for as long as there is something to do and a little longer, and again when something comes."""
        for _twice in range(2):
            self.watch.begin()
            self.watched.at_rest = False
            self.look(_LULL * 5)
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
            self.watched.at_rest = True
            self.look(_LULL)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_begins_once(self) -> None:
        """However often it is begun, it looks once in a while."""
        for _ in range(5):
            self.watch.begin()
            self.look(1)
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_same_job(self) -> None:
        """It passes on when a runner is in the same job as at the last look, with twice as many helpers each time."""
        self.watch.begin()
        for job in (1, 2, 2, 3, 3, 4, 5, 6, 7, 7):
            self.watched.stalled = ("runner", job)
            self.look(1)
        self.assertEqual(self.watched.passed_on, [("runner", 1), ("runner", 2), ("runner", 1)])

    def test_begun_while_it_ends(self) -> None:
        """Something that comes just when it finds that there is nothing to do, and is done at once, is followed by as
        many looks as ever: more may come by a way that nobody tells it of.
        """
        case = self

        class Ending(Watch):
            @property
            def _watching(self) -> bool:
                return case.watching

            @_watching.setter
            def _watching(self, watching: bool) -> None:
                if case.watching and not watching and not case.begun:
                    case.begun = True
                    self.begin()
                case.watching = watching

        self.watching = self.begun = False
        watch = Ending(self.watched, self.clock)
        watch.begin()
        self.look(_LULL)
        self.assertTrue(self.begun)
        self.look(_LULL - 1)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.look(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_end(self) -> None:
        """It can be ended at any point, and does not begin again."""
        self.watch.begin()
        self.watch.end()
        self.look(1)
        self.watch.begin()
        self.look(1)
        self.watch.end()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class SlowTests(WorkersTestCase):
    def make_slow(self, connection: Attended) -> None:
        for _ in range(_LONG_ONES):
            self.do(connection, 2 * _LONG)

    def test_a_thread_of_its_own(self) -> None:
        """A connection whose jobs take long gets a thread of its own for them; the others' are done as before."""
        workers = self.workers()
        slow, quick = self.connections(workers, 2)
        self.make_slow(slow)
        runner = self.do(quick)
        begun, free = self.hang([slow])
        self.assertTrue(begun.acquire(timeout=PATIENCE))
        for _ in range(10):
            self.assertEqual(self.do(quick), runner)
        free.set()
        self.until_idle(workers)
        self.assertNotEqual(self.do(slow), runner)

    def test_quick_again(self) -> None:
        """When its jobs have been short for a while, they are done with the others' again."""
        workers = self.workers()
        slow, quick = self.connections(workers, 2)
        self.make_slow(slow)
        runner = self.do(quick)
        idents = [self.do(slow) for _ in range(_SHORT_ONES + 10)]
        self.assertNotIn(runner, idents[:_SHORT_ONES])
        self.assertEqual(set(idents[_SHORT_ONES:]), {runner})

    def test_now_and_then(self) -> None:
        """One long job among short ones makes nobody slow."""
        workers = self.workers()
        mixed, quick = self.connections(workers, 2)
        idents = set()
        for _ in range(5):
            idents.add(self.do(mixed, 2 * _LONG))
            idents.add(self.do(mixed))
        self.assertEqual(idents, {self.do(quick)})


class EndTests(WorkersTestCase):
    def end_all(self, workers: Workers) -> None:
        """Let time pass until there are no threads."""
        self.clock.pass_until(_QUIET, lambda: workers.threads == 0)
        self.join()

    def test_threads_end(self) -> None:
        """Threads that nothing needed for a while end, and come again with the jobs."""
        workers = self.workers()
        for _ in range(3):
            begun, free = self.hang(self.connections(workers, 10))
            self.until_begun(begun, 10)
            self.assertEqual(workers.threads, 10)
            free.set()
            self.until_idle(workers)
            self.end_all(workers)
        self.clock.pass_until(_LOOK, lambda: not self.clock.getDelayedCalls())

    def test_busy_threads_stay(self) -> None:
        """A thread whose job hangs stays, and those that others left end."""
        workers = self.workers()
        hanging, *others = self.connections(workers, 10)
        begun, free = self.hang([hanging])
        self.until_begun(begun, 1)
        others_begun, others_free = self.hang(others)
        self.until_begun(others_begun, 9)
        others_free.set()
        self.clock.pass_until(_QUIET, lambda: workers.threads == 1)
        self.clock.pump([_QUIET] * 5)
        self.assertEqual(workers.threads, 1)
        free.set()
        self.until_idle(workers)
        self.end_all(workers)

    def test_little_to_do(self) -> None:
        """Where there is always a little to do, threads do not pile up."""
        workers = self.workers()
        connection = self.connection(workers)
        for _ in range(20):
            self.do(connection)
            self.until_idle(workers)
            self.clock.advance(_QUIET / 2)
            # Who is the runner, changes at times; the last one then ends in a while.
            self.assertLessEqual(workers.threads, 3)

    def test_jobs_while_threads_end(self) -> None:
        """A job that comes at the very moment when the threads find that nothing needs them is done."""
        workers = self.workers(limit=2)
        connections = self.connections(workers, 3)
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(1e-5)
        done = threading.Semaphore(0)

        def post() -> None:
            for number in range(300):
                connections[number % 3].hub.post(done.release)
                assert done.acquire(timeout=PATIENCE), "the job was not done"

        posting = Waiting(post)
        self.clock.pass_until(_QUIET, lambda: not posting.thread.is_alive())
        posting.result()

    def test_stop(self) -> None:
        """Stopping leaves no delayed calls, threads or descriptors; doing it again, or before anything, is harmless."""
        before = self.descriptors()
        self.workers().stop()
        workers = self.workers()
        begun, free = self.hang(self.connections(workers, 3))
        self.until_begun(begun, 3)
        free.set()
        self.until_idle(workers)
        workers.stop()
        workers.stop()
        self.check_gone(before)

    def test_stop_in_the_middle(self) -> None:
        """Workers that are stopped while jobs hang leave nothing either, once these have ended."""
        before = self.descriptors()
        workers = self.workers(limit=2)
        begun, free = self.hang(self.connections(workers, 3))
        self.until_begun(begun, 2)
        workers.stop()
        free.set()
        self.check_gone(before)

    def test_stop_at_once(self) -> None:
        """Workers that are stopped before the reactor got to what they want of it leave nothing in it."""
        before = self.descriptors()
        workers = self.workers()
        done = threading.Event()
        self.connection(workers).hub.post(done.set)
        self.assertTrue(done.wait(PATIENCE))
        workers.stop()
        self.check_gone(before)

    def test_stop_among_jobs(self) -> None:
        """Workers that are stopped while jobs come and go leave nothing: all threads end, wherever they are."""
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        before = self.descriptors()
        for number in range(100):
            sys.setswitchinterval(1e-6 * (1 + number % 10))
            workers = self.workers(limit=3)
            connections = self.connections(workers, 3)
            done = threading.Semaphore(0)
            for _ in range(20):
                for connection in connections:
                    connection.hub.post(done.release)
            for _ in range(number):
                done.acquire(timeout=PATIENCE if number <= 60 else 0)
            workers.stop()
            self.check_gone(before)

    def test_stop_before_a_round(self) -> None:
        """A runner that is just about to look for input when the workers are stopped ends as well."""
        before = self.descriptors()
        workers = self.workers()
        workers._reading = door = Door(workers._reading)
        self.connection(workers).hub.post(lambda: None)
        self.assertTrue(door.reached.wait(PATIENCE))
        workers.stop()
        door.opened.set()
        self.check_gone(before)

    def check_gone(self, descriptors: int) -> None:
        self.join()
        self.clock.catch_up()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.descriptors(), descriptors)

    @staticmethod
    def descriptors() -> int:
        """Give how many descriptors are open, if the system tells."""
        return len(os.listdir(DESCRIPTORS)) if os.path.isdir(DESCRIPTORS) else 0
