"""A client of Perspective Broker. The argument is the server's port."""

import sys

import reactor_driver as driver
from twisted.internet.defer import Deferred
from twisted.spread import pb

PORT = int(sys.argv[1])


class Visitor(pb.PBClientFactory):
    """A factory that tells when its connection is gone."""

    def __init__(self):
        super().__init__()
        self.gone = Deferred()

    def clientConnectionLost(self, connector, reason, reconnecting=0):
        super().clientConnectionLost(connector, reason, reconnecting)
        self.gone.callback(None)


async def start(reactor):
    factory = pb.PBClientFactory()
    reactor.connectTCP("127.0.0.1", PORT, factory)
    root = await factory.getRootObject()

    def add():
        return root.callRemote("add", 1, 2)

    async def come_and_go():
        visitor = Visitor()
        reactor.connectTCP("127.0.0.1", PORT, visitor)
        await (await visitor.getRootObject()).callRemote("add", 1, 2)
        visitor.disconnect()
        await visitor.gone

    return {
        "bound": lambda count: driver.repeat(add, count),
        "pipelined": lambda count: driver.pipeline(add, count),
        "connect": lambda count: driver.repeat(come_and_go, count),
    }


driver.drive(start)
