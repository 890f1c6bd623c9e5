"""The protocol: one connection over a transport, with a dispatcher that is played by hand."""

from __future__ import annotations

import gc
from typing import Any

from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.error import ConnectionLost as TransportLost
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.core.cores import Maker, frame, request
from tests.deferred.network import NetworkTestCase
from tests.deferred.pairs import Line, PairTestCase, verbs
from tests.vectors import specimens
from txrpyc.core.config import make_rules
from txrpyc.core.consts import EXCEPTION, REPLY, REQUEST, Verb
from txrpyc.core.envelope import Dialect
from txrpyc.core.identity import identify
from txrpyc.core.inspection import offered_methods
from txrpyc.errors import ConnectionLost, EncodingError
from txrpyc.interfaces import IDispatcher
from txrpyc.protocol import RPyCProtocol, is_local

PING, CLOSE, INSPECT, CALL, GETROOT = (int(Verb[name]) for name in ("PING", "CLOSE", "INSPECT", "CALL", "GETROOT"))
VALUE, TUPLE, LOCAL, REMOTE = 1, 2, 3, 4


@implementer(IDispatcher)
class Noting:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.made = 0
        self.requests: list[tuple[int, int, Any]] = []
        self.lost: list[Exception] = []

    def connection_made(self) -> None:
        self.made += 1

    def request_received(self, sequence: int, verb: int, arguments: tuple[Any, ...]) -> None:
        self.requests.append((sequence, verb, arguments))

    def output_full(self, full: bool) -> None:
        self.full = full

    def connection_lost(self, error: Exception) -> None:
        self.lost.append(error)


class ProtocolTestCase(SynchronousTestCase):
    """A protocol whose transport is a line with nobody at the other end."""

    def connect(self, address: Any = None, **settings: Any) -> None:
        self.clock, self.noting = Clock(), Noting()
        soon = self.clock.callLater
        self.protocol = RPyCProtocol(
            make_rules(settings), Maker(inspects=False), self.noting, lambda function: soon(0, function), threaded=False
        )
        self.line = Line(self.protocol, True, peerAddress=address)
        self.protocol.makeConnection(self.line)

    def setUp(self) -> None:
        self.connect()

    def lose(self, reason: Exception | None = None) -> None:
        self.protocol.connectionLost(Failure(reason or self.line.disconnectReason))


class AnsweringTests(ProtocolTestCase):
    def test_at_once(self) -> None:
        """PING and INSPECT are answered at once; the dispatcher, which may be busy, is not asked."""
        thing = specimens.Plain()
        self.protocol.request(CALL, thing)
        self.line.messages()
        self.protocol.dataReceived(
            request(1, (VALUE, "x"), verb=PING) + request(2, (VALUE, identify(thing)), verb=INSPECT)
        )
        self.assertEqual(self.line.messages(), [(REPLY, 1, (VALUE, "x")), (REPLY, 2, (VALUE, offered_methods(thing)))])
        self.assertEqual(self.noting.requests, [])

    def test_wrong_inspection(self) -> None:
        """An inspection of what is not lent, or of no identity, is refused."""
        for number, package in enumerate([("module.Class", 1, 2), 5, ("x",)]):
            self.protocol.dataReceived(request(number, (VALUE, package), verb=INSPECT))
        self.assertEqual([message for message, _s, _b in self.line.messages()], [EXCEPTION] * 3)

    def test_dispatched(self) -> None:
        """Everything else, unknown verbs included, goes to the dispatcher, in order."""
        self.protocol.dataReceived(request(1, (VALUE, 5)) + request(2, verb=GETROOT) + request(3, verb=99))
        self.assertEqual(self.noting.requests, [(1, CALL, (5,)), (2, GETROOT, ()), (3, 99, ())])

    def test_bytewise(self) -> None:
        """It does not matter in which pieces the bytes come."""
        for number in (request(1, (VALUE, "x"), verb=PING) * 3)[:-1]:
            self.protocol.dataReceived(bytes([number]))
        self.assertEqual(len(self.line.messages()), 2)

    def test_one_write(self) -> None:
        """All answers to what came in one read are one write; one that is later is its own."""
        self.protocol.dataReceived(b"".join(request(n, (VALUE, n), verb=PING) for n in range(100)))
        self.assertEqual(len(self.line.writes), 1)
        self.protocol.answer(100, "late")
        self.assertEqual(len(self.line.writes), 2)
        self.assertEqual(len(self.line.messages()), 101)

    def test_unsendable_answer(self) -> None:
        """An answer that cannot be sent is an error at the caller."""
        self.protocol.answer(1, ("\udc80", specimens.Plain()))
        ((message, _sequence, body),) = self.line.messages()
        self.assertEqual((message, body[0]), (EXCEPTION, ("builtins", "ValueError")))
        self.assertEqual(len(self.protocol.session.lent), 0)

    def test_bad_request(self) -> None:
        """A request that is none is refused and logged; the connection goes on."""
        with capturedLogs() as logs:
            self.protocol.dataReceived(request(1, (LOCAL, ("module.Class", 1, 2))) + request(2, verb=PING))
        self.assertEqual([message for message, _s, _b in self.line.messages()], [EXCEPTION])
        self.assertEqual([log["log_level"] for log in logs], [LogLevel.info])
        self.assertEqual(self.noting.requests, [(2, PING, ())])

    def test_close(self) -> None:
        """A CLOSE is answered, behind all that was asked before, and then the connection is closed."""
        self.protocol.dataReceived(request(1, (VALUE, "x"), verb=PING) + request(2, verb=CLOSE))
        self.assertTrue(self.line.disconnecting)
        self.assertEqual(b"".join(self.line.stream), b"".join(self.line.writes))  # before it was closed
        self.assertEqual(self.line.messages(), [(REPLY, 1, (VALUE, "x")), (REPLY, 2, (VALUE, None))])


