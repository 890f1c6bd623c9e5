"""A service that hands on what it has from another peer: its clients use that as if it were the service's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from tests.deferred.network import OfferedService
from tests.deferred.pairs import Pair, PairTestCase
from tests.peer_scripts.offered import SETTINGS
from txrpyc.core.consts import Verb
from txrpyc.core.vinegar import GenericException
from txrpyc.deferred import RemoteObject, Service, remotely


class Gate(Service):
    """Has a root to hand on."""

    def __init__(self, behind: RemoteObject) -> None:
        self.behind = behind

    def exposed_root(self) -> Any:
        return self.behind

    def exposed_kind(self) -> Any:
        return self.behind.thing.kind

    def exposed_thing(self) -> Any:
        return self.behind.thing


class Mine:
    """An object of the client's."""

    def exposed_method(self, value: int) -> int:
        return value * 2


class PassingOnTests(PairTestCase):
    def setUp(self) -> None:
        self.pairs: list[Pair] = []
        self.behind = self.joined(OfferedService, far=SETTINGS)
        self.pairs.append(self.behind)
        self.gate = Gate(self.behind.near.root)
        self.front = self.joined(self.gate, far=SETTINGS)
        self.pairs.append(self.front)
        self.root, self.thing = self.result(self.front.near.root.root), self.result(self.front.near.root.thing)

    def begin(self, work: Callable[[], Any]) -> Deferred[Any]:
        started = super().begin(work)
        self.settle(collect=False)
        return started

    def settle(self, *, collect: bool) -> None:
        for _ in range(20):
            for pair in self.pairs:
                pair.settle(collect=collect)

    def test_everything(self) -> None:
        """Attributes, items, calls and questions reach the object where it is."""
        thing = self.thing
        for work, expected in [
            (lambda: self.root.add(1, b=2), 3),
            (lambda: thing.kind, "thing"),
            (lambda: thing.table["a"]["b"][1], 20),
            (lambda: remotely.len(thing), 3),
            (lambda: remotely.repr(thing), "Thing(*[1, 2, 3])"),
            (lambda: remotely.str(thing), "a thing of 3"),
            (lambda: remotely.hash(thing), 12345),
            (lambda: remotely.eq(thing, self.root), False),
            (lambda: remotely.eq(thing, thing), True),
            (lambda: remotely.contains(thing, 3), True),
            (lambda: self.root.call(lambda x: x + 1, 5), 6),
            (lambda: self.root.call(Mine().exposed_method, 5), 10),
            (lambda: self.front.near.root.kind(), "thing"),
        ]:
            self.assertEqual(self.result(work), expected)
        self.assertIn("items", self.result(lambda: remotely.dir(thing)))

    def test_identity(self) -> None:
        """The object of the peer behind, and one's own, come back as themselves."""
        mine = Mine()
        self.assertIs(self.result(lambda: self.root.echo(mine)), mine)
        self.assertIs(self.result(lambda: self.root.echo(self.thing)), self.thing)
        self.assertIs(self.result(lambda: self.thing.same()), self.thing)

    def test_work(self) -> None:
        """Iteration, context managers and assignment work, too; exceptions come through."""

        async def work() -> list[Any]:
            async with self.root.door() as inside:
                rows = [row async for row in self.root.rows(25)]
            fresh = await self.root.new_thing()
            await remotely.setattr(fresh, "colour", "red")
            colour = await fresh.colour
            await remotely.delattr(fresh, "colour")
            return [inside, len(rows), colour, [item async for item in self.thing]]

        self.assertEqual(self.result(work), ["inside", 25, "red", [1, 2, 3]])
        self.error(lambda: self.root.fail("key"), KeyError)
        self.error(lambda: self.root.fail("custom"), GenericException)

    def test_rules(self) -> None:
        """The rules of the service between hold as well as those of the object's owner."""
        self.error(lambda: remotely.getattr(self.thing, "_private"), AttributeError)
        self.front.far.rules = self.front.far.rules.changed(allow_setattr=False, allow_public_attrs=False)
        self.error(lambda: remotely.setattr(self.thing, "colour", "red"), AttributeError)
        self.error(lambda: self.thing.kind, AttributeError)
        self.assertEqual(self.result(lambda: self.root.name), "offered")
        self.front.far.rules = self.front.far.rules.changed(allow_exposed_attrs=False)
        self.error(lambda: self.root.name, AttributeError)

    def test_inspection(self) -> None:
        """A client that wants to know the methods of such an object is told by its owner."""
        methods = self.result(lambda: self.front.near.request(Verb.INSPECT, self.thing._identity))
        self.assertIn("same", dict(methods))

    def test_releases(self) -> None:
        """When the client lets it go the owner is told."""
        self.thing = self.root = None
        self.gate.behind = self.behind.near.root
        self.settle(collect=True)
        self.assertEqual((self.front.lent, self.behind.lent), (1, 1))
