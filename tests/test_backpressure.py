"""Backpressure: a peer that does not take its answers gets no more of them made; others do not notice."""

from __future__ import annotations

import os
import socket
import sys
from time import monotonic
from typing import Any
from unittest import skipUnless

from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

import txrpyc
from tests.core.cores import Side, frame
from tests.peers import Peer
from tests.twistd import Twistd, new_folder
from txrpyc.core.config import make_rules
from txrpyc.core.consts import CALLATTR, GETROOT, REPLY
from txrpyc.core.session import Reply
from txrpyc.deferred import connect
from txrpyc.errors import ConfigurationError, ConnectionLost

GENEROUS = """
import txrpyc, txrpyc.deferred

class Blocking(txrpyc.Service):
    def exposed_blob(self, number, size):
        return number, bytes(size)

class InReactor(txrpyc.deferred.Service):
    def exposed_blob(self, number, size):
        return number, bytes(size)
"""

SIZE = 200_000
COUNT = 2000
MOST = 96 << 20
"""Bytes by which a server may grow: four times what its limit says, with what is under way and Python's own slack."""


def memory(process: int) -> int:
    """Give how much memory a process has taken, in bytes."""
    with open(f"/proc/{process}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) * 1024


class Greedy:
    """A client that asks, and does not read."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.side = Side(inspects=False)
        self.ask(GETROOT)
        (self.root,) = self.answers(1)

    def ask(self, verb: int, *arguments: Any) -> None:
        _sequence, pieces = self.side.session.encode_request(verb, arguments)
        self.side.awaited.add(_sequence)
        self.sock.sendall(b"".join(pieces))

    def answers(self, count: int) -> list[Any]:
        """Read so many answers."""
        found: list[Any] = []
        while len(found) < count:
            data = self.sock.recv(1 << 20)
            assert data, "the server has closed the connection"
            found += [event.value for event in self.side.session.receive_data(data) if isinstance(event, Reply)]
        return found


@skipUnless(os.path.exists("/proc/self/status"), "how much memory a process takes is read from /proc, which Linux has")
class ServerTests(SynchronousTestCase):
    def check(self, port: int, process: int) -> None:
        """Flood a server, and do not read."""
        with txrpyc.connect("127.0.0.1", port) as other:
            self.assertEqual(other.root.blob(1, 10)[0], 1)
            before = memory(process)
            greedy = Greedy(port)
            self.addCleanup(greedy.sock.close)
            greedy.sock.settimeout(30)
            for number in range(COUNT):
                greedy.ask(CALLATTR, greedy.root, "blob", (number, SIZE), ())
            for _ in range(20):
                began = monotonic()
                self.assertEqual(other.root.blob(1, 1000)[0], 1)
                self.assertLess(monotonic() - began, 5)
            self.assertLess(memory(process) - before, MOST)
            answers = greedy.answers(COUNT)
            self.assertEqual([number for number, _blob in answers], list(range(COUNT)))
            self.assertLess(memory(process) - before, MOST)

    def serve(self, *arguments: str) -> None:
        folder = new_folder(self.mktemp())
        (folder / "generous.py").write_text(GENEROUS)
        server = Twistd(folder, *arguments)
        self.addCleanup(server.kill)
        self.check(server.port, server.process.pid)

    def test_blocking_service(self) -> None:
        """A service in threads, also if there is only one."""
        self.serve("--service", "generous.Blocking")
        self.serve("--service", "generous.Blocking", "--workers", "1")

    def test_reactor_service(self) -> None:
        """A service in the reactor."""
        self.serve("--service", "generous.InReactor")

    def test_threaded_server(self) -> None:
        """A ThreadedServer."""
        peer = Peer(sys.executable, "generous_server.py")
        self.addCleanup(peer.stop)
        self.check(peer.port, peer.process.pid)

    def test_left(self) -> None:
        """One that leaves without having read anything leaves nothing behind."""
        folder = new_folder(self.mktemp())
        (folder / "generous.py").write_text(GENEROUS)
        server = Twistd(folder, "--service", "generous.Blocking")
        self.addCleanup(server.kill)
        for _ in range(5):
            greedy = Greedy(server.port)
            for number in range(300):
                greedy.ask(CALLATTR, greedy.root, "blob", (number, SIZE), ())
            greedy.sock.close()
        with txrpyc.connect("127.0.0.1", server.port) as other:
            self.assertEqual(other.root.blob(1, 10)[0], 1)
        server.end()
        self.assertNotIn("Traceback", "\n".join(server.log))


class Silent(Protocol):
    """A server that reads nothing until it is told to, and then answers everything with its number."""

    def connectionMade(self) -> None:
        self.side = Side(inspects=False)

    def dataReceived(self, data: bytes) -> None:
        for event in self.side.session.receive_data(data):
            self.transport.write(frame(REPLY, event.sequence, (1, event.sequence)))  # type: ignore[attr-defined]


class ClientTests(TestCase):
    timeout = 120

    async def test_deferred(self) -> None:
        """Calls to a server that does not read wait, unencoded, and are made when it reads; cancelled ones are not."""
        silent = Silent()
        factory = Factory.forProtocol(lambda: silent)
        port: Any = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(factory)
        self.addCleanup(port.stopListening)
        connection = await connect(f"tcp:127.0.0.1:{port.getHost().port}", config={"high_water": 1 << 20})
        self.addCleanup(connection.protocol.abort)
        silent.transport.pauseProducing()
        calls = [connection.request(5, bytes(100_000), number) for number in range(1000)]
        cancelled = calls[900]
        cancelled.cancel()
        cancelled.addErrback(lambda _failure: None)
        await deferLater(reactor, 0.1)
        outflow = connection.protocol.outflow
        self.assertTrue(outflow.full)
        self.assertLess(sum(map(len, outflow._frames)), 3 << 20)
        silent.transport.resumeProducing()
        answers = await gatherResults([call for call in calls if call is not cancelled])
        self.assertEqual(len(set(answers)), 999)
        self.assertFalse(outflow.full)

    async def test_lost(self) -> None:
        """Calls that wait fail when the connection is lost."""
        silent = Silent()
        port: Any = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(
            Factory.forProtocol(lambda: silent)
        )
        self.addCleanup(port.stopListening)
        connection = await connect(f"tcp:127.0.0.1:{port.getHost().port}", config={"high_water": 1 << 20})
        silent.transport.pauseProducing()
        calls = [connection.request(5, bytes(100_000), number) for number in range(300)]
        silent.transport.abortConnection()
        for call in calls:
            await self.assertFailure(call, ConnectionLost)

    def test_setting(self) -> None:
        """The limit is some bytes."""
        self.assertEqual(make_rules({"high_water": 0}).high_water, 0)
        for wrong in (-1, "1", None, 1.5):
            error = self.assertRaises(ConfigurationError, make_rules, {"high_water": wrong})
            self.assertIn("high_water", str(error))
