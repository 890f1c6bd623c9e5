"""Staying connected, for scripts: connecting is tried again, calls never are."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Any

from twisted.application.internet import backoffPolicy

from txrpyc.blocking.connection import Connection
from txrpyc.errors import ConnectionLost

__all__ = ["Reconnecting"]


class Reconnecting:
    """Gives a connection that is there: the same one as long as it lasts, then a new one.

    ::

        client = txrpyc.Reconnecting(lambda: txrpyc.connect("localhost", 18812), timeout=60)
        print(client.connection().root.add(1, 2))

    Only connecting is tried again. A call that is cut off fails with `ConnectionLost`: whether it has run, only the
    peer knows, and only the program knows whether it may run twice. Netrefs belong to the connection that they came by.

    Any thread may use it. While one connects the others wait for that.

    Args:
        connect: makes a connection; what it raises of `OSError` and `EOFError` is a failed attempt, anything else is
            passed on.
        timeout: seconds in which attempts are begun; None means for ever.
        retry_policy: gives the seconds to wait before the next attempt, for the number of those that failed in a row;
            None takes a tenth of a second, half as long again each time, half a minute at most.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        timeout: float | None = None,
        retry_policy: Callable[[int], float] | None = None,
    ) -> None:
        self._connect = connect
        self._timeout = timeout
        self._policy = retry_policy or backoffPolicy(0.1, 30.0)
        self._connecting = threading.Lock()
        self._closed = threading.Event()
        self._connection: Connection | None = None

    def connection(self) -> Connection:
        """Give a connection that is there, and make it first if need be.

        Raises:
            OSError, EOFError: what the last attempt failed with, when the time was over.
            ConnectionLost: this was closed, perhaps meanwhile.
        """
        present = self._connection
        if present is None or present.closed or self._closed.is_set():
            with self._connecting:
                present = self._connection
                if present is None or present.closed or self._closed.is_set():
                    present = self._connection = self._try()
        return present

    @property
    def root(self) -> Any:
        """The peer's service, by a connection that is there. Raises as `connection`."""
        return self.connection().root

    def _try(self) -> Connection:
        deadline = None if self._timeout is None else monotonic() + self._timeout
        failures = 0
        while not self._closed.is_set():
            try:
                return self._connect()
            except (OSError, EOFError):
                failures += 1
                delay = self._policy(failures)
                if deadline is not None and monotonic() + delay > deadline:
                    raise
            self._closed.wait(delay)
        raise ConnectionLost("this was closed, and makes no more connections")

    def close(self) -> None:
        """Close the connection, and make no more: who waits for one gets `ConnectionLost`."""
        self._closed.set()
        with self._connecting:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def __enter__(self) -> Reconnecting:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
