"""The session: one side of one connection, without any input or output.

Bytes go in and events come out; values go in and frames come out. It owns the sequence numbers, the two tables and
the dialect. It does not know Deferreds, transports, threads or time, runs no code of the user's, and never waits:
when a message brings an object of a class that must be inspected, the session asks the peer and holds the message
until the answer is there.

What `receive_data` promises:

1. A request becomes one `Request` or, if its arguments are bad, one `BadRequest`, in the order of arrival, whatever
   had to be inspected for an earlier one. Only an INSPECT overtakes requests that are held: the peer may hold what
   would free them.
2. An answer becomes one `Reply` or `Failure`. An answer to something that was never asked, or is not waited for any
   more, is dropped and its references are given back; whether it is waited for is the caller's to say (`expects`).
3. What is owed to the peer in return (inspections, answers to releases) is in `take_frames`.
4. `ProtocolError` means that the connection cannot go on.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from txrpyc.core import vinegar
from txrpyc.core.boxing import Boxer, ProxyReader, box_release
from txrpyc.core.brine import BRINABLE, dump, dump_int, load_from
from txrpyc.core.config import Rules
from txrpyc.core.consts import CALL, CALLATTR, DEL, EXCEPTION, INSPECT, LABEL_VALUE, REPLY, REQUEST, Verb
from txrpyc.core.envelope import Dialect, heads_of, read_head
from txrpyc.core.events import BadRequest, Event, Failure, OtherDialect, Reply, Request
from txrpyc.core.frame import Compression, FrameDecoder, frame_of
from txrpyc.core.holding import Holding
from txrpyc.core.identity import Identity
from txrpyc.core.inspection import Methods, boxed_offer
from txrpyc.core.objects import BorrowedTable, LentTable
from txrpyc.core.unboxing import ProxyMaker, Unboxer, Unmade, read_verb
from txrpyc.core.usual import UsualReader, opening_of_call, write_boxed_reply, write_call, write_release, write_reply
from txrpyc.errors import EncodingError, ProtocolError, TxRPyCError, UnknownReference
from txrpyc.version import RPYC_5_VERSION, RPYC_VERSION

__all__ = ["BadRequest", "Event", "Failure", "OtherDialect", "Reply", "Request", "Session"]


_NEWER: Final = Dialect.V6

_VERBS: Final = {int(verb): b"\x11" + dump(int(verb)) for verb in Verb}
"""What stands before the arguments of a request."""


class Proxies(ProxyReader, ProxyMaker, Protocol):
    """What a face provides: it makes proxies, and knows them."""


class Session:
    """See the module.

    Args:
        rules: the rules to start with; `rules` may be assigned later.
        maker: makes the proxies, and knows them.
        expects: tells whether the answer to a sequence number of ours is still waited for.
        on_release: called when there is something to give back, from any thread; see `BorrowedTable`.

    Attributes:
        rules, compression, dialect: as they are now; the dialect is None until it is known.
        lent, borrowed: the tables.
        next_sequence: gives the number of a new request.
        usual_reader: reads usual messages, for who asks first whether the session is `at_ease`.
        urgent, receipts: frames that are to be sent by themselves; see `take_urgent` and `take_frames`.
    """

    def __init__(
        self,
        rules: Rules,
        maker: Proxies,
        expects: Callable[[int], bool],
        on_release: Callable[[], None],
    ) -> None:
        self.rules = rules
        self.lent = LentTable()
        self.borrowed = BorrowedTable(on_release)
        self.compression = Compression.NEVER if rules.compression == "never" else Compression.ALWAYS
        self.dialect = Dialect(rules.protocol_version) if rules.protocol_version else None
        self._heads = heads_of(self.dialect or Dialect.V6)
        self._maker = maker
        self._expects = expects
        self._boxer = Boxer(maker, self.lent)
        self._unboxer = Unboxer(maker, self.lent, self.borrowed)
        self.usual_reader = UsualReader(self._unboxer, self.lent, rules.max_frame)
        self._decoder = FrameDecoder(rules.max_frame)
        self.next_sequence: Callable[[], int] = itertools.count().__next__
        self._unconfirmed: list[tuple[int, list[bytes]]] | None = None if self.dialect else []
        self.urgent: deque[bytes] = deque()
        self.receipts: deque[bytes] = deque()
        self._holding = Holding(maker, self._unboxer, self.borrowed, self._inspect)

    # Asked by the protocol: what to send.

    def encode_request(self, verb: int, arguments: tuple[Any, ...]) -> tuple[int, list[bytes]]:
        """Give the sequence number and the frame, in pieces, of a new request. Any thread may call.

        Raises:
            EncodingError: an argument cannot be sent; nothing has changed.
        """
        sequence = self.next_sequence()
        if self._unconfirmed is None and self.dialect is _NEWER:
            frame = self._usual_call(sequence, verb, arguments)
            if frame is not None:
                return sequence, [frame]
        head = _VERBS.get(verb) or b"\x11" + dump(int(verb))
        return sequence, self._boxed(REQUEST, [self._heads[REQUEST], dump_int(sequence), head], arguments)

    def encode_reply(self, sequence: int, value: Any) -> list[bytes]:
        """Give the frame that answers a request with a value. Any thread may call. Raises as `encode_request`."""
        if self._unconfirmed is None and self.dialect is _NEWER:
            frame = self._usual_reply(sequence, value)
            if frame is not None:
                return [frame]
        return self._boxed(REPLY, [self._heads[REPLY], dump_int(sequence)], value)

    def _usual_call(self, sequence: int, verb: int, arguments: tuple[Any, ...]) -> bytes | None:
        """Give the frame of a request if it is a usual call of an object of the peer's; otherwise None."""
        if verb == CALLATTR and len(arguments) == 4:
            target, name, args, keywords = arguments
            if type(name) is not str:
                return None
        elif verb == CALL and len(arguments) == 3:
            target, args, keywords = arguments
            name = None
        else:
            return None
        if type(args) is not tuple or type(keywords) is not tuple or keywords:
            return None
        reference = self._maker.reference_of(target)
        if reference is None:
            return None
        return write_call(sequence, opening_of_call(reference, name), args, self.rules.max_frame)

    def _usual_reply(self, sequence: int, value: Any) -> bytes | None:
        """Give the frame of an answer if it is a usual one; otherwise None."""
        if type(value) in BRINABLE:
            return write_reply(sequence, value, self.rules.max_frame)
        parts: list[bytes] = []
        lent: list[Identity] = []
        self._boxer.encode_reference(value, parts, lent)
        frame = write_boxed_reply(sequence, parts, self.rules.max_frame)
        if frame is None:
            self._boxer.take_back(lent)
        return frame

    def encode_offer(self, sequence: int, methods: Methods) -> list[bytes]:
        """Give the frame that answers an inspection. Any thread may call. Raises as `encode_request`."""
        return self._sealed(REPLY, sequence, boxed_offer(methods))

    def encode_failure(self, sequence: int, error: BaseException) -> list[bytes]:
        """Give the frame that answers a request with an exception. Any thread may call."""
        version = RPYC_5_VERSION if self.dialect is Dialect.V5 else RPYC_VERSION
        try:
            return self._sealed(EXCEPTION, sequence, dump(vinegar.dump(error, self.rules, version)))
        except Exception as reason:
            # Too long, or too deep, to be told in full; or its class does what nobody expects.
            why = str(reason) if isinstance(reason, TxRPyCError) else vinegar.name_of(type(reason))
            brief = EncodingError(f"a {vinegar.name_of(type(error))} was raised, which cannot be sent: {why}")
            return self._sealed(EXCEPTION, sequence, dump(vinegar.dump(brief, self.rules, version)))

    def take_urgent(self) -> list[bytes]:
        """Give the frames that are to be sent by themselves and at once: releases and inspections. Any thread may
        call.
        """
        frames: list[bytes] = []
        while self.urgent:
            try:
                frames.append(self.urgent.popleft())
            except IndexError:
                break
        for identity, count in self.borrowed.take_released():
            if self._unconfirmed is None and self.dialect is _NEWER:
                frames.append(write_release(self.next_sequence(), identity, count))
            else:
                body = _VERBS[DEL] + box_release(identity, count)
                frames += self._sealed(REQUEST, self.next_sequence(), body)
        return frames

    def take_frames(self) -> list[bytes]:
        """Give all that is to be sent by itself: what is urgent, and the answers to releases, which nobody waits for.
        Any thread may call.
        """
        frames = self.take_urgent()
        while self.receipts:
            try:
                frames.append(self.receipts.popleft())
            except IndexError:
                break
        return frames

    def _boxed(self, message: int, parts: list[bytes], value: Any) -> list[bytes]:
        """Give the frame of a message that begins with these parts, and ends with a boxed value."""
        lent = self._boxer.encode(value, parts)
        try:
            if self._unconfirmed is None:
                return frame_of(parts, self.compression, self.rules.max_frame)
            return self._frame(message, parts)
        except EncodingError:
            self._boxer.take_back(lent)
            raise

    def _sealed(self, message: int, sequence: int, body: bytes) -> list[bytes]:
        return self._frame(message, [self._heads[message], dump(sequence), body])

    def _frame(self, message: int, parts: list[bytes]) -> list[bytes]:
        frame = frame_of(parts, self.compression, self.rules.max_frame)
        if self._unconfirmed is not None:
            self._confirm_later(message, parts)
        return frame

    def _confirm_later(self, message: int, parts: list[bytes]) -> None:
        unconfirmed = self._unconfirmed  # which another thread may take away at any point
        if unconfirmed is not None:
            unconfirmed.append((message, parts))

    def _speak(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._heads = heads_of(dialect)

    def change_dialect(self, dialect: Dialect) -> list[bytes]:
        """Begin anew with a peer of another dialect, before any of its messages was taken in; give the frames to send.

        Nothing of what was sent so far was understood, or even sent, so all of it is among these.
        """
        unconfirmed, self._unconfirmed = self._unconfirmed or [], None
        self._speak(dialect)
        self._decoder = FrameDecoder(self.rules.max_frame)
        frames: list[bytes] = []
        for message, parts in unconfirmed:
            frames += frame_of([self._heads[message], *parts[1:]], self.compression, self.rules.max_frame)
        return frames

    # Asked by the protocol: what came.

    @property
    def buffered(self) -> int:
        """How many bytes of an unfinished message are held."""
        return self._decoder.buffered

    @property
    def at_ease(self) -> bool:
        """Whether the peer speaks the newer dialect, and all that it has sent has been taken in and handed out."""
        held = self._holding.requests or self._holding.answers or self._holding.inspections
        return self.dialect is Dialect.V6 and self._unconfirmed is None and not (held or self._decoder.buffered)

    def take_back(self, sequence: int, identity: Identity, count: int) -> None:
        """Take back what a usual release gives back, and is lent; owe the peer the answer."""
        self.lent.give_back(identity, count)
        self.receipts += self.encode_reply(sequence, None)

    def receive_data(self, data: bytes) -> list[Event]:
        """Take bytes from the peer and give the events that they complete. See the module."""
        events: list[Event] = []
        for payload in self._decoder.feed(data):
            dialect, message, sequence, start = read_head(payload)
            if self._unconfirmed is not None:
                if self._unconfirmed and dialect is Dialect.V5:
                    return [*events, OtherDialect(dialect)]
                self._unconfirmed = None
            if dialect is not self.dialect:
                self._speak(dialect)
            if message == REPLY and not self._holding.inspections:
                event = self._reply(sequence, payload, start)
            else:
                event = self._message(message, sequence, payload, start)
            if event is not None:
                events.append(event)
            if self._holding.requests or self._holding.answers:
                events += self._holding.resumed()
        return events

    def _message(self, message: int, sequence: int, payload: bytes, start: int) -> Event | None:
        if message == REQUEST:
            return self._request(sequence, payload, start)
        if sequence in self._holding.inspections:
            self._holding.learn(sequence, message, payload, start)
            return None
        if message == REPLY:
            return self._reply(sequence, payload, start)
        body = load_from(payload, start)
        if not self._expects(sequence):
            return None
        try:
            return Failure(sequence, vinegar.load(body, self.rules))
        except ProtocolError as error:
            return Failure(sequence, error)

    def _request(self, sequence: int, payload: bytes, start: int) -> Event | None:
        unmade: list[Unmade] = []
        try:
            verb, begin = read_verb(payload, start)
            if verb == DEL:
                self._unboxer.take_back(payload, begin)
                self.receipts += self.encode_reply(sequence, None)
                return None
            arguments = self._unboxer.decode(payload, begin, unmade)
            if type(arguments) is not tuple:
                raise ProtocolError("a request whose arguments are not a tuple")
        except (ProtocolError, UnknownReference) as error:
            self._holding.drop(unmade)
            load_from(payload, start)  # if it is not even brine, the connection cannot go on
            return self._holding.in_order(BadRequest(sequence, error))
        if not unmade:
            event = Request(sequence, verb, arguments)
            # What the peer sends next may wait for this inspection, and what we hold for that.
            return event if verb == INSPECT else self._holding.in_order(event)
        self._holding.hold_request(lambda: Request(sequence, verb, self._unboxer.settle(arguments)), unmade)
        return None

    def _reply(self, sequence: int, payload: bytes, start: int) -> Event | None:
        unmade: list[Unmade] = []
        try:
            value = self._unboxer.decode(payload, start, unmade)
        except (ProtocolError, UnknownReference) as error:
            self._holding.drop(unmade)
            load_from(payload, start)
            return Failure(sequence, error) if self._expects(sequence) else None
        if not self._expects(sequence):
            # Too late, or unasked for. The proxies in it die here, which gives them back.
            self._holding.drop(unmade)
            return None
        if not unmade:
            return Reply(sequence, value)
        self._holding.hold_answer(lambda: Reply(sequence, self._unboxer.settle(value)), unmade)
        return None

    def _inspect(self, identity: Identity) -> int:
        sequence = self.next_sequence()
        self.urgent += self._sealed(REQUEST, sequence, dump((INSPECT, (LABEL_VALUE, (identity,)))))
        return sequence

    def close(self) -> None:
        """Forget all that the peer lent and borrowed: the connection is gone."""
        self.lent.clear()
        self.borrowed.clear()
        self._holding.clear()
        self.urgent.clear()
        self.receipts.clear()
