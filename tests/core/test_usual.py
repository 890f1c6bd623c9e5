"""The usual messages: the bytes and the meaning are the session's; whatever is unusual is left to it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.core.cores import Proxy, Side, frame, request
from tests.core.values import brinable, changes, exactly, modest, prefixes
from txrpyc.core.boxing import box_local
from txrpyc.core.consts import CALL, CALLATTR, EXCEPTION, REPLY
from txrpyc.core.envelope import Dialect
from txrpyc.core.frame import encode_frame
from txrpyc.core.session import Reply, Request
from txrpyc.core.usual import UsualReader, opening_of_call, write_call, write_reply
from txrpyc.errors import ProtocolError

VALUE, LOCAL = 1, 3
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
        for data in (self.call(1, "x"), self.call(7, name=None), write_reply(500, "text", LIMIT)):
            assert data is not None
            for changed in changes(data):
                found = self.read(changed)
                if found is not None:
                    self.assertEqual(exactly(found), exactly(self.from_session(changed)), changed)
