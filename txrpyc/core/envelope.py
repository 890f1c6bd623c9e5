"""The envelope: what stands around a message's body, in two dialects.

`Dialect.V6` (rpyc 6) is one byte of message type and the brine of ``(sequence, body)``. `Dialect.V5` (rpyc 4.1 to
5.3) is the brine of ``(type, sequence, body)``. The first byte tells them apart: 1 to 3 is a type, 0x12 is brine's
tag of a tuple of three. The body's own encoding is the same in both.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from txrpyc.core import brine
from txrpyc.core.consts import EXCEPTION, REQUEST
from txrpyc.errors import ProtocolError

__all__ = ["Dialect", "open_envelope", "seal", "translate"]


class Dialect(Enum):
    """Which of the two envelopes a peer uses."""

    V5 = 5
    V6 = 6


_TUPLE_2 = b"\x11"
_TUPLE_3 = 0x12
_SMALL_ZERO = 0x50


def seal(dialect: Dialect, message: int, sequence: int, body: bytes) -> bytes:
    """Give the payload that carries a body, which is already brine."""
    if dialect is Dialect.V6:
        return b"".join((bytes((message,)), _TUPLE_2, brine.dump(sequence), body))
    return b"".join((bytes((_TUPLE_3, _SMALL_ZERO + message)), brine.dump(sequence), body))


def translate(payload: bytes, dialect: Dialect) -> bytes:
    """Give the same message, sealed by `seal` in the other dialect, in this one."""
    message, rest = (payload[0], payload[2:]) if payload[0] != _TUPLE_3 else (payload[1] - _SMALL_ZERO, payload[2:])
    if dialect is Dialect.V6:
        return bytes((message,)) + _TUPLE_2 + rest
    return bytes((_TUPLE_3, _SMALL_ZERO + message)) + rest


def open_envelope(payload: bytes) -> tuple[Dialect, int, int, Any]:
    """Give the dialect, message type, sequence number and decoded body of a payload.

    Raises:
        ProtocolError: it is of neither dialect, or its brine is broken.
    """
    if not payload:
        raise ProtocolError("an empty message")
    first = payload[0]
    if REQUEST <= first <= EXCEPTION:
        dialect, message = Dialect.V6, first
        parts = brine.load_from(payload, 1)
        if type(parts) is not tuple or len(parts) != 2:
            raise ProtocolError("a message is not a pair of sequence number and body")
        sequence, body = parts
    elif first == _TUPLE_3:
        dialect = Dialect.V5
        message, sequence, body = brine.load_from(payload, 0)
        if type(message) is not int or not REQUEST <= message <= EXCEPTION:
            raise ProtocolError(f"a message of the unknown type {message!r:.40}")
    else:
        raise ProtocolError(f"a message starts with byte 0x{first:02x}; 1, 2, 3 or 0x12 were expected")
    if type(sequence) is not int:
        raise ProtocolError(f"a message's sequence number is of type {type(sequence).__name__}")
    return dialect, message, sequence, body
