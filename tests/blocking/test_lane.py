"""The lane: by itself, and with the connections of a server that are lent to it and given back."""

from __future__ import annotations

import errno
import gc
import os
import random
import select
import sys
import threading
from collections.abc import Callable
from itertools import pairwise
from time import monotonic
from typing import Any, ClassVar
from unittest import SkipTest

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.protocols.policies import WrappingFactory
from twisted.trial.unittest import TestCase

import txrpyc
from tests.blocking.kinds import BlockingTestCase, Waiting
from tests.test_workers import ClockWithThreads, Reading, WorkersTestCase
from txrpyc.blocking import attended as attended_module
from txrpyc.blocking import lane as lane_module
from txrpyc.blocking.attended import Attended
from txrpyc.blocking.lane import _BUSY, _QUIET, Lane
from txrpyc.blocking.resident import ResidentFactory
from txrpyc.core.consts import Verb
from txrpyc.deferred import Connection, connect
from txrpyc.deferred import Service as DeferredService
from txrpyc.errors import ConnectionLost, WrongThread
from txrpyc.protocol import RPyCProtocol

PATIENCE = 30.0
FOREVER = 1e6


class LaneTestCase(BlockingTestCase):
    """A lane without workers: the test is the thread that waits, and the reactor's."""

    def setUp(self) -> None:
        super().setUp()
        if not hasattr(select, "epoll"):
            raise SkipTest("without epoll nothing is ever in the lane")
        self.now = 1000.0
        self.patch(lane_module, "monotonic", lambda: self.now)
        self.clock = ClockWithThreads()
        self.lane = Lane(self.clock)
        self.lane.open()
        self.addCleanup(self.lane.close)

    def connection(self) -> Attended:
        """Make a connection with something to read from."""
        attended = Attended(Nobody(), 1)
        attended.reading = reading = Reading()
        self.addCleanup(reading.close)
        return attended

    def turn(self, connection: Attended) -> None:
        """Let a connection have had a turn just now."""
        self.lane.offer(connection)
        self.lane.note(connection, self.now)

    def taken(self) -> Attended:
        """Make a connection that is in the lane."""
        connection = self.connection()
        self.turn(connection)
        self.turn(connection)
        self.clock.catch_up()
        assert connection.reading.lent
        return connection

    def check(self, connection: Attended, lent: bool) -> None:
        """Check that everybody takes a connection for lent, or nobody does."""
        self.clock.catch_up()
        reading = connection.reading
        self.assertEqual((reading.lent, connection.descriptor), (lent, reading.descriptor if lent else -1))
        os.write(reading.other, b"x")
        self.assertEqual(self.lane.ready(False), [connection] if lent else [])
        self.assertEqual(self.lane._poller.poll(0), [(reading.descriptor, select.POLLIN)] if lent else [])
        reading.receive()


class Nobody:
    """Stands for the workers where they have nothing to do."""

    def __init__(self) -> None:
        self.inside: dict[int, list[Attended]] = {}

    def come(self, connection: Attended) -> None:
        pass

    def sleeps(self) -> None:
        pass

    def forget(self, connection: Attended) -> None:
        pass


