"""Serve by Perspective Broker on a free loopback port."""

from twisted.internet import reactor
from twisted.spread import pb


class Offered(pb.Root):
    def remote_add(self, one, two):
        return one + two


port = reactor.listenTCP(0, pb.PBServerFactory(Offered()), interface="127.0.0.1")
print(f"PORT {port.getHost().port}", flush=True)
reactor.run()
