"""
Sessions for the tests: with the simplest maker of proxies, alone or two joined by hand.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from txrpyc.core import brine
from txrpyc.core.boxing import box_local
from txrpyc.core.config import make_rules
from txrpyc.core.consts import INSPECT, LABEL_TUPLE, REQUEST, Verb
from txrpyc.core.envelope import Dialect, open_envelope, seal
from txrpyc.core.frame import FrameDecoder, encode_frame
from txrpyc.core.identity import Identity, class_of, read_identity
from txrpyc.core.inspection import offered_methods
from txrpyc.core.session import BadRequest, Event, Request, Session

__all__ = ["Maker", "Pair", "Proxy", "Side", "frame", "opened", "payload_of", "request"]

_Methods = tuple[tuple[str, "str | None"], ...]


class Proxy:
    """Stands for an object of the other side's, and does nothing."""

    def __init__(self, maker: Maker, identity: Identity) -> None:
        self.maker = maker
        self.identity = identity
        self.methods = maker.methods.get(class_of(identity), ())


class Maker:
    """Makes proxies; each class of the other side's must be inspected, if `inspects`."""

    def __init__(self, *, inspects: bool = True) -> None:
        self.inspects = inspects
        self.methods: dict[tuple[str, int, bool], _Methods] = {}

    def reference_of(self, value: object) -> bytes | None:
        return box_local(value.identity) if type(value) is Proxy and value.maker is self else None

    def identity_of(self, value: object) -> Identity | None:
        return value.identity if type(value) is Proxy else None

    def must_inspect(self, identity: Identity) -> bool:
        return self.inspects and class_of(identity) not in self.methods

    def learn(self, identity: Identity, methods: _Methods) -> None:
        self.methods[class_of(identity)] = methods

    def make_proxy(self, identity: Identity) -> Proxy:
        return Proxy(self, identity)


class Side:
    """
    A session and what drives it: it answers inspections, and collects all other events.

    `outbox` holds the frames that are to go to the other side; `awaited` the sequence numbers whose
    answers are expected.
    """

    def __init__(self, *, inspects: bool = True, **settings: Any) -> None:
        self.maker = Maker(inspects=inspects)
        self.awaited: set[int] = set()
        self.events: list[Event] = []
        self.inspected: Counter[tuple[str, int, bool]] = Counter()
        self.outbox: list[bytes] = []
        self.releases = 0
        self.session = Session(make_rules(settings), self.maker, self.awaited.__contains__, self._on_release)

    def _on_release(self) -> None:
        self.releases += 1

    def ask(self, verb: int, *arguments: Any) -> int:
        """Send a request and give its sequence number."""
        sequence, frame = self.session.encode_request(verb, arguments)
        self.awaited.add(sequence)
        self.outbox += frame
        return sequence

    def answer(self, sequence: int, value: Any) -> None:
        self.outbox += self.session.encode_reply(sequence, value)

    def receive(self, data: bytes) -> None:
        for event in self.session.receive_data(data):
            if type(event) is Request and event.verb == INSPECT:
                identity = read_identity(event.arguments[0])
                self.inspected[class_of(identity)] += 1
                self.answer(event.sequence, offered_methods(self.session.lent.get(identity)))
            else:
                self.events.append(event)

    def take_frames(self) -> bytes:
        frames, self.outbox = [*self.outbox, *self.session.take_frames()], []
        return b"".join(frames)

    def take_events(self) -> list[Any]:
        events, self.events = self.events, []
        return events

    def refused(self) -> BadRequest:
        """Give the only event there is, a BadRequest."""
        (event,) = self.take_events()
        assert type(event) is BadRequest, event
        return event


class Pair:
    """Two sides, and the wire between them."""

    def __init__(self, **settings: Any) -> None:
        self.one = Side(**settings)
        self.two = Side(**settings)

    def pump(self) -> None:
        """Carry frames to and fro until neither side has any."""
        while True:
            there, back = self.one.take_frames(), self.two.take_frames()
            if not there and not back:
                return
            if there:
                self.two.receive(there)
            if back:
                self.one.receive(back)


def payload_of(frame: bytes) -> bytes:
    """Give what a single frame carries."""
    (payload,) = FrameDecoder().feed(frame)
    return payload


def frame(message: int, sequence: int, body: Any, dialect: Dialect = Dialect.V6) -> bytes:
    """Give what a peer sends."""
    return encode_frame(seal(dialect, message, sequence, brine.dump(body)), compress=False)


def request(sequence: int, *items: Any, verb: int = Verb.CALL, dialect: Dialect = Dialect.V6) -> bytes:
    return frame(REQUEST, sequence, (int(verb), (LABEL_TUPLE, items)), dialect)


def opened(data: bytes) -> tuple[Dialect, int, int, Any]:
    """Give the parts of the message that a single frame carries."""
    return open_envelope(payload_of(data))