class TakingTests(LaneTestCase):
    def test_new(self) -> None:
        """A new connection is taken with the first that is read from it."""
        connection = self.connection()
        self.turn(connection)
        self.check(connection, True)

    def test_known_before_watched(self) -> None:
        """Whatever comes at the very moment in which a connection is taken is known to be its."""
        connection = self.connection()
        os.write(connection.reading.other, b"x")
        lane, poller = self.lane, self.lane._poller
        found: list[Attended] = []

        class Poller:
            def register(self, *args: int) -> None:
                poller.register(*args)
                found.extend(lane.ready(False))

            def poll(self, timeout: float | None) -> Any:
                return poller.poll(timeout)

        lane._poller = Poller()
        self.turn(connection)
        lane._poller = poller
        self.assertEqual(found, [connection])

    def test_busy(self) -> None:
        """A connection that is read from soon after it had a turn is taken."""
        connection = self.connection()
        self.lane.note(connection, self.now)
        self.now += _BUSY / 2
        self.turn(connection)
        self.check(connection, True)

    def test_not_busy(self) -> None:
        """A connection that has a turn now and then stays with the reactor."""
        connection = self.connection()
        self.lane.note(connection, self.now)
        self.now += _BUSY * 2
        for _ in range(10):
            self.turn(connection)
            self.now += _BUSY * 2
        self.check(connection, False)

    def test_slow(self) -> None:
        """A slow connection is not taken, and given back if it was there."""
        connection = self.connection()
        connection.slow = True
        self.turn(connection)
        self.turn(connection)
        self.check(connection, False)
        connection = self.taken()
        connection.slow = True
        self.turn(connection)
        self.check(connection, False)

    def test_cannot_be_lent(self) -> None:
        """A connection without an input that can be lent, or whose input refuses, stays with the reactor."""
        connection = self.connection()
        connection.reading.lend = lambda on_stop: -1
        without = Attended(Nobody(), 1)
        for _ in range(3):
            self.turn(connection)
            self.turn(without)
        self.clock.catch_up()
        self.assertEqual((len(self.lane), connection.descriptor, without.descriptor), (0, -1, -1))

    def test_cannot_be_watched(self) -> None:
        """A connection that the system does not want to watch stays with the reactor."""
        connection = self.connection()
        poller = self.lane._poller

        class Poller:
            def register(self, *args: int) -> None:
                raise OSError(errno.ENOSPC, "too many")

            def unregister(self, *args: int) -> None:
                raise OSError(errno.ENOENT, "not watched")

        self.lane._poller = Poller()
        self.turn(connection)
        self.clock.catch_up()
        self.lane._poller = poller
        self.check(connection, False)

    def test_without_epoll(self) -> None:
        """Where there is no epoll nothing is taken, and the thread still waits and is woken."""
        self.patch(select, "epoll", select.epoll)
        del select.epoll
        lane = Lane(self.clock)
        lane.open()
        self.addCleanup(lane.close)
        connection = self.connection()
        for _ in range(3):
            lane.offer(connection)
        self.check(connection, False)
        lane.wake()
        self.assertEqual((lane.ready(True), lane.ready(False), len(lane)), ([], [], 0))

    def test_wake(self) -> None:
        """Who waits is woken by one wake or by thousands, also by one that came before."""
        waiting = Waiting(lambda: self.lane.ready(True))
        self.lane.wake()
        self.assertEqual(waiting.result(), [])
        for _ in range(100_000):
            self.lane.wake()
        self.assertEqual(self.lane.ready(True), [])
        waiting = Waiting(lambda: self.lane.ready(True))
        self.lane.wake()
        self.assertEqual(waiting.result(), [])

    def test_taken_while_a_thread_waits(self) -> None:
        """A connection that is taken while the thread waits is found by it."""
        connection = self.connection()
        waiting = Waiting(lambda: self.lane.ready(True))
        self.turn(connection)
        self.turn(connection)
        self.clock.catch_up()
        os.write(connection.reading.other, b"x")
        self.assertEqual(waiting.result(), [connection])


class GivingBackTests(LaneTestCase):
    def test_quiet(self) -> None:
        """A connection that was quiet for a while is given back, while others are busy."""
        quiet, busy = self.taken(), self.taken()
        for _ in range(3):
            self.now += _QUIET * 0.6
            self.turn(busy)
            self.assertEqual(self.lane.ready(False), [])
        self.check(quiet, False)
        self.check(busy, True)

    def test_all_quiet(self) -> None:
        """A connection that was quiet for a while is given back also if nobody else has anything to do."""
        self.patch(lane_module, "_QUIET", 0.01)
        connection = self.taken()
        self.now += 1
        self.assertEqual((self.lane.ready(True), len(self.lane)), ([], 0))
        self.check(connection, False)

    def test_end_of_input(self) -> None:
        """A connection from which nothing more can be read is given back."""
        connection = self.taken()
        connection.reading.receive = lambda: False
        os.write(connection.reading.other, b"x")
        for found in self.lane.ready(True):
            self.lane.read(found)
        self.clock.catch_up()
        self.assertEqual((len(self.lane), connection.reading.lent), (0, False))

    def test_again(self) -> None:
        """A connection can be taken and given back any number of times."""
        connection = self.connection()
        for _ in range(5):
            self.turn(connection)
            self.turn(connection)
            self.check(connection, True)
            self.lane.release(connection)
            self.check(connection, False)

    def test_given_back_while_taken(self) -> None:
        """A connection that is to be given back just when it is taken is in the lane, or is not, for everybody."""
        connection = self.connection()
        lane, poller = self.lane, self.lane._poller

        class Poller:
            def register(self, *args: int) -> None:
                lane.release(connection)
                poller.register(*args)
                lane.release(connection)

            def unregister(self, descriptor: int) -> None:
                poller.unregister(descriptor)

        lane._poller = Poller()
        self.turn(connection)
        lane._poller = poller
        self.check(connection, connection.descriptor >= 0)
        lane.release(connection)
        self.check(connection, False)

    def test_wanted_while_given_back(self) -> None:
        """A connection that is wanted again while it is being given back is not taken before it is back."""
        connection = self.taken()
        self.lane.release(connection)
        self.turn(connection)
        self.check(connection, False)
        self.turn(connection)
        self.check(connection, True)

    def test_all(self) -> None:
        """All can be given back at once."""
        connections = [self.taken() for _ in range(5)]
        self.lane.release_all()
        for connection in connections:
            self.check(connection, False)


class DescriptorTests(LaneTestCase):
    def test_reused(self) -> None:
        """When a connection is gone, another one with its descriptor can be taken, whatever the old one still does."""
        old = self.taken()
        descriptor = old.reading.descriptor
        old.reading.close()
        self.lane.forget(old)
        new = self.taken()
        self.assertEqual(new.reading.descriptor, descriptor)
        self.check(new, True)
        self.lane.release(old)
        self.lane.forget(old)
        self.check(new, True)


