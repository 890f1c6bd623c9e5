"""The session against what rpyc sent: the same bytes out, the same meaning in."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.core.cores import Proxy, Side, payload_of
from tests.core.values import changes, cuts, exactly, prefixes
from tests.vectors import BOTH, read_bytes, recorded, specimens
from txrpyc.core import brine
from txrpyc.core.consts import DEL, Verb
from txrpyc.core.frame import Compression, encode_frame
from txrpyc.core.identity import identify
from txrpyc.core.session import Failure, Reply, Request
from txrpyc.errors import ProtocolError

KINDS = ("requests", "replies", "failures")


def vectors(version: str, *kinds: str) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Give what was recorded with the frame that rpyc sent."""
    for kind in kinds:
        for vector in recorded(version)[kind]:
            yield vector, read_bytes(vector["data"])


def new_side(version: str, **settings: Any) -> Side:
    side = Side(inspects=False, protocol_version=int(version[0]), **settings)
    # Whatever answer comes, it is waited for.
    side.awaited.update(range(100))
    return side


def with_our_ids(version: str, payload: bytes) -> bytes:
    """Give a payload in which the identities of the specimens are those of our process."""
    for name, identity in recorded(version)["identities"].items():
        ours = brine.dump(identify(specimens.NAMES[name]))
        payload = payload.replace(brine.dump(tuple(identity)), ours)
    return payload


class EncodeTests(SynchronousTestCase):
    def assert_same(self, version: str, frame: bytes, data: bytes) -> None:
        expected = with_our_ids(version, payload_of(data))
        self.assertEqual(payload_of(frame), expected)
        if not data[4] or recorded(version)["zlib"] == zlib.ZLIB_RUNTIME_VERSION:
            self.assertEqual(frame, encode_frame(expected, compress=True))
        if expected == payload_of(data) and not data[4]:
            self.assertEqual(frame, data)

    def proxy(self, version: str, side: Side) -> Proxy:
        return Proxy(side.maker, tuple(recorded(version)["proxy"]))

    def test_requests(self) -> None:
        """A request of each of the twenty kinds is what rpyc sends, in both dialects."""
        for version in BOTH:
            side = new_side(version)
            proxy = self.proxy(version, side)
            verbs = []
            for vector, data in vectors(version, "requests"):
                arguments = specimens.evaluate(vector["arguments"], proxy=proxy)
                side.ask(vector["verb"], *arguments)
                self.assert_same(version, side.outbox.pop(), data)
                verbs.append(vector["verb"])
            self.assertEqual(verbs, sorted(Verb))

    def test_replies(self) -> None:
        """A reply with any value, tuple or reference is what rpyc sends, in both dialects."""
        for version in BOTH:
            side = new_side(version)
            proxy = self.proxy(version, side)
            for vector, data in vectors(version, "replies"):
                value = specimens.evaluate(vector["value"], proxy=proxy)
                frame = b"".join(side.session.encode_reply(vector["sequence"], value))
                self.assert_same(version, frame, data)

    def test_failures(self) -> None:
        """An exception is what rpyc sends, but for the methods that it sends the repr of."""
        for version in BOTH:
            for vector, data in vectors(version, "failures"):
                side = new_side(version, **vector["rules"])
                error = specimens.raised(vector["error"])
                frame = b"".join(side.session.encode_failure(vector["sequence"], error))
                ours, theirs = brine_of(frame), brine_of(data)
                if b"add_note" in data:
                    theirs = without_notes(theirs)
                self.assertEqual(brine.dump(ours), brine.dump(theirs))

    def test_release(self) -> None:
        """A release of a proxy that has died is the DEL that rpyc sends."""
        for version in BOTH:
            side = new_side(version)
            identity = tuple(recorded(version)["proxy"])
            for _ in range(3):
                side.session.borrowed.borrow(identity)
                side.session.borrowed.drop(identity)
            (frame,) = side.session.take_frames()
            for vector, data in vectors(version, "requests"):
                if vector["verb"] == DEL:
                    self.assertEqual(brine_of(frame)[-1], brine_of(data)[-1])

    def test_uncompressed(self) -> None:
        """Without compression, a long message goes as it is, and means the same."""
        for version in BOTH:
            side = new_side(version)
            side.session.compression = Compression.NEVER
            frame = b"".join(side.session.encode_reply(0, bytes(50_000)))
            self.assertEqual((frame[4], len(frame) > 50_000), (0, True))
            side.receive(frame)
            self.assertEqual(side.take_events(), [Reply(0, bytes(50_000))])


