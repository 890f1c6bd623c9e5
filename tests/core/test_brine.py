"""Brine: the bytes are rpyc's, and what is no brine is a `ProtocolError`."""

from __future__ import annotations

import sys
from typing import Any
from unittest import SkipTest

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.core.values import brinable, changes, exactly, modest, prefixes
from tests.vectors import BOTH, read_bytes, recorded, specimens
from txrpyc.core import brine
from txrpyc.errors import EncodingError, LimitExceeded, ProtocolError


def vectors(version: str) -> list[tuple[Any, bytes]]:
    """Give the recorded values with their encodings."""
    return [(specimens.evaluate(vector["value"]), read_bytes(vector["data"])) for vector in recorded(version)["brine"]]


def digit_limit() -> int:
    limit: int = getattr(sys, "get_int_max_str_digits", int)()
    if not limit:
        raise SkipTest("this interpreter converts integers of any length")
    return limit


def nested(depth: int) -> Any:
    value: Any = ()
    for _ in range(depth - 1):
        value = (value,)
    return value


class RecordedTests(SynchronousTestCase):
    def test_the_same_in_both(self) -> None:
        """Both versions of rpyc write brine alike, so that one set of vectors stands for them."""
        first, second = (recorded(version)["brine"] for version in BOTH)
        self.assertEqual(first, second)

    def test_dump(self) -> None:
        """Each value is written with the bytes that rpyc writes."""
        for value, data in vectors(BOTH[0]):
            self.assertEqual(brine.dump(value), data, repr(value)[:80])

    def test_load(self) -> None:
        """Each of rpyc's encodings is read as the value that it was made of, of the same type."""
        for value, data in vectors(BOTH[0]):
            self.assertEqual(exactly(brine.load(data)), exactly(value))

    def test_load_from_the_middle(self) -> None:
        """A value is read from a position to the end, whatever stands before it."""
        for value, data in vectors(BOTH[0]):
            self.assertEqual(exactly(brine.load_from(b"\xff\x00" + data, 2)), exactly(value))

    def test_trailing_bytes(self) -> None:
        """Anything after the value is an error, not ignored."""
        for _value, data in vectors(BOTH[0]):
            for more in (b"\x00", b"\n", data):
                self.assertRaises(ProtocolError, brine.load, data + more)

    def test_prefixes(self) -> None:
        """An encoding that ends early is an error."""
        for _value, data in vectors(BOTH[0]):
            for prefix in prefixes(data):
                self.assertRaises(ProtocolError, brine.load, prefix)

    def test_changed_bytes(self) -> None:
        """With any byte changed, brine gives a value that can be written, or a ProtocolError."""
        for _value, data in vectors(BOTH[0]):
            for changed in changes(data):
                try:
                    value = brine.load(changed)
                except ProtocolError:
                    continue
                self.assertTrue(brine.dumpable(value))


class DumpTests(SynchronousTestCase):
    @modest
    @given(brinable)
    def test_round_trip(self, value: Any) -> None:
        """Whatever is written is read as the same value."""
        self.assertEqual(exactly(brine.load(brine.dump(value))), exactly(value))

    def test_types_are_exact(self) -> None:
        """Subclasses of brinable types are not brinable, nor is anything else, alone or inside."""
        for value in (specimens.Tuple(), type("Text", (str,), {})(), [], object(), str, len):
            for whole in (value, (1, value), slice(value), ((), (value,))):
                self.assertRaises(brine.NotBrinable, brine.dump, whole)
                self.assertFalse(brine.dumpable(whole))

    def test_dumpable(self) -> None:
        """What rpyc writes by value is dumpable."""
        for value, _data in vectors(BOTH[0]):
            self.assertTrue(brine.dumpable(value))

    def test_lone_surrogate(self) -> None:
        """Text without a UTF-8 form is an EncodingError that says so."""
        for value in ("\udc80", ("fine", ("\ud800",)), frozenset(["a\udfff"]), slice("\ud800")):
            error = self.assertRaises(EncodingError, brine.dump, value)
            self.assertIn("surrogate", str(error))

    def test_huge_integer(self) -> None:
        """An integer of more digits than the interpreter converts is an EncodingError."""
        limit = digit_limit()
        for number in (10**limit, -(10**limit), 1 << 100_000):
            error = self.assertRaises(EncodingError, brine.dump, (number,))
            self.assertIn("set_int_max_str_digits", str(error))
        self.assertEqual(brine.load(brine.dump(10 ** (limit - 1))), 10 ** (limit - 1))

    def test_deep(self) -> None:
        """Values may nest up to MAX_DEPTH; one more is an EncodingError that says so."""
        self.assertEqual(brine.load(brine.dump(nested(brine.MAX_DEPTH))), nested(brine.MAX_DEPTH))
        for value in (nested(brine.MAX_DEPTH + 1), (slice(frozenset([nested(brine.MAX_DEPTH)])),)):
            error = self.assertRaises(EncodingError, brine.dump, value)
            self.assertIn(str(brine.MAX_DEPTH), str(error))


