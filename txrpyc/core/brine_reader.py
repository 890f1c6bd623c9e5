"""Brine, reading: one function a tag; each takes the data and the position after the tag, and gives the value and the
next position. See `txrpyc.core.brine`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from types import FunctionType
from typing import Any, Final

from txrpyc.core.brine_tags import (
    BYTES_1,
    BYTES_4,
    BYTES_L1,
    BYTES_L4,
    COMPLEX_TAG,
    ELLIPSIS,
    EMPTY_BYTES,
    EMPTY_TUPLE,
    FALSE,
    FLOAT_TAG,
    FROZENSET,
    INT_L1,
    INT_L4,
    LARGEST,
    NONE,
    NOT_IMPLEMENTED,
    SLICE,
    SMALLEST,
    TEXT,
    TRUE,
    TUPLE_1,
    TUPLE_4,
    TUPLE_L1,
    TUPLE_L4,
    ZERO,
)
from txrpyc.core.rows import MANY, RowReader
from txrpyc.errors import LimitExceeded, ProtocolError

__all__ = ["BROKEN", "READERS", "READ_DEPTH", "as_protocol_error", "load", "load_from", "read", "read_tuple_head"]

READ_DEPTH: Final = 160
"""The same for what is read: a message's own tuples stand around the value, and rpyc writes deeper ones."""

_FLOAT = struct.Struct("!d")
_unpack_float = _FLOAT.unpack_from
_COMPLEX = struct.Struct("!dd")
_LENGTH = struct.Struct("!L")

_Reader = Callable[[bytes, int, int], tuple[Any, int]]


def _take(data: bytes, start: int, size: int) -> bytes:
    piece = data[start : start + size]
    if len(piece) != size:
        raise ProtocolError(f"brine ends early: {size} bytes announced at {start}, {len(piece)} there")
    return piece


def _long(data: bytes, start: int) -> int:
    return int(_LENGTH.unpack(_take(data, start, 4))[0])


def _unknown(data: bytes, start: int, depth: int) -> tuple[Any, int]:
    raise ProtocolError(f"unknown brine tag 0x{data[start - 1]:02x} at {start - 1}")


def _read_constant(data: bytes, start: int, depth: int) -> tuple[Any, int]:
    return _CONSTANTS[data[start - 1]], start


def _read_small_int(data: bytes, start: int, depth: int) -> tuple[int, int]:
    return data[start - 1] - ZERO, start


def _read_float(data: bytes, start: int, depth: int) -> tuple[float, int]:
    return _FLOAT.unpack(_take(data, start, 8))[0], start + 8


def _read_complex(data: bytes, start: int, depth: int) -> tuple[complex, int]:
    return complex(*_COMPLEX.unpack(_take(data, start, 16))), start + 16


def _read_bytes_fixed(data: bytes, start: int, depth: int) -> tuple[bytes, int]:
    size = data[start - 1] - BYTES_1 + 1
    return _take(data, start, size), start + size


def _read_bytes_l1(data: bytes, start: int, depth: int) -> tuple[bytes, int]:
    size = data[start]
    return _take(data, start + 1, size), start + 1 + size


def _read_bytes_l4(data: bytes, start: int, depth: int) -> tuple[bytes, int]:
    size = _long(data, start)
    return _take(data, start + 4, size), start + 4 + size


def _read_text(data: bytes, start: int, depth: int) -> tuple[str, int]:
    tag = data[start]
    if BYTES_1 <= tag <= BYTES_4:
        size = tag - BYTES_1 + 1
        start += 1
    elif tag == BYTES_L1:
        size = data[start + 1]
        start += 2
    elif tag == BYTES_L4:
        size = _long(data, start + 1)
        start += 5
    elif tag == EMPTY_BYTES:
        return "", start + 1
    else:
        raise ProtocolError(f"brine text holds tag 0x{tag:02x} at {start}, not bytes")
    return _take(data, start, size).decode("utf-8"), start + size


def _integer(digits: bytes) -> int:
    # int() also takes blanks, signs and underscores; rpyc never sends such, and letting them in would give one
    # number several encodings.
    if not digits.isdigit() and not (digits[:1] == b"-" and digits[1:].isdigit()):
        raise ProtocolError("brine integer holds something else than decimal digits")
    return int(digits)


def _read_int_l1(data: bytes, start: int, depth: int) -> tuple[int, int]:
    size = data[start]
    start += 1
    digits = data[start : start + size]
    if len(digits) == size and digits.isdigit():
        return int(digits), start + size
    return _integer(_take(data, start, size)), start + size


def _read_int_l4(data: bytes, start: int, depth: int) -> tuple[int, int]:
    size = _long(data, start)
    return _integer(_take(data, start + 4, size)), start + 4 + size


def _read_items(data: bytes, start: int, count: int, depth: int) -> tuple[tuple[Any, ...], int]:
    if depth <= 0:
        raise LimitExceeded(f"brine nested more than {READ_DEPTH} deep")
    if count > len(data) - start:
        raise ProtocolError(f"brine ends early: a tuple of {count} items announced at {start}")
    items: list[Any] = []
    if count >= MANY and depth > 1 and not _COMPILED:
        start = _rows.read(data, start, count, depth - 2, items.append)
        count -= len(items)
    for _ in range(count):
        tag = data[start]
        start += 1
        # The commonest are read here, as a call for each would cost more than reading it.
        if 0x20 <= tag <= 0xEF:
            items.append(tag - ZERO)
        elif tag == TEXT and data[start] == BYTES_L1:
            begin = start + 2
            start = begin + data[start + 1]
            items.append(data[begin:start].decode())
        elif tag == INT_L1:
            begin = start + 1
            start = begin + data[start]
            digits = data[begin:start]
            items.append(int(digits) if digits.isdigit() else _integer(digits))
        elif TUPLE_1 <= tag <= TUPLE_4:
            inner, start = _read_items(data, start, tag - TUPLE_1 + 1, depth - 1)
            items.append(inner)
        elif tag == FLOAT_TAG:
            items.append(_unpack_float(data, start)[0])
            start += 8
        else:
            value, start = READERS[tag](data, start, depth - 1)
            items.append(value)
    if start > len(data):
        raise ProtocolError(f"brine ends early: {start} bytes announced, {len(data)} there")
    return tuple(items), start