def brine_of(frame: bytes) -> Any:
    """Give the parts of a message without its type."""
    payload = payload_of(frame)
    parts = brine.load(payload[1:] if payload[0] < 4 else payload)
    return parts[-2:]


def without_notes(parts: Any) -> Any:
    sequence, (kind, arguments, attributes, text) = parts
    kept = tuple(pair for pair in attributes if pair[0] != "add_note")
    return sequence, (kind, arguments, kept, text)


class ReceiveTests(SynchronousTestCase):
    def lending(self, version: str) -> Side:
        """Give a side that lends what rpyc's ``proxy`` was a proxy of."""
        side = new_side(version)
        for _ in range(10):
            side.session.lent.lend(self, tuple(recorded(version)["proxy"]))
        return side

    def events(self, version: str, pieces: Any) -> list[Any]:
        side = self.lending(version)
        for piece in pieces:
            side.receive(piece)
        return side.take_events()

    def test_meaning(self) -> None:
        """Each of rpyc's messages is the request, reply or failure that it was made of."""
        for version in BOTH:
            names = recorded(version)["identities"]
            for vector, data in vectors(version, "replies"):
                (event,) = self.events(version, [data])
                self.assertEqual((type(event), event.sequence), (Reply, vector["sequence"]))
                expression = vector["value"]
                if expression in names:
                    self.assertEqual(event.value.identity, tuple(names[expression]))
                elif expression == "proxy":
                    self.assertIs(event.value, self)
                elif "a_" not in expression:
                    value = specimens.evaluate(expression, proxy=self)
                    self.assertEqual(exactly(event.value), exactly(value))
            for vector, data in vectors(version, "requests"):
                if vector["verb"] in (DEL, Verb.INSPECT):
                    continue
                (event,) = self.events(version, [data])
                self.assertEqual((type(event), event.verb), (Request, vector["verb"]))
                if "a" not in vector["arguments"].replace("name", "").replace("data", ""):
                    arguments = specimens.evaluate(vector["arguments"], proxy=self)
                    self.assertEqual(event.arguments, arguments)
            for _vector, data in vectors(version, "failures"):
                (event,) = self.events(version, [data])
                self.assertIs(type(event), Failure)

    def test_pieces(self) -> None:
        """However the stream of messages is cut, byte by byte too, the same events come."""
        for version in BOTH:
            stream = b"".join(data for vector, data in vectors(version, *KINDS) if vector.get("verb") != Verb.INSPECT)
            whole = list(map(outline, self.events(version, [stream])))
            self.assertEqual(len(whole), 19 + 26 + 8 - 1)
            ways: list[Any] = [cuts(stream, seed) for seed in range(20)]
            ways.append(bytes([byte]) for byte in stream)
            for way in ways:
                self.assertEqual(list(map(outline, self.events(version, way))), whole)

    def test_prefixes(self) -> None:
        """A message that has not ended is no event and no error."""
        for version in BOTH:
            for _vector, data in vectors(version, *KINDS):
                for prefix in itertools.islice(prefixes(data), 0, None, 3):
                    self.assertEqual(new_side(version).session.receive_data(prefix), [])

    def test_changed_bytes(self) -> None:
        """With any byte changed, a message gives events, or is a ProtocolError."""
        for version in BOTH:
            for _vector, data in vectors(version, *KINDS):
                for changed in changes(data, sample=100):
                    side = self.lending(version) if b"builtins.list" in data else new_side(version)
                    try:
                        for event in side.session.receive_data(changed):
                            str(getattr(event, "error", ""))
                    except ProtocolError:
                        pass


def outline(event: Any) -> Any:
    """Give what is comparable of an event: proxies by identity, errors by class and arguments."""
    if type(event) is Failure:
        return event.sequence, type(event.error), event.error.args
    value = event.value if type(event) is Reply else (event.verb, event.arguments)
    return type(event), event.sequence, without_proxies(value)


def without_proxies(value: Any) -> Any:
    if type(value) is tuple:
        return tuple(map(without_proxies, value))
    return value.identity if type(value) is Proxy else value
