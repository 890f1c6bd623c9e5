"""Callbacks that call back, and the order in which requests start."""

from __future__ import annotations

from tests.blocking.kinds import PATIENCE, TXRPYC, Waiting, with_each_kind
from txrpyc import BgServingThread, async_


class CallbackBehaviour:
    def setUp(self) -> None:
        super().setUp()
        self.conn = self.classic()

    def ping_pong(self) -> int:
        """Let both sides call each other 50 deep; give the depth reached."""
        self.conn.execute("def theirs(depth, other): return 0 if depth == 0 else 1 + other(depth - 1, theirs)")

        def ours(depth: int, other: object) -> int:
            return 0 if depth == 0 else 1 + other(depth - 1, ours)

        return ours(50, self.conn.namespace["theirs"])

    def test_depth(self) -> None:
        """A callback that calls the server, that calls the client, ... works 50 deep."""
        self.assertEqual(self.ping_pong(), 50)

    def test_depth_in_the_background(self) -> None:
        """It does while a `BgServingThread` serves, too."""
        serving = BgServingThread(self.conn)
        self.addCleanup(serving.stop)
        self.assertEqual(self.ping_pong(), 50)

    def test_error_goes_through(self) -> None:
        """An exception travels through all the calls between, and keeps its class."""
        self.conn.execute("def call(f): return f()")
        call = self.conn.namespace["call"]

        def fail() -> None:
            raise LookupError("deep")

        error = self.assertRaises(LookupError, call, lambda: call(fail))
        self.assertEqual(error.args, ("deep",))

    def test_two_connections_through_a_third_process(self) -> None:
        """Two clients that call each other through their server do not get in each other's way."""
        one, two = self.conn, self.classic()
        one.execute("import builtins\nbuiltins.clients = {}")
        for conn in (one, two):
            conn.execute("def call(name, depth): return clients[name](depth)")
            serving = BgServingThread(conn)
            self.addCleanup(serving.stop)

        def in_one(depth: int) -> int:
            return 0 if depth == 0 else 1 + one.namespace["call"]("two", depth - 1)

        def in_two(depth: int) -> int:
            return 0 if depth == 0 else 1 + two.namespace["call"]("one", depth - 1)

        register = one.eval("lambda **names: clients.update(names)")
        register(one=in_one)
        two.eval("lambda **names: clients.update(names)")(two=in_two)
        self.assertEqual(in_one(10), 10)
        both = [Waiting(lambda: in_one(6)), Waiting(lambda: in_two(6))]
        self.assertEqual([waiter.result() for waiter in both], [6, 6])
        one.eval("clients.clear()")

    def test_order_of_plain_requests(self) -> None:
        """Requests with plain arguments start in the order in which they were sent."""
        self.conn.execute("seen = []")
        note = async_(self.conn.eval("seen.append"))
        results = [note(number) for number in range(200)]
        results[-1].wait()
        self.assertEqual(tuple(self.conn.eval("tuple(seen)")), tuple(range(200)))

    def test_order_of_events(self) -> None:
        """What the peer sends starts in the order in which it was sent, also with objects of ten different classes."""
        self.conn.execute(
            f"from {self.kind.package} import async_ as asynchronous\n"
            "classes = [type(f'Class{n}', (), {'__module__': 'classes'}) for n in range(10)]\n"
            "def send(callback):\n"
            "    for n, made in enumerate(classes): asynchronous(callback)(n, made())\n"
        )
        seen: list[int] = []
        self.conn.namespace["send"](lambda number, thing: seen.append(number))
        while len(seen) < 10:
            self.assertTrue(self.conn.serve(PATIENCE))
        self.assertEqual(seen, list(range(10)))


globals().update(with_each_kind(CallbackBehaviour))


class OrderBehaviour:
    def test_order_of_requests_with_objects(self) -> None:
        """Requests with objects of ten different classes start in the order in which they were sent."""
        conn = self.classic()
        conn.execute("seen = []\ndef note(number, thing): seen.append(number); return thing.number()")
        note = async_(conn.namespace["note"])
        things = [type(f"Class{n}", (), {"number": lambda self, n=n: n})() for n in range(10)]
        results = [note(number, thing) for number, thing in enumerate(things)]
        self.assertEqual([result.value for result in results], list(range(10)))
        self.assertEqual(tuple(conn.eval("tuple(seen)")), tuple(range(10)))


# The real rpyc starts these as 9, 8, ..., 0.
globals().update(with_each_kind(OrderBehaviour, (TXRPYC,)))
