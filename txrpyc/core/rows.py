"""Rows: tuples of one length that follow each other in a long tuple, as a query gives them.

Finding out the type of each item costs more than reading or writing it. But a column is nearly always of one type; so
for the types that the first row has, a function is written that expects them, as `collections.namedtuple` writes one.
An item of another type takes the general way, and a row of another length ends it. The texts of these functions are
made of what stands here, and hold nothing that comes from a peer.

Only for the interpreter: in the compiled form the general way is faster.
"""

from __future__ import annotations

from collections.abc import Callable
from textwrap import indent
from typing import Any, Final

from txrpyc.core.brine_tags import (
    BYTES_L1,
    FLOAT_TAG,
    INT_L1,
    LARGEST,
    SMALLEST,
    TEXT,
    TUPLE_1,
    TUPLE_4,
    TUPLE_L1,
    ZERO,
)

__all__ = ["MANY", "RowReader", "RowWriter"]

MANY: Final = 40
"""Rows from which on it is worth it."""

_WIDEST: Final = 16
"""Items of a row, at most."""

_SHORT: Final = 10**250
"""Integers below this have no more digits than one byte can count."""

_FUNCTIONS: Final = 64
"""Functions that are kept."""

_INT: Final = "i"
_TEXTUAL: Final = "t"
_FLOAT: Final = "f"
_OTHER: Final = "o"

_KINDS_OF_TAGS: Final = {TEXT: _TEXTUAL, FLOAT_TAG: _FLOAT}
_KINDS_OF_TYPES: Final[dict[type, str]] = {int: _INT, str: _TEXTUAL, float: _FLOAT}

_READ: Final = """\
def function(data, at, count, depth, add):
    for _ in range(count):
        if {another}:
            break
        at += {size}
{items}
        add(({names},))
    return at
"""

_READ_ITEM: Final = {
    _INT: f"""\
if data[at] == {INT_L1}:
    begin = at + 2
    at = begin + data[at + 1]
    digits = data[begin:at]
    NAME = int(digits) if digits.isdigit() else readers[{INT_L1}](data, begin - 1, depth)[0]
elif 0x20 <= data[at] <= 0xEF:
    NAME = data[at] - {ZERO}
    at += 1
else:
    NAME, at = readers[data[at]](data, at + 1, depth)
""",
    _TEXTUAL: f"""\
if data[at] == {TEXT} and data[at + 1] == {BYTES_L1}:
    begin = at + 3
    at = begin + data[at + 2]
    NAME = data[begin:at].decode()
else:
    NAME, at = readers[data[at]](data, at + 1, depth)
""",
    _FLOAT: f"""\
if data[at] == {FLOAT_TAG}:
    NAME = unpack(data, at + 1)[0]
    at += 9
else:
    NAME, at = readers[data[at]](data, at + 1, depth)
""",
    _OTHER: """\
NAME, at = readers[data[at]](data, at + 1, depth)
""",
}

_WRITE: Final = """\
def function(rows, out, depth):
    add = out.append
    done = 0
    for row in rows:
        if type(row) is not tuple or len(row) != {width}:
            break
        {names}, = row
        add({head})
{items}
        done += 1
    return done
"""

_WRITE_ITEM: Final = {
    _INT: f"""\
if type(NAME) is int:
    if {SMALLEST} <= NAME <= {LARGEST}:
        add(small_ints[NAME + {-SMALLEST}])
    elif {-_SHORT} < NAME < {_SHORT}:
        digits = str(NAME).encode()
        add(int_heads[len(digits)])
        add(digits)
    else:
        dump_into(NAME, out, depth)
else:
    dump_into(NAME, out, depth)
""",
    _TEXTUAL: """\
if type(NAME) is str and NAME.isascii() and len(NAME) < 256:
    add(text_heads[len(NAME)])
    add(NAME.encode())
else:
    dump_into(NAME, out, depth)
""",
    _FLOAT: f"""\
if type(NAME) is float:
    add(pack({FLOAT_TAG}, NAME))
else:
    dump_into(NAME, out, depth)
""",
    _OTHER: """\
dump_into(NAME, out, depth)
""",
}


