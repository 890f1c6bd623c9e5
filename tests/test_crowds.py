"""Many clients that call each other through one server: whoever waits for a client serves it, so that none hangs."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.soak.crowd import cross
from tests.soak.serving import serve

CLIENTS = 20
CALLS = 10


class CrossingTests(SynchronousTestCase):
    """20 clients call functions of each other at once, each of which calls the service, up to four deep."""

    def check(self, *arguments: str) -> None:
        server = serve(Path(self.mktemp()), *arguments)
        self.addCleanup(server.kill)
        outcome = cross(server.port, CLIENTS, CALLS)
        self.assertEqual((outcome["calls"], outcome["first error"]), (CLIENTS * CALLS, None))

    def test_one_worker(self) -> None:
        """It ends with a single worker, which does all that the clients ask while it waits for them."""
        self.check("--workers", "1")

    def test_two_workers(self) -> None:
        """It ends with two."""
        self.check("--workers", "2")

    def test_as_many_workers_as_clients(self) -> None:
        """It ends with as many as there are clients."""
        self.check("--workers", str(CLIENTS))

    def test_many_workers(self) -> None:
        """It ends far from the limit, where methods of two clients can still wait for each other."""
        self.check()

    def test_concurrency(self) -> None:
        """It ends where several requests of a client may run at once, with fewer workers than that."""
        self.check("--workers", "2", "--concurrency", "3")
