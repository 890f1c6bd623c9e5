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
from typing import Final

from txrpyc.errors import EncodingError, LimitExceeded, ProtocolError

__all__ = ["COMPRESS_FROM", "DEFAULT_LIMIT", "FrameDecoder", "encode_frame"]

_HEAD = struct.Struct("!LB")
_TRAILER: Final = b"\n"

COMPRESS_FROM: Final = 3001
"""The shortest payload, in bytes, that rpyc compresses."""

DEFAULT_LIMIT: Final = 1 << 30
"""Bytes. rpyc's wire could carry four times as much, but takes several copies of it in memory."""

_LEVEL: Final = 1
"""rpyc's level of compression."""


def encode_frame(payload: bytes, *, compress: bool, limit: int = DEFAULT_LIMIT) -> bytes:
    """Give the frame of a payload.

    Args:
        compress: whether a payload of more than 3000 bytes is compressed, as rpyc always does.
        limit: the longest payload, in bytes, before compression.

    Raises:
        EncodingError: the payload is longer than the limit.
    """
    size = len(payload)
    if size > limit:
        raise EncodingError(
            f"a message of {size} bytes is longer than the limit of {limit} bytes; "
            "send it in pieces, or raise `max_frame` in the configuration of both sides"
        )
    if compress and size >= COMPRESS_FROM:
        payload = zlib.compress(payload, _LEVEL)
        return b"".join((_HEAD.pack(len(payload), 1), payload, _TRAILER))
    return b"".join((_HEAD.pack(size, 0), payload, _TRAILER))


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
        buffer = self._buffer
        if buffer:
            buffer += data
            if len(buffer) < self._need:
                return []
            data = bytes(buffer)
            buffer.clear()
        payloads: list[bytes] = []
        start, size = 0, len(data)
        while size - start >= _HEAD.size:
            length, flag = _HEAD.unpack_from(data, start)
            self._check(length, flag)
            end = start + _HEAD.size + length
            if end + 1 > size:
                break
            if data[end] != 0x0A:
                raise ProtocolError(f"a frame ends with byte 0x{data[end]:02x} instead of a newline")
            payload = data[start + _HEAD.size : end]
            payloads.append(self._inflate(payload) if flag else payload)
            start = end + 1
        self._keep(data, start)
        return payloads

    def _keep(self, data: bytes, start: int) -> None:
        """Hold what is left from `start` on, and note how much must be there before a look is worth it."""
        left = len(data) - start
        if left:
            self._buffer += memoryview(data)[start:]
        self._need = _HEAD.size
        if left >= _HEAD.size:
            self._need += _HEAD.unpack_from(data, start)[0] + 1

    def _check(self, length: int, flag: int) -> None:
        if length > self._limit:
            raise LimitExceeded(
                f"a frame of {length} bytes was announced; the limit (`max_frame`) is {self._limit}. "
                "A peer that does not speak RPyC is often seen like this"
            )
        if flag > 1:
            raise ProtocolError(f"a frame's compression flag is {flag}; it can be 0 or 1")

    def _inflate(self, payload: bytes) -> bytes:
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