def read_tuple_head(data: bytes, start: int) -> tuple[int, int]:
    """Give the number of items of a tuple whose tag is at `start`, and the position of the first; -1 if there is
    something else.
    """
    tag = data[start]
    if TUPLE_1 <= tag <= TUPLE_4:
        return tag - TUPLE_1 + 1, start + 1
    if tag == EMPTY_TUPLE:
        return 0, start + 1
    if tag == TUPLE_L1:
        return data[start + 1], start + 2
    if tag == TUPLE_L4:
        return _long(data, start + 1), start + 5
    return -1, start


def _read_short_tuple(data: bytes, start: int, depth: int) -> tuple[tuple[Any, ...], int]:
    return _read_items(data, start, data[start - 1] - TUPLE_1 + 1, depth)


def _read_tuple(data: bytes, start: int, depth: int) -> tuple[tuple[Any, ...], int]:
    count, first = read_tuple_head(data, start - 1)
    return _read_items(data, first, count, depth)


def _inner_tuple(data: bytes, start: int, depth: int, owner: str) -> tuple[tuple[Any, ...], int]:
    count, first = read_tuple_head(data, start)
    if count < 0:
        raise ProtocolError(f"brine {owner} holds tag 0x{data[start]:02x} at {start}, not a tuple")
    return _read_items(data, first, count, depth)


def _read_slice(data: bytes, start: int, depth: int) -> tuple[slice, int]:
    parts, end = _inner_tuple(data, start, depth, "slice")
    if len(parts) != 3:
        raise ProtocolError(f"brine slice of {len(parts)} parts at {start}")
    return slice(*parts), end


def _read_frozenset(data: bytes, start: int, depth: int) -> tuple[frozenset[Any], int]:
    items, end = _inner_tuple(data, start, depth, "frozenset")
    return frozenset(items), end


_CONSTANTS: Final[dict[int, Any]] = {
    NONE: None,
    EMPTY_BYTES: b"",
    EMPTY_TUPLE: (),
    TRUE: True,
    FALSE: False,
    NOT_IMPLEMENTED: NotImplemented,
    ELLIPSIS: Ellipsis,
}

_BY_TAG: Final[dict[int, _Reader]] = {
    **dict.fromkeys(_CONSTANTS, _read_constant),
    **dict.fromkeys(range(BYTES_1, BYTES_4 + 1), _read_bytes_fixed),
    **dict.fromkeys(range(TUPLE_1, TUPLE_4 + 1), _read_short_tuple),
    **dict.fromkeys((TUPLE_L1, TUPLE_L4), _read_tuple),
    **dict.fromkeys(range(SMALLEST + ZERO, LARGEST + ZERO + 1), _read_small_int),
    TEXT: _read_text,
    BYTES_L1: _read_bytes_l1,
    BYTES_L4: _read_bytes_l4,
    INT_L1: _read_int_l1,
    INT_L4: _read_int_l4,
    FLOAT_TAG: _read_float,
    COMPLEX_TAG: _read_complex,
    SLICE: _read_slice,
    FROZENSET: _read_frozenset,
}
READERS: Final[list[_Reader]] = [_BY_TAG.get(tag, _unknown) for tag in range(256)]

_COMPILED: Final = type(_read_items) is not FunctionType
_rows: Final = RowReader(READERS, _unpack_float)


def read(data: bytes, start: int, depth: int) -> tuple[Any, int]:
    """Decode the value at `start`, nested at most `depth` deep; give it and the position after it.

    Raises one of `BROKEN`, for `as_protocol_error` to name, if the data is not brine.
    """
    return READERS[data[start]](data, start + 1, depth)


BROKEN: Final = (ProtocolError, IndexError, ValueError, TypeError, RecursionError, struct.error)
"""What `read` raises for data that is not brine."""


def as_protocol_error(error: Exception) -> ProtocolError:
    """Name what decoding raised, besides `ProtocolError` itself."""
    if isinstance(error, (IndexError, struct.error)):
        return ProtocolError("brine ends early")
    # Invalid UTF-8, an integer past the interpreter's digit limit, an unhashable item of a frozenset.
    return ProtocolError(f"brine holds a value that cannot be made here: {error}")


def load_from(data: bytes, start: int) -> Any:
    """Decode the one value that takes up the data from `start` to the end.

    Raises:
        ProtocolError: the data is not the encoding of exactly one value (see the module).
    """
    try:
        value, end = read(data, start, READ_DEPTH)
    except ProtocolError:
        raise
    except BROKEN as error:
        raise as_protocol_error(error) from error
    if end != len(data):
        raise ProtocolError(f"{len(data) - end} bytes after the end of a brine value")
    return value


def load(data: bytes) -> Any:
    """Decode one value. Raises `ProtocolError` if the data is not exactly one."""
    return load_from(data, 0)
