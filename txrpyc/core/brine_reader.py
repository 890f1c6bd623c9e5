"""Brine, reading: one function a tag; each takes the data and the position after the tag, and gives the value and the
next position. See `txrpyc.core.brine`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from txrpyc.core import brine_tags as tags
from txrpyc.errors import LimitExceeded, ProtocolError

__all__ = ["READ_DEPTH", "load", "load_from"]

READ_DEPTH: Final = 160
"""The same for what is read: a message's own tuples stand around the value, and rpyc writes deeper ones."""

_FLOAT = struct.Struct("!d")
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


def _read_float(data: bytes, start: int, depth: int) -> tuple[float, int]:
    return _FLOAT.unpack(_take(data, start, 8))[0], start + 8


def _read_complex(data: bytes, start: int, depth: int) -> tuple[complex, int]:
    return complex(*_COMPLEX.unpack(_take(data, start, 16))), start + 16


def _read_bytes_l1(data: bytes, start: int, depth: int) -> tuple[bytes, int]:
    end = start + 1 + data[start]
    return _take(data, start + 1, data[start]), end


def _read_bytes_l4(data: bytes, start: int, depth: int) -> tuple[bytes, int]:
    size = _long(data, start)
    return _take(data, start + 4, size), start + 4 + size


def _read_text(data: bytes, start: int, depth: int) -> tuple[str, int]:
    tag = data[start]
    reader = _BYTES_READERS.get(tag)
    if reader is None:
        raise ProtocolError(f"brine text holds tag 0x{tag:02x} at {start}, not bytes")
    raw, end = reader(data, start + 1, depth)
    return raw.decode("utf-8"), end


def _integer(digits: bytes) -> int:
    # int() also takes blanks, signs and underscores; rpyc never sends such, and letting them in would give one
    # number several encodings.
    body = digits[1:] if digits[:1] == b"-" else digits
    if not body.isdigit():
        raise ProtocolError("brine integer holds something else than decimal digits")
    return int(digits)


def _read_int_l1(data: bytes, start: int, depth: int) -> tuple[int, int]:
    raw, end = _read_bytes_l1(data, start, depth)
    return _integer(raw), end


def _read_int_l4(data: bytes, start: int, depth: int) -> tuple[int, int]:
    raw, end = _read_bytes_l4(data, start, depth)
    return _integer(raw), end


def _read_items(data: bytes, start: int, count: int, depth: int) -> tuple[tuple[Any, ...], int]:
    if depth <= 0:
        raise LimitExceeded(f"brine nested more than {READ_DEPTH} deep")
    if count > len(data) - start:
        raise ProtocolError(f"brine ends early: a tuple of {count} items announced at {start}")
    items: list[Any] = []
    for _ in range(count):
        tag = data[start]
        if 0x20 <= tag <= 0xEF:
            items.append(tag - tags.ZERO)
            start += 1
            continue
        reader = _READERS[tag]
        if reader is None:
            raise ProtocolError(f"unknown brine tag 0x{tag:02x} at {start}")
        value, start = reader(data, start + 1, depth - 1)
        items.append(value)
    return tuple(items), start


def _read_tuple_l1(data: bytes, start: int, depth: int) -> tuple[tuple[Any, ...], int]:
    return _read_items(data, start + 1, data[start], depth)


def _read_tuple_l4(data: bytes, start: int, depth: int) -> tuple[tuple[Any, ...], int]:
    return _read_items(data, start + 4, _long(data, start), depth)


def _read_tuple(data: bytes, start: int, depth: int, owner: str) -> tuple[tuple[Any, ...], int]:
    tag = data[start]
    if not (tag == tags.EMPTY_TUPLE or tags.TUPLE_1 <= tag <= tags.TUPLE_L4):
        raise ProtocolError(f"brine {owner} holds tag 0x{tag:02x} at {start}, not a tuple")
    reader = _READERS[tag]
    assert reader is not None
    return reader(data, start + 1, depth)


def _read_slice(data: bytes, start: int, depth: int) -> tuple[slice, int]:
    parts, end = _read_tuple(data, start, depth, "slice")
    if len(parts) != 3:
        raise ProtocolError(f"brine slice of {len(parts)} parts at {start}")
    return slice(*parts), end


def _read_frozenset(data: bytes, start: int, depth: int) -> tuple[frozenset[Any], int]:
    items, end = _read_tuple(data, start, depth, "frozenset")
    return frozenset(items), end


def _constant(value: Any) -> _Reader:
    return lambda _data, start, _depth: (value, start)


def _fixed_bytes(size: int) -> _Reader:
    return lambda data, start, _depth: (_take(data, start, size), start + size)


def _fixed_tuple(count: int) -> _Reader:
    return lambda data, start, depth: _read_items(data, start, count, depth)


_READERS: list[_Reader | None] = [None] * 256
_READERS[tags.NONE] = _constant(None)
_READERS[tags.EMPTY_BYTES] = _constant(b"")
_READERS[tags.EMPTY_TUPLE] = _constant(())
_READERS[tags.TRUE] = _constant(True)
_READERS[tags.FALSE] = _constant(False)
_READERS[tags.NOT_IMPLEMENTED] = _constant(NotImplemented)
_READERS[tags.ELLIPSIS] = _constant(Ellipsis)
_READERS[tags.TEXT] = _read_text
for _size in range(1, 5):
    _READERS[tags.BYTES_1 + _size - 1] = _fixed_bytes(_size)
    _READERS[tags.TUPLE_1 + _size - 1] = _fixed_tuple(_size)
_READERS[tags.BYTES_L1] = _read_bytes_l1
_READERS[tags.BYTES_L4] = _read_bytes_l4
_READERS[tags.TUPLE_L1] = _read_tuple_l1
_READERS[tags.TUPLE_L4] = _read_tuple_l4
_READERS[tags.INT_L1] = _read_int_l1
_READERS[tags.INT_L4] = _read_int_l4
_READERS[tags.FLOAT_TAG] = _read_float
_READERS[tags.COMPLEX_TAG] = _read_complex
_READERS[tags.SLICE] = _read_slice
_READERS[tags.FROZENSET] = _read_frozenset
for _number in range(tags.SMALLEST, tags.LARGEST + 1):
    _READERS[_number + tags.ZERO] = _constant(_number)

_BYTES_READERS = {
    tag: reader
    for tag, reader in enumerate(_READERS)
    if reader is not None and (tag == tags.EMPTY_BYTES or tags.BYTES_1 <= tag <= tags.BYTES_L4)
}


def load_from(data: bytes, start: int) -> Any:
    """Decode the one value that takes up the data from `start` to the end.

    Raises:
        ProtocolError: the data is not the encoding of exactly one value (see the module).
    """
    try:
        tag = data[start]
        reader = _READERS[tag]
        if reader is None:
            raise ProtocolError(f"unknown brine tag 0x{tag:02x} at {start}")
        value, end = reader(data, start + 1, READ_DEPTH)
    except ProtocolError:
        raise
    except IndexError:
        raise ProtocolError("brine ends early") from None
    except (ValueError, TypeError, RecursionError) as error:
        # Invalid UTF-8, an integer past the interpreter's digit limit, an unhashable item of a frozenset.
        raise ProtocolError(f"brine holds a value that cannot be made here: {error}") from error
    if end != len(data):
        raise ProtocolError(f"{len(data) - end} bytes after the end of a brine value")
    return value


def load(data: bytes) -> Any:
    """Decode one value. Raises `ProtocolError` if the data is not exactly one."""
    return load_from(data, 0)
