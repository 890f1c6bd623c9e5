"""The session: two of them joined by hand, and what each promises to its face."""

from __future__ import annotations

import gc
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.core.cores import Pair, Proxy, Side, frame, opened, request
from tests.core.strange import STRANGE, errors
from tests.vectors import specimens
from txrpyc.core.consts import REPLY, REQUEST, Verb
from txrpyc.core.envelope import Dialect
from txrpyc.core.identity import Identity, class_of, identify
from txrpyc.core.session import Failure, OtherDialect, Reply, Request
from txrpyc.errors import EncodingError

PING, CALL = int(Verb.PING), int(Verb.CALL)
VALUE, LOCAL, REMOTE = 1, 3, 4

THEIRS: Identity = ("module.Class", 16, 32)


def new_class(name: str) -> type:
    return type(name, (), {"method": lambda self: None})


class ExchangeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pair = Pair()
        self.one, self.two = self.pair.one, self.pair.two

    def test_values(self) -> None:
        """A request arrives with its arguments, and its answer with the value, under one number."""
        sequence = self.one.ask(CALL, 5, ("x", None))
        self.pair.pump()
        self.assertEqual(self.two.take_events(), [Request(sequence, CALL, (5, ("x", None)))])
        self.two.answer(sequence, (1, b"y"))
        self.pair.pump()
        self.assertEqual(self.one.take_events(), [Reply(sequence, (1, b"y"))])

    def test_failure(self) -> None:
        """An exception arrives as one, with the traceback of the other side."""
        sequence = self.one.ask(CALL)
        error = specimens.raised("KeyError('text')")
        self.two.outbox += self.two.session.encode_failure(sequence, error)
        self.pair.pump()
        (failure,) = self.one.take_events()
        self.assertEqual(failure.sequence, sequence)
        self.assertIsInstance(failure.error, KeyError)
        self.assertIn("recorded", str(failure.error))

    def test_there_and_back(self) -> None:
        """An object arrives as a proxy, and the proxy arrives back as the object."""
        thing = specimens.Derived()
        self.one.ask(CALL, (thing, 1), thing)
        self.pair.pump()
        ((first, one), second) = self.two.take_events()[0].arguments
        self.assertIs(first, second)
        self.assertEqual((one, first.identity), (1, identify(thing)))
        self.assertIn(("method", "Do nothing either."), first.methods)
        self.two.ask(CALL, first)
        self.pair.pump()
        self.assertIs(self.one.take_events()[0].arguments[0], thing)

    def test_order(self) -> None:
        """Requests arrive in the order of sending, whatever must be inspected for them."""
        things = [new_class(f"Class{n}")() for n in range(10)]
        for number, thing in enumerate(things):
            self.one.ask(CALL, number, thing)
            self.one.ask(PING, number)
        self.pair.pump()
        events = self.two.take_events()
        self.assertEqual([event.arguments[0] for event in events], [n for n in range(10) for _ in "ab"])
        proxies = [event.arguments[1] for event in events[::2]]
        self.assertEqual([p.identity for p in proxies], [identify(thing) for thing in things])
        self.assertTrue(all(dict(p.methods).keys() >= {"method"} for p in proxies))

    def test_inspected_once(self) -> None:
        """A class is inspected once, however many of its objects come, at once or later."""
        kind = new_class("Class")
        things = [kind() for _ in range(6)]
        for _twice in range(2):
            for thing in things:
                self.one.ask(CALL, thing, kind(), things[0])
            self.pair.pump()
        self.assertEqual(len(self.two.take_events()), 12)
        self.assertEqual(self.one.inspected, {class_of(identify(things[0])): 1})

    def test_crossing(self) -> None:
        """Two sides that send each other objects of new classes at once both get them."""
        mine, theirs = new_class("Mine")(), new_class("Theirs")()
        self.one.ask(CALL, mine)
        self.two.ask(CALL, theirs)
        self.pair.pump()
        for side, thing in ((self.one, theirs), (self.two, mine)):
            (event,) = side.take_events()
            self.assertEqual(event.arguments[0].identity, identify(thing))

    def test_answer_held(self) -> None:
        """An answer waits for the inspection of what is in it, and holds up no other answer."""
        first, second = self.one.ask(CALL), self.one.ask(CALL)
        self.two.answer(first, new_class("Class")())
        self.two.answer(second, 5)
        self.one.receive(self.two.take_frames())
        self.assertEqual(self.one.take_events(), [Reply(second, 5)])
        self.pair.pump()
        (reply,) = self.one.take_events()
        self.assertEqual((reply.sequence, type(reply.value)), (first, Proxy))

    def test_release(self) -> None:
        """When the proxies of an object have died, one release lets its owner let it go."""
        thing = specimens.Plain()
        for _ in range(3):
            self.one.ask(CALL, thing, (thing,))
        self.pair.pump()
        self.assertIs(self.one.session.lent.get(identify(thing)), thing)
        self.two.take_events()
        gc.collect()
        self.assertEqual(self.two.releases, 1)
        self.pair.pump()
        self.assertEqual(len(self.one.session.lent), 0)
        self.assertEqual(len(self.two.session.borrowed), 0)

    def test_crossing_release(self) -> None:
        """An object that is sent again while its release is on the way stays lent."""
        thing = specimens.Plain()
        self.one.ask(CALL, thing)
        self.pair.pump()
        self.two.take_events()
        gc.collect()
        release = self.two.take_frames()
        self.one.ask(CALL, thing)
        self.two.receive(self.one.take_frames())
        self.one.receive(release)
        self.pair.pump()
        (proxy,) = self.two.take_events()[0].arguments
        self.two.ask(CALL, proxy)
        self.pair.pump()
        self.assertIs(self.one.take_events()[0].arguments[0], thing)

    def test_held_and_given_back(self) -> None:
        """A held request that names an object of ours has it, though it is given back."""
        thing = specimens.Plain()
        self.one.ask(CALL, thing)
        self.pair.pump()
        (event,) = self.two.take_events()
        self.two.ask(CALL, event.arguments[0], new_class("Class")())
        del event
        self.one.receive(self.two.take_frames())
        self.assertEqual(self.one.take_events(), [])
        gc.collect()
        self.one.receive(self.two.take_frames())
        self.assertEqual(len(self.one.session.lent), 0)
        self.pair.pump()
        self.assertIs(self.one.take_events()[0].arguments[0], thing)

    def test_strange_objects(self) -> None:
        """Objects and exceptions that raise about themselves reach the other side all the same."""
        for name, value in STRANGE.items():
            self.one.ask(CALL, name, value)
        failed = {self.two.ask(CALL): name for name in errors()}
        for sequence, name in failed.items():
            self.one.outbox += self.one.session.encode_failure(sequence, errors()[name])
        self.pair.pump()
        events = self.two.take_events()
        names = [event.arguments[0] for event in events if type(event) is Request]
        self.assertEqual(names, list(STRANGE))
        told = [failed[event.sequence] for event in events if type(event) is Failure]
        self.assertEqual(told, list(failed.values()))


class UnsendableTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pair = Pair(max_frame=20_000, compression="never")
        self.one, self.two = self.pair.one, self.pair.two

    def test_nothing_changes(self) -> None:
        """A message that cannot be sent says why, lends nothing, and the next one works."""
        deep: Any = ()
        for _ in range(200):
            deep = (deep,)
        bad = {"surrogate": "\udc80", "digits": 10**5000, "deep": deep, "max_frame": bytes(20_001)}
        thing = specimens.Plain()
        for word, value in bad.items():
            for whole in ((thing, value), (thing, (value, thing)), (value, thing)):
                for encode in (self.one.session.encode_request, self.one.session.encode_reply):
                    error = self.assertRaises(EncodingError, encode, CALL, whole)
                    self.assertIn(word, str(error))
                    self.assertEqual(len(self.one.session.lent), 0)
        self.one.ask(CALL, 5)
        self.pair.pump()
        self.assertEqual(self.two.take_events()[0].arguments, (5,))

    def test_failure_is_told_briefly(self) -> None:
        """A failure too long for a frame arrives as a shorter one that names it."""
        sequence = self.one.ask(CALL)
        error = ValueError(bytes(50_000))
        self.two.outbox += self.two.session.encode_failure(sequence, error)
        self.pair.pump()
        (failure,) = self.one.take_events()
        self.assertIn("ValueError", str(failure.error))
        self.assertIn("max_frame", str(failure.error))


class DialectTests(SynchronousTestCase):
    def test_answers_in_kind(self) -> None:
        """A peer is answered, and asked, in the dialect that it speaks."""
        for dialect in Dialect:
            side = Side()
            side.receive(request(0, (REMOTE, THEIRS), dialect=dialect) + frame(REQUEST, 1, 5, dialect))
            side.answer(0, None)
            side.ask(PING)
            side.outbox += side.session.encode_failure(1, ValueError())
            frames = [*side.outbox, *side.session.take_frames()]
            self.assertEqual([opened(data)[0] for data in frames], [dialect] * 4)
            version = opened(side.outbox[2])[3][2][-1][1]
            self.assertEqual(version, {Dialect.V5: "5.3.1", Dialect.V6: "6.0.2"}[dialect])

    def test_other_dialect(self) -> None:
        """A V5 message after our V6 requests is OtherDialect; all of them are then given in V5."""
        side = Side()
        thing = specimens.Plain()
        sent = [opened(self.asked(side, n, thing, bytes(5000))) for n in range(3)]
        side.receive(request(0, dialect=Dialect.V5))
        self.assertEqual(side.take_events(), [OtherDialect(Dialect.V5)])
        again = [opened(data) for data in side.session.change_dialect(Dialect.V5)]
        self.assertEqual(again, [(Dialect.V5, *parts[1:]) for parts in sent])
        self.assertIs(opened(self.asked(side))[0], Dialect.V5)
        self.assertEqual(side.session.change_dialect(Dialect.V5), [])
        side.receive(frame(REPLY, 0, (LOCAL, identify(thing)), Dialect.V5))
        self.assertEqual(side.take_events(), [Reply(0, thing)])

    def asked(self, side: Side, *arguments: Any) -> bytes:
        side.ask(CALL, *arguments)
        return side.outbox.pop()

    def test_confirmed(self) -> None:
        """Once the peer was understood, or its dialect is given, there is no beginning anew."""
        for side in (Side(), Side(protocol_version=6)):
            self.asked(side)
            side.receive(frame(REPLY, 0, (VALUE, 5)))
            self.assertEqual(side.take_events(), [Reply(0, 5)])
            self.assertEqual(side.session.change_dialect(Dialect.V5), [])
        side = Side(protocol_version=5)
        self.assertIs(opened(self.asked(side))[0], Dialect.V5)