class HandingOverTests(WorkersTestCase):
    """The lane and its workers: who reads, while the runner changes."""

    def setUp(self) -> None:
        super().setUp()
        if not hasattr(select, "epoll"):
            raise SkipTest("without epoll nothing is ever in the lane")
        self.patch(lane_module, "monotonic", lambda: self.now)
        self.patch(lane_module, "_BUSY", FOREVER)

    def taken(self, workers: Any) -> Attended:
        """Make a connection that is in the lane of the workers."""
        connection = self.connection(workers)
        connection.reading = reading = Reading()
        self.addCleanup(reading.close)
        while not reading.lent:
            self.do(connection)
            workers.has_read(connection)
        return connection

    def test_read_by_the_runner(self) -> None:
        """What a connection in the lane sends is read by the runner, whoever that is just now."""
        workers = self.workers()
        connection, other = self.taken(workers), self.connection(workers)
        readers: list[int] = []
        receive = connection.reading.receive

        def noting() -> bool:
            readers.append(threading.get_ident())
            return receive()

        connection.reading.receive = noting
        for count in range(1, 6):
            os.write(connection.reading.other, b"x")
            self.clock.pass_until(0, lambda count=count: len(readers) == count)
            self.assertEqual(readers[-1], self.do(other))
            begun, free = self.hang([other])
            begun.acquire(timeout=PATIENCE)
            self.look()
            free.set()
            self.clock.pass_until(0, lambda: other.permits)
        for one, another in pairwise(readers):
            self.assertNotEqual(one, another)

    def test_at_the_limit(self) -> None:
        """When all threads hang, the reactor reads what they have read."""
        workers = self.workers(limit=2)
        connections = [self.taken(workers) for _ in range(3)]
        begun, free = self.hang(connections[:2])
        self.until_begun(begun, 2)
        self.look()
        self.clock.catch_up()
        self.assertEqual([connection.reading.lent for connection in connections], [False] * 3)
        free.set()
        self.until_idle(workers)

    def test_waiting_job_gives_back(self) -> None:
        """The connection whose job waits for its client is read by the reactor meanwhile, also at the limit."""
        for limit in (1, 2):
            workers = self.workers(limit)
            connection = self.taken(workers)
            news = threading.Event()
            connection.hub.post(lambda connection=connection, news=news: connection.hub.wait(news.is_set))
            self.clock.pass_until(0, lambda connection=connection: not connection.reading.lent)
            news.set()
            connection.hub.notify()
            self.until_idle(workers)

    def test_found_stalled_too_late(self) -> None:
        """A runner that is found to hang just when its job has ended, and that reads again, is not disturbed: the
        reactor does not read what it is reading.
        """
        workers = self.workers(limit=1)
        one, other = self.taken(workers), self.taken(workers)
        begun, free = self.hang([one])
        begun.acquire(timeout=PATIENCE)
        runner, _done = workers.stalled
        reading, may_end = threading.Event(), threading.Event()
        self.addCleanup(may_end.set)
        receive = other.reading.receive

        def slowly() -> bool:
            reading.set()
            may_end.wait(PATIENCE)
            return receive()

        other.reading.receive = slowly
        free.set()
        os.write(other.reading.other, b"x")
        self.assertTrue(reading.wait(PATIENCE))
        # As the watch does, if the job ends while it thinks.
        workers.pass_on(runner, 1)
        self.clock.catch_up()
        self.assertTrue(other.reading.lent)
        may_end.set()
        self.until_idle(workers)

    def test_no_longer_the_runner(self) -> None:
        """Who finds, after a job, that it is not the runner any more does not give back what the new one reads."""
        workers = self.workers()
        connection = self.taken(workers)
        reading, may_end = threading.Event(), threading.Event()
        self.addCleanup(may_end.set)
        receive = connection.reading.receive

        def slowly() -> bool:
            reading.set()
            may_end.wait(PATIENCE)
            return receive()

        def job() -> None:
            connection.reading.receive = slowly
            begun.set()
            free.wait(PATIENCE)
            connection.slow = True

        begun, free = threading.Event(), threading.Event()
        workers._reading = door = Door(workers._reading)
        connection.hub.post(job)
        begun.wait(PATIENCE)
        runner, _done = workers.stalled
        # Between its looking whether it is the runner and its giving back the watch makes another thread the runner.
        door.on_try = lambda: (
            workers.pass_on(runner, 1),
            os.write(connection.reading.other, b"x"),
            reading.wait(PATIENCE),
        )
        free.set()
        self.assertTrue(reading.wait(PATIENCE))
        self.clock.pass_until(0, lambda: runner.at is None and runner in workers._idle)
        self.assertTrue(connection.reading.lent)
        may_end.set()
        self.until_idle(workers)

    def test_asked_too_late(self) -> None:
        """A job that begins to wait for its client just when another thread becomes the runner leaves its connection
        to that one.
        """
        workers = self.workers()
        connection = self.taken(workers)
        reading, may_end, asks, news = (threading.Event() for _ in range(4))
        self.addCleanup(may_end.set)
        self.addCleanup(news.set)
        receive = connection.reading.receive

        def slowly() -> bool:
            reading.set()
            may_end.wait(PATIENCE)
            return receive()

        def job() -> None:
            connection.reading.receive = slowly
            asks.wait(PATIENCE)
            connection.hub.wait(news.is_set)

        connection.hub.post(job)
        self.clock.pass_until(0, lambda: workers.stalled)
        runner, _done = workers.stalled
        workers._lock = lock = Door(workers._lock)
        lock.on_enter = lambda: (
            workers.pass_on(runner, 1),
            os.write(connection.reading.other, b"x"),
            reading.wait(PATIENCE),
        )
        asks.set()
        self.assertTrue(reading.wait(PATIENCE))
        self.clock.pass_until(0, lambda: connection.hub.sleepers)
        self.assertTrue(connection.reading.lent)
        may_end.set()
        news.set()
        connection.hub.notify()
        self.until_idle(workers)


