"""The envelope: what stands around a message's body, in two dialects.

`Dialect.V6` (rpyc 6) is one byte of message type and the brine of ``(sequence, body)``. `Dialect.V5` (rpyc 4.1 to
5.3) is the brine of ``(type, sequence, body)``. The first byte tells them apart: 1 to 3 is a type, 0x12 is brine's
tag of a tuple of three. The body's own encoding is the same in both.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from txrpyc.core import brine
from txrpyc.core.brine_reader import BROKEN, as_protocol_error, read, read_tuple_head
from txrpyc.core.brine_tags import INT_L1, TUPLE_2, TUPLE_3, ZERO
from txrpyc.core.consts import EXCEPTION, REQUEST
from txrpyc.errors import ProtocolError

__all__ = ["Dialect", "heads_of", "open_envelope", "read_head", "seal"]


class Dialect(Enum):
    """Which of the two envelopes a peer uses."""

    V5 = 5
    V6 = 6


_HEADS: Final = {
    Dialect.V6: [bytes((message, TUPLE_2)) for message in range(4)],
    Dialect.V5: [bytes((TUPLE_3, ZERO + message)) for message in range(4)],
}


def heads_of(dialect: Dialect) -> list[bytes]:
    """Give, by message type, what stands before the sequence number of a message; behind that comes the body."""
    return _HEADS[dialect]


def seal(dialect: Dialect, message: int, sequence: int, body: bytes) -> bytes:
    """Give the payload that carries a body, which is already brine."""
    return b"".join((heads_of(dialect)[message], brine.dump(sequence), body))


_USUAL: Final = {
    head + bytes((INT_L1,)): (dialect, message)
    for dialect, heads in _HEADS.items()
    for message, head in enumerate(heads)
    if REQUEST <= message <= EXCEPTION
}
"""How messages begin whose sequence number takes more than a byte: nearly all."""


def read_head(payload: bytes) -> tuple[Dialect, int, int, int]:
    """Give the dialect, message type and sequence number of a payload, and the position of its body.

    Raises:
        ProtocolError: it is of neither dialect. The body was not looked at.
    """
    usual = _USUAL.get(payload[:3])
    if usual is not None and len(payload) > 3:
        end = 4 + payload[3]
        digits = payload[4:end]
        if digits.isdigit() and end <= len(payload):
            return usual[0], usual[1], int(digits), end
    return _read_any_head(payload)


def _read_any_head(payload: bytes) -> tuple[Dialect, int, int, int]:
    try:
        first = payload[0]
        if REQUEST <= first <= EXCEPTION:
            dialect, message = Dialect.V6, first
            count, start = read_tuple_head(payload, 1)
            if count != 2:
                raise ProtocolError("a message is not a pair of sequence number and body")
        elif first == TUPLE_3:
            dialect = Dialect.V5
            kind: Any
            kind, start = read(payload, 1, 1)
            if type(kind) is not int or not REQUEST <= kind <= EXCEPTION:
                raise ProtocolError(f"a message of the unknown type {kind!r:.40}")
            message = kind
        else:
            raise ProtocolError(f"a message starts with byte 0x{first:02x}; 1, 2, 3 or 0x12 were expected")
        sequence: Any
        sequence, start = read(payload, start, 1)
    except ProtocolError:
        raise
    except BROKEN as error:
        raise ProtocolError("an empty message") if not payload else as_protocol_error(error) from error
    if type(sequence) is not int:
        raise ProtocolError(f"a message's sequence number is of type {type(sequence).__name__}")
    return dialect, message, sequence, start


def open_envelope(payload: bytes) -> tuple[Dialect, int, int, Any]:
    """Give the dialect, message type, sequence number and decoded body of a payload. Raises as `read_head`, and if
    the body's brine is broken.
    """
    dialect, message, sequence, start = read_head(payload)
    return dialect, message, sequence, brine.load_from(payload, start)
