"""A client of plain sockets: what any blocking protocol in Python is up against. The argument is the server's port."""

import socket
import sys

from driver import BATCH, Answer, batches, drive, repeat
from payloads import MIB, random_bytes


def message(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


class Client:
    """A connection to the server."""

    def __init__(self) -> None:
        self._sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self._sock.makefile("rb", 65536)

    def call(self, data: bytes, times: int = 1) -> None:
        """Send a message so many times, and read as many."""
        for _ in range(times):
            self._sock.sendall(data)
        for _ in range(times):
            self._stream.read(int.from_bytes(self._stream.read(4), "big"))

    def close(self) -> None:
        self._stream.close()
        self._sock.close()


SMALL = message(b"x" * 36)
conn = Client()


def pipelined(count: int) -> Answer:
    return {**repeat(lambda: conn.call(SMALL, BATCH), batches(count)), "count": batches(count) * BATCH}


def echo_random(count: int) -> Answer:
    data = message(random_bytes(MIB))
    return repeat(lambda: conn.call(data), count)


def come_and_go() -> None:
    visitor = Client()
    visitor.call(SMALL)
    visitor.close()


drive(
    {
        "bound": lambda count: repeat(lambda: conn.call(SMALL), count),
        "pipelined": pipelined,
        "echo_random": echo_random,
        "connect": lambda count: repeat(come_and_go, count),
    }
)
