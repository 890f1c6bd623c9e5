"""``twistd txrpyc``: blocking services run in worker threads, which clients share."""

from __future__ import annotations

import resource
from time import monotonic

from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.trial.unittest import SynchronousTestCase, TestCase

import txrpyc
from tests.twistd import Twistd, new_folder
from txrpyc.deferred import Connection, connect

SLEEP = 0.5


def descriptors(wanted: int) -> int:
    """Allow this process, and those that it starts, so many descriptors; give how many that made."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, soft)


class CrowdTests(TestCase):
    """Many clients: of the Deferred face, as they need no thread here either."""

    def serve(self, *arguments: str) -> Twistd:
        server = Twistd(new_folder(self.mktemp()), "--service", "myservice.Blocking", *arguments)
        self.addCleanup(server.kill)
        return server

    async def crowd(self, server: Twistd, count: int) -> list[Connection]:
        """Connect so many clients, each of which makes a call."""
        clients: list[Connection] = []
        self.addCleanup(lambda: gatherResults([client.close() for client in clients]))
        while len(clients) < count:
            some = range(min(50, count - len(clients)))
            clients += await gatherResults([connect(f"tcp:{server.place}", reactor=reactor) for _ in some])
            await gatherResults([client.root.add(1, 2) for client in clients[-len(some) :]])
        return clients

    async def test_many_sleepers(self) -> None:
        """200 clients that sleep in the server at once take about one sleep, not 200; meanwhile others are served."""
        server = self.serve()
        clients = await self.crowd(server, 201)
        began = monotonic()
        sleeping = gatherResults([client.root.sleep(SLEEP) for client in clients[1:]])
        self.assertEqual(await clients[0].root.add(1, 2), 3)
        await sleeping
        self.assertLess(monotonic() - began, 200 * SLEEP / 5)

    async def test_idle_clients(self) -> None:
        """1,000 clients that have made a call and are idle hold no thread: four workers go on serving any of them."""
        server_needs = 200
        count = min(1000, descriptors(1000 + server_needs) - server_needs)
        clients = await self.crowd(self.serve("--workers", "4"), count)
        self.assertLess(await clients[0].root.threads(), 10)
        self.assertEqual(await gatherResults([client.root.add(1, 2) for client in clients]), [3] * count)

    async def test_fewer_workers_than_clients(self) -> None:
        """Clients that never pause take turns: one worker serves them all."""
        one, other = await self.crowd(self.serve("--workers", "1"), 2)
        calls = gatherResults([one.root.sleep(0.001) for _ in range(300)])
        self.assertEqual(await other.root.add(1, 2), 3)
        self.assertFalse(calls.called)
        await calls

    async def test_order(self) -> None:
        """The requests of one client are carried out in order, one at a time."""
        (client,) = await self.crowd(self.serve(), 1)
        await gatherResults([client.root.append(number) for number in range(200)])
        self.assertEqual(await client.root.appended(), tuple((number, 1) for number in range(200)))

    async def test_concurrency(self) -> None:
        """With --concurrency 3, three requests of one client run at once."""
        (client,) = await self.crowd(self.serve("--concurrency", "3"), 1)
        await gatherResults([client.root.meet() for _ in range(3)])


class CallbackTests(SynchronousTestCase):
    def serve(self) -> Twistd:
        server = Twistd(new_folder(self.mktemp()), "--service", "myservice.Blocking", "--workers", "1")
        self.addCleanup(server.kill)
        return server

    def test_callback_in_a_call(self) -> None:
        """A method that waits for its own client is served meanwhile, to any depth, by a single worker."""
        conn = txrpyc.connect("127.0.0.1", self.serve().port)
        self.addCleanup(conn.close)

        def bounce(depth: int) -> int:
            return 0 if depth == 0 else 1 + conn.root.bounce(depth - 1, bounce)

        self.assertEqual(conn.root.bounce(10, bounce), 10)

    def test_interrupted(self) -> None:
        """A method that raises KeyboardInterrupt ends its connection, as in rpyc, and nothing else."""
        server = self.serve()
        with txrpyc.connect("127.0.0.1", server.port) as conn:
            self.assertRaises(EOFError, conn.root.interrupt)
        with txrpyc.connect("127.0.0.1", server.port) as conn:
            self.assertEqual(conn.root.add(1, 2), 3)