class Door:
    """A lock of the workers', and what shall happen just before it is taken for the next time."""

    def __init__(self, lock: Any) -> None:
        self._lock = lock
        self.on_enter: Callable[[], object] | None = None
        self.on_try: Callable[[], object] | None = None
        self.release = lock.release

    def __enter__(self) -> None:
        happens, self.on_enter = self.on_enter, None
        if happens is not None:
            happens()
        self._lock.acquire()

    def __exit__(self, *_error: object) -> None:
        self._lock.release()

    def acquire(self, blocking: bool) -> bool:
        happens, self.on_try = self.on_try, None
        if happens is not None:
            happens()
        return self._lock.acquire(blocking=blocking)


class Noting(txrpyc.Service):
    """A service that takes notes."""

    registered: ClassVar[list[Any]] = []

    def __init__(self) -> None:
        self.notes: list[Any] = []
        self.parted = threading.Semaphore(0)

    def on_connect(self, conn: Any) -> None:
        self.conn = conn

    def on_disconnect(self, conn: Any) -> None:
        self.notes.append("disconnected")
        self.parted.release()

    @txrpyc.exposed
    def add(self, one: int, two: int) -> int:
        return one + two

    @txrpyc.exposed
    def note(self, what: Any) -> Any:
        self.notes.append(what)
        return what

    @txrpyc.exposed
    def echo(self, data: bytes) -> bytes:
        return data

    @txrpyc.exposed
    def call(self, function: Any, argument: Any) -> Any:
        return function(argument)

    @txrpyc.exposed
    def close(self) -> None:
        self.conn.close()

    @txrpyc.exposed
    def register(self, function: Any) -> None:
        self.registered.append(function)

    @txrpyc.exposed
    def call_others(self, number: int) -> tuple[int, ...]:
        return tuple(function(number) for function in self.registered)

    @txrpyc.exposed
    def give(self) -> Any:
        return Calling(self.registered[0], self.notes)

    @txrpyc.exposed
    def hang(self, gate: str) -> bool:
        return gates[gate].wait(PATIENCE)


class Calling:
    """Calls a function of a client's when it dies."""

    def __init__(self, function: Any, notes: list[Any]) -> None:
        self._function = function
        self._notes = notes

    def __del__(self) -> None:
        try:
            self._notes.append(self._function(21))
        except WrongThread:
            self._notes.append("refused")


gates: dict[str, threading.Event] = {}


class Doubling(DeferredService):
    """What a client offers."""

    def exposed_double(self, number: int) -> int:
        return 2 * number


