"""The mailbox: order, who may take, and nesting; by itself and under a flood of real callbacks."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from functools import partial
from time import sleep
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import txrpyc
from tests.blocking.kinds import BlockingTestCase, Waiting
from tests.peers import Peer
from txrpyc.blocking.mailbox import _DEEP, Job, Mailbox, check_stack


def nothing() -> None:
    """Be a job."""


class MailboxTests(SynchronousTestCase):
    """A mailbox by itself, in one thread."""

    def setUp(self) -> None:
        """Make one with three jobs."""
        self.mailbox = Mailbox(open_to_all=True)
        self.jobs = [lambda: None for _ in range(3)]
        for job in self.jobs:
            self.mailbox.put(job)

    def deep(self, depth: int, function: Callable[[], None]) -> None:
        """Call a function from inside so many jobs."""
        if depth:
            self.mailbox.run(lambda: self.deep(depth - 1, function))
        else:
            function()

    def test_order(self) -> None:
        """Jobs are taken in the order in which they came, then none."""
        taken = [self.mailbox.take() for _ in range(4)]
        self.assertEqual(taken, [*self.jobs, None])
        self.assertFalse(self.mailbox.jobs)

    def test_until(self) -> None:
        """A wait whose condition holds takes no job that came later."""
        self.assertIs(self.mailbox.take(until=1), self.jobs[0])
        self.assertIsNone(self.mailbox.take(until=1))

    def test_servants(self) -> None:
        """Where only servants may take, others get none."""
        self.mailbox = Mailbox(open_to_all=False)
        self.mailbox.put(nothing)
        self.assertIsNone(self.mailbox.take())
        self.mailbox.hire()
        self.assertIs(self.mailbox.take(), nothing)
        self.mailbox.dismiss()

    def test_next(self) -> None:
        """A worker gets the next job whoever it is, then none."""
        self.mailbox = Mailbox(open_to_all=False)
        self.assertIsNone(self.mailbox.next())
        for job in self.jobs:
            self.mailbox.put(job)
        self.assertEqual([self.mailbox.next() for _ in range(4)], [*self.jobs, None])

    def test_in_a_job(self) -> None:
        """Where only workers may take, a thread in the middle of a job may."""
        self.mailbox = Mailbox(open_to_all=False)
        taken: list[Any] = []

        def job() -> None:
            taken.append(self.mailbox.offers())
            taken.append(self.mailbox.take())

        self.mailbox.put(nothing)
        self.assertFalse(self.mailbox.offers())
        self.mailbox.run(job)
        self.assertEqual(taken, [True, nothing])
        self.mailbox.put(nothing)
        self.assertIsNone(self.mailbox.take())

    def test_offers(self) -> None:
        """What is offered is what would be taken, whatever is asked for, at any depth."""
        outcomes: list[tuple[Any, Any]] = []

        def compare(since: int, until: int | None) -> None:
            offers = self.mailbox.offers(since, until)
            job = self.mailbox.take(since, until)
            outcomes.append((offers, job is not None))
            if job is not None:
                self.mailbox.jobs.appendleft((self.jobs.index(job), job))

        for depth in (0, 1, _DEEP - 1, _DEEP, _DEEP + 5):
            for since in range(5):
                for until in (None, *range(5)):
                    entries = list(self.mailbox.jobs)
                    self.deep(depth, lambda since=since, until=until: compare(since, until))
                    self.mailbox.jobs.clear()
                    self.mailbox.jobs.extend(entries)
        self.assertEqual([offered for offered, _taken in outcomes], [taken for _offered, taken in outcomes])
        self.assertEqual({offered for offered, _taken in outcomes}, {False, True})

    def test_nested(self) -> None:
        """In a few nested jobs any is taken; deep down only what came since, and that before the older ones."""
        taken: list[Any] = []
        self.deep(3, lambda: taken.append(self.mailbox.take(since=2)))
        self.deep(30, lambda: taken.append(self.mailbox.take(since=2)))
        self.deep(30, lambda: taken.append(self.mailbox.take(since=3)))
        self.assertEqual(taken, [self.jobs[0], self.jobs[2], None])
        self.assertIs(self.mailbox.take(since=3), self.jobs[1])

    def test_a_job_that_raises(self) -> None:
        """What a job raises comes out, and the depth is forgotten."""
        for _ in range(100):
            self.assertRaises(ZeroDivisionError, self.mailbox.run, lambda: 1 / 0)
        self.assertIs(self.mailbox.take(since=3), self.jobs[0])

    def test_stack(self) -> None:
        """A nearly full stack is found out while there is still room."""
        check_stack()
        self.assertRaises(RecursionError, check_stack, sys.getrecursionlimit())


class ContentionTests(BlockingTestCase):
    """Many threads at one mailbox, which has no lock."""

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(1e-6)
        self.mailbox = Mailbox(open_to_all=True)
        self.total = 4 * 2000
        self.left = threading.Semaphore(self.total)

    def post(self, poster: int) -> None:
        for number in range(2000):
            self.mailbox.put(partial(self.done.append, (poster, number)))

    def check(self, *takers: Callable[[], Job | None]) -> None:
        """Let four threads post, and others take in these ways; check that each job was taken once, and by each in
        order.
        """
        self.done: list[tuple[int, int]] = []
        orders: list[list[Any]] = [[] for _ in takers]

        def work(take: Callable[[], Job | None], order: list[Any]) -> None:
            while self.left.acquire(blocking=False):
                while (job := take()) is None:
                    sleep(0)
                order.append(job.args[0])
                self.mailbox.run(job)

        working = [Waiting(partial(work, take, order)) for take, order in zip(takers, orders, strict=True)]
        posting = [Waiting(partial(self.post, poster)) for poster in range(4)]
        for waiting in (*posting, *working):
            waiting.result()
        self.assertEqual(sorted(self.done), [(poster, number) for poster in range(4) for number in range(2000)])
        for order in orders:
            for poster in range(4):
                numbers = [number for other, number in order if other == poster]
                self.assertEqual(numbers, sorted(numbers))
        self.assertEqual((len(self.mailbox.jobs), self.mailbox._depths), (0, {}))

    def test_any(self) -> None:
        """Of threads that take what comes next, each gets its own."""
        self.check(self.mailbox.take, self.mailbox.next, self.mailbox.take, self.mailbox.next)

    def test_choosy(self) -> None:
        """So do threads that take only what came before or after something."""

        def until() -> Job | None:
            return self.mailbox.take(until=self.mailbox.posted)

        def deep() -> Job | None:
            me = threading.get_ident()
            self.mailbox._depths[me] = _DEEP
            try:
                return self.mailbox.take(since=0)
            finally:
                del self.mailbox._depths[me]

        self.check(until, deep, self.mailbox.take, until, deep)


class NestingTests(SynchronousTestCase):
    """Callbacks that call back, between two processes."""

    background = False

    def setUp(self) -> None:
        """Connect."""
        server = Peer(sys.executable, "txrpyc_classic_server.py")
        self.addCleanup(server.stop)
        self.conn = txrpyc.classic.connect("127.0.0.1", server.port)
        self.addCleanup(self.conn.close)
        if self.background:
            self.addCleanup(txrpyc.BgServingThread(self.conn).stop)

    def test_flood(self) -> None:
        """A thousand events, each of which asks the server something, are all served."""
        self.conn.execute("from txrpyc import async_; results = []")
        send = self.conn.eval("lambda f, n: results.extend(async_(f)(i) for i in range(n))")
        seen: list[int] = []
        send(lambda number: seen.append(self.conn.eval(str(number))), 1000)
        self.conn.eval("[result.wait() for result in results] and None")
        self.assertEqual(sorted(seen), list(range(1000)))
        self.assertEqual(self.conn.eval("sum(result.error for result in results)"), 0)

    def test_endless_recursion(self) -> None:
        """Calls that call each other for ever end with a RecursionError, and the connection goes on."""

        def bounce(function: Any) -> Any:
            return function(bounce)

        self.conn.execute("def bounce(function): return function(bounce)")
        self.assertRaises(RecursionError, bounce, self.conn.namespace["bounce"])
        self.assertEqual(self.conn.eval("1 + 1"), 2)


class BackgroundNestingTests(NestingTests):
    """The same with a BgServingThread."""

    background = True
