"""The protocol: RPyC's asynchronous wire protocol as a Twisted Protocol.

It joins a session (what the bytes mean) to a transport and an outflow (how they travel), keeps a Deferred for each
request that waits, and hands what the peer asks to a dispatcher, which is the face's. It runs no code of the user's
except callbacks of those Deferreds.

Everything that waits ends exactly once: whoever takes a Deferred out of the table of waiting requests fires it.
"""

from __future__ import annotations

from collections.abc import Callable
from time import gmtime, strftime
from typing import Any

from twisted.internet import tcp
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from txrpyc.answer import Answer, Receiver
from txrpyc.core.config import Rules
from txrpyc.core.frame import Compression
from txrpyc.core.session import Proxies, Session
from txrpyc.errors import ConnectionLost, EncodingError, ProtocolError
from txrpyc.exchange import Exchange
from txrpyc.finding import Finding
from txrpyc.interfaces import IDispatcher
from txrpyc.outflow import Outflow
from txrpyc.peer import acknowledge_at_once, is_local, peer_name, probe_when_idle

__all__ = ["RPyCProtocol"]

_KEEPALIVE = 60.0
"""Seconds of silence after which the system begins to probe the peer's, unless `ping_interval` says less."""


class RPyCProtocol(Protocol):
    """One connection. See the module.

    Args:
        rules: the rules of this side.
        maker: makes the proxies for the peer's objects, and knows them.
        dispatcher: carries out what the peer asks.
        in_reactor: runs a function soon in the thread of the transport's reactor; callable from any thread and
            inside garbage collections.
        threaded: whether requests and answers come from other threads than the reactor's.
        answer_class: what `request` gives; a subclass of `Answer`.
        outflow: what to write to; None makes one.

    Attributes:
        session: what the bytes mean; its tables and rules.
        finding: how the peer's dialect is found; who makes the connection may give it a `redial` or `patience`.
        exchange: who waits for what; `send` and `answer` are its.
        paused: whether nothing is to be read, as the peer does not take what is sent to it.
        read_elsewhere: whether another thread than the transport's calls `dataReceived` for the time being.
    """

    log = Logger()

    def __init__(
        self,
        rules: Rules,
        maker: Proxies,
        dispatcher: IDispatcher,
        in_reactor: Callable[[Callable[[], None]], None],
        *,
        threaded: bool,
        answer_class: type[Answer] = Answer,
        outflow: Outflow | None = None,
    ) -> None:
        waiting: dict[int, Receiver] = {}
        self.session = Session(rules, maker, waiting.__contains__, self._schedule_releases)
        self.read_elsewhere = False
        self.outflow = Outflow(in_reactor, threaded) if outflow is None else outflow
        self.exchange = Exchange(
            waiting,
            self.session,
            self.outflow,
            maker,
            dispatcher,
            threaded,
            lambda: acknowledge_at_once(self.transport),
            lambda event: self.finding.change(event.dialect, lambda: self._in_its_thread(self.abort)),
            lambda error: self.log.info("refused a request of {peer}: {error}", peer=self.peer_name, error=error),
        )
        # Not by methods that pass it on: each call would take one call more.
        self.send = self.exchange.send
        self.answer = self.exchange.answer
        self.finding: Finding = Finding(self.session, self.outflow, in_reactor, self.end)
        self._dispatcher = dispatcher
        self._in_reactor = in_reactor
        self._answer_class = answer_class
        self._on_lost: list[Deferred[ConnectionLost]] = []
        self.outflow.high_water = rules.high_water
        self.outflow.on_full = self._output_full
        self.paused = False
        self._broken: ProtocolError | None = None
        self._verdict: str | None = None

    # For the outflow.

    def _output_full(self, full: bool) -> None:
        self._dispatcher.output_full(full)
        self._in_reactor(self._pause if full else self._resume)

    def pause(self) -> None:
        """Read no more while the peer does not take what is sent to it, if that is possible. Any thread may call."""
        self._in_reactor(self._pause)

    def _pause(self) -> None:
        # Not while an answer is waited for: it may be what the peer wants to be rid of before it reads.
        if self.outflow.full and self.lost is None and not self.paused and not self.exchange.waiting:
            self.paused = True
            if not self.read_elsewhere and isinstance(self.transport, tcp.Connection):
                self.transport.pauseProducing()

    def _resume(self) -> None:
        if self.paused:
            self.paused = False
            if not self.read_elsewhere and self.lost is None and isinstance(self.transport, tcp.Connection):
                self.transport.resumeProducing()

    # For the face: asking.

    def new_answer(self) -> Answer:
        """Give an Answer to be passed to `send`, so that callbacks can be added before anything can fire it."""
        return self._answer_class(self.give_up)

    def request(self, verb: int, *arguments: Any) -> Answer:
        """Ask the peer for something.

        Returns:
            A Deferred that fires with the result and fails with the peer's exception, with `ConnectionLost`, or with
            `EncodingError` if an argument cannot be sent.
        """
        answer = self.new_answer()
        try:
            self.send(answer, verb, arguments)
        except EncodingError:
            answer.errback(Failure())
        return answer

    def forget(self, sequence: int) -> Receiver | None:
        """Stop waiting for an answer; give who waited, if it was still waited for. Any thread may call."""
        return self.exchange.forget(sequence)

    def give_up(self, answer: Deferred[Any]) -> None:
        """Stop waiting for an answer: the canceller of each."""
        assert isinstance(answer, Answer)
        if answer.sequence is not None:
            self.forget(answer.sequence)

    def gone(self) -> ConnectionLost:
        """Give a new exception that says why the connection is gone."""
        return self.exchange.gone()

    def answer_error(self, sequence: int, error: BaseException) -> None:
        """Answer a request with an exception. Any thread may call."""
        self.exchange.answer_error(sequence, error)

    @property
    def waiting(self) -> int:
        """How many requests wait for their answer."""
        return len(self.exchange.waiting)

    @property
    def lost(self) -> ConnectionLost | None:
        """Why the connection is gone; None while it is not."""
        return self.exchange.lost

    @property
    def received(self) -> int:
        """How many requests and answers have come in."""
        return self.exchange.received

    def when_lost(self) -> Deferred[ConnectionLost]:
        """Give a Deferred that fires with the reason once the connection is gone. In the reactor's thread."""
        if self.lost is not None:
            return succeed(self.gone())
        lost: Deferred[ConnectionLost] = Deferred()
        self._on_lost.append(lost)
        return lost

    def _schedule_releases(self) -> None:
        if self.lost is None:
            self._in_reactor(self.exchange.release)

    # For the transport.

    def connectionMade(self) -> None:
        """Begin, or go on with a peer that turned out to speak the other dialect."""
        assert self.transport is not None
        compression = self.session.rules.compression
        if compression == "auto":
            self.session.compression = Compression.NEVER if is_local(self.transport.getPeer()) else Compression.SAMPLED
        if ITCPTransport.providedBy(self.transport):
            try:
                self.transport.setTcpNoDelay(True)
                self.transport.setTcpKeepAlive(True)
            except OSError:
                pass  # a unix socket, or gone already
            probe_when_idle(self.transport, self.session.rules.ping_interval or _KEEPALIVE)
        if self.finding.connected(self.transport):
            self._dispatcher.connection_made()

    def dataReceived(self, data: bytes) -> None:
        """Take bytes, and send at once all that they lead to."""
        finding = self.finding
        if finding.redialing or self._broken is not None:
            return
        if finding.holding:
            finding.see(data)
        try:
            self.exchange.receive(data)
        except ProtocolError as error:
            self._break(error)
            return
        if self.exchange.closing:
            # Behind the answers: TLS takes nothing more after this.
            assert self.transport is not None
            self._in_its_thread(self.transport.loseConnection)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Fail everything that waits, then tell the dispatcher."""
        if not self.finding.lost():
            self.end(self._why(reason))

    def end(self, why: str) -> None:
        """Take the connection for gone, for the reason in words. Does nothing the second time."""
        if self.lost is not None:
            return
        self.exchange.lost = ConnectionLost(f"{why}, at {strftime('%H:%M:%S UTC on %Y-%m-%d', gmtime())}")
        self.exchange.at_ease = False
        self.outflow.lose()
        self.session.close()
        self.exchange.fail_all()
        listeners, self._on_lost = self._on_lost, []
        for listener in listeners:
            listener.callback(self.gone())
        self._dispatcher.connection_lost(self.gone())

    def disown(self, why: str) -> None:
        """Be lost, without a word to anybody: this is a child process, and all the rest is the parent's. See
        `txrpyc.forking`.
        """
        self.exchange.lost = ConnectionLost(why)
        self.exchange.at_ease = False
        self.exchange.waiting.clear()
        self.outflow.lose()
        sock = getattr(self.transport, "socket", None)
        if sock is not None:
            sock.close()

    def _why(self, reason: Failure) -> str:
        if self._broken is not None:
            return f"the connection was closed because the peer broke the protocol: {self._broken}"
        if self._verdict is not None:
            return f"the connection was cut: {self._verdict}"
        if isinstance(reason.value, ConnectionDone):
            return "the connection was closed"
        return f"the connection was lost: {reason.getErrorMessage()}"

    # Ending.

    def abort(self) -> None:
        """Cut the connection, if it is there. In the reactor's thread."""
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()

    def _break(self, error: ProtocolError) -> None:
        assert self.transport is not None
        self.log.warn("closing the connection to {peer}: {error}", peer=self.peer_name, error=error)
        self._broken = error
        self._in_its_thread(self.abort)

    def _in_its_thread(self, function: Callable[[], None]) -> None:
        """Call a function of the transport's, in its thread: now, if this is it."""
        if self.read_elsewhere:
            self._in_reactor(function)
        else:
            function()

    def cut(self, why: str) -> None:
        """Cut the connection, and give the reason in words to whoever waits. In the reactor's thread."""
        if self.lost is None:
            self.log.warn("cutting the connection to {peer}: {why}", peer=self.peer_name, why=why)
            self._verdict = why
            self.abort()

    def abort_soon(self) -> None:
        """Cut the connection. Any thread may call."""
        self._in_reactor(self.abort)

    @property
    def peer_name(self) -> str:
        """The peer's address, for people."""
        return peer_name(self.transport.getPeer() if self.transport is not None else None)
