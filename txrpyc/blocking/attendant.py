"""The attendant: a thread that serves a connection for as long as a Twisted program awaits results of it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Protocol

from txrpyc.blocking.asking import Asking

__all__ = ["attend"]


class _Awaited(Protocol):
    def is_done(self) -> bool: ...


class _Attendant:
    """Waits for results in turn; while it waits for one, the others come in as well."""

    def __init__(self, connection: Asking) -> None:
        self._connection = weakref.ref(connection)
        self._awaited: list[Callable[[], bool]] = []
        self._lock = threading.Lock()

    def add(self, done: Callable[[], bool]) -> None:
        with self._lock:
            self._awaited.append(done)
            if len(self._awaited) > 1:
                return
        threading.Thread(target=self._run, name="txrpyc-attendant", daemon=True).start()

    def _run(self) -> None:
        while True:
            connection = self._connection()
            if connection is not None:
                connection.hub.wait(self._awaited[0])
            with self._lock:
                del self._awaited[0]
                if not self._awaited:
                    return


_attendants: weakref.WeakKeyDictionary[Asking, _Attendant] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def attend(result: _Awaited, connection: Asking) -> None:
    """Serve a connection until a result of it has ended."""
    if result.is_done():
        return
    with _lock:
        attendant = _attendants.get(connection)
        if attendant is None:
            attendant = _attendants[connection] = _Attendant(connection)
    attendant.add(result.is_done)
