"""Brine, writing: one function a type, each appends to a list of bytes. See `txrpyc.core.brine`."""

from __future__ import annotations

import struct
from collections.abc import Callable
from types import FunctionType
from typing import Any, Final

from txrpyc.core.brine_tags import (
    BYTES_1,
    BYTES_L1,
    BYTES_L4,
    ELLIPSIS,
    EMPTY_BYTES,
    EMPTY_TUPLE,
    FALSE,
    FLOAT_TAG,
    INT_L1,
    INT_L4,
    LARGEST,
    NONE,
    NOT_IMPLEMENTED,
    SMALLEST,
    TEXT,
    TRUE,
    TUPLE_1,
    TUPLE_L1,
    TUPLE_L4,
    ZERO,
)
from txrpyc.core.rows import MANY, RowWriter
from txrpyc.errors import EncodingError, NotBrinable

__all__ = [
    "BRINABLE",
    "MAX_DEPTH",
    "WRITERS",
    "NotBrinable",
    "dump",
    "dump_int",
    "dump_into",
    "dumpable",
    "tuple_head",
]

MAX_DEPTH: Final = 100
"""How deep tuples, frozensets and slices may nest in what is written. rpyc ends at Python's recursion limit, at 150
to 300.
"""

_pack_float = struct.Struct("!Bd").pack
_COMPLEX = struct.Struct("!dd")
_LENGTH = struct.Struct("!L")

_SMALL_INTS: Final = [bytes((number + ZERO,)) for number in range(SMALLEST, LARGEST + 1)]

_BYTES_HEADS: Final = [
    bytes((EMPTY_BYTES,)),
    *(bytes((BYTES_1 + n,)) for n in range(4)),
    *(bytes((BYTES_L1, n)) for n in range(5, 256)),
]
_TEXT_HEADS: Final = [bytes((TEXT,)) + head for head in _BYTES_HEADS]
_TUPLE_HEADS: Final = [
    bytes((EMPTY_TUPLE,)),
    *(bytes((TUPLE_1 + n,)) for n in range(4)),
    *(bytes((TUPLE_L1, n)) for n in range(5, 256)),
]
_INT_HEADS: Final = [bytes((INT_L1, n)) for n in range(256)]


_Writer = Callable[[Any, list[bytes], int], None]


def dump_int(number: int) -> bytes:
    """Encode an integer. Raises `EncodingError` if it is too long."""
    if SMALLEST <= number <= LARGEST:
        return _SMALL_INTS[number - SMALLEST]
    try:
        digits = str(number).encode()
    except ValueError as error:
        raise EncodingError(
            f"an integer of {number.bit_length()} bits has more decimal digits than this interpreter converts; "
            "raise the limit with sys.set_int_max_str_digits() on both sides, or send bytes"
        ) from error
    size = len(digits)
    return (_INT_HEADS[size] if size < 256 else bytes((INT_L4,)) + _LENGTH.pack(size)) + digits


def _write_int(number: int, out: list[bytes], depth: int) -> None:
    out.append(dump_int(number))


def _write_bytes(data: bytes, out: list[bytes], depth: int) -> None:
    size = len(data)
    out.append(_BYTES_HEADS[size] if size < 256 else _long_head(size))
    out.append(data)


def _long_head(size: int) -> bytes:
    if size >= 1 << 32:
        raise EncodingError(f"{size} bytes in one value; RPyC's wire holds at most {(1 << 32) - 1}")
    return bytes((BYTES_L4,)) + _LENGTH.pack(size)


def _write_text(text: str, out: list[bytes], depth: int) -> None:
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise EncodingError(
            f"text with a lone surrogate at index {error.start} has no UTF-8 form, so it cannot be sent; "
            "encode it yourself (for example with errors='surrogateescape') and send bytes"
        ) from error
    size = len(data)
    out.append(_TEXT_HEADS[size] if size < 256 else b"\x08" + _long_head(size))
    out.append(data)


def tuple_head(size: int) -> bytes:
    """Give what stands before the items of a tuple of `size` items."""
    return _TUPLE_HEADS[size] if size < 256 else bytes((TUPLE_L4,)) + _LENGTH.pack(size)


