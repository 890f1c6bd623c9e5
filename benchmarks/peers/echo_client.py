"""A client of an echo, in a reactor: what any protocol on Twisted is up against. The argument is the server's port."""

import sys

import reactor_driver as driver
from driver import BATCH, batches
from payloads import MIB, random_bytes
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol

MESSAGE = b"x" * 40


class Client(Protocol):
    """Sends, and tells when as much has come back."""

    def __init__(self):
        self.gone = Deferred()
        self._missing, self._answered = 0, None

    def connectionMade(self):
        self.transport.setTcpNoDelay(True)

    def call(self, message, times=1):
        """Send a message so many times."""
        self._missing, self._answered = len(message) * times, Deferred()
        for _ in range(times):
            self.transport.write(message)
        return self._answered

    def dataReceived(self, data):
        self._missing -= len(data)
        if not self._missing:
            self._answered.callback(None)

    def connectionLost(self, reason=None):
        self.gone.callback(None)


async def start(reactor):
    where = TCP4ClientEndpoint(reactor, "127.0.0.1", int(sys.argv[1]))
    conn = await connectProtocol(where, Client())

    async def pipelined(count):
        answer = await driver.repeat(lambda: conn.call(MESSAGE, BATCH), batches(count))
        return {**answer, "count": batches(count) * BATCH}

    async def echo_random(count):
        data = random_bytes(MIB)
        return await driver.repeat(lambda: conn.call(data), count)

    async def come_and_go():
        visitor = await connectProtocol(where, Client())
        await visitor.call(MESSAGE)
        visitor.transport.loseConnection()
        await visitor.gone

    return {
        "bound": lambda count: driver.repeat(lambda: conn.call(MESSAGE), count),
        "pipelined": pipelined,
        "echo_random": echo_random,
        "connect": lambda count: driver.repeat(come_and_go, count),
    }


driver.drive(start)
