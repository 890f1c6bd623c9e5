"""Frames: rpyc's, however they come, and errors for what is none."""

from __future__ import annotations

import hashlib
import struct
import zlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.core.values import changes, cuts, modest, prefixes
from tests.vectors import BOTH, read_bytes, recorded, specimens
from txrpyc.core.frame import COMPRESS_FROM, Compression, FrameDecoder, encode_frame, frame_of
from txrpyc.errors import EncodingError, LimitExceeded, ProtocolError

HEAD = 5


def vectors() -> list[tuple[bytes, bytes]]:
    """Give the recorded payloads with their frames."""
    return [
        (specimens.evaluate(vector["payload"]), read_bytes(vector["data"]))
        for version in BOTH
        for vector in recorded(version)["frames"]
    ]


def framed(payload: bytes, flag: int = 0) -> bytes:
    return struct.pack("!LB", len(payload), flag) + payload + b"\n"


class EncodeTests(SynchronousTestCase):
    def test_recorded(self) -> None:
        """Each payload is framed with the bytes that rpyc sends."""
        same_zlib = recorded(BOTH[0])["zlib"] == zlib.ZLIB_RUNTIME_VERSION
        for payload, data in vectors():
            frame = encode_frame(payload, compress=True)
            if data[4] and not same_zlib:
                # Another zlib may compress to other bytes of the same meaning.
                self.assertEqual(frame[4], 1)
                self.assertEqual(zlib.decompress(frame[HEAD:-1]), payload)
            else:
                self.assertEqual(frame, data)

    def test_compression(self) -> None:
        """Payloads of more than 3000 bytes are compressed, and none are when not asked to."""
        for size in (0, COMPRESS_FROM - 1, COMPRESS_FROM, 70_000):
            payload = b"x" * size
            self.assertEqual(encode_frame(payload, compress=False), framed(payload))
            self.assertEqual(encode_frame(payload, compress=True)[4], int(size > 3000))

    def test_limit(self) -> None:
        """A payload past the limit, if only before compression, is an EncodingError."""
        encode_frame(b"x" * 5000, compress=True, limit=5000)
        for compress in (True, False):
            error = self.assertRaises(EncodingError, encode_frame, b"x" * 5001, compress=compress, limit=5000)
            self.assertIn("max_frame", str(error))


class PiecesTests(SynchronousTestCase):
    """Frames in pieces, and the choice of compression."""

    def test_long_parts(self) -> None:
        """Long parts of a payload are not copied, and all pieces together are its frame."""
        long, longer = bytes(1 << 16), bytes(1 << 20)
        parts = [b"a", long, b"b", b"c", longer, b"d"]
        pieces = frame_of(parts, Compression.NEVER, 1 << 30)
        self.assertEqual(b"".join(pieces), framed(b"".join(parts)))
        self.assertEqual([piece for piece in pieces if piece is long or piece is longer], [long, longer])
        self.assertEqual(len(pieces), 5)

    def test_short_parts(self) -> None:
        """A short payload is one piece."""
        self.assertEqual(frame_of([b"a", b"", b"bc"], Compression.NEVER, 10), [framed(b"abc")])

    def test_sampled(self) -> None:
        """By a sample, what shrinks is compressed, and what does not is left as it is."""
        noise = hashlib.shake_256(b"seed").digest(100_000)
        for payload, flag in ((bytes(100_000), 1), (noise, 0), (b"x" * 3001, 1), (b"x" * 3000, 0)):
            frame = b"".join(frame_of([payload], Compression.SAMPLED, 1 << 30))
            self.assertEqual(frame[4], flag)
            self.assertEqual(FrameDecoder().feed(frame), [payload])

    def test_always(self) -> None:
        """As rpyc does, even what does not shrink is compressed."""
        noise = hashlib.shake_256(b"seed").digest(100_000)
        self.assertEqual(b"".join(frame_of([noise], Compression.ALWAYS, 1 << 30))[4], 1)