class ServerTestCase(TestCase):
    """A server in the reactor of the tests, and clients there, too; connections get into the lane, and stay there."""

    timeout = 120

    def setUp(self) -> None:
        if not hasattr(select, "epoll"):
            raise SkipTest("without epoll nothing is ever in the lane")
        self.patch(lane_module, "_QUIET", FOREVER)
        self.patch(lane_module, "_BUSY", FOREVER)
        self.patch(attended_module, "_LONG", FOREVER)
        self.patch(Noting, "registered", [])
        self.servers: list[RPyCProtocol] = []
        self.services: list[Noting] = []

    async def serve(
        self, endpoint: str = "tcp:0:interface=127.0.0.1", wrap: Callable[[Factory], Any] | None = None, **options: Any
    ) -> str:
        """Listen; give the endpoint for clients."""
        case = self

        class Service(Noting):
            def __init__(self) -> None:
                super().__init__()
                case.services.append(self)

        self.factory = ResidentFactory(Service, {"allow_public_attrs": True}, reactor, **options)
        build = self.factory.buildProtocol

        def noting(address: Any) -> RPyCProtocol:
            self.servers.append(build(address))
            return self.servers[-1]

        self.factory.buildProtocol = noting
        port = await serverFromString(reactor, endpoint).listen(wrap(self.factory) if wrap else self.factory)
        self.addCleanup(self.factory.close_all)
        self.addCleanup(port.stopListening)
        address = port.getHost()
        return f"tcp:127.0.0.1:{address.port}" if hasattr(address, "port") else f"unix:{address.name.decode()}"

    async def dial(self, endpoint: str) -> Connection:
        client = await connect(endpoint, Doubling)
        self.addCleanup(client.close)
        return client

    async def until(self, holds: Callable[[], object]) -> None:
        """Let the reactor run until a condition holds of which nobody tells."""
        deadline = monotonic() + PATIENCE
        while not holds():
            self.assertLess(monotonic(), deadline, "it never came")
            await deferLater(reactor, 0.002)

    async def busy(self, client: Connection) -> RPyCProtocol:
        """Call until the connection, the last one made, is in the lane; give the server's protocol."""
        server = self.servers[-1]
        deadline = monotonic() + PATIENCE
        while not server.read_elsewhere:
            self.assertLess(monotonic(), deadline)
            self.assertEqual(await client.root.add(1, 2), 3)
        return server

    async def lane(self, **options: Any) -> tuple[Connection, RPyCProtocol]:
        """Give a client whose connection is in the lane, and the server's protocol."""
        client = await self.dial(await self.serve(**options))
        return client, await self.busy(client)

    async def check_parted(self, *notes: Any, which: int = -1) -> None:
        """Wait until the service knows that the connection is gone; check what it has noted, and that the workers
        forgot the connection.
        """
        service = self.services[which]
        await self.until(lambda: service.parted.acquire(blocking=False))
        await self.factory._workers.when_idle()
        self.assertEqual(service.notes, [*notes, "disconnected"])

    def check_lane(self, count: int) -> None:
        self.assertEqual(len(self.factory._workers.lane), count)

    def frame(self, client: Connection, verb: int, *arguments: Any) -> tuple[Deferred[Any], bytes]:
        """Give the bytes of a request, which are still to be sent, and what will fire with the answer."""
        answer = client.protocol.new_answer()
        sequence, pieces = client.protocol.session.encode_request(verb, arguments)
        answer.sequence = sequence
        client.protocol.exchange.waiting[sequence] = answer
        return answer, b"".join(pieces)

    def call(self, client: Connection, name: str, *arguments: Any) -> tuple[Deferred[Any], bytes]:
        return self.frame(client, Verb.CALLATTR, client.root, name, arguments, ())


class LentTests(ServerTestCase):
    async def test_lent_and_given_back(self) -> None:
        """A busy connection is read by the runner, and after a quiet while by the reactor again; and so on."""
        client, server = await self.lane()
        for _ in range(3):
            self.check_lane(1)
            self.patch(lane_module, "_QUIET", 0.02)
            self.factory._workers.lane.wake()
            await self.until(lambda: not server.read_elsewhere)
            self.check_lane(0)
            self.patch(lane_module, "_QUIET", FOREVER)
            self.assertIs(await self.busy(client), server)

    async def test_now_and_then(self) -> None:
        """A connection that calls now and then is not lent, once it is not new any more."""
        client, server = await self.lane()
        self.patch(lane_module, "_BUSY", -1.0)
        self.patch(lane_module, "_QUIET", 0.001)
        self.factory._workers.lane.wake()
        await self.until(lambda: not server.read_elsewhere)
        for _ in range(100):
            self.assertEqual(await client.root.add(1, 2), 3)
        self.assertFalse(self.servers[0].read_elsewhere)

    async def test_unix(self) -> None:
        """A unix socket is lent as well."""
        client, _server = await self.lane(endpoint=f"unix:{self.mktemp()[-60:]}-socket")
        self.assertEqual(await client.root.echo(b"x" * 1_000_000), b"x" * 1_000_000)

    async def test_wrapped(self) -> None:
        """A connection whose bytes pass through something else, such as TLS, is not lent."""
        client = await self.dial(await self.serve(wrap=WrappingFactory))
        for _ in range(100):
            self.assertEqual(await client.root.add(1, 2), 3)
        self.check_lane(0)
        self.assertFalse(self.servers[0].read_elsewhere)

    async def test_lent_once(self) -> None:
        """What was lent is not lent again before it was taken back; then it is."""
        _client, server = await self.lane()
        lane, connection = self.factory._workers.lane, lane_connection(self.factory, server)
        self.assertEqual(connection.reading.lend(lambda: None), -1)
        lane.release(connection)
        self.assertEqual(connection.reading.lend(lambda: None), -1)
        connection.reading.resume()
        self.assertEqual(connection.reading.lend(lambda: None), server.transport.fileno())
        connection.reading.resume()

    async def test_reused_descriptor(self) -> None:
        """A new connection gets into the lane with the descriptor of one that was lost there."""
        place = await self.serve()
        seen = set()
        for count in range(1, 11):
            client = await self.dial(place)
            server = await self.busy(client)
            seen.add(server.transport.fileno())
            server.transport.abortConnection()
            await self.until(lambda client=client: client.closed)
            await self.until(lambda count=count: self.services[count - 1].parted.acquire(blocking=False))
            self.check_lane(0)
        self.assertLess(len(seen), 10)

    async def test_many(self) -> None:
        """Many connections are in the lane at once, and each gets its own answers."""
        place = await self.serve()
        clients = []
        for _ in range(50):
            clients.append(await self.dial(place))
            await self.busy(clients[-1])
        self.check_lane(50)
        for number in range(20):
            answers = await gatherResults([client.root.add(number, which) for which, client in enumerate(clients)])
            self.assertEqual(answers, [number + which for which in range(50)])
        self.assertEqual(self.factory._workers.threads, 1)


