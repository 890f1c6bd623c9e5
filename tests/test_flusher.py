"""The flusher: what is held back is sent soon, whatever its writer does."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable

from twisted.trial.unittest import SkipTest, SynchronousTestCase

import txrpyc
from tests.peers import CHECKOUT
from txrpyc.flusher import Flusher, flusher

PATIENCE = 30.0


class Held:
    """Says when it is flushed."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.flushed = threading.Event()
        self.then = then

    def flush(self) -> None:
        self.flushed.set()
        self.then()


def flushers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "txrpyc-flusher"]


class FlusherTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.flusher = Flusher()

    def test_flushed(self) -> None:
        """Each that is watched is flushed soon, also one that comes while another is flushed."""
        second = Held()
        first = Held(lambda: self.flusher.watch(second))
        self.flusher.watch(first)
        self.assertTrue(first.flushed.wait(PATIENCE))
        self.assertTrue(second.flushed.wait(PATIENCE))

    def test_thread_ends(self) -> None:
        """The thread ends when nothing is held back any more, and comes again."""
        for _twice in range(2):
            before = set(flushers())
            held = Held()
            self.flusher.watch(held)
            self.assertTrue(held.flushed.wait(PATIENCE))
            for thread in set(flushers()) - before:
                thread.join(PATIENCE)
                self.assertFalse(thread.is_alive())

    def test_forked(self) -> None:
        """In a child process, to which no thread comes along, there is a new one."""
        if not hasattr(os, "fork"):
            raise SkipTest("there is no fork here: use a POSIX system")
        # In a process of its own: forking one with threads is worth a warning to newer Pythons.
        command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", "import tests.test_flusher as t; t.fork()"]
        self.assertEqual(subprocess.run(command, cwd=CHECKOUT, timeout=PATIENCE).returncode, 0)


def fork() -> None:
    """Hold something back, fork, and see in the child whether what is held back there is sent."""
    flusher.watch(Held())
    child = os.fork()
    if not child:
        held = Held()
        flusher.watch(held)
        os._exit(0 if held.flushed.wait(PATIENCE) else 1)
    sys.exit(1 if os.waitpid(child, 0)[1] else 0)


SCRIPT = """
import sys, txrpyc
conn = txrpyc.connect("127.0.0.1", int(sys.argv[1]))
add = txrpyc.async_(conn.root.add)
for number in range(10):
    add(number)
"""


class ScriptTests(SynchronousTestCase):
    def test_end_of_a_script(self) -> None:
        """What a script has asked for in its last moment is carried out."""
        seen: list[int] = []
        done = threading.Event()

        class Adding(txrpyc.Service):
            def exposed_add(self, number: int) -> None:
                seen.append(number)

            def on_disconnect(self, conn: object) -> None:
                done.set()

        server = txrpyc.ThreadedServer(Adding, hostname="127.0.0.1")
        self.addCleanup(server.close)
        server._start_in_thread()
        command = [sys.executable, "-c", SCRIPT, str(server.port)]
        self.assertEqual(subprocess.run(command, cwd=CHECKOUT, timeout=PATIENCE).returncode, 0)
        self.assertTrue(done.wait(PATIENCE))
        self.assertEqual(seen, list(range(10)))


class Blocking(txrpyc.Service):
    """Has a method that waits until it is told to go on."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def exposed_echo(self, value: object) -> object:
        return value

    def exposed_wait(self) -> bool:
        return self.go_on.wait(PATIENCE)


class HeldBackTests(SynchronousTestCase):
    """Two connections of this process."""

    def setUp(self) -> None:
        self.service = Blocking()
        self.conn = txrpyc.connect_thread(remote_service=self.service)
        self.addCleanup(self.conn.close)
        self.echo = txrpyc.async_(self.conn.root.echo)
        self.wait = txrpyc.async_(self.conn.root.wait)

    def test_answers(self) -> None:
        """The answers to many requests arrive although the next one waits for what their receiver does then."""
        results = [self.echo(number) for number in range(100)]
        waiting = [self.wait(), *(self.echo(number) for number in range(100))]
        self.assertEqual([result.value for result in results], list(range(100)))
        self.assertFalse(waiting[0].ready)
        self.service.go_on.set()
        self.assertEqual([result.value for result in waiting], [True, *range(100)])

    def test_requests(self) -> None:
        """Requests made in a row are carried out although their caller never looks at them again."""
        seen: list[object] = []
        done = threading.Event()

        class Counting:
            def exposed_add(self, number: int) -> None:
                seen.append(number)
                if len(seen) == 100:
                    done.set()

        self.service.exposed_counting = Counting  # type: ignore[attr-defined]
        add = txrpyc.async_(self.conn.root.counting().add)
        for number in range(100):
            add(number)
        self.assertTrue(done.wait(PATIENCE))
        self.assertEqual(seen, list(range(100)))
