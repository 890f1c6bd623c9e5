"""Frames: how RPyC cuts a stream of bytes into payloads.

Four bytes of length (big-endian), one byte that is 1 if the payload is compressed with zlib, the payload, and a
newline.

The contract of `FrameDecoder.feed`:

1. each complete frame gives its payload, inflated, in order, whatever the pieces in which it came;
2. a frame longer than the limit, before or after inflating, is `LimitExceeded` as soon as that is known: for the
   length that is after five bytes, and nothing is inflated past the limit;
3. anything else that is not a frame is `ProtocolError`; the decoder is of no use after either error.
"""

from __future__ import annotations

import struct
import zlib
from enum import Enum
from typing import Final

from txrpyc.errors import EncodingError, LimitExceeded, ProtocolError

__all__ = ["COMPRESS_FROM", "DEFAULT_LIMIT", "Compression", "FrameDecoder", "encode_frame", "frame_of"]

_HEAD = struct.Struct("!LB")
_unpack_head = _HEAD.unpack_from
_TRAILER: Final = b"\n"

COMPRESS_FROM: Final = 3001
"""The shortest payload, in bytes, that rpyc compresses."""

DEFAULT_LIMIT: Final = 1 << 30
"""Bytes. rpyc's wire could carry four times as much, but takes several copies of it in memory."""

_LEVEL: Final = 1
"""rpyc's level of compression."""

_SAMPLE: Final = 4096
"""Bytes, at the middle of a long payload, by which it is judged whether compressing the whole is worth it."""

_WORTH_IT: Final = 0.9
"""The compressed share of the sample up to which it is."""

_OWN_PIECE: Final = 1 << 16
"""Bytes from which on a part of a payload is sent by itself: copying it into one piece with the others would cost
more than one more piece does.
"""


class Compression(Enum):
    """When payloads of more than 3000 bytes are compressed."""

    NEVER = "never"
    SAMPLED = "sampled"
    """If a sample shrinks."""
    ALWAYS = "always"
    """As rpyc does."""


def encode_frame(payload: bytes, *, compress: bool, limit: int = DEFAULT_LIMIT) -> bytes:
    """Give the frame of a payload. Raises as `frame_of`.

    Args:
        compress: whether a payload of more than 3000 bytes is compressed, as rpyc always does.
        limit: the longest payload, in bytes, before compression.
    """
    return b"".join(frame_of([payload], Compression.ALWAYS if compress else Compression.NEVER, limit))


def frame_of(parts: list[bytes], compression: Compression, limit: int) -> list[bytes]:
    """Give the frame of a payload that is the parts in a row; in pieces, so that long parts need not be copied.

    Args:
        parts: the payload.
        compression: when it is compressed.
        limit: the longest payload, in bytes, before compression.

    Raises:
        EncodingError: the payload is longer than the limit.
    """
    size = sum(map(len, parts))
    if size > limit:
        raise EncodingError(
            f"a message of {size} bytes is longer than the limit of {limit} bytes; "
            "send it in pieces, or raise `max_frame` in the configuration of both sides"
        )
    flag = 0
    if size >= COMPRESS_FROM and compression is not Compression.NEVER:
        payload = b"".join(parts)
        if compression is Compression.ALWAYS or _is_worth_it(payload):
            payload = zlib.compress(payload, _LEVEL)
            size, flag = len(payload), 1
        parts = [payload]
    if size < _OWN_PIECE:
        return [b"".join((_HEAD.pack(size, flag), *parts, _TRAILER))]
    return _gathered([_HEAD.pack(size, flag), *parts, _TRAILER])


def _is_worth_it(payload: bytes) -> bool:
    if len(payload) <= 4 * _SAMPLE:
        return True
    middle = len(payload) // 2
    return len(zlib.compress(payload[middle : middle + _SAMPLE], _LEVEL)) <= _WORTH_IT * _SAMPLE


def _gathered(parts: list[bytes]) -> list[bytes]:
    """Join what stands between long parts."""
    pieces: list[bytes] = []
    small: list[bytes] = []
    for part in parts:
        if len(part) < _OWN_PIECE:
            small.append(part)
        else:
            pieces += (b"".join(small), part)
            small = []
    return [*pieces, b"".join(small)]


class FrameDecoder:
    """Collects pieces of a stream and gives the payloads in it.

    Args:
        limit: the longest payload to accept, in bytes, on the wire as well as inflated.
    """

    __slots__ = ("_buffer", "_limit", "_need")

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._need = _HEAD.size

    @property
    def buffered(self) -> int:
        """How many bytes of an unfinished frame are held."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next piece; give the payloads that it completes. Raises as the module says."""
        if not self._buffer and len(data) > 5:
            length, flag = _unpack_head(data)
            if length == len(data) - 6 <= self._limit and not flag and data[-1] == 0x0A:
                return [data[5:-1]]  # the commonest: one whole frame
        return self._feed(data)

    def _feed(self, data: bytes) -> list[bytes]:
        buffer = self._buffer
        if not buffer:
            payloads, end = self._cut(data)
            buffer += memoryview(data)[end:]
            return payloads
        buffer += data
        if len(buffer) < self._need:
            return []
        with memoryview(buffer) as view:
            payloads, end = self._cut(view)
        del buffer[:end]
        return payloads

    def _cut(self, data: bytes | memoryview) -> tuple[list[bytes], int]:
        """Give the payloads in the data, and where the first incomplete frame begins; note how much of that must be
        there before a look is worth it.
        """
        payloads: list[bytes] = []
        start, size = 0, len(data)
        self._need = _HEAD.size
        while size - start >= _HEAD.size:
            length, flag = _HEAD.unpack_from(data, start)
            self._check(length, flag)
            end = start + _HEAD.size + length
            if end + 1 > size:
                self._need = end + 1 - start
                break
            if data[end] != 0x0A:
                raise ProtocolError(f"a frame ends with byte 0x{data[end]:02x} instead of a newline")
            payload = data[start + _HEAD.size : end]
            payloads.append(self._inflate(payload) if flag else bytes(payload))
            start = end + 1
        return payloads, start

    def _check(self, length: int, flag: int) -> None:
        if length > self._limit:
            raise LimitExceeded(
                f"a frame of {length} bytes was announced; the limit (`max_frame`) is {self._limit}. "
                "A peer that does not speak RPyC is often seen like this"
            )
        if flag > 1:
            raise ProtocolError(f"a frame's compression flag is {flag}; it can be 0 or 1")

    def _inflate(self, payload: bytes | memoryview) -> bytes:
        inflater = zlib.decompressobj()
        try:
            inflated = inflater.decompress(payload, self._limit + 1)
        except zlib.error as error:
            raise ProtocolError(f"a compressed frame does not inflate: {error}") from error
        if len(inflated) > self._limit:
            raise LimitExceeded(f"a frame inflates past the limit (`max_frame`) of {self._limit} bytes")
        if not inflater.eof or inflater.unused_data:
            raise ProtocolError("a compressed frame is not exactly one zlib stream")
        return inflated
