"""Finding a peer's dialect, where the side that was connected to has something to say first."""

from __future__ import annotations

import subprocess
from typing import Any

from twisted.internet import reactor as real_reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SynchronousTestCase, TestCase

import txrpyc
from tests.peers import python_of
from txrpyc import finding
from txrpyc.core.consts import Verb
from txrpyc.core.envelope import Dialect
from txrpyc.deferred import ServerFactory, Service
from txrpyc.finding import PATIENCE

CLIENT = """
import rpyc, sys
conn = rpyc.connect("127.0.0.1", int(sys.argv[1]))
print(conn.root.hello())
conn.close()
"""


class Asking(Service):
    """Asks each client for its root as soon as it is there."""

    found: list[Dialect | None]

    def __init__(self) -> None:
        self.found = []

    async def on_connect(self, conn: Any) -> None:
        """Ask."""
        await conn.when_ready()
        self.found.append(conn.protocol.session.dialect)

    def exposed_hello(self) -> str:
        """Answer."""
        return "hello"


class BlockingAsking(txrpyc.Service):
    """The same, in a thread."""

    def on_connect(self, conn: Any) -> None:
        """Ask."""
        self.theirs = conn.root

    def exposed_hello(self) -> str:
        """Answer."""
        return "hello"


class ReactorTests(TestCase):
    """A service of the reactor that asks first."""

    async def test_real_clients(self) -> None:
        """Clients of either dialect are asked in theirs."""
        service = Asking()
        factory = ServerFactory(service)
        port = await serverFromString(real_reactor, "tcp:0:interface=127.0.0.1").listen(factory)
        self.addCleanup(port.stopListening)
        for version in ("5.3.1", "6.0.2"):
            out, err, code = await getProcessOutputAndValue(
                python_of(version), ["-c", CLIENT, str(port.getHost().port)]
            )
            self.assertEqual((out, err, code), (b"hello\n", b"", 0))
        await factory.close_all()
        self.assertEqual(service.found, [Dialect.V5, Dialect.V6])


class SilentClientTests(SynchronousTestCase):
    """A client that says nothing."""

    def test_patience(self) -> None:
        """It is asked after a moment, in the newer dialect."""
        clock, transport = Clock(), StringTransport()
        protocol = ServerFactory(Asking, reactor=clock).buildProtocol(None)
        protocol.makeConnection(transport)
        self.assertEqual(transport.value(), b"")

        clock.advance(PATIENCE)

        self.assertEqual(transport.value()[5], 1)

    def test_later(self) -> None:
        """What there is to say long after it connected is said at once."""
        self.patch(finding, "PATIENCE", 0.0)
        clock, transport = Clock(), StringTransport()
        protocol = ServerFactory(Service, reactor=clock).buildProtocol(None)
        protocol.makeConnection(transport)
        self.assertEqual(clock.getDelayedCalls(), [])

        protocol.request(Verb.GETROOT).addErrback(lambda failure: None)
        clock.advance(0)

        self.assertEqual(transport.value()[5], 1)

    def test_lost_meanwhile(self) -> None:
        """If it leaves in that moment, no timer stays."""
        clock = Clock()
        protocol = ServerFactory(Asking, reactor=clock).buildProtocol(None)
        protocol.makeConnection(StringTransport())

        protocol.connectionLost()

        self.assertEqual(clock.getDelayedCalls(), [])


class BlockingTests(SynchronousTestCase):
    """A service of the blocking face that asks first."""

    def test_real_clients(self) -> None:
        """Clients of either dialect are asked in theirs."""
        server = txrpyc.ThreadedServer(BlockingAsking, hostname="127.0.0.1")
        thread = server._start_in_thread()
        self.addCleanup(thread.join)
        self.addCleanup(server.close)
        for version in ("5.3.1", "6.0.2"):
            done = subprocess.run(
                [python_of(version), "-c", CLIENT, str(server.port)],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            self.assertEqual((done.stdout, done.stderr, done.returncode), ("hello\n", "", 0))