class BytesTests(ServerTestCase):
    async def test_half_a_frame(self) -> None:
        """A request that comes in pieces while the connection is in the lane is carried out when it is complete."""
        client, _server = await self.lane()
        answer, data = self.call(client, "note", "in pieces")
        for index in range(len(data)):
            self.assertEqual(self.services[0].notes, [])
            client.protocol.transport.write(data[index : index + 1])
            await deferLater(reactor, 0)
        self.assertEqual(await answer, "in pieces")

    async def test_rest_for_the_reactor(self) -> None:
        """A request whose one half the runner read, and whose other half the reactor, is carried out; and the other
        way round.
        """
        client, server = await self.lane()
        lane = self.factory._workers.lane
        for _ in range(3):
            answer, data = self.call(client, "echo", "one half")
            client.protocol.transport.write(data[:7])
            self.patch(lane_module, "_QUIET", 0.02)
            lane.wake()
            await self.until(lambda: not server.read_elsewhere)
            self.patch(lane_module, "_QUIET", FOREVER)
            client.protocol.transport.write(data[7:])
            self.assertEqual(await answer, "one half")
            answer, data = self.call(client, "echo", "other half")
            client.protocol.transport.write(data[:7])
            lane.offer(lane_connection(self.factory, server))
            self.assertTrue(server.read_elsewhere)
            client.protocol.transport.write(data[7:])
            self.assertEqual(await answer, "other half")

    async def test_many_in_one(self) -> None:
        """Many requests in one piece are carried out in order."""
        client, _server = await self.lane()
        calls = [self.call(client, "note", number) for number in range(1000)]
        client.protocol.transport.write(b"".join(data for _answer, data in calls))
        self.assertEqual(await gatherResults([answer for answer, _data in calls]), list(range(1000)))
        self.assertEqual(self.services[0].notes, list(range(1000)))

    async def test_big(self) -> None:
        """Long messages go both ways while the connection is in the lane."""
        client, server = await self.lane()
        data = bytes(range(256)) * (10 * 4096)
        for _ in range(3):
            self.assertTrue(await client.root.echo(data) == data)
        self.assertTrue(server.read_elsewhere)

    async def test_full_socket(self) -> None:
        """A long answer that the client does not take for now holds nothing up: neither requests nor other clients."""
        place = await self.serve()
        client, other = await self.dial(place), None
        server = await self.busy(client)
        data = bytes(range(256)) * (10 * 4096)
        client.protocol.transport.pauseProducing()
        long = client.root.echo(data)
        await self.until(lambda: server.outflow.handed_over)
        shorts = [client.root.note(number) for number in range(10)]
        await self.until(lambda: len(self.services[0].notes) == 10)
        other = await self.dial(place)
        self.assertEqual(await other.root.add(1, 2), 3)
        self.assertFalse(long.called)
        client.protocol.transport.resumeProducing()
        self.assertTrue(await long == data)
        self.assertEqual(await gatherResults(shorts), list(range(10)))
        self.assertFalse(server.outflow.handed_over)

    async def test_in_and_out(self) -> None:
        """Requests that come in pieces of any size are carried out in order, once, while the connection is lent and
        given back all the time.
        """
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(1e-5)
        client, server = await self.lane()
        luck = random.Random(1)
        flips = 0
        total = 3000
        calls = [self.call(client, "note", number) for number in range(total)]
        data = b"".join(piece for _answer, piece in calls)
        position = 0
        # Long enough to be quiet at any moment, short enough to be so often.
        self.patch(lane_module, "_QUIET", 0.0005)
        was = server.read_elsewhere
        while position < len(data):
            size = luck.choice((1, 3, 10, 100, 1000, 5000))
            client.protocol.transport.write(data[position : position + size])
            position += size
            await deferLater(reactor, luck.choice((0, 0, 0, 0.001)))
            if server.read_elsewhere != was:
                flips, was = flips + 1, server.read_elsewhere
        self.patch(lane_module, "_QUIET", FOREVER)
        answers = await gatherResults([answer for answer, _piece in calls])
        self.assertEqual(answers, list(range(total)))
        self.assertEqual(self.services[0].notes, list(range(total)))
        self.assertGreater(flips, 2)


