"""A service for the reactor: its methods never wait, but return values, Deferreds or coroutines.

To serve it on 127.0.0.1, port 18812, for deferred_client.py or any other client, of rpyc too:

    twistd -n txrpyc --service deferred_service.Calculator
"""

from twisted.internet import reactor
from twisted.internet.task import deferLater

from txrpyc.deferred import Service, exposed


class Calculator(Service):
    """Each client has one of these."""

    def on_connect(self, conn):
        print(f"{conn.peer} is here")

    def on_disconnect(self, conn):
        print(f"{conn.peer} has left")

    @exposed
    def add(self, one, two):
        """Return a value."""
        return one + two

    @exposed
    def slow_add(self, one, two, seconds):
        """Return a Deferred: the client gets what it fires with. Others are served meanwhile."""
        return deferLater(reactor, seconds, self.add, one, two)

    @exposed
    async def sum_of(self, parts):
        """Be a coroutine: `parts` is the client's object, and it is iterated over from here."""
        total = 0
        async for part in parts:
            total += part
        return total

    @exposed
    async def count_down(self, start, tell):
        """Call a function of the client's, and wait for what it returns without blocking anything."""
        for number in range(start, 0, -1):
            await tell(number)
        return "lift-off"

    @exposed
    def squares(self, count):
        """Return an iterator, which the client asks for its items."""
        return (number * number for number in range(count))
