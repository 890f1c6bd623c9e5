"""A client of AMP. The argument is the server's port."""

import sys

import reactor_driver as driver
from amp_commands import Add
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.protocols import amp


class Visitor(amp.AMP):
    """A connection that tells when it is gone."""

    def __init__(self):
        super().__init__()
        self.gone = Deferred()

    def connectionLost(self, reason):
        super().connectionLost(reason)
        self.gone.callback(None)


async def start(reactor):
    where = TCP4ClientEndpoint(reactor, "127.0.0.1", int(sys.argv[1]))
    conn = await connectProtocol(where, amp.AMP())

    def add():
        return conn.callRemote(Add, one=1, two=2)

    async def come_and_go():
        visitor = await connectProtocol(where, Visitor())
        await visitor.callRemote(Add, one=1, two=2)
        visitor.transport.loseConnection()
        await visitor.gone

    return {
        "bound": lambda count: driver.repeat(add, count),
        "pipelined": lambda count: driver.pipeline(add, count),
        "connect": lambda count: driver.repeat(come_and_go, count),
    }


driver.drive(start)