class LosingTests(ServerTestCase):
    async def test_client_closes(self) -> None:
        """The client's closing is noticed in the lane."""
        client, _server = await self.lane()
        await client.root.note(1)
        await client.close()
        await self.check_parted(1)
        self.check_lane(0)

    async def test_client_cuts(self) -> None:
        """So is the end of a connection that was cut."""
        client, _server = await self.lane()
        client.protocol.abort()
        await self.check_parted()
        self.check_lane(0)

    async def test_client_leaves(self) -> None:
        """So is a client that only closes its socket, with requests before that, which are carried out."""
        client, _server = await self.lane()
        _answer, data = self.call(client, "note", 1)
        _answer.addErrback(lambda failure: failure.trap(ConnectionLost))
        client.protocol.transport.write(data)
        client.protocol.transport.loseConnection()
        await self.check_parted(1)
        self.check_lane(0)

    async def test_half_closed(self) -> None:
        """So is one that ends its side only."""
        client, _server = await self.lane()
        client.protocol.transport.loseWriteConnection()
        await self.check_parted()
        await self.until(lambda: client.closed)
        self.check_lane(0)

    async def test_server_closes(self) -> None:
        """The server can close a connection that is in the lane."""
        client, server = await self.lane()
        server.transport.loseConnection()
        await self.check_parted()
        await self.until(lambda: client.closed)
        self.check_lane(0)

    async def test_server_cuts(self) -> None:
        """It can cut it."""
        client, server = await self.lane()
        server.abort_soon()
        await self.check_parted()
        await self.until(lambda: client.closed)
        self.check_lane(0)

    async def test_close_all(self) -> None:
        """A server that ends closes those in the lane, and leaves no threads there."""
        place = await self.serve()
        clients = []
        for _ in range(5):
            clients.append(await self.dial(place))
            await self.busy(clients[-1])
        self.check_lane(5)
        await self.factory.close_all()
        for which in range(5):
            self.assertEqual(self.services[which].notes, ["disconnected"])
        await self.until(lambda: all(client.closed for client in clients))
        self.check_lane(0)

    async def test_close_all_among_calls(self) -> None:
        """A server that ends while clients call all the time ends, and tells each service once."""
        for _ in range(5):
            self.services.clear()
            place = await self.serve()
            clients = [await self.dial(place) for _ in range(5)]
            for client in clients:
                self.keep_calling(client)
            await deferLater(reactor, 0.02)
            await self.factory.close_all()
            for service in self.services:
                self.assertEqual(service.notes.count("disconnected"), 1)
            await self.until(lambda clients=clients: all(client.closed for client in clients))

    def keep_calling(self, client: Connection) -> None:
        def again(answer: Any) -> None:
            self.assertEqual(answer, 3)
            self.keep_calling(client)

        client.root.add(1, 2).addCallbacks(again, lambda failure: failure.trap(EOFError) and None)

    async def test_broken(self) -> None:
        """Bytes that mean nothing end the connection."""
        client, _server = await self.lane()
        await client.root.note(1)
        client.protocol.transport.write(b"\xff" * 1000)
        await self.check_parted(1)
        await self.until(lambda: client.closed)
        self.check_lane(0)

    async def test_broken_with_more(self) -> None:
        """Nor is anything carried out that comes behind them."""
        client, _server = await self.lane()
        client.protocol.transport.write(b"\xff" * 1000)
        for _ in range(20):
            answer, data = self.call(client, "note", 1)
            answer.addErrback(lambda failure: failure.trap(ConnectionLost))
            client.protocol.transport.write(data)
        await self.check_parted()
        self.check_lane(0)

    async def test_close_with_requests(self) -> None:
        """A CLOSE in the lane is answered, and ends the connection."""
        client, _server = await self.lane()
        first, data = self.call(client, "note", 1)
        first.addErrback(lambda failure: failure.trap(ConnectionLost))
        closing, closes = self.frame(client, Verb.CLOSE)
        client.protocol.transport.write(data + closes)
        self.assertIsNone(await closing)
        await self.check_parted(1)
        await self.until(lambda: client.closed)
        self.check_lane(0)

    async def test_nothing_after_the_end(self) -> None:
        """After on_disconnect nothing is carried out that had come before it, but was not read so far."""
        client, server = await self.lane()
        inside, may_go_on = threading.Event(), threading.Event()
        self.addCleanup(may_go_on.set)
        receive = server.take_in

        def slowly(data: bytes) -> Any:
            inside.set()
            may_go_on.wait(PATIENCE)
            return receive(data)

        server.take_in = slowly
        answer, data = self.call(client, "note", "too late")
        answer.addErrback(lambda failure: failure.trap(ConnectionLost))
        client.protocol.transport.write(data)
        await self.until(inside.is_set)
        server.abort_soon()
        await self.until(lambda: server.lost is not None)
        may_go_on.set()
        await self.check_parted()
        self.check_lane(0)

    async def test_while_inherited(self) -> None:
        """When a connection in the lane is lost while a forked process still has its socket, the runner rests; also
        when another connection gets the descriptor.
        """
        place = await self.serve()
        client = await self.dial(place)
        server = await self.busy(client)
        descriptor = server.transport.fileno()
        inherited = os.dup(descriptor)  # the same, for the system: what it watches is still open
        self.addCleanup(os.close, inherited)
        client.protocol.transport.write(b"\xff" * 1000)
        server.abort_soon()
        await self.check_parted()
        client.protocol.abort()
        await self.check_rest()
        client = await self.dial(place)
        server = await self.busy(client)
        self.assertEqual(server.transport.fileno(), descriptor)
        await self.check_rest()
        self.assertEqual(await client.root.add(1, 2), 3)

    async def check_rest(self) -> None:
        """Check that the runner does nothing as long as there is nothing to do."""
        lane = self.factory._workers.lane
        rounds = 0
        poller = lane._poller

        class Counting:
            def poll(self, timeout: float | None) -> Any:
                nonlocal rounds
                rounds += timeout != 0
                return poller.poll(timeout)

            def __getattr__(self, name: str) -> Any:
                return getattr(poller, name)

        lane._poller = Counting()
        lane.wake()
        await deferLater(reactor, 0.1)
        lane._poller = poller
        self.assertLess(rounds, 50)


