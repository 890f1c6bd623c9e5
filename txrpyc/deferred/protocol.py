"""The protocol of the Deferred face, which only the reactor's thread uses: the usual messages take a shorter way."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txrpyc.core.boxing import box_local
from txrpyc.core.config import Rules
from txrpyc.core.consts import CALL, CALLATTR
from txrpyc.core.identity import Identity
from txrpyc.core.session import Proxies
from txrpyc.core.usual import opening_of_call, write_call, write_reply
from txrpyc.deferred.outflow import TurnOutflow
from txrpyc.deferred.remote import RemoteCall, RemoteObject, identity_of
from txrpyc.errors import EncodingError
from txrpyc.interfaces import IDispatcher
from txrpyc.protocol import RPyCProtocol

__all__ = ["ReactorProtocol"]

_MEMORY = 1000
"""How many openings of calls are kept."""


class ReactorProtocol(RPyCProtocol):
    """Writes the usual messages (`txrpyc.core.usual`) itself, while nothing is in their way. The exchange has all
    others.

    Args:
        rules: the rules of this side.
        maker: makes the proxies for the peer's objects, and knows them; needs no inspections.
        dispatcher: carries out what the peer asks.
        reactor: the reactor of the transport.
    """

    def __init__(self, rules: Rules, maker: Proxies, dispatcher: IDispatcher, reactor: Any) -> None:
        def later(function: Callable[[], None]) -> None:
            reactor.callLater(0, function)

        soon = getattr(reactor, "callFromThread", later)
        self._turns = TurnOutflow(soon, later)
        super().__init__(rules, maker, dispatcher, soon, threaded=False, answer_class=RemoteCall, outflow=self._turns)
        self._borrowed = self.session.borrowed
        self._unsent: OrderedDict[RemoteCall, tuple[int, tuple[Any, ...]]] = OrderedDict()
        self._openings: dict[tuple[Identity, str | None], bytes] = {}

    # For the face.

    def request(self, verb: int, *arguments: Any) -> RemoteCall:
        """Ask the peer for something. See `RPyCProtocol.request`. While the peer does not take what is sent to it, the
        request waits, too, and is not even encoded.
        """
        call = RemoteCall(self.give_up)
        if self._turns.full:
            self._unsent[call] = verb, arguments
        else:
            self._ask(call, verb, arguments)
        return call

    def _ask(self, call: RemoteCall, verb: int, arguments: tuple[Any, ...]) -> None:
        try:
            self.send(call, verb, arguments)
        except EncodingError:
            call.errback(Failure())

    def _output_full(self, full: bool) -> None:
        super()._output_full(full)
        while self._unsent and not self._turns.full:
            call, (verb, arguments) = self._unsent.popitem(last=False)
            self._ask(call, verb, arguments)

    def give_up(self, answer: Deferred[Any]) -> None:
        """Stop waiting for an answer; do not even ask, if that was not done yet."""
        if self._unsent:
            self._unsent.pop(cast(RemoteCall, answer), None)
        super().give_up(answer)

    def call(self, owner: RemoteObject, name: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> RemoteCall:
        """Ask the peer to call a method of an object, or the object, if the name is None. Otherwise as `request`."""
        if self.exchange.at_ease and not kwargs and not self._borrowed.released and not self._turns.full:
            opening = self._openings.get((identity_of(owner), name)) or self._opening_of(owner, name)
            sequence = self.session.next_sequence()
            frame = write_call(sequence, opening, args, self.session.rules.max_frame)
            if frame is not None:
                call = RemoteCall(self.give_up)
                call.sequence = sequence
                self.exchange.waiting[sequence] = call
                self._turns.send(frame)
                return call
        keywords = tuple(kwargs.items())
        if name is None:
            return self.request(CALL, owner, args, keywords)
        return self.request(CALLATTR, owner, name, args, keywords)

    def reply(self, sequence: int, value: Any) -> None:
        """Answer a request with a value; with an exception if the value cannot be sent."""
        if self.exchange.at_ease and not self._borrowed.released:
            frame = write_reply(sequence, value, self.session.rules.max_frame)
            if frame is not None:
                self._turns.send(frame)
                return
        self.answer(sequence, value)

    def _opening_of(self, owner: RemoteObject, name: str | None) -> bytes:
        if len(self._openings) >= _MEMORY:
            self._openings.clear()
        identity = identity_of(owner)
        opening = self._openings[identity, name] = opening_of_call(box_local(identity), name)
        return opening
