"""What the server of the Deferred face offers; it runs in the reactor."""

from txrpyc.deferred import Service


class Offered(Service):
    """The service."""

    def exposed_add(self, one, two):
        return one + two
