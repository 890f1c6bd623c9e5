"""Boxing: values by value, tuples by their items, all else by reference."""

from __future__ import annotations

import gc
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.core.cores import Maker, Proxy
from tests.core.strange import STRANGE
from tests.core.values import exactly
from tests.vectors import specimens
from txrpyc.core import brine
from txrpyc.core.boxing import Boxer
from txrpyc.core.identity import Identity, identify
from txrpyc.core.objects import BorrowedTable, LentTable
from txrpyc.core.unboxing import Unboxer, Unmade
from txrpyc.errors import EncodingError, ProtocolError, UnknownReference

VALUE, TUPLE, LOCAL, REMOTE = 1, 2, 3, 4
THEIRS: Identity = ("module.Class", 16, 32)


class BoxingCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.maker = Maker(inspects=False)
        self.lent = LentTable()
        self.borrowed = BorrowedTable(lambda: None)
        self.boxer = Boxer(self.maker, self.lent)
        self.unboxer = Unboxer(self.maker, self.lent, self.borrowed)

    def encode(self, value: Any) -> Any:
        """Give what the other side would decode."""
        out: list[bytes] = []
        self.boxer.encode(value, out)
        return brine.load(b"".join(out))

    def decode(self, package: Any) -> tuple[Any, list[Unmade]]:
        unmade: list[Unmade] = []
        return self.unboxer.decode(brine.dump(package), 0, unmade), unmade


class EncodeTests(BoxingCase):
    def test_values(self) -> None:
        """What brine carries goes by value, whole tuples of it as well."""
        for value in (5, "text", (), (1, (2, "x")), frozenset([1]), slice(1), None, NotImplemented):
            self.assertEqual(exactly(self.encode(value)), exactly((VALUE, value)))
        self.assertEqual(len(self.lent), 0)

    def test_references(self) -> None:
        """Everything else goes by reference, and is lent once for each time that it is there."""
        for name in specimens.REFERENCES:
            value = specimens.NAMES[name]
            self.assertEqual(self.encode(value), (REMOTE, identify(value)))
            self.assertIs(self.lent.get(identify(value)), value)
            self.lent.give_back(identify(value))
        self.assertEqual(len(self.lent), 0)

    def test_tuples(self) -> None:
        """A tuple with a reference inside is boxed item by item, each in the shortest way."""
        thing = specimens.Plain()
        boxed = self.encode((1, thing, ((2, 3), (thing,)), ()))
        reference = (REMOTE, identify(thing))
        inner = (TUPLE, ((VALUE, (2, 3)), (TUPLE, (reference,))))
        self.assertEqual(boxed, (TUPLE, ((VALUE, 1), reference, inner, (VALUE, ()))))
        self.lent.give_back(identify(thing), 2)
        self.assertEqual(len(self.lent), 0)

    def test_proxies(self) -> None:
        """A proxy goes home as a local reference; a foreign one is lent under its own name."""
        self.assertEqual(self.encode(Proxy(self.maker, THEIRS)), (LOCAL, THEIRS))
        self.assertEqual(len(self.lent), 0)
        foreign = Proxy(Maker(), THEIRS)
        self.assertEqual(self.encode(foreign), (REMOTE, THEIRS))
        self.assertIs(self.lent.get(THEIRS), foreign)

    def test_strange_objects(self) -> None:
        """Whatever an object raises about itself, it can be lent."""
        for name, value in STRANGE.items():
            label, identity = self.encode(value)
            self.assertEqual(label, REMOTE, name)
            self.assertIs(self.lent.get(identity), value)

    def test_failure_lends_nothing(self) -> None:
        """If a part cannot be encoded, what was lent before is taken back, and no more."""
        thing, other = specimens.Plain(), specimens.Plain()
        self.encode(thing)
        for bad in ("\udc80", 10**5000, ("fine", "\udc80"), frozenset(["\udc80"])):
            for whole in ((thing, other, bad), (thing, (other, thing), (other, (bad, thing)))):
                self.assertRaises(EncodingError, self.encode, whole)
                self.assertEqual(len(self.lent), 1)
        self.lent.give_back(identify(thing))
        self.assertEqual(len(self.lent), 0)

    def test_deep(self) -> None:
        """Tuples of objects are read as deep as they may nest; deeper is an EncodingError."""
        value: Any = specimens.Plain()
        depth = 0
        while depth < 60:
            value = (value,)
            try:
                boxed = self.encode(value)
            except EncodingError as error:
                self.assertIn("deep", str(error))
                break
            depth += 1
            decoded, _unmade = self.decode(boxed)
            self.lent.clear()
        self.assertEqual(str(exactly(decoded)).count("tuple"), depth)
        self.assertIn(depth, range(45, 60))
        self.assertEqual(len(self.lent), 0)


