"""What deadlines are tested with: a clock, a server that answers late, and places where connecting takes for ever."""

from __future__ import annotations

import atexit
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from time import monotonic
from typing import Any

from tests.peers import Peer

__all__ = ["BLOB", "Stopwatch", "full_port", "late_server", "stopped"]

BLOB = bytes(100 << 20)
"""More than any socket takes."""

ATTEMPTS = 5
"""How often something may be too late before it counts: the machine may be busy with something else."""


class Stopwatch:
    """Sees to it that deadlines hold.

    Args:
        case: the test.
        seconds: the deadline.
    """

    def __init__(self, case: Any, seconds: float) -> None:
        self._case = case
        self._seconds = seconds
        self._late = 0

    def __iter__(self) -> Iterator[Stopwatch]:
        """Give itself until it was not too late; fail if it was so too often."""
        for _ in range(ATTEMPTS):
            before = self._late
            yield self
            if self._late == before:
                return
        self._case.fail(f"more than a tenth late, {self._late} times")

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Take the time of what has a deadline. It is never too early."""
        began = monotonic()
        yield
        self.judge(monotonic() - began)

    def judge(self, took: float) -> None:
        """Judge what took so many seconds."""
        self._case.assertGreaterEqual(took, self._seconds)
        self._late += took > 1.1 * self._seconds


@cache
def late_server() -> Peer:
    """Start ``late_server.py``, once in a process."""
    peer = Peer(sys.executable, "late_server.py")
    atexit.register(peer.stop)
    return peer


@contextmanager
def stopped(process: Any) -> Iterator[None]:
    """Stop a process for a while."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def full_port(case: Any) -> int:
    """Give a port that takes no connections, and refuses none."""
    listener = socket.socket()
    case.addCleanup(listener.close)
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    for _ in range(20):
        sock = socket.socket()
        case.addCleanup(sock.close)
        sock.settimeout(0.2)
        with suppress(TimeoutError):
            sock.connect(listener.getsockname())
            continue
        port: int = listener.getsockname()[1]
        return port
    case.fail("the port takes every connection")
