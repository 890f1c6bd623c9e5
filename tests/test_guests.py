"""Guests: workers that wait for the peer of another connection than the one whose job they do."""

from __future__ import annotations

import threading
from typing import Any

from tests.blocking.kinds import Waiting
from tests.test_workers import PATIENCE, WorkersTestCase
from txrpyc.blocking.attended import _DEEP, Attended
from txrpyc.blocking.watch import _PATIENCE as _LOOK


class GuestTests(WorkersTestCase):
    def wait_at(
        self, place: Attended, connection: Attended, both: threading.Barrier | None = None
    ) -> tuple[threading.Event, Waiting]:
        """Give a connection a job that waits at another place, once it has met another one; give what ends that, and
        what waits for its end and gives the thread that did it.
        """
        news, done = threading.Event(), threading.Event()
        idents: list[int] = []
        self.addCleanup(place.hub.notify)
        self.addCleanup(news.set)

        def job() -> None:
            idents.append(threading.get_ident())
            if both is not None:
                both.wait(PATIENCE)
            place.hub.wait(news.is_set)
            done.set()

        def outcome() -> int:
            assert done.wait(PATIENCE), "it waits for ever"
            return idents[0]

        connection.hub.post(job)
        self.clock.pass_until(_LOOK, lambda: idents)
        return news, Waiting(outcome)

    def test_helps(self) -> None:
        """At the limit, who waits for the peer of a connection does the jobs of that, in order."""
        workers = self.workers(1)
        one, other = self.connections(workers, 2)
        news, outcome = self.wait_at(other, one)
        done: list[Any] = []
        for number in range(5):
            other.hub.post(lambda number=number: done.append((number, threading.get_ident())))
        self.clock.pass_until(0, lambda: len(done) == 5)
        news.set()
        other.hub.notify()
        ident = outcome.result()
        self.assertEqual(done, [(number, ident) for number in range(5)])
        self.until_idle(workers)

    def test_circle(self) -> None:
        """Where the jobs of two connections wait for each other's peers, each thread serves the peer it waits for, no
        matter how many threads there may be.
        """
        for limit in (2, 10):
            workers = self.workers(limit)
            one, other = self.connections(workers, 2)
            both = threading.Barrier(2)
            first, one_ended = self.wait_at(other, one, both)
            second, other_ended = self.wait_at(one, other, both)
            self.clock.pass_until(_LOOK, lambda one=one, other=other: one.hub.sleepers and other.hub.sleepers)
            idents: dict[str, int] = {}
            one.hub.post(lambda idents=idents: idents.update(one=threading.get_ident()))
            other.hub.post(lambda idents=idents: idents.update(other=threading.get_ident()))
            self.clock.pass_until(0, lambda idents=idents: len(idents) == 2)
            for news, hub in ((first, other.hub), (second, one.hub)):
                news.set()
                hub.notify()
            self.assertEqual(idents, {"other": one_ended.result(), "one": other_ended.result()})
            self.until_idle(workers)

    def test_one_at_a_time(self) -> None:
        """A guest leaves the jobs alone while one of them runs, and takes them when that is over."""
        workers = self.workers(2)
        one, other = self.connections(workers, 2)
        begun, free = self.hang([other])
        self.until_begun(begun, 1)
        news, outcome = self.wait_at(other, one)
        self.clock.pass_until(_LOOK, lambda: other.hub.sleepers)
        done: list[int] = []
        other.hub.post(lambda: done.append(threading.get_ident()))
        self.clock.pass_until(0, lambda: other.hub.sleepers)
        self.assertEqual(done, [])
        free.set()
        self.clock.pass_until(0, lambda: done)
        news.set()
        other.hub.notify()
        outcome.result()
        self.until_idle(workers)

    def test_others_do_not(self) -> None:
        """A thread that is no worker does no jobs while it waits."""
        workers = self.workers(1)
        one, other = self.connections(workers, 2)
        begun, free = self.hang([one])
        self.until_begun(begun, 1)
        other.hub.post(lambda: None)
        self.assertFalse(other.may_help(0))
        self.assertFalse(other.help(0))
        free.set()
        self.until_idle(workers)

    def test_deep(self) -> None:
        """A guest at many connections at once does only jobs that came since it waits."""
        workers = self.workers(1)
        connections = self.connections(workers, _DEEP + 1)
        outcomes: list[bool] = []

        def nest(depth: int) -> None:
            if depth < _DEEP:
                connections[depth].hub.post(lambda: nest(depth + 1))
                while not connections[depth].help(0):
                    pass
                return
            last = connections[depth]
            last.hub.post(lambda: None)
            since = last.hub.mailbox.posted
            outcomes.append(last.help(since))
            last.hub.post(lambda: None)
            outcomes.append(last.help(since))

        connections[0].hub.post(lambda: nest(1))
        self.until_idle(workers)
        self.assertEqual(outcomes, [False, True])

    def test_job_that_raises(self) -> None:
        """A guest that does a job which is meant to end whoever serves cuts that connection, and goes on."""
        workers = self.workers(1)
        one, other = self.connections(workers, 2)
        news, outcome = self.wait_at(other, one)

        def job() -> None:
            raise KeyboardInterrupt

        other.hub.post(job)
        self.clock.pass_until(0, lambda: self.dropped)
        self.assertEqual(self.dropped, [other])
        self.assertEqual(len(self.flushLoggedErrors(KeyboardInterrupt)), 1)
        news.set()
        other.hub.notify()
        outcome.result()
        self.until_idle(workers)
        self.assertEqual([connection.permits for connection in (one, other)], [[None]] * 2)