class AskingTests(ProtocolTestCase):
    def test_failing_callback(self) -> None:
        """A callback that raises harms no other answer."""
        first, second = self.protocol.request(PING, 1), self.protocol.request(PING, 2)
        first.addCallback(lambda _value: 1 / 0)
        self.protocol.dataReceived(frame(REPLY, 0, (VALUE, 1)) + frame(REPLY, 1, (VALUE, 2)))
        self.assertEqual(self.successResultOf(second), 2)
        self.failureResultOf(first, ZeroDivisionError)

    def test_any_order(self) -> None:
        """Answers may come in any order; those to nothing are ignored."""
        calls = [self.protocol.request(PING, n) for n in range(3)]
        for number in (2, 7, 0, 2, 1):
            self.protocol.dataReceived(frame(REPLY, number, (VALUE, number)))
        self.assertEqual([self.successResultOf(call) for call in calls], [0, 1, 2])
        self.assertEqual(self.protocol.waiting, 0)

    def test_too_long(self) -> None:
        """A request past `max_frame` fails by itself; nothing is sent of it."""
        self.connect(max_frame=1000)
        error = self.failureResultOf(self.protocol.request(PING, bytes(2000)), EncodingError).value
        self.assertIn("max_frame", str(error))
        self.assertEqual((self.line.writes, self.protocol.waiting), ([], 0))

    def test_release(self) -> None:
        """The death of a proxy sends nothing there and then; the reactor is asked once, and sends it soon."""
        for number in range(3):
            self.protocol.dataReceived(request(number, (REMOTE, ("module.Class", 1, number + 2))))
        self.noting.requests.clear()
        gc.collect()
        self.assertEqual((self.line.writes, len(self.clock.getDelayedCalls())), ([], 1))
        self.clock.advance(0)
        self.assertEqual(len(self.line.writes), 1)
        self.assertEqual(verbs(self.line.messages()), [Verb.DEL] * 3)


class LossTests(ProtocolTestCase):
    def test_everything_fails_once(self) -> None:
        """On loss every waiting Deferred fails, saying why, and only then the dispatcher is told; once."""
        calls = [self.protocol.request(PING, n) for n in range(5)]
        lost = self.protocol.when_lost()
        calls[0].addErrback(lambda _failure: self.assertEqual(self.noting.lost, []))
        self.lose(TransportLost("cable"))
        self.lose()
        for call in calls[1:]:
            self.assertIn("cable", str(self.failureResultOf(call, ConnectionLost).value))
        self.assertIn("cable", str(self.successResultOf(lost)))
        self.assertEqual([type(error) for error in self.noting.lost], [ConnectionLost])
        first, second = (self.failureResultOf(self.protocol.request(PING, 1)).value for _ in "ab")
        self.assertIsNot(first, second)

    def test_nothing_after(self) -> None:
        """After the loss nothing is written: no answers, no releases."""
        self.protocol.dataReceived(request(1, (REMOTE, ("module.Class", 1, 2))))
        self.lose()
        self.noting.requests.clear()
        gc.collect()
        self.clock.advance(0)
        self.protocol.answer(1, 5)
        self.protocol.answer_error(1, ValueError())
        self.protocol.exchange.release()
        self.assertEqual(self.line.writes, [])

    def test_garbage(self) -> None:
        """Bytes that are not RPyC are logged as a warning; the connection is cut, and who waits is told so."""
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\1\7x\n", b"\0\0\0\1\0xx", frame(REPLY, 0, 5)[:-1] + b"!"):
            self.connect()
            call = self.protocol.request(PING, 1)
            with capturedLogs() as logs:
                self.protocol.dataReceived(garbage)
            self.assertEqual([log["log_level"] for log in logs], [LogLevel.warn])
            self.assertTrue(self.line.disconnecting)
            self.protocol.dataReceived(request(1, verb=GETROOT))
            self.assertEqual(self.noting.requests, [])
            self.lose()
            self.assertIn("broke the protocol", str(self.failureResultOf(call, ConnectionLost).value))

    def test_limit(self) -> None:
        """A frame past `max_frame`, also one that only inflates past it, ends the connection."""
        self.connect(compression="always", max_frame=100_000)
        self.protocol.request(PING, bytes(99_000))
        (small,) = self.line.writes
        for data in (b"\0\0\x20\0\0", small):
            self.connect(max_frame=5000)
            with capturedLogs() as logs:
                self.protocol.dataReceived(data)
            self.assertIn("max_frame", str(logs[0]["error"]))
            self.assertTrue(self.line.disconnecting)
            self.lose()


