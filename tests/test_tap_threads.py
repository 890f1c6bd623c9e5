"""``twistd txrpyc``: blocking services run in worker threads, which clients share."""

from __future__ import annotations

import random
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import DeferredList, gatherResults
from twisted.trial.unittest import SynchronousTestCase, TestCase

import txrpyc
from tests.blocking.kinds import PATIENCE, BlockingTestCase, Waiting
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
        calls = DeferredList([one.root.sleep(0.02) for _ in range(100)], consumeErrors=True)
        self.assertEqual(await other.root.add(1, 2), 3)
        self.assertFalse(calls.called)
        one.protocol.abort()  # rather than wait for the rest
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


STRESSED = """
import threading, time
import txrpyc
from txrpyc.blocking import workers

workers._QUIET = 0.5  # threads that nothing needs end after a second, so that a test can wait for that
slots = threading.Semaphore(10_000)

class Stressed(txrpyc.Service):
    connected = parted = 0
    counting = threading.Lock()

    def on_connect(self, conn):
        with self.counting:
            Stressed.connected += 1
        self.conn = conn
        self.last = -1

    def on_disconnect(self, conn):
        with self.counting:
            Stressed.parted += 1

    @txrpyc.exposed
    def add(self, one, two):
        return one + two

    @txrpyc.exposed
    def sleep(self, seconds):
        time.sleep(seconds)
        return seconds

    @txrpyc.exposed
    def compute(self, number):
        return sum(range(number))

    @txrpyc.exposed
    def bounce(self, depth, function):
        return 0 if depth == 0 else 1 + function(depth - 1)

    @txrpyc.exposed
    def each(self, function, count):
        return [function(number) for number in range(count)]

    @txrpyc.exposed
    def tell(self, function, count):
        for number in range(count):
            txrpyc.async_(function)(number)

    @txrpyc.exposed
    def step(self, number):
        was, self.last = self.last, number
        return was

    @txrpyc.exposed
    def fail(self, text):
        raise LookupError(text)

    @txrpyc.exposed
    def state(self):
        names = sorted(thread.name for thread in threading.enumerate())
        return Stressed.connected, Stressed.parted, tuple(names), time.process_time()
"""

RESTLESS = """
import sys
from stressed import Stressed
from txrpyc.blocking import attended, lane, watch

# All the time, connections become busy and quiet, quick and slow, and another thread the runner.
lane._BUSY = 10.0
lane._QUIET = 0.0005
attended._LONG = 0.0003
attended._SHORT_ONES = 2
watch._PATIENCE = 0.0003
sys.setswitchinterval(1e-5)
"""

KILLED = """
import sys, threading, txrpyc
connections = [txrpyc.connect("127.0.0.1", int(sys.argv[1])) for _ in range(4)]

def hammer(conn):
    while True:
        conn.root.each(lambda number: number + len(conn.root.add("1", "2")), 20)
        txrpyc.async_(conn.root.add)(b"x" * 300_000, b"y")

for conn in connections:
    threading.Thread(target=hammer, args=(conn,), daemon=True).start()
for line in sys.stdin:
    print("running", flush=True)
"""


