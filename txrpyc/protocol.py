"""The protocol: RPyC's asynchronous wire protocol as a Twisted Protocol.

It joins a session (what the bytes mean) to a transport and an outflow (how they travel), keeps a Deferred for each
request that waits, and hands what the peer asks to a dispatcher, which is the face's. It runs no code of the user's
except callbacks of those Deferreds.

Everything that waits ends exactly once: whoever takes a Deferred out of the table of waiting requests fires it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from txrpyc.answer import Answer, Receiver
from txrpyc.core.config import Rules
from txrpyc.core.consts import Verb
from txrpyc.core.frame import Compression
from txrpyc.core.identity import offered_methods, read_identity
from txrpyc.core.session import BadRequest, Event, OtherDialect, Proxies, Reply, Request, Session
from txrpyc.core.session import Failure as RemoteFailure
from txrpyc.errors import ConnectionLost, EncodingError, ProtocolError, UnknownReference
from txrpyc.finding import Finding
from txrpyc.interfaces import IDispatcher
from txrpyc.outflow import Outflow
from txrpyc.peer import acknowledge_at_once, is_local, peer_name

__all__ = ["RPyCProtocol"]


_HERE: Final = frozenset([int(Verb.PING), int(Verb.CLOSE), int(Verb.INSPECT)])
"""The verbs that are answered without the dispatcher."""


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

    Attributes:
        session: what the bytes mean; its tables and rules.
        finding: how the peer's dialect is found; who makes the connection may give it a `redial` or `patience`.
        lost: why the connection is gone; None while it is not.
        received: how many requests and answers have come in.
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
    ) -> None:
        self._waiting: dict[int, Receiver] = {}
        self.session = Session(rules, maker, self._waiting.__contains__, self._schedule_releases)
        self.lost: ConnectionLost | None = None
        self.received = 0
        self.read_elsewhere = False
        self.outflow = Outflow(in_reactor, threaded)
        self.finding = Finding(self.session, self.outflow, in_reactor, self.end)
        self._maker = maker
        self._dispatcher = dispatcher
        self._threaded = threaded
        self._in_reactor = in_reactor
        self._answer_class = answer_class
        self._on_lost: list[Deferred[ConnectionLost]] = []
        self._broken: ProtocolError | None = None
        self._closing = False

    # For the face: asking.

    def new_answer(self) -> Answer:
        """Give an Answer to be passed to `send`, so that callbacks can be added before anything can fire it."""
        return self._answer_class(self.forget)

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

    def send(self, receiver: Receiver, verb: int, arguments: tuple[Any, ...]) -> None:
        """Ask the peer for something; the receiver, one that `new_answer` made or any other, will get the answer. Any
        thread may call.

        Raises:
            EncodingError: an argument cannot be sent. Nothing was, and the receiver will get nothing.
        """
        sequence, frame = self.session.encode_request(verb, arguments)
        receiver.sequence = sequence
        self._waiting[sequence] = receiver
        owed = self.session.take_frames()
        if owed:
            self._write_with(owed, owed + frame)
        else:
            self.outflow.write(frame)
        if self.lost is not None and self._waiting.pop(sequence, None) is not None:
            # Lost before, or while, it was registered: connectionLost may not have seen it.
            receiver.deliver_error(self.gone())

    def forget(self, sequence: int) -> Receiver | None:
        """Stop waiting for an answer; give it if it was still waited for. Any thread may call."""
        return self._waiting.pop(sequence, None)

    @property
    def waiting(self) -> int:
        """How many requests wait for their answer."""
        return len(self._waiting)

    def when_lost(self) -> Deferred[ConnectionLost]:
        """Give a Deferred that fires with the reason once the connection is gone. In the reactor's thread."""
        if self.lost is not None:
            return succeed(self.gone())
        lost: Deferred[ConnectionLost] = Deferred()
        self._on_lost.append(lost)
        return lost

    def gone(self) -> ConnectionLost:
        """Give a new exception that says why the connection is gone."""
        return ConnectionLost(*(self.lost.args if self.lost is not None else ("the connection is not there",)))

    # For the dispatcher: answering. Any thread may call.

    def answer(self, sequence: int, value: Any) -> None:
        """Answer a request with a value; with an exception if the value cannot be sent."""
        try:
            frame = self.session.encode_reply(sequence, value)
        except EncodingError as error:
            self.answer_error(sequence, error)
        else:
            self._write_answer(frame)

    def answer_error(self, sequence: int, error: BaseException) -> None:
        """Answer a request with an exception."""
        self._write_answer(self.session.encode_failure(sequence, error))

    def release(self) -> None:
        """Give back to the peer what has died here."""
        if self.lost is None:
            owed = self.session.take_frames()
            self._write_with(owed, owed)

    def _write_answer(self, frame: list[bytes]) -> None:
        owed = self.session.take_frames()
        if owed:
            self._write_with(owed, frame + owed)
        else:
            self.outflow.write(frame)

    def _write_with(self, owed: list[bytes], frames: list[bytes]) -> None:
        """Send frames. Some are owed to the peer, releases among them, whose answers nobody waits for."""
        self.outflow.write(frames)
        if owed:
            acknowledge_at_once(self.transport)

    def _schedule_releases(self) -> None:
        if self.lost is None:
            self._in_reactor(self.release)

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
            events = self.session.receive_data(data)
            if self._threaded and len(events) == 1:
                self._handle(events[0])
                # Answers to releases travel with the answer to a request that came behind them.
                owed = self.session.take_urgent() if type(events[0]) is Request else self.session.take_frames()
                if owed:
                    self.outflow.write(owed)
            else:
                self._handle_all(events)
        except ProtocolError as error:
            self._break(error)
            return
        if self._closing:
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
        self.lost = ConnectionLost(why)
        self.outflow.lose()
        self.session.close()
        while self._waiting:
            try:
                _sequence, answer = self._waiting.popitem()
            except KeyError:
                break
            answer.deliver_error(self.gone())
        listeners, self._on_lost = self._on_lost, []
        for listener in listeners:
            listener.callback(self.gone())
        self._dispatcher.connection_lost(self.gone())

    def _why(self, reason: Failure) -> str:
        if self._broken is not None:
            return f"the connection was closed because the peer broke the protocol: {self._broken}"
        if reason.check(ConnectionDone):
            return "the connection was closed"
        return f"the connection was lost: {reason.getErrorMessage()}"

    # What came.

    def _handle_all(self, events: list[Event]) -> None:
        """Handle what one read brought; everything that it leads to here and now is one write."""
        corked = self.outflow.cork()
        try:
            for event in events:
                self._handle(event)
            self.outflow.write(self.session.take_frames())
        finally:
            self.outflow.uncork(corked)

    def _handle(self, event: Event) -> None:
        self.received += 1
        if type(event) is Reply:
            answer = self._waiting.pop(event.sequence, None)
            if answer is not None:
                answer.deliver(event.value)
        elif type(event) is RemoteFailure:
            answer = self._waiting.pop(event.sequence, None)
            if answer is not None:
                answer.deliver_error(event.error)
        elif type(event) is Request:
            self._asked(event)
        elif type(event) is BadRequest:
            self.log.info("refused a request of {peer}: {error}", peer=self.peer_name, error=event.error)
            self.answer_error(event.sequence, event.error)
        elif type(event) is OtherDialect:
            self.finding.change(event.dialect, lambda: self._in_its_thread(self.abort))

    def _asked(self, request: Request) -> None:
        """Answer at once what runs nobody's code, also while the dispatcher is busy; leave the rest to it."""
        verb = request.verb
        if verb not in _HERE:
            self._dispatcher.request_received(request.sequence, verb, request.arguments)
        elif verb == Verb.PING and len(request.arguments) == 1:
            self.answer(request.sequence, request.arguments[0])
        elif verb == Verb.CLOSE:
            self.answer(request.sequence, None)
            self._closing = True
        elif not (verb == Verb.INSPECT and len(request.arguments) == 1 and self._inspected(request)):
            self._dispatcher.request_received(request.sequence, request.verb, request.arguments)

    def _inspected(self, request: Request) -> bool:
        """Answer an inspection, unless the object is another peer's, which must then be asked."""
        try:
            value = self.session.lent.get(read_identity(request.arguments[0]))
        except (ProtocolError, UnknownReference) as error:
            self.answer_error(request.sequence, error)
            return True
        if self._maker.identity_of(value) is not None:
            return False
        self.answer(request.sequence, offered_methods(value))
        return True

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

    def abort_soon(self) -> None:
        """Cut the connection. Any thread may call."""
        self._in_reactor(self.abort)

    @property
    def peer_name(self) -> str:
        """The peer's address, for people."""
        return peer_name(self.transport.getPeer() if self.transport is not None else None)
