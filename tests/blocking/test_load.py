"""Long messages, and many threads at once."""

from __future__ import annotations

import threading

from tests.blocking.kinds import Waiting, with_each_kind
from txrpyc import BgServingThread, async_

_BIG = bytes(range(256)) * (10 * 4096)
"""10 MiB."""


class LoadBehaviour:
    def setUp(self) -> None:
        super().setUp()
        self.conn = self.classic()

    def serve_in_background(self) -> None:
        self.addCleanup(BgServingThread(self.conn).stop)

    def pass_big_values(self) -> None:
        self.assertEqual(self.conn.eval("lambda data: (len(data), data[-3:])")(_BIG), (len(_BIG), _BIG[-3:]))
        self.assertTrue(self.conn.eval("bytes(range(256)) * (10 * 4096)") == _BIG)
        self.assertTrue(self.conn.eval("lambda data: data")(_BIG) == _BIG)
        self.assertTrue(self.conn.eval("lambda f, data: f(data) == data")(lambda data: data, _BIG))

    def test_big(self) -> None:
        """10 MiB go there and come back."""
        self.pass_big_values()

    def test_big_in_the_background(self) -> None:
        """They do while a `BgServingThread` serves."""
        self.serve_in_background()
        self.pass_big_values()

    def test_big_at_once(self) -> None:
        """Both sides send long messages at the same time, more than the sockets hold, and neither blocks."""
        length = async_(self.conn.eval("lambda data: data[:1] + data"))
        results = [length(_BIG[: 2 << 20]) for _ in range(5)]
        self.assertEqual([len(result.value) for result in results], [(2 << 20) + 1] * 5)

    def call_from_threads(self) -> None:
        double = self.conn.eval("lambda n: 2 * n")
        call = self.conn.eval("lambda f, n: f(n)")

        def work(number: int) -> bool:
            for n in range(200):
                value = number * 1000 + n
                expected = call(lambda n: 2 * n, value) if n % 20 == 0 else double(value)
                if expected != 2 * value:
                    return False
            return True

        workers = [Waiting(lambda number=number: work(number)) for number in range(8)]
        self.assertEqual([worker.result() for worker in workers], [True] * 8)

    def test_threads(self) -> None:
        """Eight threads share a connection for 200 calls each, and each gets its own answers."""
        self.call_from_threads()

    def test_threads_in_the_background(self) -> None:
        """They do while a `BgServingThread` serves."""
        self.serve_in_background()
        self.call_from_threads()

    def test_threads_and_events(self) -> None:
        """They do while the peer sends events, all of which arrive, in order."""
        seen: list[int] = []
        done = threading.Event()
        self.serve_in_background()
        self.conn.execute(f"from {self.kind.package} import async_ as asynchronous")
        send = self.conn.eval("lambda f, g: [asynchronous(f)(n) for n in range(500)] and asynchronous(g)() and None")
        send(seen.append, done.set)
        self.call_from_threads()
        self.assertTrue(done.wait(30))
        self.assertEqual(seen, list(range(500)))


globals().update(with_each_kind(LoadBehaviour))
