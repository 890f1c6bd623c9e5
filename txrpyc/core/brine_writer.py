"""Brine, writing: one function a type, each appends to a list of bytes. See `txrpyc.core.brine`."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from txrpyc.core import brine_tags as tags
from txrpyc.errors import EncodingError

__all__ = ["MAX_DEPTH", "NotBrinable", "dump", "dump_into", "dumpable", "write_tuple_head"]

MAX_DEPTH: Final = 100
"""How deep tuples, frozensets and slices may nest in what is written. rpyc ends at Python's recursion limit, at 150
to 300.
"""

_FLOAT = struct.Struct("!d")
_COMPLEX = struct.Struct("!dd")
_LENGTH = struct.Struct("!L")

_SMALL_INTS = [bytes((number + tags.ZERO,)) for number in range(tags.SMALLEST, tags.LARGEST + 1)]

_BYTES_HEADS = [bytes((tags.EMPTY_BYTES,)), *(bytes((tags.BYTES_1 + n,)) for n in range(4))]
_BYTES_HEADS += [bytes((tags.BYTES_L1, n)) for n in range(5, 256)]
_TUPLE_HEADS = [bytes((tags.EMPTY_TUPLE,)), *(bytes((tags.TUPLE_1 + n,)) for n in range(4))]
_TUPLE_HEADS += [bytes((tags.TUPLE_L1, n)) for n in range(5, 256)]


class NotBrinable(TypeError):
    """The value, or one inside it, is not of a type that brine carries."""


_Writer = Callable[[Any, list[bytes], int], None]


def _write_int(number: int, out: list[bytes], depth: int) -> None:
    if tags.SMALLEST <= number <= tags.LARGEST:
        out.append(_SMALL_INTS[number - tags.SMALLEST])
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
        bytes((tags.INT_L1, size)) if size < 256 else bytes((tags.INT_L4,)) + _LENGTH.pack(size),
    )
    out.append(digits)


def _write_bytes(data: bytes, out: list[bytes], depth: int) -> None:
    size = len(data)
    if size < 256:
        out.append(_BYTES_HEADS[size])
    elif size < 1 << 32:
        out.append(bytes((tags.BYTES_L4,)) + _LENGTH.pack(size))
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
    out.append(_TUPLE_HEADS[size] if size < 256 else bytes((tags.TUPLE_L4,)) + _LENGTH.pack(size))


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
