"""Staying connected, for scripts."""

from __future__ import annotations

import threading
from time import monotonic
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import txrpyc
from tests.twistd import Twistd, new_folder
from txrpyc import ConnectionLost, Reconnecting


class ReconnectingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.attempts = 0

    def serve(self, *arguments: str) -> Twistd:
        server = Twistd(new_folder(self.mktemp()), *arguments)
        self.addCleanup(server.kill)
        return server

    def client(self, port: int, **options: Any) -> Reconnecting:
        def connect() -> txrpyc.Connection:
            self.attempts += 1
            return txrpyc.classic.connect("127.0.0.1", port)

        client = Reconnecting(connect, **{"retry_policy": lambda failures: 0.001, **options})
        self.addCleanup(client.close)
        return client

    def test_drops(self) -> None:
        """A connection that is lost is replaced when one is asked for; as long as it lasts it is the same one."""
        server = self.serve()
        client = self.client(server.port)
        for number in range(1, 21):
            conn = client.connection()
            self.assertIs(client.connection(), conn)
            self.assertEqual(client.root.getmodule("os").getpid(), server.process.pid)
            self.assertEqual(self.attempts, number)
            conn.close()

    def test_cut_off(self) -> None:
        """A call that is cut off fails and is not made again; the server is connected to again when it is back."""
        server = self.serve()
        port = server.port
        client = self.client(port, timeout=60)
        sleep = client.connection().modules.time.sleep
        call = txrpyc.async_(sleep)(1000)
        server.kill()
        self.assertRaises(ConnectionLost, lambda: call.value)
        self.assertRaises(ConnectionLost, sleep, 1)
        found: list[int] = []
        waiting = threading.Thread(target=lambda: found.append(client.connection().modules.os.getpid()))
        waiting.start()
        server = self.serve("--endpoint", f"tcp:{port}:interface=127.0.0.1")
        waiting.join(60)
        self.assertEqual(found, [server.process.pid])

    def test_nobody_there(self) -> None:
        """When the time is over the last attempt's error is raised."""
        server = self.serve()
        server.kill()
        client = self.client(server.port, timeout=0.2, retry_policy=lambda failures: 0.05)
        began = monotonic()
        self.assertRaises(ConnectionRefusedError, client.connection)
        self.assertTrue(0.1 < monotonic() - began < 10)
        self.assertTrue(3 <= self.attempts <= 5, self.attempts)

    def test_other_errors(self) -> None:
        """What no attempt can mend is raised at once."""
        server = self.serve()
        wrong = {"compression": "sometimes"}
        client = Reconnecting(lambda: txrpyc.connect("127.0.0.1", server.port, config=wrong))
        self.assertRaises(ValueError, client.connection)

    def test_threads(self) -> None:
        """Threads that ask at once get one connection."""
        client = self.client(self.serve().port)
        found: list[txrpyc.Connection] = []
        threads = [threading.Thread(target=lambda: found.append(client.connection())) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual((len(found), len(set(found)), self.attempts), (20, 1, 1))

    def test_closed(self) -> None:
        """Closing ends the connection, and the waiting for one."""
        server = self.serve()
        with self.client(server.port) as client:
            conn = client.connection()
        self.assertTrue(conn.closed)
        self.assertRaises(ConnectionLost, client.connection)
        server.kill()
        client = self.client(server.port, retry_policy=lambda failures: 1000)
        errors: list[BaseException] = []

        def wait() -> None:
            try:
                client.connection()
            except ConnectionLost as error:
                errors.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        while not self.attempts > 1:
            pass
        client.close()
        waiting.join(60)
        self.assertEqual(len(errors), 1)
