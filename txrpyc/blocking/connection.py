"""Connection: one side of a blocking RPyC connection, as programs hold it."""

from __future__ import annotations

from threading import get_ident
from time import monotonic
from types import TracebackType
from typing import Any

from twisted.logger import Logger
from twisted.python import threadable

from txrpyc.blocking.async_result import AsyncResult
from txrpyc.blocking.call import Call, ask
from txrpyc.blocking.line import Line
from txrpyc.blocking.live_config import LiveConfig
from txrpyc.blocking.reactor_thread import refuse_reactor_thread
from txrpyc.core.consts import Verb
from txrpyc.errors import AsyncResultTimeout, ConnectionLost, PingError

__all__ = ["Connection"]

_POLLED_AT_ONCE = 1000
"""How much `poll_all` serves at most when it was given no time: a peer that never pauses must not keep it for ever."""

_FLOOD = 0.0001
"""Seconds between two asynchronous requests, at most, for the second to be held back, for a moment, for a third."""

_CLOSE_GRACE = 2.0
"""Seconds that `close` waits for the peer to take note, and to take what is still to be sent."""

_CUT_GRACE = 0.1
"""Seconds, at least, for whoever runs the reactor to close the transport, or to cut it."""


class Connection(Line):
    """A connection whose calls wait for their answers. Programs get one from `txrpyc.connect` and the like.

    Any thread may use it. A thread that waits serves the peer's requests meanwhile, unless a `BgServingThread`
    does. What waits raises `WrongThread` in the thread of a running reactor.

    Args:
        root: the service that this side offers.
        channel: a `Channel` over a connected socket, which the connection takes over.
        config: settings that differ from `DEFAULT_CONFIG`.
    """

    _remote_root: Any = None
    _asked = 0.0
    _closing = False
    _late = False
    _log = Logger()

    # What programs see.

    @property
    def _config(self) -> LiveConfig:
        return self.config

    @property
    def closed(self) -> bool:
        """Whether the connection is closed, by either side, or lost."""
        return self._closing or self.protocol.lost is not None

    @property
    def root(self) -> Any:
        """The peer's service. The first use asks for it. Raises as `sync_request`."""
        if self._remote_root is None:
            self._remote_root = self.sync_request(Verb.GETROOT)
        return self._remote_root

    def fileno(self) -> int:
        """Give the descriptor of the socket. Raises `ConnectionLost` if it is closed."""
        if self.closed or self._channel is None:
            raise self.protocol.gone()
        return self._channel.fileno()

    def ping(self, data: Any = None, timeout: float | None = 3) -> None:
        """See whether the peer answers.

        Args:
            data: what the peer has to send back; None takes a text of some length.
            timeout: seconds to wait.

        Raises:
            PingError: it sent something else.
            AsyncResultTimeout: it sent nothing.
            ConnectionLost: it is gone.
        """
        data = "ping " * 100 if data is None else data
        echo = self.async_request(Verb.PING, data, timeout=timeout).value
        if echo != data:
            raise PingError(f"the peer answered a ping with {type(echo).__name__} of other content")

    # Asking.

    def sync_request(self, handler: int, *args: Any) -> Any:
        """Send a request, wait for the answer at most `sync_request_timeout` seconds, and give it.

        Raises:
            AsyncResultTimeout: no answer in that time.
            ConnectionLost: the connection is, or was, gone.
            EncodingError: an argument cannot be sent.
            RecursionError: calls and callbacks are nested so deep that the stack is nearly full; nothing was sent.
            WrongThread: this is the thread of a running reactor.
            Exception: what the peer raised.
        """
        timeout = self.config.rules.sync_request_timeout
        if get_ident() == threadable.ioThread:
            refuse_reactor_thread("a blocking remote operation", "use txrpyc.deferred")
        protocol = self.protocol
        return ask(self.hub, protocol.send, protocol.forget, handler, args, timeout)

    def async_request(self, handler: int, *args: Any, timeout: float | None = None) -> AsyncResult:
        """Send a request and give its `AsyncResult` at once.

        Args:
            handler: the verb.
            args: its arguments.
            timeout: seconds until the result expires; None means never.

        Raises:
            EncodingError: an argument cannot be sent.
        """
        result = AsyncResult(self)
        now = monotonic()  # what is long takes a while to be encoded, and copied
        self.protocol.send(result, handler, args, now - self._asked < _FLOOD)
        self._asked = now
        if timeout is not None:
            result.set_expiry(now + timeout - monotonic())
        if self.protocol.outflow.handed_over:
            self._push_out(now, timeout)
        return result

    def _push_out(self, since: float, timeout: float | None) -> None:
        """Wait until the socket has taken what was sent: nobody else may run the reactor for some time."""
        if not self.may_wait:
            return
        limits = [limit for limit in (timeout, self.config.rules.sync_request_timeout) if limit is not None]
        outflow = self.protocol.outflow
        self.hub.wait(lambda: not outflow.handed_over, since + min(limits) if limits else None, serve=False)

    # Serving.

    def serve(self, timeout: float | None = 1, wait_for_lock: bool = True) -> bool:
        """Serve one request, or take one answer, that comes within so many seconds; None waits for ever.

        Args:
            timeout: seconds.
            wait_for_lock: without effect; rpyc has it.

        Returns:
            Whether there was one.

        Raises:
            ConnectionLost: the connection is gone.
        """
        refuse_reactor_thread("serving", "use txrpyc.deferred")
        if self.hub.do_job():
            return True
        seen = self.protocol.received
        deadline = None if timeout is None else monotonic() + timeout
        self.hub.glance()
        if self.protocol.received == seen and not self.hub.has_jobs:
            self.hub.wait(lambda: self.protocol.received != seen, deadline, serve=False)
        served = self.hub.do_job()
        if not served and self.protocol.received == seen and self.protocol.lost is not None:
            raise self.protocol.gone()
        return served or self.protocol.received != seen

    def poll(self, timeout: float = 0) -> bool:
        """Do as `serve`, by default without waiting."""
        return self.serve(timeout)

    def poll_all(self, timeout: float = 0) -> bool:
        """Serve all that comes within so many seconds, and what is there already; tell whether anything was."""
        deadline = monotonic() + timeout
        served = 0
        try:
            while self.serve(max(0.0, deadline - monotonic())):
                served += 1
                if monotonic() >= deadline and (timeout or served >= _POLLED_AT_ONCE):
                    break
        except ConnectionLost:
            pass
        return served > 0

    def serve_all(self) -> None:
        """Serve the peer's requests until the connection is closed, by either side."""
        refuse_reactor_thread("serve_all()", "use txrpyc.deferred")
        try:
            self.hub.wait(lambda: self._closing)
        finally:
            self.close()

    # Ending.

    def close(self) -> None:
        """Close the connection, and wait until it is closed: the peer is told, and gets two seconds. Does nothing the
        second time. In the middle of input or output, as from a signal handler, it returns at once, and whoever waits
        next, or a `BgServingThread`, closes it.

        What still waits for an answer fails with `ConnectionLost`. `on_disconnect` of this side's service has been
        called, unless it is still at it.
        """
        if self.protocol.lost is None and not self._closing:
            refuse_reactor_thread("close()", "use txrpyc.deferred, or drop()")
        if self.hub.leading:
            self._close_later()
        elif not self._closing or self._late:
            self._closing = True
            self._late = False
            self._close()
        self._finish()

    def _close_later(self) -> None:
        """Close behind this step, in the midst of which a signal handler, a destructor or a log observer is."""
        if not self._closing:
            self._closing = self._late = True
            self.hub.hold(False)
            self.hub.post(self._close_late)
            self.hub.interrupt()

    def _close_late(self) -> None:
        if self._late:
            try:
                self.close()
            except Exception:
                self._log.failure("closing {connection} failed", connection=self)

    def _close(self) -> None:
        if self.protocol.lost is not None:
            return
        before_closed = self.config["before_closed"]
        deadline = monotonic() + _CLOSE_GRACE
        try:
            if before_closed is not None:
                before_closed(self.root)
                deadline = monotonic() + _CLOSE_GRACE
            self._tell_peer(deadline)
        except (ConnectionLost, AsyncResultTimeout):
            pass
        except Exception:
            if not self.config["close_catchall"]:
                raise
        finally:
            self._part(deadline)

    # For a server that ends, whose reactor this lives in.

    @property
    def is_busy(self) -> bool:
        """Whether the peer's requests are being carried out, or wait for that."""
        return self.serving.is_busy

    def refuse_more(self) -> None:
        """From now on refuse the peer's requests. See `txrpyc.blocking.served.Serving`."""
        self.serving.refuse_more()

    def cut_off(self) -> None:
        """Answer the peer's requests with an error."""
        self.serving.cut_off()

    def leave(self) -> None:
        """Close the transport, behind what was sent."""
        if self.protocol.transport is not None:
            self.protocol.transport.loseConnection()

    def _tell_peer(self, deadline: float) -> None:
        """Tell the peer that this is the end; wait until it has taken note."""
        since = self.hub.mailbox.posted
        call = Call(self.hub)
        self.protocol.send(call, Verb.CLOSE, ())
        # If it is not even sent after a moment, then this is a signal handler, or a destructor, inside the sending.
        moment = min(deadline, monotonic() + _CUT_GRACE)
        if not self.hub.wait(call.done, moment, since=since) and not self.protocol.outflow.is_kept:
            self.hub.wait(call.done, deadline, since=since)

    def _part(self, deadline: float) -> None:
        """Close the transport, and cut it if it still has something to send when the time is over."""
        transport = self.protocol.transport
        for end in (transport.loseConnection, self.protocol.abort) if transport is not None else ():
            if self.protocol.lost is None:
                self._in_reactor(end)
                self.hub.interrupt()
                self.hub.wait(lambda: self.protocol.lost is not None, max(deadline, monotonic() + _CUT_GRACE))
        if self.protocol.lost is None:
            self.protocol.end("the connection was closed")

    def _finish(self) -> None:
        self._remote_root = None
        while self.hub.ended and not self.hub.leading and self.hub.do_job():
            pass

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<{type(self).__module__}.{type(self).__qualname__} {self.config['connid']!r} ({state})>"
