"""Serve and call by txrpyc's Deferred face in a reactor that is not the tests'; all is well if it prints OK.

The argument names the reactor: ``asyncio``, or ``default``, which is then installed by nothing but its use.
"""

import asyncio
import atexit
import sys

if sys.argv[1] == "asyncio":
    from twisted.internet import asyncioreactor

    loop = asyncio.new_event_loop()
    atexit.register(loop.close)
    asyncioreactor.install(loop)

from txrpyc.deferred import ServerFactory, Service, connect, remotely

if "twisted.internet.reactor" in sys.modules and sys.argv[1] != "asyncio":
    sys.exit("importing txrpyc.deferred installed a reactor")

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import react


class Sums(Service):
    def exposed_add(self, a, b):
        return a + b

    async def exposed_slowly(self, a, b):
        if sys.argv[1] == "asyncio":
            await Deferred.fromFuture(asyncio.ensure_future(asyncio.sleep(0)))
        return a + b

    def exposed_rows(self, count):
        return list(range(count))


async def as_asyncio(conn):
    """Use Deferreds in an asyncio coroutine, as programs of both kinds do."""
    loop = asyncio.get_running_loop()
    sums = [conn.root.add(n, n).asFuture(loop) for n in range(3)]
    assert await asyncio.gather(*sums) == [0, 2, 4]
    return await asyncio.wait_for(conn.root.slowly(3, 4).asFuture(loop), 20)


@inlineCallbacks
def inline(conn):
    """Use them in inlineCallbacks."""
    rows = yield conn.root.rows(5)
    total = yield conn.root.add((yield remotely.len(rows)), 1)
    return total


async def main(reactor):
    port = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(ServerFactory(Sums))
    conn = await connect(f"tcp:127.0.0.1:{port.getHost().port}")
    assert await conn.root.slowly(1, 2) == 3
    assert [row async for row in conn.root.rows(100)] == list(range(100))
    assert await inline(conn) == 6
    if sys.argv[1] == "asyncio":
        assert await Deferred.fromFuture(asyncio.ensure_future(as_asyncio(conn))) == 7
    await conn.close()
    await port.stopListening()
    print("OK", type(reactor).__name__)


react(main)
