"""The usual messages: the bytes and the meaning are the session's; whatever is unusual is left to it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.core.cores import Proxy, Side, frame, opened, request
from tests.core.values import brinable, changes, exactly, modest, prefixes
from txrpyc.core.boxing import box_local
from txrpyc.core.consts import CALL, CALLATTR, DEL, EXCEPTION, REPLY, REQUEST
from txrpyc.core.envelope import Dialect
from txrpyc.core.frame import encode_frame
from txrpyc.core.session import Reply, Request
from txrpyc.core.usual import UsualReader, opening_of_call, write_call, write_release, write_reply
from txrpyc.errors import EncodingError, ProtocolError

VALUE, TUPLE, LOCAL, REMOTE = 1, 2, 3, 4
LIMIT = 1 << 20


class Thing:
    """An object of the caller's peer."""


class Case(SynchronousTestCase):
    """A caller and its peer, which has lent it an object."""

    def setUp(self) -> None:
        self.caller, self.peer = (Side(inspects=False, compression="never") for _ in "12")
        self.thing = Thing()
        self.identity = self.peer.session.lent.lend(self.thing)
        self.proxy = Proxy(self.caller.maker, self.identity)
        self.reader = UsualReader(self.peer.session._unboxer, self.peer.session.lent, LIMIT)

    def encoded(self, name: str | None, args: tuple[Any, ...]) -> tuple[int, bytes]:
        """Give the session's frame of a call, and its number."""
        verb, names = (CALL, ()) if name is None else (CALLATTR, (name,))
        sequence, frames = self.caller.session.encode_request(verb, (self.proxy, *names, args, ()))
        return sequence, b"".join(frames)

    def call(self, *args: Any, sequence: int = 12345, name: str | None = "method", limit: int = LIMIT) -> bytes | None:
        return write_call(sequence, opening_of_call(box_local(self.identity), name), args, limit)


class WriteTests(Case):
    def test_call(self) -> None:
        """A call has the bytes that the session gives it, whatever its number."""
        for number in range(300):
            for name in (None, "method", "x" * 300):
                args = (number, "text", (None, 1.5))[: number % 4]
                sequence, data = self.encoded(name, args)
                self.assertEqual(self.call(*args, sequence=sequence, name=name), data)

    @modest
    @given(st.lists(brinable, max_size=4).map(tuple))
    def test_any_call(self, args: tuple[Any, ...]) -> None:
        """A call with any plain arguments has the session's bytes, or is not a usual one."""
        self.setUp()
        sequence, data = self.encoded("method", args)
        written = self.call(*args, sequence=sequence)
        self.assertEqual(written if len(data) <= 3006 else data, data)

    def test_reply(self) -> None:
        """A reply has the bytes that the session gives it."""
        for sequence in (0, 5, 159, 160, 12345, 10**30, -1):
            for value in (0, 1000, -5, "text", b"bytes", None, True, 1.5, NotImplemented, ...):
                data = b"".join(self.peer.session.encode_reply(sequence, value))
                self.assertEqual(write_reply(sequence, value, LIMIT), data)

    def test_release(self) -> None:
        """A release has the bytes that the session gives it."""
        for number, count in ((1, 1), (12345, 200)):
            for sequence in (5, 160, 12345):
                identity = ("module.Class", 10**14, number)
                data = frame(REQUEST, sequence, (DEL, (TUPLE, ((LOCAL, identity), (VALUE, count)))))
                self.assertEqual(write_release(sequence, identity, count), data)

    def test_settled(self) -> None:
        """A session that knows its peer's dialect gives the same bytes as one that does not, for whatever is asked,
        answered or given back.
        """
        values = (self.thing, Thing, len, 5, "x" * 4000, (1, 2), (self.thing,), [1], {})
        settled, other = (Side(inspects=False, compression="never", protocol_version=version) for version in (6, None))
        for side in (settled, other):
            proxies = [Proxy(side.maker, ("module.Class", 10**14, number)) for number in range(3)]
            lent = [side.session.lent.lend(self.thing) for _ in "12"]
            frames = []
            for value in (*values, proxies[0]):
                frames.append(side.session.encode_reply(500, value))
                frames.append(side.session.encode_request(CALL, (proxies[1], (value,), ()))[1])
                frames.append(side.session.encode_request(CALLATTR, (proxies[1], "method", (value,), ()))[1])
                frames.append(side.session.encode_request(CALLATTR, (self.thing, "method", (value,), ()))[1])
            frames.append(side.session.encode_request(CALLATTR, (proxies[1], "method", (1,), (("key", 2),)))[1])
            frames.append(side.session.encode_request(CALLATTR, (proxies[1], "method", (1,)))[1])
            frames.append(side.session.encode_request(CALLATTR, (proxies[1], "method", values[-2], ()))[1])
            frames.append(side.session.encode_request(CALL, (len, (1,), ()))[1])
            side.session.borrowed.borrow(proxies[2].identity)
            side.session.borrowed.drop(proxies[2].identity)
            frames.append(side.session.take_frames())
            side.written = [b"".join(pieces) for pieces in frames]  # type: ignore[attr-defined]
            self.assertEqual(lent[0], lent[1])
        self.assertEqual(settled.written, other.written)  # type: ignore[attr-defined]

    def test_too_long(self) -> None:
        """An answer that is longer than the limit lends nothing."""
        for settings in ({"protocol_version": 6}, {}):
            side = Side(inspects=False, max_frame=20, **settings)
            self.assertRaises(EncodingError, side.session.encode_reply, 500, Thing())
            self.assertEqual(len(side.session.lent), 0)

    def test_unusual(self) -> None:
        """What goes by reference, cannot be sent, is too long, or may be compressed, is left to the session."""
        for value in (Thing(), (1, Thing()), "\udc80", ("\udc80",), "x" * 3000, b"x" * 100_000):
            self.assertIsNone(self.call(value))
            self.assertIsNone(write_reply(1, value, LIMIT))
        self.assertIsNone(self.call("x" * 50, limit=100))
        self.assertIsNone(write_reply(1, "x" * 100, 100))


