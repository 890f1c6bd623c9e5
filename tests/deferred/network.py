"""Servers and clients over loopback, in the reactor of the tests; and the real rpyc in other processes."""

from __future__ import annotations

import atexit
import os
from functools import cache
from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.peer_scripts.offered import SETTINGS, Offered
from tests.peers import SCRIPTS, Peer, python_of
from txrpyc.deferred import Connection, ServerFactory, Service, VoidService, connect


class OfferedService(Offered, Service):
    """What the real rpyc's servers offer, too."""


@cache
def real_server(version: str) -> str:
    """Start a server of the real rpyc, once in a process; give the endpoint."""
    peer = Peer(python_of(version), "rpyc_offered_server.py")
    atexit.register(peer.stop)
    return f"tcp:127.0.0.1:{peer.port}"


class NetworkTestCase(TestCase):
    """For tests that serve and connect; all of it ends with the test."""

    timeout = 60

    async def serve(
        self, service: Any = OfferedService, config: Any = SETTINGS, endpoint: str = "tcp:0:interface=127.0.0.1"
    ) -> str:
        """Listen; give the endpoint for clients."""
        self.factory = ServerFactory(service, config)
        port = await serverFromString(reactor, endpoint).listen(self.factory)
        self.addCleanup(port.stopListening)
        self.addCleanup(self.factory.close_all)
        address = port.getHost()
        return f"tcp:127.0.0.1:{address.port}" if hasattr(address, "port") else f"unix:{address.name.decode()}"

    async def dial(self, endpoint: Any, service: Any = VoidService, config: Any = None) -> Connection:
        """Connect."""
        connection = await connect(endpoint, service, config)
        self.addCleanup(connection.close)
        return connection

    async def run_script(self, python: str, script: str, *arguments: str) -> str:
        """Run a script of `peer_scripts`, warnings being errors, while the reactor runs; give its stdout."""
        command = ["-W", "error", str(SCRIPTS / script), *arguments]
        out, err, status = await getProcessOutputAndValue(python, command, env=os.environ)
        if status or err:
            self.fail(f"{script} of {python} ended with {status}:\n{out.decode()}{err.decode()}")
        return out.decode()
