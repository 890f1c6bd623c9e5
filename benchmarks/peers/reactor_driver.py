"""What the clients in a reactor share: the same lines of JSON as in `driver`, read by the reactor."""

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from driver import BATCH, Answer, batches
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.stdio import StandardIO
from twisted.internet.task import react
from twisted.protocols.basic import LineReceiver


async def repeat(call: Callable[[], Awaitable[Any]], count: int) -> Answer:
    """Make so many calls, one after the other."""
    began = time.perf_counter()
    for _ in range(count):
        await call()
    return {"seconds": time.perf_counter() - began}


async def pipeline(call: Callable[[], Deferred[Any]], count: int) -> Answer:
    """Make a batch of calls at once, then wait for all; and again."""
    began = time.perf_counter()
    for _ in range(batches(count)):
        await gatherResults([call() for _ in range(BATCH)])
    return {"seconds": time.perf_counter() - began, "count": batches(count) * BATCH}


class Lines(LineReceiver):
    """Reads what to do, one line after the other."""

    delimiter = b"\n"

    def __init__(self, works: dict[str, Callable[..., Awaitable[Answer]]]) -> None:
        self.works = works
        self.ended: Deferred[None] = Deferred()

    def lineReceived(self, line: bytes) -> None:
        """Do it, and answer."""
        ensureDeferred(self._answer(json.loads(line)))

    async def _answer(self, request: dict[str, Any]) -> None:
        try:
            answer = await self.works[request.pop("work")](**request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        self.sendLine(json.dumps(answer).encode())

    def connectionLost(self, reason: Any = None) -> None:
        """Tell that stdin has closed."""
        self.ended.callback(None)


def drive(connect: Callable[[Any], Awaitable[dict[str, Callable[..., Awaitable[Answer]]]]]) -> None:
    """Run the reactor: connect, which gives the works, and do what the lines on stdin ask for."""

    async def main(reactor: Any) -> None:
        lines = Lines(await connect(reactor))
        StandardIO(lines, reactor=reactor)
        await lines.ended

    react(main)