class StressTests(BlockingTestCase):
    """Everything at once."""

    def setUp(self) -> None:
        super().setUp()
        folder = new_folder(self.mktemp())
        (folder / "stressed.py").write_text(STRESSED)
        (folder / "restless.py").write_text(RESTLESS)
        self.folder = folder

    def serve(self, *arguments: str, service: str = "stressed.Stressed", **options: tuple[str, ...]) -> Twistd:
        server = Twistd(self.folder, "--service", service, *arguments, **options)
        self.addCleanup(server.kill)
        return server

    def connect(self, server: Twistd) -> Any:
        return txrpyc.connect("127.0.0.1", server.port)

    def client(self, server: Twistd, number: int, operations: int) -> int:
        """Be a client: do this and that, in an order of its own; give how many connections that took."""
        luck = random.Random(number)
        conn = self.connect(server)
        connections = 1
        steps = 0

        def add() -> None:
            for index in range(20):
                assert conn.root.add(number, index) == number + index

        def rest() -> None:
            seconds = luck.choice((0.0, 0.001, 0.004, 0.01, 0.03))
            assert conn.root.sleep(seconds) == seconds

        def compute() -> None:
            count = luck.choice((10, 1000, 100_000))
            assert conn.root.compute(count) == count * (count - 1) // 2

        def bounce() -> None:
            depth = luck.randrange(6)
            assert conn.root.bounce(depth, back) == depth

        def back(depth: int) -> int:
            result = conn.root.bounce(depth, back)
            assert isinstance(result, int)
            return result

        def each() -> None:
            assert list(conn.root.each(lambda index: index * number, 10)) == [index * number for index in range(10)]

        def tell() -> None:
            told: list[int] = []
            conn.root.tell(told.append, 30)
            deadline = monotonic() + PATIENCE
            while len(told) < 30:
                assert monotonic() < deadline
                conn.poll_all(0.01)
            assert told == list(range(30))

        def big() -> None:
            one, two = luck.randbytes(luck.choice((10, 70_000, 1_000_000))), luck.randbytes(100_000)
            assert conn.root.add(one, two) == one + two

        def many() -> None:
            call = txrpyc.async_(conn.root.add)
            results = [call(number, index) for index in range(100)]
            assert [result.value for result in results] == [number + index for index in range(100)]

        def in_order() -> None:
            nonlocal steps
            call = txrpyc.async_(conn.root.step)
            results = [call(steps + index) for index in range(50)]
            assert [result.value for result in results] == [steps + index - 1 for index in range(50)]
            steps += 50

        def fail() -> None:
            try:
                conn.root.fail(f"no {number}")
            except LookupError as error:
                assert f"no {number}" in str(error)
            else:
                raise AssertionError("it did not fail")

        def again() -> None:
            nonlocal conn, connections, steps
            if luck.random() < 0.3:
                txrpyc.async_(conn.root.sleep)(0.01)  # whose answer nobody waits for
            conn.close()
            conn = self.connect(server)
            connections += 1
            steps = 0

        what: list[Callable[[], None]] = [add, add, rest, compute, bounce, each, tell, big, many, in_order, fail, again]
        for _ in range(operations):
            luck.choice(what)()
        conn.close()
        return connections

    def run_clients(self, server: Twistd, count: int, operations: int) -> int:
        """Run so many clients at once, until they have done so much; give how many connections that took."""
        clients = [Waiting(lambda number=number: self.client(server, number, operations)) for number in range(count)]
        for client in clients:
            client.thread.join(2 * PATIENCE)
        return sum(client.result() for client in clients)

    def check_idle(self, server: Twistd, connections: int) -> None:
        """Check that the server knows that all clients have gone, and has nothing to do."""
        conn = self.connect(server)
        self.until(lambda: conn.root.state()[1] == connections)
        self.assertEqual(conn.root.state()[0], connections + 1)
        # Its main thread and its runner; at times the runner that goes, and the one that comes.
        allowed = 2
        self.until(lambda: len([name for name in conn.root.state()[2] if "flusher" not in name]) <= allowed)
        conn.root.state()

        def rests() -> bool:
            began = conn.root.state()[3]
            sleep(0.5)
            return conn.root.state()[3] - began < 0.1

        self.until(rests)
        conn.close()

    def check_log(self, server: Twistd) -> None:
        """Check that the server ends well, and that nothing was logged as an error."""
        self.assertEqual(server.end(), -signal.SIGTERM)
        text = "\n".join(server.log)
        for word in ("Traceback", "Unhandled", "rror:", "failed", "#critical"):
            self.assertNotIn(word, text)

    def test_everything(self) -> None:
        """50 clients that do everything get the right answers, in order, and leave nothing behind."""
        server = self.serve()
        self.check_idle(server, self.run_clients(server, 50, 40))
        self.check_log(server)

    def test_few_workers(self) -> None:
        """So do they where they have to take turns, as there are fewer workers."""
        server = self.serve("--workers", "3")
        self.check_idle(server, self.run_clients(server, 20, 30))
        self.check_log(server)

    def test_restless(self) -> None:
        """So do they when who reads a connection, and who carries out its requests, changes all the time."""
        for arguments in ((), ("--workers", "2"), ("--workers", "1")):
            server = self.serve(*arguments, service="restless.Stressed")
            self.check_idle(server, self.run_clients(server, 15, 30))
            self.check_log(server)

    def test_reactors(self) -> None:
        """So do they in other reactors than the usual one."""
        for name in ("select", "poll", "asyncio"):
            server = self.serve(twistd=("-n", "--pidfile=", f"--reactor={name}"))
            self.check_idle(server, self.run_clients(server, 10, 20))
            self.check_log(server)

    def test_killed_clients(self) -> None:
        """Clients that are killed in the middle of everything harm nobody."""
        server = self.serve()
        others = Waiting(lambda: self.run_clients(server, 10, 40))
        killed = 0
        while others.thread.is_alive() or killed < 3:
            process = subprocess.Popen(
                [sys.executable, "-c", KILLED, str(server.port)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            process.stdin.write("?\n")
            process.stdin.flush()
            self.assertEqual(process.stdout.readline(), "running\n")
            sleep(random.Random(killed).random() / 10)  # the moment shall be any
            process.kill()
            process.communicate()
            killed += 1
        self.check_idle(server, others.result() + 4 * killed)
        self.check_log(server)
