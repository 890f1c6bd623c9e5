"""What a peer may send to a session that is not as it should be, or not asked for."""

from __future__ import annotations

import gc
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.core.cores import Side, frame, opened, request
from tests.vectors import specimens
from txrpyc.core.consts import EXCEPTION, INSPECT, REPLY, REQUEST, Verb
from txrpyc.core.envelope import Dialect
from txrpyc.core.identity import Identity, identify
from txrpyc.core.session import BadRequest, Failure, Request
from txrpyc.errors import ProtocolError, UnknownReference

CALL, DEL = int(Verb.CALL), int(Verb.DEL)
VALUE, TUPLE, LOCAL, REMOTE = 1, 2, 3, 4

THEIRS: Identity = ("module.Class", 16, 32)


class PeerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.side = Side()

    def given_back(self) -> list[Any]:
        """Give what is given back to the peer, as pairs of identity and count."""
        gc.collect()
        bodies = [opened(data)[3] for data in self.side.session.take_frames()]
        pairs = [body[1][1] for body in bodies if body[0] == DEL]
        return [(identity[1], count[1]) for identity, count in pairs]

    def test_bad_requests(self) -> None:
        """A request that makes no sense is a BadRequest, and the session goes on."""
        bad: list[Any] = [None, 5, (), (CALL,), (CALL, (TUPLE, ()), 5), ("7", (TUPLE, ()))]
        bad += [(True, (TUPLE, ())), (CALL, None), (CALL, (VALUE, 5)), (CALL, (9, ())), (CALL, ())]
        bad += [(CALL, (TUPLE, ((LOCAL, THEIRS),))), (CALL, (TUPLE, ((REMOTE, 5),)))]
        bad += [
            (DEL, None),
            (DEL, 5),
            (DEL, (TUPLE, ())),
            (DEL, (TUPLE, (5,))),
            (DEL, (VALUE, "ab")),
        ]
        bad += [(DEL, (TUPLE, ((LOCAL, THEIRS), (VALUE, n)))) for n in (0, -1, "1", 1.0, True, 1)]
        for sequence, body in enumerate(bad):
            self.side.receive(frame(REQUEST, sequence, body))
            event = self.side.refused()
            self.assertEqual(event.sequence, sequence, body)
            self.assertIsInstance(event.error, (ProtocolError, UnknownReference))
        self.side.receive(request(99, (VALUE, 5)))
        self.assertEqual(self.side.take_events(), [Request(99, CALL, (5,))])

    def test_bad_request_gives_back(self) -> None:
        """The references in a request that cannot be carried out are given back."""
        for inspects in (True, False):
            self.side.maker.inspects = inspects
            self.side.receive(request(0, (REMOTE, THEIRS), (REMOTE, THEIRS), (9, None)))
            self.side.refused()
            self.assertEqual(self.given_back(), [(THEIRS, 2)])

    def test_bad_request_in_order(self) -> None:
        """A bad request behind one that waits is told after it."""
        self.side.receive(request(0, (REMOTE, THEIRS)) + request(1, (9, None)) + request(2))
        self.assertEqual(self.side.take_events(), [])
        (asked,) = map(opened, self.side.session.take_frames())
        self.side.receive(frame(REPLY, asked[2], (VALUE, ())))
        events = self.side.take_events()
        self.assertEqual([type(event) for event in events], [Request, BadRequest, Request])

    def test_release_is_answered(self) -> None:
        """A DEL, with or without a count, takes back what it says, and is answered with None."""
        thing = specimens.Plain()
        for _ in range(4):
            self.side.ask(CALL, thing)
        self.side.take_frames()
        reference = (LOCAL, identify(thing))
        for sequence, items in enumerate([(reference,), (reference, (VALUE, 3))]):
            self.assertEqual(len(self.side.session.lent), 1)
            self.side.receive(request(sequence, *items, verb=DEL))
            (answer,) = self.side.session.take_frames()
            self.assertEqual(opened(answer), (Dialect.V6, REPLY, sequence, (VALUE, None)))
        self.assertEqual(len(self.side.session.lent), 0)
        self.assertEqual(self.side.take_events(), [])

    def test_unexpected_answers(self) -> None:
        """An answer that nobody waits for is dropped, and gives its references back."""
        for inspects in (True, False):
            self.side.maker.inspects = inspects
            self.side.receive(frame(REPLY, 5, (TUPLE, ((REMOTE, THEIRS), (REMOTE, THEIRS)))))
            self.assertEqual(self.given_back(), [(THEIRS, 2)])
        self.side.receive(frame(REPLY, 5, (9, None)) + frame(EXCEPTION, 5, None))
        self.assertEqual(self.side.take_events(), [])

    def test_bad_answers(self) -> None:
        """An answer that cannot be read is the failure of that one request."""
        answers = [(REPLY, None), (REPLY, (9, 5)), (REPLY, (LOCAL, THEIRS)), (EXCEPTION, None)]
        for message, body in answers:
            sequence = self.side.ask(CALL)
            self.side.receive(frame(message, sequence, body))
            (failure,) = self.side.take_events()
            self.assertEqual((type(failure), failure.sequence), (Failure, sequence))

    def test_bad_inspections(self) -> None:
        """If an inspection is refused, or answered with nonsense, the proxy has no methods."""
        record = (("builtins", "ValueError"), (), (), "")
        nested = (TUPLE, ((REMOTE, THEIRS), (TUPLE, ((REMOTE, ("other.Class", 1, 2)), (VALUE, 5)))))
        answers = [(EXCEPTION, record), (EXCEPTION, None), (REPLY, None), (REPLY, (VALUE, 5))]
        answers += [(REPLY, (VALUE, (1, 2))), (REPLY, (VALUE, "ab")), (REPLY, (LOCAL, THEIRS))]
        answers += [(REPLY, (REMOTE, THEIRS)), (REPLY, (VALUE, ((5, "text"),))), (REPLY, nested)]
        for number, (message, body) in enumerate(answers):
            identity = (f"module.Class{number}", number, 7)
            self.side.receive(request(number, (REMOTE, identity)))
            _d, _m, sequence, asked = opened(self.side.take_frames())
            self.assertEqual(asked, (INSPECT, (VALUE, (identity,))))
            self.side.receive(frame(message, sequence, body))
            (event,) = self.side.take_events()
            self.assertEqual((event.sequence, event.arguments[0].methods), (number, ()))
            del event
            # Nothing else stays borrowed, not even what came with the answer.
            self.given_back()
            self.assertEqual(len(self.side.session.borrowed), 0, body)

    def test_close(self) -> None:
        """After close nothing is lent, borrowed or owed."""
        self.side.ask(CALL, specimens.Plain())
        self.side.receive(request(0, (REMOTE, THEIRS)))
        self.side.session.close()
        self.assertEqual(len(self.side.session.lent) + len(self.side.session.borrowed), 0)
        self.assertEqual(self.side.session.take_frames(), [])
