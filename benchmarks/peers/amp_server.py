"""Serve by AMP on a free loopback port."""

from amp_commands import Add
from twisted.internet import reactor
from twisted.internet.protocol import Factory
from twisted.protocols import amp


class Offered(amp.AMP):
    @Add.responder
    def add(self, one, two):
        return {"total": one + two}


port = reactor.listenTCP(0, Factory.forProtocol(Offered), interface="127.0.0.1")
print(f"PORT {port.getHost().port}", flush=True)
reactor.run()
