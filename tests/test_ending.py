"""Ending a server: what runs ends first, for some time; then it fails at the client, which is told why."""

from __future__ import annotations

import os
import signal
import socket
import threading
from time import monotonic
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

import txrpyc
from tests.twistd import Twistd, new_folder
from txrpyc.ending import CUT_OFF, NOT_BEGUN, Ending

WORKING = """
import os, time, threading
import txrpyc, txrpyc.deferred
from twisted.internet import reactor
from twisted.internet.task import deferLater

class Blocking(txrpyc.Service):
    def exposed_add(self, one, two):
        return one + two

    def exposed_sleep(self, seconds):
        open("begun", "w").close()
        time.sleep(seconds)
        return seconds

    def exposed_call(self, function):
        return function()

    def exposed_note(self, number):
        with open("notes", "a") as notes:
            notes.write(f"{number}\\n")
        return number

class InReactor(txrpyc.deferred.Service):
    def exposed_add(self, one, two):
        return one + two

    async def exposed_sleep(self, seconds):
        open("begun", "w").close()
        await deferLater(reactor, seconds)
        return seconds

    async def exposed_call(self, function):
        return await function()
"""

KINDS = ("Blocking", "InReactor")

RESTARTS = 100 if os.environ.get("TXRPYC_SOAK") == "1" else 5


class EndingTestCase(SynchronousTestCase):
    def serve(self, kind: str, *arguments: str, folder: Any = None) -> Twistd:
        if folder is None:
            folder = new_folder(self.mktemp())
            (folder / "working.py").write_text(WORKING)
        server = Twistd(folder, "--service", f"working.{kind}", *arguments)
        self.addCleanup(server.kill)
        return server

    def connect(self, server: Twistd) -> Any:
        conn = txrpyc.connect("127.0.0.1", server.port)
        self.addCleanup(conn.close)
        return conn

    def begin(self, conn: Any, server: Twistd, seconds: float) -> Any:
        """Have a call begin that takes some seconds; give its AsyncResult."""
        self.sleep = txrpyc.async_(conn.root.sleep)
        result = self.sleep(seconds)
        begun = server.folder / "begun"
        deadline = monotonic() + 30
        while not begun.exists():
            self.assertLess(monotonic(), deadline)
        begun.unlink()
        return result

    def until_refused(self, server: Twistd) -> None:
        """Wait until the server has stopped listening."""
        deadline = monotonic() + 30
        while True:
            self.assertLess(monotonic(), deadline)
            try:
                socket.create_connection(("127.0.0.1", server.port)).close()
            except ConnectionRefusedError:
                return
            except ConnectionResetError:
                pass  # it was about to

    def text_of(self, result: Any) -> str:
        """Give what a call that has failed says."""
        return str(self.assertRaises(EOFError, getattr, result, "value")).splitlines()[0]


