"""What travels: how many messages each operation costs, and in how many writes."""

from __future__ import annotations

import gc
from typing import Any

from twisted.internet.defer import Deferred

from tests.deferred.network import OfferedService
from tests.deferred.pairs import PairTestCase, verbs
from tests.peer_scripts.offered import SETTINGS
from txrpyc.core.consts import REPLY, REQUEST, Verb
from txrpyc.deferred import remotely


class FrameTests(PairTestCase):
    def setUp(self) -> None:
        self.joined(OfferedService, far=SETTINGS)
        self.root = self.pair.near.root

    def asked(self) -> list[Any]:
        return verbs(self.pair.near_line.messages())

    def test_method(self) -> None:
        """A method call is one request frame and one reply frame."""
        self.assertEqual(self.result(lambda: self.root.add(1, 2)), 3)
        ((message, number, body),) = self.pair.near_line.messages()
        self.assertEqual((message, body[0]), (REQUEST, Verb.CALLATTR))
        self.assertEqual(self.pair.far_line.messages(), [(REPLY, number, (1, 3))])

    def test_no_inspection(self) -> None:
        """Objects of any class cost no frame for their class, neither the first nor the second."""
        things = [self.result(lambda: self.root.new_thing(1)) for _ in "12"]
        self.assertEqual(self.asked(), [Verb.CALLATTR] * 2)
        self.assertEqual(verbs(self.pair.far_line.messages()), [None] * 2)
        self.result(lambda: self.root.call(lambda *_things: 5, *things))
        self.assertEqual(self.asked()[0], Verb.CALLATTR)
        asked = verbs(self.pair.far_line.messages())
        self.assertEqual((asked[0], Verb.INSPECT in asked), (Verb.CALL, False))

    def test_path(self) -> None:
        """Making a path sends nothing; reading it asks once for each step."""
        path = self.root.thing.table["a"]
        self.pair.settle()
        self.assertEqual(self.asked(), [])
        self.result(lambda: remotely.len(path))
        asked = [verb for verb in self.asked() if verb is not Verb.DEL]
        self.assertEqual(asked, [Verb.GETATTR, Verb.GETATTR, Verb.CALLATTR, Verb.CALLATTR])

    def test_chunks(self) -> None:
        """An iteration fetches chunks of 10, 20, 40 and so on up to a thousand items, and then an empty one."""

        async def read() -> int:
            return len([row async for row in self.root.rows(3000)])

        self.assertEqual(self.result(read), 3000)
        packages = [body[1] for _m, _s, body in self.pair.near_line.messages() if body[0] == Verb.BUFFITER]
        counts = [count for _tuple, (_iterator, (_value, count)) in packages]
        self.assertEqual(counts, [10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000])

    def test_answers_in_one_write(self) -> None:
        """All answers to what came in one read leave in one write."""
        calls = [self.root.add(number, 0) for number in range(50)]
        self.pair.settle()
        self.assertEqual([self.successResultOf(call) for call in calls], list(range(50)))
        self.assertEqual(len(self.pair.far_line.writes), 1)

    def test_release(self) -> None:
        """When a remote object dies, nothing is sent there and then; its release goes by itself, soon."""
        thing = self.result(lambda: self.root.new_thing())
        lent = self.pair.lent
        self.pair.forget_messages()
        del thing
        gc.collect()
        self.assertEqual(self.pair.near_line.writes, [])
        self.pair.settle()
        self.assertEqual(self.asked(), [Verb.DEL])
        self.assertEqual(self.pair.lent, lent - 1)

    def test_releases_travel_along(self) -> None:
        """Releases travel in the next write, if that is sooner."""
        things = [self.result(lambda: self.root.new_thing()) for _ in range(10)]
        self.pair.forget_messages()
        del things
        gc.collect()
        call = self.root.add(1, 2)
        self.assertEqual(len(self.pair.near_line.writes), 1)
        self.assertEqual(self.asked(), [Verb.DEL] * 10 + [Verb.CALLATTR])
        self.pair.settle()
        self.assertEqual((self.successResultOf(call), self.asked()), (3, []))

    def test_repeated_object_is_released_once(self) -> None:
        """An object that came many times is given back by one release."""
        for _ in range(5):
            thing = self.result(lambda: self.root.thing)
        self.pair.forget_messages()
        del thing
        self.pair.settle()
        self.assertEqual(self.asked(), [Verb.DEL])
        self.assertEqual(self.pair.lent, 1)  # the root

    def test_no_circles(self) -> None:
        """A remote object is released when it is dropped, without a garbage collection, whatever was done with it."""

        async def use() -> None:
            door = await self.root.door()
            async with door:
                await door.told()
            thing = await self.root.new_thing(1, 2)
            async for _item in thing:
                pass
            await thing.table["a"]["b"].count(1)
            await remotely.len(thing)
            await thing.same()

        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        done = Deferred.fromCoroutine(use())
        self.pair.settle(collect=False)
        self.successResultOf(done)
        self.assertEqual(self.pair.lent, 1)

    def test_ten_thousand_objects(self) -> None:
        """After many objects have come and gone both tables hold what they held before."""
        before = len(self.pair.near.protocol.session.borrowed), self.pair.lent
        for _ in range(20):
            calls = [self.root.new_thing(number) for number in range(500)]
            self.pair.settle()
            del calls
        self.pair.settle()
        self.assertEqual((len(self.pair.near.protocol.session.borrowed), self.pair.lent), before)
