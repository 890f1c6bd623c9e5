"""The exchange: what is asked and answered over one connection, between its session and its outflow.

It keeps who waits for which answer, and hands what the peer asks to a dispatcher. It knows no transport, so that it
can be compiled; the protocol, which is Twisted's, holds it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from txrpyc.answer import Receiver
from txrpyc.core.consts import CLOSE, DEL, INSPECT, PING
from txrpyc.core.identity import read_identity
from txrpyc.core.inspection import offered_methods
from txrpyc.core.session import BadRequest, Event, Failure, OtherDialect, Proxies, Reply, Request, Session
from txrpyc.core.usual import UsualMessage
from txrpyc.errors import ConnectionLost, EncodingError, ProtocolError, UnknownReference
from txrpyc.interfaces import IDispatcher
from txrpyc.outflow import Outflow

__all__ = ["Exchange"]

_HERE: Final = frozenset([PING, CLOSE, INSPECT])
"""The verbs that are answered without the dispatcher."""


class Exchange:
    """See the module.

    Args:
        waiting: an empty table, which the session looks into to see what is waited for.
        session: what the bytes mean.
        outflow: where frames go.
        proxies: knows the proxies.
        dispatcher: carries out what the peer asks.
        threaded: whether requests and answers come from other threads than the reactor's.
        acknowledge: lets the kernel acknowledge what comes next without its usual delay.
        on_other_dialect: called when the peer turns out to speak another dialect than we did.
        on_refused: called with the reason when a request could not be understood.

    Attributes:
        waiting: who waits for the answer to which sequence number.
        lost: why the connection is gone; None while it is not.
        received: how many requests and answers have come in.
        closing: whether the peer has asked to close.
        at_ease: whether the next message, on either way, may be a usual one, which is written and read in one go
            (see `txrpyc.core.usual`).
    """

    def __init__(
        self,
        waiting: dict[int, Receiver],
        session: Session,
        outflow: Outflow,
        proxies: Proxies,
        dispatcher: IDispatcher,
        threaded: bool,
        acknowledge: Callable[[], None],
        on_other_dialect: Callable[[OtherDialect], None],
        on_refused: Callable[[Exception], None],
    ) -> None:
        self.waiting = waiting
        self.lost: ConnectionLost | None = None
        self.received = 0
        self.closing = False
        self.at_ease = False
        self._reader = session.usual_reader
        self._begun = b""  # a usual message that is not all there
        self._session = session
        self._outflow = outflow
        self._proxies = proxies
        self._dispatcher = dispatcher
        self._threaded = threaded
        self._acknowledge = acknowledge
        self._on_other_dialect = on_other_dialect
        self._on_refused = on_refused

    # Asking.

    def send(self, receiver: Receiver, verb: int, arguments: tuple[Any, ...], later: bool = False) -> None:
        """Ask the peer for something; the receiver will get the answer. Any thread may call.

        Args:
            receiver: whom to give the answer.
            verb, arguments: what to ask.
            later: whether more will be asked at once, so that it may go together with that.

        Raises:
            EncodingError: an argument cannot be sent. Nothing was, and the receiver will get nothing.
        """
        lost = self.lost  # not self.lost itself: compiled, what was None once is held to be None for good
        if lost is not None:
            receiver.deliver_error(self.gone())
            return
        session = self._session
        sequence, frame = session.encode_request(verb, arguments)
        receiver.sequence = sequence
        self.waiting[sequence] = receiver
        if session.borrowed.released or session.urgent or session.receipts:
            owed = session.take_frames()
            self._write_with(owed, owed + frame)
        elif later:
            self._outflow.write_later(frame)
        else:
            self._outflow.write(frame)
        if self.lost is not None and self.waiting.pop(sequence, None) is not None:
            # Lost before, or while, it was registered: connectionLost may not have seen it.
            receiver.deliver_error(self.gone())

    def forget(self, sequence: int) -> Receiver | None:
        """Stop waiting for an answer; give who waited, if it was still waited for. Any thread may call."""
        return self.waiting.pop(sequence, None)

    def gone(self) -> ConnectionLost:
        """Give a new exception that says why the connection is gone."""
        return ConnectionLost(*(self.lost.args if self.lost is not None else ("the connection is not there",)))

    def fail_all(self) -> None:
        """Let everybody who waits know that the connection is lost."""
        while self.waiting:
            try:
                _sequence, receiver = self.waiting.popitem()
            except KeyError:
                break
            receiver.deliver_error(self.gone())

    # Answering. Any thread may call.

    def answer(self, sequence: int, value: Any, later: bool = False) -> None:
        """Answer a request with a value; with an exception if the value cannot be sent.

        Args:
            sequence: the request's.
            value: the value.
            later: whether there are more requests to be answered at once, so that it may go together with those.
        """
        session = self._session
        try:
            frame = session.encode_reply(sequence, value)
        except EncodingError as error:
            self.answer_error(sequence, error)
            return
        if session.receipts or session.borrowed.released or session.urgent:
            self._write_answer(frame)
        elif later:
            self._outflow.write_later(frame)
        else:
            self._outflow.write(frame)

    def answer_error(self, sequence: int, error: BaseException) -> None:
        """Answer a request with an exception."""
        self._write_answer(self._session.encode_failure(sequence, error))

    def release(self) -> None:
        """Give back to the peer what has died here."""
        if self.lost is None:
            owed = self._session.take_frames()
            self._write_with(owed, owed)

    def _write_answer(self, frame: list[bytes]) -> None:
        owed = self._session.take_frames()
        self._write_with(owed, frame + owed)

    def _write_with(self, owed: list[bytes], frames: list[bytes]) -> None:
        """Send frames. Some are owed to the peer, releases among them, whose answers nobody waits for."""
        self._outflow.write(frames)
        if owed:
            self._acknowledge()

    # What came. In the thread that reads.

    def receive(self, data: bytes) -> None:
        """Take bytes, and send at once all that they lead to here and now. Raises as `Session.receive_data`."""
        if not self.at_ease:
            self._receive_any(data)
            return
        if self._begun:
            data, self._begun = self._begun + data, b""
        usual = self._reader.read(data, 0)
        if usual is None:
            self._receive_rest(data)
        elif not self._threaded or usual[0] < len(data):
            self._receive_several(data, usual)
        else:
            self._take(usual)
            self._pay(usual[2])

    def _receive_several(self, data: bytes, usual: UsualMessage | None) -> None:
        """Take bytes that begin with a usual message; everything that one read leads to is one write."""
        corked = self._outflow.cork(usual is not None and usual[0] < len(data))
        start = verb = 0
        try:
            while usual is not None:
                self._take(usual)
                start, verb = usual[0], usual[2]
                usual = self._reader.read(data, start) if start < len(data) else None
            self._pay(verb)
        finally:
            self._outflow.uncork(corked)
        if start < len(data):
            self._receive_rest(data[start:])

    def _take(self, usual: UsualMessage) -> None:
        _end, sequence, verb, content = usual
        self.received += 1
        if verb == DEL:
            self._session.take_back(sequence, *content)
        elif verb:
            self._dispatcher.request_received(sequence, verb, content)
        else:
            receiver = self.waiting.pop(sequence, None)
            if receiver is not None:
                receiver.deliver(content)

    def _pay(self, verb: int) -> None:
        """Send what is owed to the peer after a message of this verb, 0 for an answer."""
        session = self._session
        if session.urgent or session.borrowed.released or session.receipts:
            # Answers to releases travel with the answer to a request that came behind them.
            answered = verb in (0, DEL) or not self._threaded
            self._outflow.write(session.take_frames() if answered else session.take_urgent())

    def _receive_rest(self, data: bytes) -> None:
        """Take bytes that do not begin with a usual message, but perhaps with a part of one."""
        if self._reader.is_begun(data, 0):
            self._begun = data
        else:
            self._receive_any(data)

    def _receive_any(self, data: bytes) -> None:
        session = self._session
        self.at_ease = False
        events = session.receive_data(data)
        if not self._threaded or len(events) != 1:
            self._handle_all(events)
        else:
            self._handle(events[0])
            self._pay(events[0].verb if type(events[0]) is Request else 0)
        self.at_ease = session.at_ease and self.lost is None

    def _handle_all(self, events: list[Event]) -> None:
        """Handle what one read brought; everything that it leads to is one write."""
        corked = self._outflow.cork(True)
        try:
            for event in events:
                self._handle(event)
            self._outflow.write(self._session.take_frames())
        finally:
            self._outflow.uncork(corked)

    def _handle(self, event: Event) -> None:
        self.received += 1
        if type(event) is Reply:
            receiver = self.waiting.pop(event.sequence, None)
            if receiver is not None:
                receiver.deliver(event.value)
        elif type(event) is Request:
            if event.verb in _HERE:
                self._answer_here(event)
            else:
                self._dispatcher.request_received(event.sequence, event.verb, event.arguments)
        elif type(event) is Failure:
            receiver = self.waiting.pop(event.sequence, None)
            if receiver is not None:
                receiver.deliver_error(event.error)
        elif type(event) is BadRequest:
            self._on_refused(event.error)
            self.answer_error(event.sequence, event.error)
        elif type(event) is OtherDialect:
            self._on_other_dialect(event)

    def _answer_here(self, request: Request) -> None:
        """Answer at once what runs nobody's code, also while the dispatcher is busy; leave the rest to it."""
        verb = request.verb
        if verb == PING and len(request.arguments) == 1:
            self.answer(request.sequence, request.arguments[0])
        elif verb == CLOSE:
            self.answer(request.sequence, None)
            self.closing = True
        elif not (verb == INSPECT and len(request.arguments) == 1 and self._inspected(request)):
            self._dispatcher.request_received(request.sequence, verb, request.arguments)

    def _inspected(self, request: Request) -> bool:
        """Answer an inspection, unless the object is another peer's, which must then be asked."""
        try:
            value = self._session.lent.get(read_identity(request.arguments[0]))
        except (ProtocolError, UnknownReference) as error:
            self.answer_error(request.sequence, error)
            return True
        if self._proxies.identity_of(value) is not None:
            return False
        try:
            self._write_answer(self._session.encode_offer(request.sequence, offered_methods(value)))
        except EncodingError as error:
            self.answer_error(request.sequence, error)
        return True
