"""Making netref classes: once for all peers that offer the same; but what is known of a peer stays apart."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txrpyc.blocking import netref_maker
from txrpyc.blocking.netref_maker import NetrefMaker
from txrpyc.core.consts import Verb

METHODS = (("count", "Count."), ("__len__", None))


class Peer:
    """A connection, as far as netrefs know it: gives the same answer to everything, and notes what was asked."""

    def __init__(self, answer: Any = None) -> None:
        self.maker = NetrefMaker(self)  # type: ignore[arg-type]
        self.answer = answer
        self.asked: list[int] = []

    def sync_request(self, verb: int, *arguments: Any) -> Any:
        self.asked.append(verb)
        return self.answer

    def make(self, name: str = "there.Counter", methods: Any = METHODS, instance: int = 2) -> Any:
        """Make a netref of a class with these methods."""
        identity = name, 1, instance
        self.maker.learn(identity, methods)
        return self.maker.make_proxy(identity)


class NetrefMakerTests(SynchronousTestCase):
    def test_shared(self) -> None:
        """Connections share the classes of those objects that offer the same under the same name."""
        kind = type(Peer().make())
        self.assertIs(type(Peer().make()), kind)
        self.assertIsNot(type(Peer().make("there.Other")), kind)
        self.assertIsNot(type(Peer().make(methods=METHODS[:1])), kind)
        self.assertIsNot(type(Peer().make(methods=(("count", "Otherwise."), ("__len__", None)))), kind)

    def test_methods(self) -> None:
        """A shared class asks the connection that each netref is of."""
        one, other = Peer(1), Peer(2)
        self.assertEqual((len(one.make()), len(other.make())), (1, 2))
        self.assertEqual((one.asked, other.asked), ([Verb.CALLATTR], [Verb.CALLATTR]))

    def test_knowledge(self) -> None:
        """That a name was found to be a method at one peer says nothing of another."""
        one, other = Peer(), Peer(5)
        one.answer = one.maker.make_proxy(("builtins.method", 7, 8))
        netref = one.make()
        for _ in range(2):
            netref.count  # noqa: B018
        self.assertEqual(one.asked, [Verb.GETATTR])
        self.assertEqual(other.make().count, 5)

    def test_local_class(self) -> None:
        """The local class of the name is looked for each time: its module may have been imported meanwhile."""
        module = ModuleType("there")
        self.assertIsNone(vars(type(Peer().make()))["_local_class"])
        sys.modules["there"] = module
        self.addCleanup(sys.modules.pop, "there")
        for _ in range(2):
            module.Counter = type("Counter", (), {})  # type: ignore[attr-defined]
            self.assertIs(vars(type(Peer().make()))["_local_class"], module.Counter)
            self.assertIs(vars(type(Peer().make(instance=0)))["_local_class"], type)

    def test_bounded(self) -> None:
        """However many classes peers have, and however much they say about them, little is kept."""
        self.patch(netref_maker, "_kinds", {})
        kept = netref_maker._kinds
        Peer().make(methods=(("long", "x" * 100_000),))
        self.assertEqual(kept, {})
        for number in range(1000):
            Peer().make(f"there.Kind{number}")
        self.assertLessEqual(len(kept), 100)