class WaitingTests(ServerTestCase):
    async def test_callbacks(self) -> None:
        """Methods that call their client are served, in the lane and out of it, and wait for nobody else."""
        place = await self.serve()
        clients = [await self.dial(place) for _ in range(10)]
        for number in range(20):
            calls = [client.root.call(lambda value: value * 2, number + which) for which, client in enumerate(clients)]
            calls += [client.root.add(number, which) for which, client in enumerate(clients)]
            expected = [2 * (number + which) for which in range(10)] + [number + which for which in range(10)]
            self.assertEqual(await gatherResults(calls), expected)

    async def test_callbacks_with_one_worker(self) -> None:
        """They are also where there is a single worker."""
        place = await self.serve(limit=1)
        clients = [await self.dial(place) for _ in range(5)]
        for number in range(20):
            calls = [client.root.call(lambda value: value * 2, number + which) for which, client in enumerate(clients)]
            calls += [client.root.add(number, which) for which, client in enumerate(clients)]
            expected = [2 * (number + which) for which in range(5)] + [number + which for which in range(5)]
            self.assertEqual(await gatherResults(calls), expected)

    async def test_lost_in_a_callback(self) -> None:
        """A connection that is lost while its method waits for it is noticed, and the method told."""
        client, _server = await self.lane()
        asked: Deferred[None] = Deferred()
        never: Deferred[None] = Deferred()

        def ask(_argument: Any) -> Deferred[None]:
            asked.callback(None)
            return never

        call = client.root.call(ask, 1)
        call.addErrback(lambda failure: failure.trap(ConnectionLost))
        await asked
        client.protocol.abort()
        await call
        await self.check_parted()
        self.check_lane(0)

    async def test_closes_itself(self) -> None:
        """A method can close its own connection."""
        client, _server = await self.lane()
        await client.root.close().addErrback(lambda failure: failure.trap(ConnectionLost) and None)
        await self.check_parted()
        self.check_lane(0)

    async def test_calling_others(self) -> None:
        """Methods can call other clients, all of them at once, where those are in the lane."""
        place = await self.serve()
        clients = [await self.dial(place) for _ in range(6)]
        for which, client in enumerate(clients):
            await client.root.register(lambda number, which=which: number + which)
        for number in range(10):
            results = await gatherResults([client.root.call_others(number) for client in clients])
            for result in results:
                self.assertEqual(result, tuple(number + which for which in range(6)))

    async def test_dying_object(self) -> None:
        """An object of the server's that calls a client while it dies, as its own client gives it back, harms nobody:
        such a call is carried out, or refused as in a reactor's thread.
        """
        place = await self.serve()
        one, other = await self.dial(place), await self.dial(place)
        await other.root.register(lambda number: number * 2)
        server = self.servers[0]
        while not server.read_elsewhere:
            await one.root.add(1, 2)
        while not self.servers[1].read_elsewhere:
            await other.root.add(1, 2)
        given = await one.root.give()
        del given
        gc.collect()
        await one.root.add(1, 2)
        await self.until(lambda: self.services[0].notes)
        self.assertIn(self.services[0].notes, ([42], ["refused"]))
        self.assertEqual(await other.root.add(1, 2), 3)

    async def test_hanging_methods(self) -> None:
        """While methods of some hang, those in the lane are served."""
        place = await self.serve()
        gates["hanging"] = gate = threading.Event()
        self.addCleanup(gate.set)
        clients = []
        for _ in range(10):
            clients.append(await self.dial(place))
            await self.busy(clients[-1])
        hanging = [client.root.hang("hanging") for client in clients[:5]]
        for _ in range(20):
            self.assertEqual(await gatherResults([client.root.add(1, 2) for client in clients[5:]]), [3] * 5)
        self.assertEqual([call.called for call in hanging], [False] * 5)
        gate.set()
        self.assertEqual(await gatherResults(hanging), [True] * 5)


def lane_connection(factory: ResidentFactory, server: RPyCProtocol) -> Attended:
    """Give what the workers know of a connection."""
    for connection in factory._connections:
        if connection.protocol is server:
            return connection.hub._attendant
    raise AssertionError("it is gone")
