"""Echo by Twisted on a free loopback port."""

from twisted.internet import reactor
from twisted.internet.protocol import Factory
from twisted.protocols.wire import Echo

port = reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
print(f"PORT {port.getHost().port}", flush=True)
reactor.run()
