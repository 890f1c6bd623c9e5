"""Brine: RPyC's format for immutable values.

One tag byte, then what the tag says. The integers -0x30 to 0x9f are one byte each (0x20 to 0xef); other integers
travel as decimal digits; text is its tag followed by the UTF-8 bytes encoded as bytes; a slice and a frozenset are
their tag followed by a tuple. Lengths and floats are big-endian.

The contract:

1. `dump` and `dump_into` give exactly the bytes that `rpyc.core.brine.dump` of rpyc 4.1 to 6.0 gives, or raise
   `NotBrinable` (the value is of another type: send a reference), or `EncodingError` (it is of a brinable type, but
   this one cannot be written).
2. `load` gives the value, or raises `ProtocolError`. It never raises anything else, never reads past the end,
   and never allocates by a length that the data does not hold.
3. Types are exact, as in rpyc: a subclass of ``str``, ``int`` or ``tuple`` is not brinable.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from txrpyc.errors import EncodingError, LimitExceeded, ProtocolError

__all__ = [
    "MAX_DEPTH",
    "READ_DEPTH",
    "NotBrinable",
    "dump",
    "dump_into",
    "dumpable",
    "load",
    "load_from",
    "write_tuple_head",
]

MAX_DEPTH: Final = 100
"""How deep tuples, frozensets and slices may nest in what is written. rpyc ends at Python's recursion limit, at 150
to 300.
"""

READ_DEPTH: Final = 160
"""The same for what is read: a message's own tuples stand around the value, and rpyc writes deeper ones."""

_FLOAT = struct.Struct("!d")
_COMPLEX = struct.Struct("!dd")
_LENGTH = struct.Struct("!L")

_NONE, _EMPTY_BYTES, _EMPTY_TUPLE, _TRUE, _FALSE, _NOT_IMPLEMENTED, _ELLIPSIS = range(7)
_TEXT = 0x08
_BYTES_1, _BYTES_2, _BYTES_3, _BYTES_4, _BYTES_L1, _BYTES_L4 = range(0x0A, 0x10)
_TUPLE_1, _TUPLE_2, _TUPLE_3, _TUPLE_4, _TUPLE_L1, _TUPLE_L4 = range(0x10, 0x16)
_INT_L1, _INT_L4 = 0x16, 0x17
_FLOAT_TAG, _SLICE, _FROZENSET, _COMPLEX_TAG = range(0x18, 0x1C)

_SMALLEST, _LARGEST, _ZERO = -0x30, 0x9F, 0x50
_SMALL_INTS = [bytes((number + _ZERO,)) for number in range(_SMALLEST, _LARGEST + 1)]

_BYTES_HEADS = [bytes((_EMPTY_BYTES,)), *(bytes((_BYTES_1 + n,)) for n in range(4))]
_BYTES_HEADS += [bytes((_BYTES_L1, n)) for n in range(5, 256)]
_TUPLE_HEADS = [bytes((_EMPTY_TUPLE,)), *(bytes((_TUPLE_1 + n,)) for n in range(4))]
_TUPLE_HEADS += [bytes((_TUPLE_L1, n)) for n in range(5, 256)]


class NotBrinable(TypeError):
    """The value, or one inside it, is not of a type that brine carries."""


# Writing: one function a type, each appends to a list of bytes.

_Writer = Callable[[Any, list[bytes], int], None]


def _write_int(number: int, out: list[bytes], depth: int) -> None:
    if _SMALLEST <= number <= _LARGEST:
        out.append(_SMALL_INTS[number - _SMALLEST])
        return
    try:
        digits = b"%d" % number
    except ValueError as error:
        raise EncodingError(
            f"an integer of {number.bit_length()} bits has more decimal digits than this interpreter converts; "
            "raise the limit with sys.set_int_max_str_digits() on both sides, or send bytes"
        ) from error
    size = len(digits)
    out.append(
        bytes((_INT_L1, size)) if size < 256 else bytes((_INT_L4,)) + _LENGTH.pack(size),
    )
    out.append(digits)


def _write_bytes(data: bytes, out: list[bytes], depth: int) -> None:
    size = len(data)
    if size < 256:
        out.append(_BYTES_HEADS[size])
    elif size < 1 << 32:
        out.append(bytes((_BYTES_L4,)) + _LENGTH.pack(size))
    else:
        raise EncodingError(f"{size} bytes in one value; RPyC's wire holds at most {(1 << 32) - 1}")
    out.append(data)


def _write_text(text: str, out: list[bytes], depth: int) -> None:
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise EncodingError(
            f"text with a lone surrogate at index {error.start} has no UTF-8 form, so it cannot be sent; "
            "encode it yourself (for example with errors='surrogateescape') and send bytes"
        ) from error
    out.append(b"\x08")
    _write_bytes(data, out, depth)