class _RowCode:
    """Writes functions, one for each sequence of types, and keeps them.

    Args:
        text, items: what they are made of.
        names: what they need to know.
    """

    def __init__(self, text: str, items: dict[str, str], names: dict[str, Any]) -> None:
        self._text = text
        self._items = items
        self._names = names
        self._made: dict[str, Callable[..., int]] = {}

    def __call__(self, kinds: str) -> Callable[..., int]:
        """Give the function for rows whose items are of these kinds, a letter each."""
        function = self._made.get(kinds)
        if function is None:
            if len(self._made) >= _FUNCTIONS:
                self._made.clear()
            function = self._made[kinds] = self._make(kinds)
        return function

    def _make(self, kinds: str) -> Callable[..., int]:
        width = len(kinds)
        head = bytes((TUPLE_1 + width - 1,) if width <= 4 else (TUPLE_L1, width))
        names = [f"item{number}" for number in range(width)]
        items = [self._items[kind].replace("NAME", name) for kind, name in zip(kinds, names, strict=True)]
        scope = dict(self._names)
        exec(
            self._text.format(
                names=", ".join(names),
                width=width,
                head=head,
                size=len(head),
                another=" or ".join(f"data[at + {offset}] != {tag}" for offset, tag in enumerate(head)),
                items=indent("".join(items), " " * 8),
            ),
            scope,
        )
        function: Callable[..., int] = scope["function"]
        return function


class RowReader:
    """Reads rows.

    Args:
        readers: the general reader for each tag.
        unpack_float: reads a float at a position.
    """

    def __init__(self, readers: list[Callable[[bytes, int, int], tuple[Any, int]]], unpack_float: Any) -> None:
        self._readers = readers
        self._code = _RowCode(_READ, _READ_ITEM, {"readers": readers, "unpack": unpack_float})

    def read(self, data: bytes, start: int, count: int, depth: int, add: Callable[[Any], None]) -> int:
        """Read as many rows as there are from `start` on, but no more than `count`; give where they end, which may be
        behind the end of the data.

        Args:
            data, start, count: see above.
            depth: how deep items may nest.
            add: called with each row.

        Raises what the general readers do.
        """
        tag = data[start]
        if TUPLE_1 <= tag <= TUPLE_4:
            width, at = tag - TUPLE_1 + 1, start + 1
        elif tag == TUPLE_L1 and 4 < data[start + 1] <= _WIDEST:
            width, at = data[start + 1], start + 2
        else:
            return start
        kinds = ""
        for _ in range(width):
            tag = data[at]
            kinds += _INT if tag == INT_L1 or tag >= 0x20 else _KINDS_OF_TAGS.get(tag, _OTHER)
            _item, at = self._readers[tag](data, at + 1, depth)
        return self._code(kinds)(data, start, count, depth, add)


class RowWriter:
    """Writes rows.

    Args:
        names: the general functions and the tables to write with: ``dump_into``, ``small_ints``, ``int_heads``,
            ``text_heads`` and ``pack``, which packs a float behind its tag.
    """

    def __init__(self, **names: Any) -> None:
        self._code = _RowCode(_WRITE, _WRITE_ITEM, names)

    def write(self, rows: tuple[Any, ...], out: list[bytes], depth: int) -> int:
        """Write as many rows as these begin with; give how many that are.

        Args:
            rows: there is at least one item.
            out: what to append to.
            depth: how deep items may nest.

        Raises what the general functions do.
        """
        first = rows[0]
        if type(first) is not tuple or not 0 < len(first) <= _WIDEST:
            return 0
        kinds = "".join([_KINDS_OF_TYPES.get(type(item), _OTHER) for item in first])
        return self._code(kinds)(rows, out, depth)