def _write_tuple(items: tuple[Any, ...], out: list[bytes], depth: int) -> None:
    if depth <= 0:
        raise EncodingError(f"tuples nested more than {MAX_DEPTH} deep cannot be sent")
    size = len(items)
    out.append(_TUPLE_HEADS[size] if size < 256 else tuple_head(size))
    if size >= MANY and depth > 1 and not _COMPILED:
        items = items[_rows.write(items, out, depth - 2) :]
    for item in items:
        kind = type(item)
        # The commonest are written here, as a call for each would cost more than writing it.
        if kind is int:
            out.append(_SMALL_INTS[item - SMALLEST] if SMALLEST <= item <= LARGEST else dump_int(item))
        elif kind is str and item.isascii() and len(item) < 256:
            out.append(_TEXT_HEADS[len(item)])
            out.append(item.encode())
        elif kind is float:
            out.append(_pack_float(FLOAT_TAG, item))
        else:
            writer = WRITERS.get(kind)
            if writer is None:
                raise NotBrinable(kind)
            writer(item, out, depth - 1)


def _write_frozenset(items: frozenset[Any], out: list[bytes], depth: int) -> None:
    out.append(b"\x1a")
    _write_tuple(tuple(items), out, depth)


def _write_slice(value: slice, out: list[bytes], depth: int) -> None:
    out.append(b"\x19")
    _write_tuple((value.start, value.stop, value.step), out, depth)


def _write_constant(value: Any, out: list[bytes], depth: int) -> None:
    out.append(_CONSTANTS[value])


def _write_float(value: float, out: list[bytes], depth: int) -> None:
    out.append(_pack_float(FLOAT_TAG, value))


def _write_complex(value: complex, out: list[bytes], depth: int) -> None:
    out.append(b"\x1b" + _COMPLEX.pack(value.real, value.imag))


_CONSTANTS: Final[dict[Any, bytes]] = {
    None: bytes((NONE,)),
    True: bytes((TRUE,)),
    False: bytes((FALSE,)),
    NotImplemented: bytes((NOT_IMPLEMENTED,)),
    Ellipsis: bytes((ELLIPSIS,)),
}

WRITERS: Final[dict[type, _Writer]] = {
    type(None): _write_constant,
    type(NotImplemented): _write_constant,
    type(Ellipsis): _write_constant,
    bool: _write_constant,
    int: _write_int,
    float: _write_float,
    complex: _write_complex,
    bytes: _write_bytes,
    str: _write_text,
    tuple: _write_tuple,
    frozenset: _write_frozenset,
    slice: _write_slice,
}

BRINABLE: Final = frozenset(WRITERS)
"""The types that brine carries."""

_SCALARS: Final = BRINABLE - {tuple, frozenset, slice}
_CONTAINERS: Final = frozenset([tuple, frozenset])


def dump_into(value: Any, out: list[bytes], depth: int = MAX_DEPTH) -> None:
    """Append the encoding of a value, nested at most `depth` deep, to a list of bytes.

    After an error the list may hold a part of the value; the caller cuts it back.

    Raises:
        NotBrinable: the value, or one inside it, is of a type that brine does not carry.
        EncodingError: it is of such a type, but has no encoding (see the module).
    """
    writer = WRITERS.get(type(value))
    if writer is None:
        raise NotBrinable(type(value))
    writer(value, out, depth)


_COMPILED: Final = type(dump_into) is not FunctionType
_rows: Final = RowWriter(
    dump_into=dump_into, small_ints=_SMALL_INTS, int_heads=_INT_HEADS, text_heads=_TEXT_HEADS, pack=_pack_float
)


def dump(value: Any) -> bytes:
    """Encode one value. Raises as `dump_into` does."""
    out: list[bytes] = []
    dump_into(value, out)
    return b"".join(out)


def dumpable(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Tell whether a value is of a type that brine carries, all the way down.

    True does not promise that this very value can be written: a text may hold a lone surrogate, and what is nested
    more than `depth` deep is not looked at.
    """
    kind = type(value)
    if kind in _CONTAINERS:
        # At once, without a call for each item, if there are no more containers in it.
        if depth <= 0 or _SCALARS.issuperset(map(type, value)):
            return True
        return all(dumpable(item, depth - 1) for item in value)
    if kind is slice:
        return dumpable((value.start, value.stop, value.step), depth)
    return kind in _SCALARS
