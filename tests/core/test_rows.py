"""Long tuples of tuples: written and read as all others, only faster."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txrpyc.core import brine_reader, brine_writer, rows
from txrpyc.core.brine import NotBrinable, dump, load
from txrpyc.errors import EncodingError, LimitExceeded, ProtocolError

COUNT = rows.MANY + 5

SCALARS = st.one_of(
    st.integers(),
    st.integers(-60, 200),
    st.text(max_size=6),
    st.text(min_size=250, max_size=260),
    st.floats(allow_nan=False),
    st.binary(max_size=6),
    st.none() | st.booleans(),
    st.tuples(st.integers(), st.text(max_size=3)),
)


def row_of(number: int) -> tuple[Any, ...]:
    return (number * 1000, f"row {number}", number / 7, None, -number)


class RowsTests(SynchronousTestCase):
    def general(self, value: Any) -> bytes:
        """Encode without the written functions."""
        self.patch(brine_writer, "MANY", len(value) + 1)
        try:
            return dump(value)
        finally:
            brine_writer.MANY = rows.MANY  # type: ignore[misc]

    def check(self, value: tuple[Any, ...]) -> None:
        data = dump(value)
        self.assertEqual(data, self.general(value))
        read = load(data)
        self.assertEqual(read, value)
        self.assertEqual(repr(read), repr(value))  # 1 is not True, nor 1.0

    def test_alike(self) -> None:
        for width in (1, 2, 3, 4, 5, 15, 16, 17, 300):
            self.check(tuple((row_of(number) * 60)[:width] for number in range(COUNT)))

    def test_other_types_on_the_way(self) -> None:
        """A column may change its type, at any row, to any other."""
        others = (0, 159, 160, -48, -49, 10**249, 10**250, -(10**250), 10**4000, "", "abc", "ü" * 200, "x" * 256)
        others += (
            1.5,
            None,
            True,
            b"",
            b"x" * 300,
            (),
            (1, (2,)),
            frozenset([1]),
            slice(1, 2),
            1j,
            ...,
            NotImplemented,
        )
        for place in range(5):
            value = tuple(
                (*row_of(index)[:place], other, *row_of(index)[place + 1 :])
                for index, other in enumerate((*(row_of(1)[place] for _ in range(40)), *others, *others))
            )
            self.check(value)

    def test_first_row_is_another(self) -> None:
        """The first row decides only how fast it is."""
        for first in ((), (1,), (None,) * 5, (b"", (), "", 10**300, ...), None, 7, tuple(range(20))):
            self.check((first, *(row_of(number) for number in range(COUNT))))

    def test_ends(self) -> None:
        """Rows of another length, and what is none, may follow and come between."""
        for other in ((), (1,), row_of(1) * 2, None, "text", frozenset([2])):
            alike = tuple(row_of(number) for number in range(COUNT))
            self.check((*alike, other))
            self.check((*alike, other, *alike, other))

    def test_within(self) -> None:
        """Rows inside of other values."""
        alike = tuple((number, str(number)) for number in range(COUNT))
        for value in ((alike, alike), ("x", (alike,)), tuple((number, alike) for number in range(COUNT))):
            self.assertEqual(load(dump(value)), value)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(SCALARS, SCALARS, SCALARS), min_size=1, max_size=4), st.integers(0, 200))
    def test_any(self, some: list[tuple[Any, ...]], seed: int) -> None:
        self.check(tuple(some[(index * 7 + seed) % len(some)] for index in range(COUNT)))

    def test_not_brinable(self) -> None:
        """An object in a row, and a subclass, are found as elsewhere."""

        class Text(str):
            pass

        for stranger in (object(), [1], Text("x"), (1, [2])):
            for place in (0, 30, COUNT - 1):
                value = [row_of(number) for number in range(COUNT)]
                value[place] = (*value[place][:2], stranger, *value[place][3:])
                self.assertRaises(NotBrinable, dump, tuple(value))

    def test_broken(self) -> None:
        """Cut anywhere, or with any byte changed, it is an error or a value; never read past its end."""
        value = tuple(row_of(number)[:3] for number in range(COUNT))
        data = dump(value)
        for end in range(len(data)):
            self.assertRaises(ProtocolError, load, data[:end])
        for place in range(60):
            for byte in range(256):
                changed = data[:place] + bytes((byte,)) + data[place + 1 :]
                try:
                    read = load(changed)
                except ProtocolError:
                    continue
                self.assertEqual(load(dump(read)), read) if read == read else None

    def test_broken_number(self) -> None:
        """What `int` takes beyond digits is refused here as elsewhere."""
        data = dump(tuple((12345, number) for number in range(COUNT)))
        for digits in (b"1_345", b" 1234", b"+1234", b"-1_34", b"12.45"):
            self.assertRaises(ProtocolError, load, data.replace(b"12345", digits))
            last = data.rindex(b"12345")
            self.assertRaises(ProtocolError, load, data[:last] + digits + data[last + 5 :])

    def test_nesting(self) -> None:
        """The limit of nesting holds inside of rows."""
        deep: tuple[Any, ...] = ()
        for _ in range(brine_writer.MAX_DEPTH - 3):
            deep = (deep,)
        value = tuple((number, deep) for number in range(COUNT))
        self.assertEqual(load(dump(value)), value)
        self.assertRaises(EncodingError, dump, tuple((number, (deep,)) for number in range(COUNT)))
        nested = dump(value)
        for depth in range(1, 6):
            self.assertRaises(LimitExceeded, brine_reader.read, nested, 0, depth)

    def test_many_kinds(self) -> None:
        """Any number of kinds of rows leaves only some functions behind."""
        values = (1, "long enough", 0.5, None)
        for number in range(4**4):
            row = tuple(values[number // 4**place % 4] for place in range(4))
            self.assertEqual(load(dump((row,) * COUNT)), (row,) * COUNT)
        for code in (brine_reader._rows._code, brine_writer._rows._code):
            self.assertLessEqual(len(code._made), 64)