def write_tuple_head(size: int, out: list[bytes]) -> None:
    """Append what stands before the items of a tuple of `size` items."""
    out.append(_TUPLE_HEADS[size] if size < 256 else bytes((_TUPLE_L4,)) + _LENGTH.pack(size))


def _write_tuple(items: tuple[Any, ...], out: list[bytes], depth: int) -> None:
    if depth <= 0:
        raise EncodingError(f"tuples nested more than {MAX_DEPTH} deep cannot be sent")
    write_tuple_head(len(items), out)
    for item in items:
        writer = _WRITERS.get(type(item))
        if writer is None:
            raise NotBrinable(type(item))
        writer(item, out, depth - 1)


def _write_frozenset(items: frozenset[Any], out: list[bytes], depth: int) -> None:
    out.append(b"\x1a")
    _write_tuple(tuple(items), out, depth)


def _write_slice(value: slice, out: list[bytes], depth: int) -> None:
    out.append(b"\x19")
    _write_tuple((value.start, value.stop, value.step), out, depth)


_WRITERS: dict[type, _Writer] = {
    type(None): lambda _value, out, _depth: out.append(b"\x00"),
    type(NotImplemented): lambda _value, out, _depth: out.append(b"\x05"),
    type(Ellipsis): lambda _value, out, _depth: out.append(b"\x06"),
    bool: lambda value, out, _depth: out.append(b"\x03" if value else b"\x04"),
    int: _write_int,
    float: lambda value, out, _depth: out.append(b"\x18" + _FLOAT.pack(value)),
    complex: lambda value, out, _depth: out.append(b"\x1b" + _COMPLEX.pack(value.real, value.imag)),
    bytes: _write_bytes,
    str: _write_text,
    tuple: _write_tuple,
    frozenset: _write_frozenset,
    slice: _write_slice,
}


def dump_into(value: Any, out: list[bytes], depth: int = MAX_DEPTH) -> None:
    """Append the encoding of a value, nested at most `depth` deep, to a list of bytes.

    After an error the list may hold a part of the value; the caller cuts it back.

    Raises:
        NotBrinable: the value, or one inside it, is of a type that brine does not carry.
        EncodingError: it is of such a type, but has no encoding (see the module).
    """
    writer = _WRITERS.get(type(value))
    if writer is None:
        raise NotBrinable(type(value))
    writer(value, out, depth)


def dump(value: Any) -> bytes:
    """Encode one value. Raises as `dump_into` does."""
    out: list[bytes] = []
    dump_into(value, out)
    return b"".join(out)


def dumpable(value: Any) -> bool:
    """Tell whether a value is of a type that brine carries, all the way down.

    True does not promise that this very value can be written: a text may hold a lone surrogate.
    """
    kind = type(value)
    if kind is tuple or kind is frozenset:
        return all(map(dumpable, value))
    if kind is slice:
        return dumpable(value.start) and dumpable(value.stop) and dumpable(value.step)
    return kind in _WRITERS


# Reading: one function a tag; each takes the data and the position after the tag, and gives the value and the next
# position.

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
            items.append(tag - _ZERO)
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
    if not (tag == _EMPTY_TUPLE or _TUPLE_1 <= tag <= _TUPLE_L4):
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
_READERS[_NONE] = _constant(None)
_READERS[_EMPTY_BYTES] = _constant(b"")
_READERS[_EMPTY_TUPLE] = _constant(())
_READERS[_TRUE] = _constant(True)
_READERS[_FALSE] = _constant(False)
_READERS[_NOT_IMPLEMENTED] = _constant(NotImplemented)
_READERS[_ELLIPSIS] = _constant(Ellipsis)
_READERS[_TEXT] = _read_text
for _size in range(1, 5):
    _READERS[_BYTES_1 + _size - 1] = _fixed_bytes(_size)
    _READERS[_TUPLE_1 + _size - 1] = _fixed_tuple(_size)
_READERS[_BYTES_L1] = _read_bytes_l1
_READERS[_BYTES_L4] = _read_bytes_l4
_READERS[_TUPLE_L1] = _read_tuple_l1
_READERS[_TUPLE_L4] = _read_tuple_l4
_READERS[_INT_L1] = _read_int_l1
_READERS[_INT_L4] = _read_int_l4
_READERS[_FLOAT_TAG] = _read_float
_READERS[_COMPLEX_TAG] = _read_complex
_READERS[_SLICE] = _read_slice
_READERS[_FROZENSET] = _read_frozenset
for _number in range(_SMALLEST, _LARGEST + 1):
    _READERS[_number + _ZERO] = _constant(_number)

_BYTES_READERS = {
    tag: reader
    for tag, reader in enumerate(_READERS)
    if reader is not None and (tag == _EMPTY_BYTES or _BYTES_1 <= tag <= _BYTES_L4)
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
