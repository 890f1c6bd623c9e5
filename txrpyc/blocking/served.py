"""The serving half of a blocking connection: what the peer asks becomes jobs for the hub, and is carried out by a
thread that waits.
"""

from __future__ import annotations

from threading import Lock
from typing import Any

from twisted.logger import Logger
from zope.interface import implementer

from txrpyc.blocking.asking import Answering
from txrpyc.blocking.netref import is_netref
from txrpyc.blocking.served_request import ServedRequest
from txrpyc.core.consts import Verb
from txrpyc.ending import cut_off, not_begun
from txrpyc.host import ServiceHost
from txrpyc.interfaces import IDispatcher
from txrpyc.service import does_nothing

__all__ = ["Serving"]


_MANY = 4
"""How many requests that wait make it worth to hold an answer back, for a moment."""


def _pair(address: Any) -> Any:
    """Give an address as sockets do: host and port, or the path."""
    return (address.host, address.port) if hasattr(address, "port") else getattr(address, "name", "")


def _ask_foreign(value: Any) -> Any | None:
    """Give what another peer offers in an object of its, for a netref; None for any other value."""
    if not is_netref(value):
        return None
    other = object.__getattribute__(value, "____conn__")
    return other.sync_request(Verb.INSPECT, object.__getattribute__(value, "____id_pack__"))


@implementer(IDispatcher)
class Serving:
    """Dispatches a connection's requests into its hub.

    Args:
        connection: the connection.
        greets: whether `on_connect` of the service is a job, done before any request; otherwise whoever made the
            connection calls it.

    Attributes:
        host: what the verbs know of the connection.
        parted: whether `on_disconnect` of the service was called.
        running: the numbers of the requests that are being carried out.
    """

    _log = Logger()

    def __init__(self, connection: Answering, greets: bool) -> None:
        self.host = ServiceHost(connection, _ask_foreign)
        self._connection = connection
        self._greets = greets
        self._greeted = not greets
        self.parted = False
        self.running: set[int] = set()
        self._refuses = False
        self._parting = Lock()  # taken for good, by whoever tells the service: at its end, a server may want to as well

    # For the protocol: in the thread that leads.

    def connection_made(self) -> None:
        """Greet, if that is ours to do."""
        if not self._greets:
            return
        transport = self._connection.protocol.transport
        if transport is not None:
            self._connection.config["endpoints"] = (_pair(transport.getHost()), _pair(transport.getPeer()))
        if does_nothing(self._connection.service.on_connect):
            self._greeted = True
        else:
            self._connection.hub.post(self._greet)

    def request_received(self, sequence: int, verb: int, arguments: tuple[Any, ...]) -> None:
        """Put the request into the mailbox."""
        request = ServedRequest(self, sequence, verb, arguments)
        self._connection.hub.post(request.run if not self._refuses else lambda: self._run_late(request))
        if self._connection.hub.holds:
            self._connection.protocol.pause()

    def connection_lost(self, error: Exception) -> None:
        """Let the service know, by a last job if it is anything to it."""
        if self._greeted and does_nothing(self._connection.service.on_disconnect):
            self.part()
        else:
            self._connection.hub.post(self.part)
        self._connection.ended()

    def output_full(self, full: bool) -> None:
        """Begin nothing more while the peer does not take its answers."""
        self._connection.hub.hold(full)

    # For a server that ends: in the thread that leads.

    @property
    def is_busy(self) -> bool:
        """Whether requests are being carried out, or wait for that."""
        # Not only what is in `running`: a job that was just taken is not there yet, and its answer may not be sent yet.
        return bool(self.running) or self._connection.hub.is_busy

    def refuse_more(self) -> None:
        """From now on refuse requests, but for those that come while one is carried out, which may depend on them."""
        self._refuses = True

    def cut_off(self) -> None:
        """Answer with an error what is being carried out, or waits for that."""
        for sequence in tuple(self.running):
            self._connection.protocol.answer_error(sequence, cut_off())
        for _number, job in tuple(self._connection.hub.mailbox.jobs):
            request = getattr(job, "__self__", None)
            if isinstance(request, ServedRequest):
                self._connection.protocol.answer_error(request.sequence, not_begun())

    # Jobs.

    def _run_late(self, request: ServedRequest) -> None:
        if self.running:
            request.run()
        else:
            self.finish(request.sequence, not_begun())

    def _greet(self) -> None:
        if self.parted:
            return  # the server ended before a thread was free for it
        self._greeted = True
        try:
            self._connection.service.on_connect(self._connection)
        except Exception:
            self._log.failure(
                "on_connect of {service} failed; closing the connection",
                service=type(self._connection.service).__name__,
            )
            self._connection.drop()

    def part(self) -> None:
        """Tell the service that the connection is gone; once, and only if it was greeted."""
        if not self._parting.acquire(blocking=False):
            return
        self.parted = True
        if not self._greeted:
            return
        try:
            self._connection.service.on_disconnect(self._connection)
        except Exception:
            self._log.failure("on_disconnect of {service} failed", service=type(self._connection.service).__name__)

    # Results.

    def finish(self, sequence: int, error: BaseException) -> None:
        """Answer with an exception, or raise it if it is meant for this side."""
        logger = self._connection.config["logger"]
        if logger is not None and not isinstance(error, StopIteration):
            logger.debug("a served call raised", exc_info=error)
        rules = self.host.rules
        if isinstance(error, SystemExit) and rules.propagate_SystemExit_locally:
            raise error
        if isinstance(error, KeyboardInterrupt) and rules.propagate_KeyboardInterrupt_locally:
            raise error
        self._connection.protocol.answer_error(sequence, error)

    def answer(self, sequence: int, value: Any) -> None:
        """Answer with a value. If many requests wait, the answers to some of them are sent together."""
        connection = self._connection
        connection.protocol.answer(sequence, value, len(connection.hub.mailbox.jobs) >= _MANY)