class DialectTests(ProtocolTestCase):
    def test_in_kind(self) -> None:
        """A peer is answered in its own dialect, and an older one asked in it."""
        for dialect in Dialect:
            self.connect()
            self.protocol.dataReceived(request(1, (VALUE, "x"), verb=PING, dialect=dialect))
            self.protocol.request(PING, 1)
            first = {Dialect.V5: [0x12, 0x12], Dialect.V6: [REPLY, REQUEST]}[dialect]
            self.assertEqual([data[5] for data in self.line.writes], first)

    def test_given(self) -> None:
        """The dialect may be given by the configuration."""
        for version, first in ((5, 0x12), (6, REQUEST)):
            self.connect(protocol_version=version)
            self.protocol.request(PING, 1)
            self.assertEqual(self.line.writes[0][5], first)

    def test_no_second_connection(self) -> None:
        """If a peer needs the other dialect and no second connection can be made, the error says what to do."""
        call = self.protocol.request(PING, 1)
        self.protocol.dataReceived(frame(REQUEST, 0, (CLOSE, (TUPLE, ())), Dialect.V5))
        self.assertTrue(self.line.disconnecting)
        self.lose()
        self.assertIn("'protocol_version': 5", str(self.failureResultOf(call, ConnectionLost).value))


class CompressionTests(ProtocolTestCase):
    def test_choice(self) -> None:
        """Long messages are compressed always, never, or where the peer is not on this machine."""
        near, far = IPv4Address("TCP", "127.0.0.1", 1), IPv4Address("TCP", "192.0.2.1", 1)
        for compression, flags in {"always": [1, 1], "never": [0, 0], "auto": [0, 1]}.items():
            for address, flag in zip((near, far), flags, strict=True):
                self.connect(address, compression=compression)
                self.protocol.request(PING, bytes(50_000))
                self.assertEqual(self.line.writes[0][4], flag, (compression, address))

    def test_is_local(self) -> None:
        """Loopback and what is no network is local, the rest is not."""
        local = [IPv4Address("TCP", "127.9.9.9", 1), IPv6Address("TCP", "::1", 1), UNIXAddress(b"x"), None]
        local.append(IPv6Address("TCP", "::ffff:127.0.0.1", 1))
        remote = [IPv4Address("TCP", "10.0.0.1", 1), IPv6Address("TCP", "2001:db8::1", 1)]
        self.assertEqual([is_local(address) for address in local + remote], [True] * 5 + [False] * 2)


class UnknownVerbTests(PairTestCase):
    def test_unknown_verb(self) -> None:
        """A verb that RPyC does not know gets an error reply, and the connection lives."""
        self.joined()
        for verb in (0, 21, 99, -1, 2**70):
            self.assertIn("unknown", str(self.error(lambda verb=verb: self.pair.near.request(verb, 1), ValueError)))
        self.result(self.pair.near.ping)


class HostileTests(NetworkTestCase):
    async def test_others_go_on(self) -> None:
        """A peer that sends garbage is cut off, and the others do not notice."""
        endpoint = await self.serve()
        good = await self.dial(endpoint)
        waiting = [good.root.add(n, 1) for n in range(10)]
        for _ in range(5):
            hostile = await connectProtocol(clientFromString(reactor, endpoint), Protocol())
            hostile.transport.write(b"\xff" * 100)
        self.assertEqual([await call for call in waiting], list(range(1, 11)))
        while len(self.factory.connections) > 1:
            await good.ping()
        self.assertFalse(good.closed)