class ReadTests(Case):
    def read(self, data: bytes | None, start: int = 0) -> Any:
        assert data is not None
        return self.reader.read(data, start)

    def from_session(self, data: bytes) -> Any:
        """Give what the session reads, in the same form; None if that is something else, or an error."""
        side = Side(inspects=False)
        for _ in range(300):
            side.session.lent.lend(self.thing)
        side.session.change_dialect(Dialect.V6)
        side.awaited.update(range(100_000))
        try:
            events = side.session.receive_data(data)
        except ProtocolError:
            return None
        match events:
            case [Request(sequence, verb, arguments)]:
                return len(data), sequence, verb, arguments
            case [Reply(sequence, value)]:
                return len(data), sequence, 0, value
            case []:
                count = 300 - side.session.lent._loans[self.identity].count
                (receipt,) = side.session.receipts
                return len(data), opened(receipt)[2], DEL, (self.identity, count)
        return None

    def test_call(self) -> None:
        """A call gives its number, verb and arguments, whether or not it is like the one before."""
        for sequence in (1, 159, 160, 12345, 10**18):
            for name in ("method", "method", None, None, "other", "x" * 300):
                data = self.call(1, ("x",), sequence=sequence, name=name)
                assert data is not None
                names = () if name is None else (name,)
                expected = (CALL if name is None else CALLATTR), (self.thing, *names, (1, ("x",)), ())
                self.assertEqual(self.read(data), (len(data), sequence, *expected))

    def test_reply(self) -> None:
        """A reply gives its number and value, also those of values of which we write other replies."""
        for sequence in (1, 159, 160, 12345):
            for value in (5, None, "text", (1, (2,)), b"x" * 5000, frozenset([1])):
                data = frame(REPLY, sequence, (VALUE, value))
                self.assertEqual(self.read(data), (len(data), sequence, 0, value))

    def test_object(self) -> None:
        """A reply that is an object gives its proxy, which is counted; not if its class must be inspected first."""
        identity = ("module.Class", 10**14, 10**15)
        data = frame(REPLY, 500, (REMOTE, identity))
        end, sequence, verb, proxy = self.read(data)
        self.assertEqual((end, sequence, verb, proxy.identity), (len(data), 500, 0, identity))
        self.assertIs(self.read(data)[3], proxy)
        self.assertEqual(self.peer.session.borrowed.count(identity), 2)
        self.peer.maker.inspects = True
        del proxy
        self.assertIsNone(self.read(data))
        self.assertEqual(self.peer.session.borrowed.count(identity), 2)

    def test_release(self) -> None:
        """A release gives what is given back, and how often; not if that is not lent, or the count is none."""
        for sequence in (1, 12345):
            for count in (1, 159):
                data = write_release(sequence, self.identity, count)
                self.assertEqual(self.read(data), (len(data), sequence, DEL, (self.identity, count)))
        self.assertIsNone(self.read(write_release(1, ("module.Class", 1, 2), 1)))
        self.assertIsNone(self.read(write_release(1, self.identity, 160)))  # rare; the session does it
        reference = (LOCAL, self.identity)
        for rest in ((), ((VALUE, 0),), ((VALUE, -1),), ((VALUE, "x"),), (reference,), ((VALUE, 1), (VALUE, 1))):
            self.assertIsNone(self.read(frame(REQUEST, 1, (DEL, (TUPLE, (reference, *rest))))))

    def test_taken_back(self) -> None:
        """What a release gives back is not lent any more, and the peer gets its answer."""
        session = self.peer.session
        session.lent.lend(self.thing)
        for left in (1, 0):
            _end, sequence, _verb, content = self.read(write_release(700, self.identity, 1))
            session.take_back(sequence, *content)
            self.assertEqual(len(session.lent), left)
        self.assertEqual(b"".join(session.take_frames()), frame(REPLY, 700, (VALUE, None)) * 2)

    def test_in_a_row(self) -> None:
        """Messages are read one behind the other."""
        messages = [self.call(n, sequence=n * 100) or write_reply(n, n, LIMIT) for n in range(10)]
        data, start = b"".join(message for message in messages if message), 0
        for number in range(10):
            start, sequence, _verb, arguments = self.read(data, start)
            self.assertEqual((sequence, arguments[2]), (number * 100, (number,)))
        self.assertEqual(start, len(data))

    def test_unusual(self) -> None:
        """All else is left to the session."""
        local = (LOCAL, self.identity)
        method, args, nothing = (VALUE, "method"), (VALUE, (1,)), (VALUE, ())
        usual = request(500, local, method, args, nothing, verb=CALLATTR)
        self.assertIsNotNone(self.read(usual))
        for data in (
            request(500, local, method, args, nothing, verb=CALLATTR, dialect=Dialect.V5),
            request(500, local, method, args, (VALUE, (("key", 1),)), verb=CALLATTR),
            request(500, local, method, (2, (local,)), nothing, verb=CALLATTR),
            request(500, local, method, args, verb=CALLATTR),
            request(500, local, (VALUE, b"method"), args, nothing, verb=CALLATTR),
            request(500, local, local, args, nothing, verb=CALLATTR),
            request(500, (VALUE, 5), method, args, nothing, verb=CALLATTR),
            request(500, (LOCAL, ("module.Class", 16, 32)), method, args, nothing, verb=CALLATTR),
            request(500, (LOCAL, (1, 2)), method, args, nothing, verb=CALLATTR),
            request(500, local, method, args, nothing, verb=CALL),
            request(500, local, verb=1),
            frame(REPLY, 500, (LOCAL, self.identity)),
            frame(REPLY, 500, (REMOTE, (1, 2))),
            frame(REPLY, 500, (REMOTE, (1, 2, 3))),
            frame(REPLY, 500, (2, (args,))),
            frame(EXCEPTION, 500, (VALUE, 5)),
            frame(REPLY, -500, (VALUE, 5)),
            encode_frame(usual[5:-1] * 50, compress=True),
            encode_frame(usual[5:-1] + b"\0", compress=False),
            frame(REPLY, 500, (VALUE, b"x" * 70_000)),
            b"\0" * 20,
            usual[:-1] + b"\r",
        ):
            self.assertIsNone(self.read(data), data[:200])
        self.assertIsNotNone(self.read(usual))

    def test_limit(self) -> None:
        """A message past the limit is left to the session, which closes the connection."""
        data = self.call(1)
        assert data is not None
        for limit, is_read in ((len(data) - 6, True), (len(data) - 7, False)):
            reader = UsualReader(self.peer.session._unboxer, self.peer.session.lent, limit)
            self.assertEqual(reader.read(data, 0) is not None, is_read)
            self.assertEqual(reader.is_begun(data[:-1], 0), is_read)

    def test_given_back(self) -> None:
        """A call of an object that was given back is left to the session, which refuses it."""
        data = self.call(1)
        self.assertIsNotNone(self.read(data))
        self.peer.session.lent.give_back(self.identity)
        self.assertIsNone(self.read(data))

    def test_parts(self) -> None:
        """A part of a message is none; whether the rest is worth waiting for depends on the length of all."""
        usual, long = self.call("text"), frame(REPLY, 500, (VALUE, b"x" * 5000))
        assert usual is not None
        for data, is_short in ((usual, True), (long, False)):
            for part in prefixes(data[:300]):
                whole = part == data
                self.assertEqual(self.read(part) is not None, whole)
                self.assertEqual(self.read(usual + part, len(usual)) is not None, whole)
                if part and not whole:
                    self.assertEqual(self.reader.is_begun(usual + part, len(usual)), is_short or len(part) < 4)

    def test_damaged(self) -> None:
        """Whatever the bytes are, what is read is what the session reads."""
        for data in (
            self.call(1, "x"),
            self.call(7, name=None),
            write_reply(500, "text", LIMIT),
            write_release(500, self.identity, 1),
        ):
            assert data is not None
            for changed in changes(data):
                found = self.read(changed)
                if found is not None:
                    self.assertEqual(exactly(found), exactly(self.from_session(changed)), changed)
