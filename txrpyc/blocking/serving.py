"""BgServingThread: the reactor of a connection in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from txrpyc.blocking.connection import Connection

__all__ = ["BgServingThread"]


class BgServingThread:
    """Serves a connection in a background thread, from now until `stop`: the peer's requests are carried out the
    moment they come.

    While it is there it alone carries out requests and callbacks; threads that wait for answers never do. Any
    thread may make and stop it. It does not keep the process alive.

    Args:
        conn: the connection.
        callback: called without arguments, in the thread, when the serving ends by itself: the connection was
            closed or lost, or a served call ended it. Not called after `stop`.
        serve_interval, sleep_interval: without effect: it does not sleep between requests. rpyc has them.
    """

    SERVE_INTERVAL = 0.0
    SLEEP_INTERVAL = 0.1

    _log = Logger()

    def __init__(
        self,
        conn: Connection,
        callback: Callable[[], Any] | None = None,
        serve_interval: float = SERVE_INTERVAL,
        sleep_interval: float = SLEEP_INTERVAL,
    ) -> None:
        self._conn = conn
        self._callback = callback
        self._stopped = False
        hired = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(hired,), name="txrpyc-BgServingThread", daemon=True)
        self._thread.start()
        hired.wait()

    def _run(self, hired: threading.Event) -> None:
        hub = self._conn.hub
        hub.hire()
        hired.set()
        try:
            hub.interrupt()
            hub.wait(lambda: self._stopped)
        except BaseException:
            self._log.failure("serving {conn} in the background failed", conn=self._conn)
        finally:
            hub.dismiss()
        if not self._stopped and self._callback is not None:
            self._callback()

    def stop(self) -> None:
        """End the serving, and wait until the thread has ended. Does nothing the second time.

        The connection goes on, served by whoever waits or by another `BgServingThread`. Called from within a served
        request, it does not wait.
        """
        self._stopped = True
        self._conn.hub.notify()
        self._conn.hub.interrupt()
        if self._thread is not threading.current_thread():
            self._thread.join()