class EndTests(EndingTestCase):
    def test_running_calls_end(self) -> None:
        """A call that runs when the server is told to end, ends; idle connections are closed meanwhile."""
        for kind in KINDS:
            server = self.serve(kind, "--grace", "60")
            busy, idle = self.connect(server), self.connect(server)
            self.assertEqual(idle.root.add(1, 2), 3)
            result = self.begin(busy, server, 3.0)
            server.process.send_signal(signal.SIGTERM)
            self.until_refused(server)
            self.assertRaises(EOFError, idle.root.add, 1, 2)
            self.assertFalse(result.ready)
            self.assertEqual(result.value, 3.0)
            self.assertEqual(server.wait(), -signal.SIGTERM)
            self.assertNotIn("Traceback", "\n".join(server.log))

    def test_cut_off(self) -> None:
        """One that takes too long fails at the client, which is told why; and so does what waits behind it."""
        for kind in KINDS:
            server = self.serve(kind, "--grace", "0.3")
            conn = self.connect(server)
            result = self.begin(conn, server, 1000)
            behind = self.sleep(1000)
            conn.ping()  # until it has been read
            began = monotonic()
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(self.text_of(result), CUT_OFF)
            self.assertGreaterEqual(monotonic() - began, 0.3)
            self.assertIn(self.text_of(behind), (NOT_BEGUN, CUT_OFF))
            self.assertEqual(server.wait(), -signal.SIGTERM)
            self.assertNotIn("Traceback", "\n".join(server.log))

    def test_late(self) -> None:
        """What is asked while the server ends is refused, unless a running call has led to it."""
        for kind in KINDS:
            server = self.serve(kind, "--grace", "60")
            conn = self.connect(server)

            def back(conn: Any = conn, server: Twistd = server) -> int:
                server.process.send_signal(signal.SIGTERM)
                self.until_refused(server)
                return int(conn.root.add(20, 1))

            self.assertEqual(conn.root.call(back), 21)
            self.assertRaises(EOFError, conn.root.add, 1, 2)
            self.assertEqual(server.wait(), -signal.SIGTERM)
            server = self.serve(kind, "--grace", "60")
            conn = self.connect(server)
            add = txrpyc.async_(conn.root.add)
            self.assertEqual(add(1, 2).value, 3)
            result = self.begin(conn, server, 2.0)
            server.process.send_signal(signal.SIGTERM)
            self.until_refused(server)
            late = [add(number, number) for number in range(3)]
            self.assertEqual(result.value, 2.0)
            for one in late if kind == "Blocking" else ():
                self.assertEqual(self.text_of(one), NOT_BEGUN)
            self.assertEqual(server.wait(), -signal.SIGTERM)

    def test_second_signal(self) -> None:
        """A second signal ends it at once, whatever runs."""
        for kind in KINDS:
            for number in (signal.SIGTERM, signal.SIGINT):
                server = self.serve(kind, "--grace", "1000")
                conn = self.connect(server)
                result = self.begin(conn, server, 1000)
                server.process.send_signal(number)
                self.until_refused(server)
                began = monotonic()
                server.process.send_signal(number)
                self.assertRaises(EOFError, getattr, result, "value")
                self.assertIn(server.wait(), (0, -number))
                self.assertLess(monotonic() - began, 10)
                self.assertNotIn("Traceback", "\n".join(server.log))

    def test_restarts(self) -> None:
        """When a server is restarted under load, each call that was answered has been carried out."""
        folder = new_folder(self.mktemp())
        (folder / "working.py").write_text(WORKING)
        server = self.serve("Blocking", folder=folder)
        place = f"tcp:{server.port}:interface=127.0.0.1"
        port = server.port
        answered: list[int] = []
        wrong: list[BaseException] = []
        over = threading.Event()

        def load(first: int) -> None:
            number = first
            with txrpyc.Reconnecting(lambda: txrpyc.connect("127.0.0.1", port), 60, lambda failures: 0.01) as client:
                while not over.is_set():
                    number += 1
                    try:
                        answered.append(client.root.note(number))
                    except EOFError:
                        pass  # it may have been carried out, or not
                    except BaseException as error:
                        wrong.append(error)
                        return

        threads = [threading.Thread(target=load, args=(index * 10**6,)) for index in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(RESTARTS):
            before = len(answered)
            deadline = monotonic() + 30
            while len(answered) < before + 50:
                self.assertLess(monotonic(), deadline)
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.wait(), -signal.SIGTERM)
            self.assertNotIn("Traceback", "\n".join(server.log))
            server = self.serve("Blocking", "--endpoint", place, folder=folder)
        over.set()
        for thread in threads:
            thread.join(60)
        noted = (folder / "notes").read_text().split()
        self.assertEqual(wrong, [])
        self.assertEqual(set(answered) - set(map(int, noted)), set())
        self.assertEqual(len(noted), len(set(noted)), "none was carried out twice")

    def test_wrong_grace(self) -> None:
        """A grace that is no time is refused in one line."""
        for wrong in ("-1", "soon", "inf", "nan"):
            error = self.assertRaises(AssertionError, self.serve, "Blocking", "--grace", wrong)
            self.assertIn("--grace takes a number of seconds", str(error))


class Connection:
    """One that ends when it is told to."""

    def __init__(self) -> None:
        self.is_busy = True
        self.told: list[str] = []

    def refuse_more(self) -> None:
        self.told.append("refuse")

    def cut_off(self) -> None:
        self.told.append("cut off")

    def leave(self) -> None:
        self.told.append("leave")


class ClockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.ending = Ending(self.clock, 10)

    def test_each_in_its_time(self) -> None:
        """Each connection is closed when its calls have ended; the last, when the time is over."""
        connections = [Connection() for _ in range(3)]
        connections[0].is_busy = False
        done = Deferred.fromCoroutine(self.ending.end(connections))
        self.assertEqual([one.told for one in connections], [["refuse", "leave"], ["refuse"], ["refuse"]])
        connections[1].is_busy = False
        self.clock.pump([0.01] * 10)
        self.assertEqual(connections[1].told, ["refuse", "leave"])
        self.clock.pump([0.01] * 980)
        self.assertEqual(connections[2].told, ["refuse"])
        self.clock.pump([0.01] * 20)
        self.assertEqual(connections[2].told, ["refuse", "cut off", "leave"])
        self.successResultOf(done)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_hurry(self) -> None:
        """When it is to hurry, it waits for nobody."""
        connection = Connection()
        done = Deferred.fromCoroutine(self.ending.end([connection]))
        self.ending.hurry()
        self.clock.pump([0.01] * 2)
        self.assertEqual(connection.told, ["refuse", "cut off", "leave"])
        self.successResultOf(done)
        waiting = Deferred.fromCoroutine(self.ending.at_most(10, Deferred()))
        self.clock.advance(0)
        self.successResultOf(waiting)

    def test_at_most(self) -> None:
        """It waits for something until that is there, or until its time is over, or until it is to hurry."""
        self.successResultOf(Deferred.fromCoroutine(self.ending.at_most(10, succeed(None))))
        late = Deferred.fromCoroutine(self.ending.at_most(10, Deferred()))
        self.clock.advance(9)
        self.assertNoResult(late)
        self.clock.advance(1)
        self.successResultOf(late)
        hurried = Deferred.fromCoroutine(self.ending.at_most(10, Deferred()))
        self.ending.hurry()
        self.successResultOf(hurried)
        self.assertEqual(self.clock.getDelayedCalls(), [])
