"""The protocol of the Deferred face: it does not matter which messages are usual, nor how they come."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from tests.core.cores import frame, payload_of
from tests.core.values import cuts
from tests.deferred.network import NetworkTestCase
from tests.deferred.pairs import PairTestCase
from txrpyc.core.consts import EXCEPTION, REPLY, REQUEST, Verb
from txrpyc.core.frame import encode_frame
from txrpyc.deferred import Service
from txrpyc.errors import ConnectionLost


class Thing:
    """Something to be lent."""


class Anything:
    """Has every method; it gives its name."""

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("exposed_"):
            raise AttributeError(name)
        return lambda: name.removeprefix("exposed_")


class Notes(Service):
    """Notes what it is asked for, in order."""

    def __init__(self) -> None:
        self.noted: list[Any] = []
        self.conn: Any = None

    def on_connect(self, conn: Any) -> None:
        self.conn = conn

    def exposed_note(self, *args: Any, **kwargs: Any) -> Any:
        self.noted.append((args, kwargs))
        return len(self.noted)

    def exposed_thing(self) -> Any:
        return Thing()

    def exposed_anything(self) -> Any:
        return Anything()

    def exposed_fail(self) -> None:
        raise KeyError("failed")

    def exposed_large(self, size: int) -> bytes:
        return bytes(size)

    def exposed_call(self, function: Any, *args: Any) -> Any:
        return function(*args)

    async def exposed_soon(self, value: Any) -> Any:
        return value


class MixedTests(PairTestCase):
    def setUp(self) -> None:
        self.notes = Notes()
        self.joined(self.notes)
        self.root = self.pair.near.root

    def ask_all(self) -> list[Deferred[Any]]:
        """Ask for what is usual, and for what is not, in turn."""
        root, thing = self.root, Thing()
        return [
            call
            for number in range(100)
            for call in (
                root.note(number),
                root.note(number, key="word"),
                root.thing(),
                root.note(thing),
                root.note(number, ("text", None)),
                root.large(5000),
                root.call(len, "four"),
                root.fail(),
                root.soon(number),
                root.call(lambda value: value + 1, number),
            )
        ]

    def check(self, calls: list[Deferred[Any]]) -> None:
        for number, row in enumerate(zip(*[iter(calls)] * 10, strict=True)):
            self.failureResultOf(row[7], KeyError)
            results = [self.successResultOf(call) for place, call in enumerate(row) if place != 7]
            one, two, thing, three, four, large, length, soon, more = results
            self.assertEqual([one, two, three, four], list(range(number * 4 + 1, number * 4 + 5)))
            self.assertIn("Thing", repr(thing))
            self.assertEqual((large, length, soon, more), (bytes(5000), 4, number, number + 1))
        self.assertEqual([args[0] for args, _k in self.notes.noted[::4]], list(range(100)))
        self.assertEqual(self.notes.noted[5], ((1,), {"key": "word"}))
        self.assertEqual(self.notes.noted[7], ((1, ("text", None)), {}))
        self.assertEqual(self.pair.near.protocol.waiting, 0)

    def test_at_once(self) -> None:
        """All messages are answered, and carried out in order, when they come in few reads."""
        calls = self.ask_all()
        self.pair.settle()
        self.check(calls)

    def test_one_by_one(self) -> None:
        """The same when each is waited for."""
        results = []

        async def ask() -> None:
            for number in range(200):
                results.append(await self.root.note(number))
                results.append(await self.root.note(number, key=1))

        self.result(ask)
        self.assertEqual(results, list(range(1, 401)))

    def test_in_pieces(self) -> None:
        """The same when they come in pieces of any length."""
        calls = self.ask_all()
        self.pair.clock.advance(0)
        near, far = self.pair.near_line, self.pair.far_line
        for seed in range(1000):
            there, back = b"".join(near.writes), b"".join(far.writes)
            near.writes, far.writes = [], []
            if not there and not back:
                break
            for piece in cuts(there, seed):
                self.pair.far.protocol.dataReceived(piece)
            for piece in cuts(back, seed):
                self.pair.near.protocol.dataReceived(piece)
            self.pair.clock.advance(0)
        self.check(calls)

    def test_byte_by_byte(self) -> None:
        """The same when each byte comes by itself."""
        call = self.root.note(1)
        for byte in b"".join(self.pair.near_line.writes):
            self.pair.far.protocol.dataReceived(bytes([byte]))
        for byte in b"".join(self.pair.far_line.writes):
            self.pair.near.protocol.dataReceived(bytes([byte]))
        self.assertEqual(self.successResultOf(call), 1)

    def test_called_object(self) -> None:
        """A remote function is called like a method, by one request."""
        note = self.result(lambda: self.root.note)
        self.pair.forget_messages()
        self.assertEqual(self.result(lambda: note(5)), 1)
        self.assertEqual(self.result(lambda: note(5, key=6)), 2)
        self.assertEqual(self.notes.noted, [((5,), {}), ((5,), {"key": 6})])
        messages = self.pair.near_line.messages()
        self.assertEqual([(kind, body[0]) for kind, _s, body in messages], [(REQUEST, Verb.CALL)] * 2)

    def test_many_names(self) -> None:
        """It does not matter how many methods of how many objects are called."""
        things = [self.result(lambda: self.root.anything()) for _ in "12"]
        calls = [getattr(things[number % 2], f"name{number}")() for number in range(1500)]
        self.pair.settle()
        self.assertEqual([self.successResultOf(call) for call in calls], [f"name{number}" for number in range(1500)])

    def test_late(self) -> None:
        """The late answer to a call that was cancelled is dropped."""
        call = self.root.note(1)
        call.cancel()
        call.addErrback(lambda failure: None)
        self.pair.settle()
        self.assertEqual(self.result(lambda: self.root.note(2)), 2)

    def test_unasked(self) -> None:
        """An answer to what was never asked is dropped."""
        self.result(lambda: self.root.note(1))
        data = b"".join(self.pair.far_line.writes)
        self.pair.near.protocol.dataReceived(data)
        self.assertEqual(self.result(lambda: self.root.note(2)), 2)

    def test_received(self) -> None:
        """Each request and each answer is counted once, whichever way it took."""
        near, far = self.pair.near.protocol, self.pair.far.protocol
        before = near.received, far.received
        for _ in range(5):
            self.result(lambda: self.root.note(1))
            self.result(lambda: self.root.note(1, key=2))
        self.assertEqual((near.received, far.received), (before[0] + 10, before[1] + 10))

    def test_exit(self) -> None:
        """An exception that ends the program leaves the connection able to write."""
        self.notes.exposed_fail = self.interrupt  # type: ignore[method-assign]
        self.root.fail()
        self.assertRaises(KeyboardInterrupt, self.pair.settle)
        self.assertFalse(self.pair.far.protocol.outflow.reading)  # type: ignore[attr-defined]

    def interrupt(self) -> None:
        raise KeyboardInterrupt

    def test_after_garbage(self) -> None:
        """After bytes that are no message nothing more is taken in."""
        self.result(lambda: self.root.note(1))
        request = b"".join(self.pair.near_line.writes)
        far = self.pair.far.protocol
        far.dataReceived(b"\xff" * 20 + request)
        far.dataReceived(request)
        self.assertEqual(len(self.notes.noted), 1)
        self.pair.settle()
        self.failureResultOf(self.begin(lambda: self.root.note(2)), ConnectionLost)

    def test_lost(self) -> None:
        """A call on a connection that is gone fails at once."""
        self.result(lambda: self.root.note(1))
        self.begin(self.pair.near.close)
        self.failureResultOf(self.root.note(2), ConnectionLost)
        self.failureResultOf(self.root.note(2, key=3), ConnectionLost)


class WriteTests(PairTestCase):
    def setUp(self) -> None:
        self.notes = Notes()
        self.joined(self.notes)
        self.root = self.pair.near.root

    def test_lone_request(self) -> None:
        """A lone request is written at once."""
        self.root.note(1)
        self.assertEqual(len(self.pair.near_line.writes), 1)

    def test_many_requests(self) -> None:
        """Requests made in a row are few writes, the last of them in the next iteration."""
        calls = [self.root.note(number) for number in range(50)]
        self.assertEqual(len(self.pair.near_line.writes), 1)
        self.pair.clock.advance(0)
        self.assertEqual(len(self.pair.near_line.writes), 2)
        self.pair.settle()
        self.assertEqual([self.successResultOf(call) for call in calls], list(range(1, 51)))

    def test_requests_of_an_answer(self) -> None:
        """Requests that are made because of an answer leave when it has been handled, in few writes."""
        first = self.root.note(0)
        first.addCallback(lambda _result: [self.root.note(number) for number in range(50)])
        self.pair.far.protocol.dataReceived(b"".join(self.pair.near_line.writes))
        self.pair.near_line.messages()
        self.pair.near.protocol.dataReceived(b"".join(self.pair.far_line.writes))
        self.assertTrue(len(self.pair.near_line.writes) <= 2)
        self.assertEqual(len(self.pair.near_line.messages()), 50)

    def test_leaving(self) -> None:
        """What was asked right before the connection is left still goes out."""
        for number in range(5):
            self.root.note(number)
        self.pair.near.leave()
        self.assertEqual(len(self.pair.near_line.messages()), 5)

    def test_closing(self) -> None:
        """What was asked right before the connection is closed is still carried out."""
        calls = [self.root.note(number) for number in range(5)]
        self.result(self.pair.near.close)
        self.assertEqual([self.successResultOf(call) for call in calls], [1, 2, 3, 4, 5])

    def test_limit(self) -> None:
        """The limit of a message's length holds for the usual ones, too."""
        limit = {"max_frame": 1500}
        pair = self.joined(Notes(), near=limit, far=limit)
        self.assertIn("max_frame", str(self.error(lambda: pair.near.root.note("x" * 1500), ValueError)))
        self.assertIn("max_frame", str(self.error(lambda: pair.near.root.large(1500), ValueError)))
        self.assertEqual(self.result(lambda: pair.near.root.note("x" * 1000)), 1)

    def test_compression(self) -> None:
        """A long message is compressed where the configuration asks for it."""
        for setting, flag in (("always", 1), ("never", 0)):
            pair = self.joined(Notes(), near={"compression": setting}, far={"compression": setting})
            self.result(lambda pair=pair: pair.near.root.note("x" * 4000))
            self.assertEqual(pair.near_line.writes[0][4], flag)
            self.assertEqual(self.result(lambda pair=pair: pair.near.root.large(4000)), bytes(4000))

    def test_older_peer(self) -> None:
        """To a peer of the older dialect nothing is sent in the newer one."""
        pair = self.joined(Notes(), near={"protocol_version": 5})
        calls = [pair.near.root.note(number) for number in range(300)]
        pair.settle()
        self.assertEqual([self.successResultOf(call) for call in calls], list(range(1, 301)))
        for line in (pair.near_line, pair.far_line):
            self.assertEqual({data[5] for data in line.writes}, {0x12})

    def test_order_of_answers(self) -> None:
        """An exception and a compressed answer are taken in their places between usual ones."""
        order: list[Any] = []
        calls = [self.root.note(number) for number in range(4)]
        for call in calls:
            call.addBoth(order.append)
        self.pair.clock.advance(0)
        first, second, third, fourth = (number for _m, number, _b in self.pair.near_line.messages())
        long = (1, "x" * 4000)
        error = frame(EXCEPTION, third, (("builtins", "KeyError"), ("key",), (), ""))
        compressed = encode_frame(payload_of(frame(REPLY, second, long)), compress=True)
        answers = [frame(REPLY, first, (1, "first")), compressed, error, frame(REPLY, fourth, (1, "fourth"))]
        self.pair.near.protocol.dataReceived(b"".join(answers))
        self.assertEqual((order[0], order[1], order[3]), ("first", "x" * 4000, "fourth"))
        self.assertTrue(order[2].check(KeyError))


class RealTests(NetworkTestCase):
    async def test_a_thousand_in_flight(self) -> None:
        """A thousand calls in flight at both ends are answered, each with its own."""
        served: list[Notes] = []

        class Noted(Notes):
            def on_connect(self, conn: Any) -> None:
                super().on_connect(conn)
                served.append(self)

        near = await self.dial(await self.serve(Noted), Notes())
        far = await served[0].conn.when_ready()
        for _again in range(3):
            there = [near.root.soon(number) for number in range(1000)]
            back = [far.root.soon(-number) for number in range(1000)]
            self.assertEqual(await gatherResults(there), list(range(1000)))
            self.assertEqual(await gatherResults(back), [-number for number in range(1000)])
        self.assertEqual((near.protocol.waiting, far.protocol.waiting), (0, 0))