class DecodeTests(BoxingCase):
    def test_values(self) -> None:
        """Values and tuples of boxed values are given as they are."""
        package = (TUPLE, ((VALUE, 1), (TUPLE, ()), (VALUE, (2, "x"))))
        self.assertEqual(self.decode(package), ((1, (), (2, "x")), []))

    def test_local(self) -> None:
        """A local reference is the very object that was lent, or an UnknownReference."""
        thing = specimens.Plain()
        _label, identity = self.encode(thing)
        self.assertIs(self.decode((LOCAL, identity))[0], thing)
        for unknown in (THEIRS, (identity[0], identity[1], 0), (identity[0], 0, identity[2])):
            self.assertRaises(UnknownReference, self.decode, (LOCAL, unknown))

    def test_remote(self) -> None:
        """A remote reference is a proxy, the same one while it lives, and each arrival counts."""
        (first, second), unmade = self.decode((TUPLE, ((REMOTE, THEIRS), (REMOTE, THEIRS))))
        self.assertIs(first, second)
        self.assertEqual((first.identity, unmade), (THEIRS, []))
        self.assertEqual(self.borrowed.count(THEIRS), 2)

    def test_unmade(self) -> None:
        """A reference of a class to be inspected holds a place, and is settled afterwards."""
        self.maker.inspects = True
        boxed = (TUPLE, ((VALUE, 1), (TUPLE, ((REMOTE, THEIRS), (REMOTE, THEIRS)))))
        value, unmade = self.decode(boxed)
        self.assertEqual([hole.identity for hole in unmade], [THEIRS, THEIRS])
        self.maker.learn(THEIRS, (("method", None),))
        one, (first, second) = self.unboxer.settle(value)
        self.assertEqual((one, first.methods), (1, (("method", None),)))
        self.assertIs(first, second)
        self.assertEqual(self.borrowed.count(THEIRS), 2)

    def test_failure_gives_back(self) -> None:
        """If a package is broken behind some references, those are still given back."""
        broken = (TUPLE, ((REMOTE, THEIRS), (REMOTE, THEIRS), (9, None)))
        self.assertRaises(ProtocolError, self.decode, broken)
        gc.collect()
        self.assertEqual(self.borrowed.take_released(), [(THEIRS, 2)])
        self.maker.inspects = True
        unmade: list[Unmade] = []
        self.assertRaises(ProtocolError, self.unboxer.decode, brine.dump(broken), 0, unmade)
        for hole in unmade:
            self.borrowed.drop(hole.identity)
        self.assertEqual(self.borrowed.take_released(), [(THEIRS, 2)])

    def test_malformed(self) -> None:
        """What is not a pair of a known label and what belongs to it is a ProtocolError."""
        packages: list[Any] = [None, 5, "ab", (), (VALUE,), (VALUE, 1, 2), frozenset([VALUE, 2])]
        packages += [(0, 1), (5, 1), ("1", 1), (None, 1), ((VALUE, 1), (VALUE, 2))]
        packages += [(TUPLE, None), (TUPLE, 5), (TUPLE, "ab"), (TUPLE, (5,)), (TUPLE, slice(5))]
        packages += [(label, bad) for label in (LOCAL, REMOTE) for bad in (None, 5, (), ("a", 1))]
        for package in packages:
            self.assertRaises(ProtocolError, self.decode, package)