class LoadTests(SynchronousTestCase):
    def test_deep(self) -> None:
        """More nesting than READ_DEPTH is LimitExceeded, even far more; as much as that is read."""
        for tag in (b"\x10", b"\x14\x01", b"\x15\x00\x00\x00\x01", b"\x1a\x10"):
            brine.load(tag * brine.READ_DEPTH + b"\x00")
            self.assertRaises(LimitExceeded, brine.load, tag * (brine.READ_DEPTH + 1) + b"\x00")
            self.assertRaises(LimitExceeded, brine.load, tag * 100_000)
        self.assertRaises(LimitExceeded, brine.load, b"\x19\x12" * 100_000)

    def test_lengths_that_lie(self) -> None:
        """A length of gigabytes with nothing behind it is an error, and takes no memory."""
        for tag in (0x0F, 0x15, 0x17):
            self.assertRaises(ProtocolError, brine.load, bytes([tag]) + b"\xff\xff\xff\xff abc")

    def test_integers_are_digits(self) -> None:
        """Only decimal digits after an optional minus are an integer, though int() takes more."""
        for text in (b"", b"-", b"+1", b" 1", b"1_0", b"0x1", b"1.0", b"--1", "\u0661".encode()):
            for head in (b"\x16" + bytes([len(text)]), b"\x17\x00\x00\x00" + bytes([len(text)])):
                self.assertRaises(ProtocolError, brine.load, head + text)

    def test_huge_integer(self) -> None:
        """An integer with more digits than the interpreter converts is an error of the peer's."""
        size = digit_limit() + 1
        data = b"\x17" + size.to_bytes(4, "big") + b"9" * size
        self.assertRaises(ProtocolError, brine.load, data)

    def test_values_that_cannot_be(self) -> None:
        """Invalid UTF-8, text of no bytes, and slices and sets of no fit tuple are errors."""
        for data in (
            b"\x08\x0a\xff",  # no UTF-8
            b"\x08\x0c\xed\xa0\x80",  # a surrogate
            b"\x08\x00",  # the text of None
            b"\x08\x08\x01",  # the text of a text
            b"\x19\x11\x51\x51",  # a slice of two
            b"\x19\x13\x51\x51\x51\x51",  # a slice of four
            b"\x19\x00",  # a slice of None
            b"\x1a\x01",  # a frozenset of bytes
            b"\x1a\x51",  # a frozenset of an integer
        ):
            self.assertRaises(ProtocolError, brine.load, data)

    def test_unknown_tags(self) -> None:
        """A tag that rpyc does not have is an error, also inside a tuple."""
        for tag in (0x07, 0x09, *range(0x1C, 0x20), *range(0xF0, 0x100)):
            for data in (bytes([tag]), b"\x10" + bytes([tag]), b"\x10" + bytes([tag]) + bytes(20)):
                self.assertRaises(ProtocolError, brine.load, data)

    @modest
    @given(st.binary(max_size=60))
    def test_anything(self, data: bytes) -> None:
        """Any bytes give a value or a ProtocolError."""
        try:
            brine.load(data)
        except ProtocolError:
            pass
