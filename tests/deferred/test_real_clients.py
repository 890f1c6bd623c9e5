"""The real rpyc, both majors, as clients of services in the reactor."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from tests.deferred.network import NetworkTestCase, OfferedService
from tests.peers import VERSIONS, python_of
from txrpyc.core.envelope import Dialect
from txrpyc.deferred import Connection


class Hosting(OfferedService):
    """What the client's script asks for beyond `OfferedService`."""

    log: list[Any]

    def __init__(self) -> None:
        self.log = []

    def on_connect(self, conn: Connection) -> None:
        self.conn = conn

    def on_disconnect(self, conn: Connection) -> None:
        self.log.append(conn.protocol.session.dialect)

    async def exposed_slowly(self, function: Any, value: int) -> Any:
        return await function(value)

    async def exposed_your_name(self) -> str:
        await self.conn.when_ready()
        self.log.append(await self.conn.root.name())
        return self.log[-1]

    def exposed_never(self) -> Any:
        return Deferred()

    def exposed_lent(self) -> int:
        return len(self.conn.protocol.session.lent)


class RealClientTests(NetworkTestCase):
    async def test_clients(self) -> None:
        """A script of either rpyc uses a service of this face, and is answered in its own dialect."""
        for version in VERSIONS:
            hosting = Hosting()
            endpoint = await self.serve(hosting)
            await self.run_script(python_of(version), "rpyc_deferred_client.py", endpoint.rpartition(":")[2])
            await self.factory.close_all()
            self.assertEqual(hosting.log, ["client", Dialect(int(version[0]))])

    async def test_together(self) -> None:
        """Clients of both majors share a port."""
        hosting = Hosting
        port = (await self.serve(hosting)).rpartition(":")[2]
        scripts = [self.run_script(python_of(version), "rpyc_deferred_client.py", port) for version in VERSIONS]
        for script in [Deferred.fromCoroutine(script) for script in scripts]:
            await script
