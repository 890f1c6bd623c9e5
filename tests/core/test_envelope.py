"""The envelope: both dialects, told apart by the first byte."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.core.cores import payload_of
from tests.core.values import brinable, changes, exactly, modest, prefixes
from tests.vectors import BOTH, read_bytes, recorded
from txrpyc.core import brine
from txrpyc.core.envelope import Dialect, heads_of, open_envelope, seal
from txrpyc.errors import ProtocolError

DIALECTS = {"6.0.2": Dialect.V6, "5.3.1": Dialect.V5}


def vectors(version: str) -> list[bytes]:
    """Give the recorded payloads: requests, replies and failures."""
    tables = recorded(version)
    return [
        payload_of(read_bytes(vector["data"]))
        for kind in ("requests", "replies", "failures")
        for vector in tables[kind]
    ]


class RecordedTests(SynchronousTestCase):
    def test_open(self) -> None:
        """Each message of rpyc's is known by its dialect, and opens to type, number and body."""
        for version in BOTH:
            for payload in vectors(version):
                dialect, message, sequence, body = open_envelope(payload)
                self.assertIs(dialect, DIALECTS[version])
                self.assertEqual(seal(dialect, message, sequence, brine.dump(body)), payload)

    def test_other_dialect(self) -> None:
        """A message says the same in the other dialect, where only the head differs."""
        for version in BOTH:
            for payload in vectors(version):
                message = open_envelope(payload)[1]
                head = heads_of(DIALECTS[version])[message]
                self.assertEqual(payload[: len(head)], head)
                for dialect in Dialect:
                    opened = open_envelope(heads_of(dialect)[message] + payload[len(head) :])
                    self.assertIs(opened[0], dialect)
                    self.assertEqual(exactly(opened[1:]), exactly(open_envelope(payload)[1:]))

    def test_prefixes(self) -> None:
        """A message that ends early is an error, as is an empty one."""
        for version in BOTH:
            for payload in vectors(version):
                for prefix in prefixes(payload):
                    self.assertRaises(ProtocolError, open_envelope, prefix)

    def test_changed_bytes(self) -> None:
        """With any byte changed, a message has a known type and a number, or is an error."""
        for version in BOTH:
            for payload in vectors(version):
                for changed in changes(payload, sample=100):
                    try:
                        _dialect, message, sequence, _body = open_envelope(changed)
                    except ProtocolError:
                        continue
                    self.assertIn(message, (1, 2, 3))
                    self.assertIs(type(sequence), int)


class EnvelopeTests(SynchronousTestCase):
    @modest
    @given(st.sampled_from(Dialect), st.sampled_from([1, 2, 3]), st.integers(), brinable)
    def test_round_trip(self, dialect: Dialect, message: int, sequence: int, body: Any) -> None:
        """What is sealed opens to the same parts, in either dialect."""
        opened = open_envelope(seal(dialect, message, sequence, brine.dump(body)))
        self.assertIs(opened[0], dialect)
        self.assertEqual(exactly(opened[1:]), exactly((message, sequence, body)))

    def test_malformed(self) -> None:
        """Brine that is no message is a ProtocolError, in either dialect."""
        for payload in (
            brine.dump(()),
            brine.dump((1, 2)),
            brine.dump((1, 2, 3, 4)),
            brine.dump((4, 0, None)),
            brine.dump((0, 0, None)),
            brine.dump((True, 0, None)),
            brine.dump(("1", 0, None)),
            brine.dump((1, "0", None)),
            brine.dump((1, None, None)),
            b"\x00" + brine.dump((0, None)),
            b"\x04" + brine.dump((0, None)),
            b"\x01" + brine.dump((0, None, None)),
            b"\x01" + brine.dump(5),
            b"\x01" + brine.dump((b"0", None)),
            b"\x01" + brine.dump((False, None)),
            b"GET / HTTP/1.1",
        ):
            self.assertRaises(ProtocolError, open_envelope, payload)

    def test_reason_is_short(self) -> None:
        """What the peer sent is not repeated at length in the error."""
        error = self.assertRaises(ProtocolError, open_envelope, brine.dump(("x" * 10_000, 0, None)))
        self.assertLess(len(str(error)), 200)
