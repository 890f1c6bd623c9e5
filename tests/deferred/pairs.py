"""Two connections of the Deferred face, joined in memory, with a clock of their own. Nothing moves by itself."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.test.iosim import FakeTransport, connect
from twisted.trial.unittest import SynchronousTestCase

from txrpyc.core.consts import REQUEST, Verb
from txrpyc.core.envelope import open_envelope
from txrpyc.core.frame import FrameDecoder
from txrpyc.deferred import ClientFactory, ServerFactory, VoidService


class Line(FakeTransport):
    """One end of the wire; it notes each write."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        super().write(data)

    def messages(self) -> list[tuple[int, int, Any]]:
        """Give the type, number and body of each message written so far, and begin a new list."""
        data, self.writes = b"".join(self.writes), []
        return [open_envelope(payload)[1:] for payload in FrameDecoder().feed(data)]


def verbs(messages: list[tuple[int, int, Any]]) -> list[Verb | None]:
    """Give the verb of each request among messages, and None for each answer."""
    return [Verb(body[0]) if message == REQUEST else None for message, _sequence, body in messages]


class Pair:
    """A client, `near`, and a server, `far`, with their lines.

    The arguments are the services and the settings of each.
    """

    def __init__(self, served: Any = VoidService, *, asking: Any = VoidService, near: Any = None, far: Any = None):
        self.clock = Clock()
        self.servers = ServerFactory(served, far, self.clock)
        self.clients = ClientFactory(asking, near, self.clock)
        self.near, self.far = self.clients.new_connection(), self.servers.new_connection()
        self.near_line, self.far_line = Line(self.near.protocol, False), Line(self.far.protocol, True)
        self._pump = connect(
            self.far.protocol, self.far_line, self.near.protocol, self.near_line, greet=False, clock=self.clock
        )

    def settle(self, *, collect: bool = True) -> None:
        """Let everything that is under way arrive, releases included."""
        if collect:
            gc.collect()
        self._pump.flush()

    def forget_messages(self) -> None:
        self.near_line.messages()
        self.far_line.messages()

    @property
    def lent(self) -> int:
        """How many objects the server has lent."""
        return len(self.far.protocol.session.lent)


async def _awaiting(awaitable: Any) -> Any:
    return await awaitable


class PairTestCase(SynchronousTestCase):
    """For tests that need pairs, and the results of what they start."""

    def joined(self, *args: Any, **kwargs: Any) -> Pair:
        """Make a pair that is ready."""
        self.pair = Pair(*args, **kwargs)
        self.result(self.pair.near.when_ready)
        self.pair.forget_messages()
        return self.pair

    def begin(self, work: Callable[[], Any]) -> Deferred[Any]:
        """Call what gives something to await; let the wire carry all it leads to; give the Deferred."""
        started = work()
        deferred = started if isinstance(started, Deferred) else Deferred.fromCoroutine(_awaiting(started))
        self.pair.settle()
        return deferred

    def result(self, work: Callable[[], Any]) -> Any:
        """Do as `begin` does, and give the result, which must be there then."""
        return self.successResultOf(self.begin(work))

    def error(self, work: Callable[[], Any], *kinds: type[BaseException]) -> BaseException:
        """Do as `begin` does, and give the error that it must have failed with."""
        return self.failureResultOf(self.begin(work), *kinds).value
