"""The usual messages, written and read in one go: calls with plain arguments, answers that are a plain value or an
object, and releases.

A session puts a message together piece by piece, and takes it apart so, ready for whatever a program or a peer may
send. Nearly all messages are of these kinds, in the newer dialect; for them a third of the work is enough. The
bytes are the same. Where there is anything unusual about a message nothing has happened, and the session takes it.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from txrpyc.core.boxing import box_local
from txrpyc.core.brine import MAX_DEPTH, READ_DEPTH, WRITERS, NotBrinable, dump, dump_int
from txrpyc.core.brine_reader import BROKEN, READERS
from txrpyc.core.brine_tags import EMPTY_TUPLE, INT_L1, LARGEST, TEXT, TUPLE_2, TUPLE_3, TUPLE_4, ZERO
from txrpyc.core.consts import (
    CALL,
    CALLATTR,
    DEL,
    LABEL_LOCAL_REF,
    LABEL_REMOTE_REF,
    LABEL_TUPLE,
    LABEL_VALUE,
    REPLY,
    REQUEST,
)
from txrpyc.core.frame import COMPRESS_FROM
from txrpyc.core.identity import Identity
from txrpyc.core.objects import LentTable
from txrpyc.core.unboxing import Unboxer
from txrpyc.errors import EncodingError, UnknownReference

__all__ = [
    "UsualMessage",
    "UsualReader",
    "opening_of_call",
    "write_boxed_reply",
    "write_call",
    "write_release",
    "write_reply",
]

_pack_head = struct.Struct("!LB").pack

# What stands before the sequence number; and the same with the flag of a payload that is not compressed.
_REPLY: Final = bytes((REPLY, TUPLE_2))
_REQUEST: Final = bytes((REQUEST, TUPLE_2))
_PLAIN_REPLY: Final = b"\0" + _REPLY
_PLAIN_REQUEST: Final = b"\0" + _REQUEST

# What stands before a plain value; before the identity of an object of the receiver's, or of the sender's; and before
# the object that is given back, or called, or whose method is called.
_VALUE: Final = bytes((TUPLE_2, LABEL_VALUE + ZERO))
_LOCAL: Final = bytes((TUPLE_2, LABEL_LOCAL_REF + ZERO))
_REMOTE: Final = bytes((TUPLE_2, LABEL_REMOTE_REF + ZERO))
_DEL: Final = bytes((TUPLE_2, DEL + ZERO, TUPLE_2, LABEL_TUPLE + ZERO, TUPLE_2))
_CALL: Final = bytes((TUPLE_2, CALL + ZERO, TUPLE_2, LABEL_TUPLE + ZERO, TUPLE_3))
_CALLATTR: Final = bytes((TUPLE_2, CALLATTR + ZERO, TUPLE_2, LABEL_TUPLE + ZERO, TUPLE_4))

# What stands before the identity of an object of the receiver's that is given back, or called, or whose method is.
_RELEASE: Final = _DEL + _LOCAL
_FUNCTION: Final = _CALL + _LOCAL
_METHOD: Final = _CALLATTR + _LOCAL

_TRAILER: Final = b"\n"
_END_OF_CALL: Final = _VALUE + bytes((EMPTY_TUPLE,)) + _TRAILER
"""What follows the arguments, if there are no keywords."""

_write_tuple = WRITERS[tuple]
_SCALAR_WRITERS: Final = {kind: writer for kind, writer in WRITERS.items() if kind not in (tuple, frozenset, slice)}

_NO_OPENING: Final = b"\xff"
"""What no body begins with."""

_MEMORY: Final = 1000
"""Names that are remembered, at most."""

_SHORT: Final = 4096
"""Bytes. The rest of a message that is longer is not worth waiting for."""


_names: Final[dict[str, bytes]] = {}
"""Names of methods, boxed."""


def opening_of_call(reference: bytes, name: str | None) -> bytes:
    """Give what all calls of the same object or method have in common: everything between the sequence number and the
    arguments. Raises EncodingError if the name cannot be sent.

    Args:
        reference: the boxed reference to the object, which is the peer's.
        name: the method's; None if the object itself is called.
    """
    if name is None:
        return _CALL + reference
    boxed = _names.get(name)
    if boxed is None:
        if len(_names) >= _MEMORY:
            _names.clear()
        boxed = _names[name] = _VALUE + dump(name)
    return _CALLATTR + reference + boxed


def write_call(sequence: int, opening: bytes, args: tuple[Any, ...], limit: int) -> bytes | None:
    """Give the frame of a call without keywords; None if it is not a usual one.

    Args:
        sequence: the number of the request.
        opening: what `opening_of_call` gave.
        args: the arguments.
        limit: the longest payload, in bytes.
    """
    parts: list[bytes] = []
    try:
        _write_tuple(args, parts, MAX_DEPTH - 2)
    except (NotBrinable, EncodingError):
        return None
    return _framed(b"".join((_REQUEST, dump_int(sequence), opening, _VALUE, *parts, _END_OF_CALL)), limit)


def write_reply(sequence: int, value: Any, limit: int) -> bytes | None:
    """Give the frame that answers a request with a value; None if it is not a usual one. See `write_call`."""
    writer = _SCALAR_WRITERS.get(type(value))
    if writer is None:
        return None
    parts: list[bytes] = [_VALUE]
    try:
        writer(value, parts, MAX_DEPTH)
    except EncodingError:
        return None
    return write_boxed_reply(sequence, parts, limit)


def write_boxed_reply(sequence: int, parts: list[bytes], limit: int) -> bytes | None:
    """Give the frame that answers a request with a boxed value, which is in parts; None if it is not a usual one."""
    return _framed(b"".join((_REPLY, dump_int(sequence), *parts, _TRAILER)), limit)


def write_release(sequence: int, identity: Identity, count: int) -> bytes:
    """Give the frame that gives an object back that was sent `count` times."""
    message = (_REQUEST, dump_int(sequence), _DEL, box_local(identity), _VALUE, dump_int(count), _TRAILER)
    body = b"".join(message)
    return _pack_head(len(body) - 1, 0) + body


def _framed(body: bytes, limit: int) -> bytes | None:
    """Give the frame of a payload with its trailer; None if it is longer than a usual one."""
    size = len(body) - 1
    return None if size > limit or size >= COMPRESS_FROM else _pack_head(size, 0) + body


UsualMessage = tuple[int, int, int, Any]
"""Where it ends; its sequence number; the verb and the arguments of a request, or 0 and the value of a reply."""


class UsualReader:
    """Reads for one connection.

    Args:
        unboxer: the connection's.
        lent: the connection's table.
        limit: the longest payload to accept, in bytes.
    """

    def __init__(self, unboxer: Unboxer, lent: LentTable, limit: int) -> None:
        self._unboxer = unboxer
        self._lent = lent
        self._limit = limit
        # The opening of the last call, and what it says. The next call often has the same.
        self._opening = _NO_OPENING
        self._verb = 0
        self._called: Identity = ("", 0, 0)
        self._name: tuple[str, ...] = ()
        # The last name, as it came.
        self._boxed_name = _NO_OPENING
        self._last_name = ""

    def read(self, data: bytes, start: int) -> UsualMessage | None:
        """Read the message whose frame begins at `start`; None if it is not a usual one, or not all there."""
        try:
            size = data[start + 2] << 8 | data[start + 3]
            end = start + size + 6
            if data[start] or data[start + 1] or size > self._limit or data[end - 1] != 0x0A:
                return None
            tag = data[start + 7]
            if tag == INT_L1:
                at = start + data[start + 8] + 9
                digits = data[start + 9 : at]
                if not digits.isdigit():
                    return None
                sequence = int(digits)
            elif tag >= 0x20:
                at = start + 8
                sequence = tag - ZERO
            else:
                return None
            kind = data[start + 4 : start + 7]
            if kind == _PLAIN_REPLY:
                if data[at : at + 2] == _VALUE:
                    value, at = READERS[data[at + 2]](data, at + 3, READ_DEPTH)
                    if at == end - 1:
                        return end, sequence, 0, value
                elif data.startswith(_REMOTE, at):
                    identity, at = self._unboxer.identity(data, at + 2)
                    proxy = self._unboxer.proxy(identity) if at == end - 1 else None
                    if proxy is not None:
                        return end, sequence, 0, proxy
            elif kind == _PLAIN_REQUEST:
                if data.startswith(self._opening, at):
                    at += len(self._opening)
                elif data.startswith(_RELEASE, at):
                    return self._read_release(data, at + len(_RELEASE), sequence, end)
                else:
                    at = self._learn(data, at)
                if data[at : at + 2] == _VALUE:
                    args, at = READERS[data[at + 2]](data, at + 3, READ_DEPTH)
                    if at == end - 4 and data.startswith(_END_OF_CALL, at):
                        called = self._lent.get(self._called)
                        return end, sequence, self._verb, (called, *self._name, args, ())
        except (*BROKEN, UnknownReference):
            pass
        return None

    def _read_release(self, data: bytes, at: int, sequence: int, end: int) -> UsualMessage | None:
        identity, at = self._unboxer.identity(data, at)
        count = data[at + 2] - ZERO
        if data[at : at + 2] != _VALUE or at != end - 4 or not 0 < count <= LARGEST:
            return None
        self._lent.get(identity)
        return end, sequence, DEL, (identity, count)

    def _learn(self, data: bytes, start: int) -> int:
        """Take note of the opening that is at `start`; give where it ends. Raises one of `BROKEN` if there is none."""
        self._opening = _NO_OPENING
        if data.startswith(_METHOD, start):
            self._called, end = self._unboxer.identity(data, start + len(_METHOD))
            if not data.startswith(self._boxed_name, end):
                self._learn_name(data, end)
            end += len(self._boxed_name)
            self._verb = CALLATTR
            self._name = (self._last_name,)
        elif data.startswith(_FUNCTION, start):
            self._called, end = self._unboxer.identity(data, start + len(_FUNCTION))
            self._verb = CALL
            self._name = ()
        else:
            raise ValueError("no call")
        self._opening = data[start:end]
        return end

    def _learn_name(self, data: bytes, start: int) -> None:
        if data[start : start + 2] != _VALUE or data[start + 2] != TEXT:
            raise ValueError("a name that is no text")
        name, end = READERS[TEXT](data, start + 3, READ_DEPTH)
        if end > len(data):
            raise ValueError("a name that ends early")
        self._last_name = name
        self._boxed_name = data[start:end]

    def is_begun(self, data: bytes, start: int) -> bool:
        """Tell whether what is there from `start` on is a part of a short message, whose rest is to be waited for."""
        left = len(data) - start
        if left < 4:
            return True
        size = int.from_bytes(data[start : start + 4], "big")
        return left < size + 6 <= _SHORT and size <= self._limit