class DecodeTests(SynchronousTestCase):
    def test_whole(self) -> None:
        """Each of rpyc's frames gives its payload."""
        for payload, data in vectors():
            self.assertEqual(FrameDecoder().feed(data), [payload])

    def test_byte_by_byte(self) -> None:
        """A frame that comes in single bytes gives its payload with the last one."""
        for payload, data in vectors():
            decoder = FrameDecoder()
            for place in range(len(data) - 1):
                self.assertEqual(decoder.feed(data[place : place + 1]), [])
            self.assertEqual(decoder.buffered, len(data) - 1)
            self.assertEqual(decoder.feed(data[-1:]), [payload])
            self.assertEqual(decoder.buffered, 0)

    def test_random_cuts(self) -> None:
        """However a stream of frames is cut, it gives the same payloads in the same order."""
        payloads = [payload for payload, _data in vectors()]
        stream = b"".join(data for _payload, data in vectors())
        for seed in range(40):
            decoder, got = FrameDecoder(), []
            for piece in cuts(stream, seed):
                got += decoder.feed(piece)
            self.assertEqual(got, payloads)

    def test_several_at_once(self) -> None:
        """All frames in one piece are given, and what is left waits for the rest of its frame."""
        for payload, data in vectors():
            for left in (1, 4, 5, len(data) - 1):
                decoder = FrameDecoder()
                self.assertEqual(decoder.feed(data * 3 + data[:left]), [payload] * 3)
                self.assertEqual(decoder.buffered, left)
                self.assertEqual(decoder.feed(data[left:] + data), [payload] * 2)

    def test_prefixes(self) -> None:
        """A frame that has not ended gives nothing and no error."""
        for _payload, data in vectors():
            for prefix in prefixes(data):
                self.assertEqual(FrameDecoder().feed(prefix), [])

    def test_changed_bytes(self) -> None:
        """With any byte changed, a frame gives payloads, or waits, or is a ProtocolError."""
        for _payload, data in vectors():
            for changed in changes(data):
                try:
                    FrameDecoder(1 << 20).feed(changed)
                except ProtocolError:
                    pass

    @modest
    @given(st.lists(st.binary(max_size=4000), max_size=4), st.booleans(), st.integers(0, 1000))
    def test_round_trip(self, payloads: list[bytes], compress: bool, seed: int) -> None:
        """What is framed is given back, in any pieces, compressed or not."""
        decoder, got = FrameDecoder(), []
        for piece in cuts(b"".join(encode_frame(p, compress=compress) for p in payloads), seed):
            got += decoder.feed(piece)
        self.assertEqual(got, payloads)


class LimitTests(SynchronousTestCase):
    def test_announced(self) -> None:
        """A length past the limit is LimitExceeded as soon as the head is there."""
        head = struct.pack("!LB", 101, 0)
        decoder = FrameDecoder(100)
        self.assertEqual(decoder.feed(head[:4]), [])
        self.assertRaises(LimitExceeded, decoder.feed, head[4:])
        self.assertEqual(FrameDecoder(101).feed(head), [])

    def test_no_memory_for_a_promise(self) -> None:
        """An announced length takes no memory before the bytes are there."""
        decoder = FrameDecoder()
        self.assertEqual(decoder.feed(struct.pack("!LB", 1 << 30, 0) + b"x"), [])
        self.assertEqual(decoder.buffered, 6)

    def test_inflated(self) -> None:
        """A frame that inflates past the limit is LimitExceeded; one that reaches it is not."""
        data = framed(zlib.compress(bytes(10_000)), 1)
        self.assertEqual(FrameDecoder(10_000).feed(data), [bytes(10_000)])
        self.assertRaises(LimitExceeded, FrameDecoder(9_999).feed, data)

    def test_bomb(self) -> None:
        """A small frame that would inflate to a gigabyte is LimitExceeded, and soon."""
        squeezer = zlib.compressobj(9)
        bomb = b"".join(squeezer.compress(bytes(1 << 20)) for _ in range(64)) + squeezer.flush()
        self.assertRaises(LimitExceeded, FrameDecoder(1 << 16).feed, framed(bomb, 1))


class BrokenTests(SynchronousTestCase):
    def test_no_newline(self) -> None:
        """A frame that does not end with a newline is an error."""
        self.assertRaises(ProtocolError, FrameDecoder().feed, framed(b"abc")[:-1] + b"\0")

    def test_flag(self) -> None:
        """A compression flag that is neither 0 nor 1 is an error, before the payload is there."""
        for flag in (2, 3, 0x80, 0xFF):
            self.assertRaises(ProtocolError, FrameDecoder().feed, struct.pack("!LB", 3, flag))

    def test_zlib(self) -> None:
        """A compressed payload that is not exactly one whole zlib stream is an error."""
        squeezed = zlib.compress(b"abc" * 2000)
        for payload in (b"", b"abc", squeezed[:-1], squeezed + b"x", squeezed * 2):
            self.assertRaises(ProtocolError, FrameDecoder().feed, framed(payload, 1))
        with_dictionary = zlib.compressobj(zdict=b"abc")
        payload = with_dictionary.compress(b"abcabc") + with_dictionary.flush()
        self.assertRaises(ProtocolError, FrameDecoder().feed, framed(payload, 1))
