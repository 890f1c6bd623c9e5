"""Deadlines of a server that calls its client: they hold within a tenth, never early, and the connection works on."""

from __future__ import annotations

import txrpyc
from tests.blocking.kinds import BlockingTestCase
from tests.lateness import BLOB, Stopwatch
from tests.twistd import Twistd, new_folder
from txrpyc import async_

SECONDS = 0.4


class Thing:
    pass


MEASURING = f"""
import queue
from time import monotonic
from twisted.internet import reactor
from twisted.internet.defer import DeferredQueue, TimeoutError as Late
import txrpyc, txrpyc.deferred

times, late = queue.Queue(), DeferredQueue()

class Blocking(txrpyc.Service):
    def exposed_keep(self, function):
        self.function = function

    def exposed_measure(self, size):
        blob = bytes(size)
        began = monotonic()
        try:
            self.function(blob)
        except TimeoutError:
            times.put(monotonic() - began)

    def exposed_measured(self):
        return times.get(timeout=60)

class InReactor(txrpyc.deferred.Service):
    def exposed_keep(self, function):
        self.function = function

    async def exposed_measure(self, size):
        call = self.function(bytes(size))
        began = monotonic()
        try:
            await call.addTimeout({SECONDS}, reactor)
        except Late:
            late.put(monotonic() - began)

    async def exposed_measured(self):
        return await late.get()
"""


class OtherDirectionTests(BlockingTestCase):
    """A server that calls a client, which takes its time, and reads nothing meanwhile."""

    def check(self, service: str) -> None:
        folder = new_folder(self.mktemp())
        (folder / "measuring.py").write_text(MEASURING)
        arguments = ("--config", f"sync_request_timeout={SECONDS}") if service == "Blocking" else ()
        server = Twistd(folder, "--service", f"measuring.{service}", *arguments)
        self.addCleanup(server.kill)
        conn, other = (self.keep(txrpyc.connect("127.0.0.1", server.port)) for _ in range(2))
        sizes: list[int] = []
        conn.root.keep(lambda blob: sizes.append(len(blob)) or Thing())
        measure, measured = async_(conn.root.measure), other.root.measured
        lent = len(conn.protocol.session.lent)
        for size in (1, len(BLOB)):
            for watch in Stopwatch(self, SECONDS):
                result = measure(size)
                watch.judge(measured())
                result.wait()
                self.assertEqual(sizes.pop(), size)
        self.until(lambda: conn.ping() or len(conn.protocol.session.lent) == lent)

    def test_blocking_service(self) -> None:
        """A service in threads: small calls and 100 MiB."""
        self.check("Blocking")

    def test_reactor_service(self) -> None:
        """A service in the reactor, likewise."""
        self.check("InReactor")
