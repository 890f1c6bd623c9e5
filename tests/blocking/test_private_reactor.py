"""The private reactor: its own, woken by calls from elsewhere, gone without a trace."""

from __future__ import annotations

import gc
import os
import select
import subprocess
import sys
import threading
from time import monotonic

from tests.blocking.kinds import BlockingTestCase, Waiting
from txrpyc.blocking import private_reactor
from txrpyc.blocking.private_reactor import PrivateReactor


def descriptors() -> set[str] | None:
    """Give the open descriptors of this process; None where nobody tells."""
    try:
        return set(os.listdir("/proc/self/fd"))
    except OSError:
        return None


class PrivateReactorTests(BlockingTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.before = descriptors()
        self.private = PrivateReactor()
        self.addCleanup(self.private.dispose)

    def test_call_runs_in_step(self) -> None:
        """What is called runs in the next step, in order, by the thread that makes it."""
        seen: list[object] = []
        Waiting(lambda: self.private.call(lambda: seen.append(threading.get_ident()))).result()
        self.private.call(lambda: seen.append("second"))
        self.assertEqual(seen, [])
        self.private.step(0)
        self.assertEqual(seen, [threading.get_ident(), "second"])

    def test_call_wakes(self) -> None:
        """A call from another thread ends a step that would wait for ever."""
        entered, called = threading.Event(), threading.Event()
        self.private.call(entered.set)
        stepping = Waiting(lambda: self.private.step(None))
        self.assertTrue(entered.wait(30))
        self.private.call(called.set)
        stepping.result()
        self.private.step(0)
        self.assertTrue(called.is_set())

    def test_interrupt(self) -> None:
        """An interruption ends a step, also when it comes before the step begins to wait."""
        self.private.call(self.private.interrupt)
        self.private.step(None)

    def test_interrupted_before(self) -> None:
        """An interruption that comes when there is no step ends the next one, and only that."""
        self.private.interrupt()
        self.private.step(None)
        before = monotonic()
        self.private.step(0.01)
        self.assertGreaterEqual(monotonic() - before, 0.009)

    def test_call_in_step(self) -> None:
        """What is called from inside a step, by a timer say, runs in the next one, for which nobody waits."""
        seen: list[str] = []
        self.private.reactor.callLater(0, self.private.call, lambda: seen.append("called"))
        self.private.step(None)
        self.private.step(0)
        self.assertEqual(seen, ["called"])

    def test_timeout(self) -> None:
        """A step waits no longer than it may."""
        before = monotonic()
        self.private.step(0.01)
        self.assertGreaterEqual(monotonic() - before, 0.009)

    def test_timer(self) -> None:
        """A step ends when a timer of the reactor is due, which the next one calls."""
        seen: list[str] = []
        self.private.reactor.callLater(0.01, seen.append, "due")
        while not seen:
            self.private.step(None)
        self.assertEqual(seen, ["due"])

    def test_dispose(self) -> None:
        """Disposing closes every descriptor, and may be done again; interrupting does nothing any more."""
        self.private.reactor.callLater(1000, self.fail)
        self.private.dispose()
        self.private.dispose()
        self.private.interrupt()
        self.assertEqual(descriptors(), self.before)

    def test_interrupted_at_any_point(self) -> None:
        """An interruption is not lost, however far the step has come."""
        for _ in range(200):
            stepping = Waiting(lambda: self.private.step(None))
            self.private.interrupt()
            stepping.result()

    def test_forgotten(self) -> None:
        """A reactor that nobody disposed of closes its descriptors when it is collected."""
        gc.collect()
        open_ones = descriptors()
        PrivateReactor()
        gc.collect()
        self.assertEqual(descriptors(), open_ones)

    def test_installs_nothing(self) -> None:
        """Neither making nor running one installs a global reactor, or takes a thread for the reactor's."""
        code = (
            "import sys\n"
            "from txrpyc.blocking.private_reactor import PrivateReactor\n"
            "private = PrivateReactor()\n"
            "private.step(0)\n"
            "private.dispose()\n"
            "from twisted.python.threadable import ioThread\n"
            "assert ioThread is None\n"
            "assert 'twisted.internet.reactor' not in sys.modules\n"
        )
        done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


class SocketWakerTests(PrivateReactorTests):
    """The same, where there is no eventfd()."""

    def setUp(self) -> None:
        self.patch(private_reactor, "_make_waker", private_reactor._SocketWaker)
        super().setUp()

    def test_often(self) -> None:
        """However often it is woken, nothing waits, and nothing is left of it."""
        waker = private_reactor._SocketWaker()
        self.addCleanup(waker.close)
        for _ in range(100_000):
            waker.wake()
        readable: list[object] = [waker]
        while readable:
            waker.doRead()
            readable, _, _ = select.select([waker], [], [], 0)
        waker.doRead()
