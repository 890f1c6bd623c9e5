"""Looking for a moment before sleeping: when it is done, and when it is left out."""

from __future__ import annotations

import os
import threading
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txrpyc.blocking import busy_poll
from txrpyc.blocking.busy_poll import BusyPoll


class LookTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 1000.0
        self.looks = 0
        self.found_at = 0.0
        self.patch(busy_poll, "monotonic", lambda: self.now)
        self.patch(BusyPoll, "_latest", (None, 0.0))
        self.processors(4)

    def processors(self, number: int) -> None:
        self.patch(busy_poll, "_processors", lambda: number)

    def poll(self, timeout: int) -> list[Any]:
        """Look once, which takes a microsecond."""
        self.assertEqual(timeout, 0)
        self.now += 1e-6
        self.looks += 1
        return ["found"] if self.now >= self.found_at else []

    def never(self, timeout: int) -> list[Any]:
        self.poll(timeout)
        return []

    def test_found(self) -> None:
        """What comes within the moment is found, however often."""
        busy = BusyPoll()
        for _ in range(1000):
            self.found_at = self.now + 0.00005
            self.assertEqual(busy.look(self.poll), ["found"])

    def test_moment(self) -> None:
        """After the moment there is an end to it."""
        self.found_at = 2000.0
        self.assertEqual(BusyPoll().look(self.poll), [])
        self.assertTrue(0.000099 <= self.now - 1000 < 0.00011, self.now)

    def test_useless(self) -> None:
        """Where it finds nothing it is soon left out, nearly always; so it costs next to nothing."""
        busy = BusyPoll()
        for _ in range(10_000):
            self.assertEqual(busy.look(self.never), [])
        self.assertLess(self.looks, 60 * 101)

    def test_useful_again(self) -> None:
        """When it finds something again it is done each time again."""
        busy = BusyPoll()
        for _ in range(1000):
            busy.look(self.never)
        found = [busy.look(self.poll) for _ in range(400)]
        self.assertIn(["found"], found)
        self.assertEqual(found[-100:], [["found"]] * 100)

    def test_one_processor(self) -> None:
        """With one processor it is never done: the peer could not answer meanwhile."""
        self.processors(1)
        busy = BusyPoll()
        for _ in range(1000):
            self.assertEqual(busy.look(self.poll), [])
        self.assertEqual(self.looks, 0)

    def test_one_thread(self) -> None:
        """While one thread of the process looks, others sleep at once; after it, whatever happened, they may again."""
        busy, other = BusyPoll(), BusyPoll()
        results: list[Any] = []

        def meanwhile(_timeout: int) -> list[Any]:
            thread = threading.Thread(target=lambda: results.append(other.look(self.poll)))
            thread.start()
            thread.join()
            raise KeyboardInterrupt

        self.assertRaises(KeyboardInterrupt, busy.look, meanwhile)
        self.assertEqual((results, self.looks), ([[]], 0))
        self.now += 1
        self.assertEqual(other.look(self.poll), ["found"])

    def test_crowd(self) -> None:
        """While several connections are busy nobody looks; when one of them is left, it does."""
        several = [BusyPoll() for _ in range(8)]
        for _ in range(100):
            for busy in several:
                self.now += 0.00002
                busy.look(self.poll)
        self.assertLessEqual(self.looks, 1)
        found = []
        for _ in range(50):
            self.now += 0.00002
            found.append(several[3].look(self.poll))
        self.assertEqual(found[-20:], [["found"]] * 20)


class ProcessorsTests(SynchronousTestCase):
    def test_counted(self) -> None:
        """Only processors that this process may use count."""
        if not hasattr(os, "sched_setaffinity"):
            self.assertGreaterEqual(busy_poll._processors(), 1)
            return
        before = os.sched_getaffinity(0)
        self.addCleanup(os.sched_setaffinity, 0, before)
        self.assertEqual(busy_poll._processors(), len(before))
        os.sched_setaffinity(0, {min(before)})
        self.assertEqual(busy_poll._processors(), 1)
