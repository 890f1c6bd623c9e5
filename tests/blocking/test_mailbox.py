"""The mailbox: order, who may take, and nesting; by itself and under a flood of real callbacks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import txrpyc
from tests.peers import Peer
from txrpyc.blocking.mailbox import Mailbox, check_stack


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
