"""Identities: rpyc's, also of objects that lie about themselves."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.core.strange import STRANGE
from tests.vectors import BOTH, recorded, specimens
from txrpyc.core import brine
from txrpyc.core.identity import class_of, describe, identify, read_identity
from txrpyc.errors import ProtocolError


class IdentifyTests(SynchronousTestCase):
    def test_recorded(self) -> None:
        """Each kind of object has the name that rpyc gives it, and ids of the same objects."""
        for version in BOTH:
            identities = recorded(version)["identities"]
            theirs = {ids[1] for ids in identities.values()}
            for name, (recorded_name, class_id, instance_id) in identities.items():
                value = specimens.NAMES[name]
                ours = identify(value)
                self.assertEqual(ours[0], recorded_name)
                self.assertEqual(ours[2] == 0, instance_id == 0)
                self.assertEqual(ours[2], 0 if instance_id == 0 else id(value))
                self.assertEqual(ours[1], id(value if instance_id == 0 else type(value)))
                self.assertIn(class_id, theirs)

    def test_classes_are_shared(self) -> None:
        """Objects of one class have its id, which is also the id in the identity of the class."""
        plain, other = specimens.Plain(), specimens.Plain()
        kind = identify(specimens.Plain)
        self.assertEqual(identify(plain)[:2], kind[:2])
        self.assertEqual(class_of(identify(plain)), class_of(identify(other)))
        self.assertNotEqual(class_of(kind), class_of(identify(plain)))
        self.assertNotEqual(identify(plain), identify(other))

    def test_module_that_is_not_loaded(self) -> None:
        """A module that is not among the loaded ones is named by its class as well."""
        self.assertEqual(identify(ModuleType("nowhere"))[0], "builtins.nowhere")

    def test_claimed_class(self) -> None:
        """An object that claims another class has its name, with the id of the true one."""

        class Claims:
            __class__ = dict  # type: ignore[assignment]

        value = Claims()
        self.assertEqual(identify(value), ("builtins.dict", id(Claims), id(value)))

    def test_strange_objects(self) -> None:
        """Whatever an object raises about itself, it has an identity that can be sent."""
        for name, value in STRANGE.items():
            identity = identify(value)
            self.assertEqual(brine.load(brine.dump(identity)), identity, name)
            self.assertEqual(read_identity(identity), identity)
            describe(identity)


class ReadTests(SynchronousTestCase):
    def test_read(self) -> None:
        """A name, also as bytes, and two numbers of any size are an identity."""
        self.assertEqual(read_identity(("a.B", -1, 1 << 70)), ("a.B", -1, 1 << 70))
        self.assertEqual(read_identity((b"a.B\xff", 1, 0)), ("a.B\ufffd", 1, 0))

    def test_malformed(self) -> None:
        """Anything else is a ProtocolError."""
        packages: list[Any] = [None, 5, (), ("a", 1), ("a", 1, 2, 3), (5, 1, 2), ("a", "1", 2)]
        packages += [
            ("a", 1, None),
            ("a", True, 2),
            ("a", 1, 2.0),
            ["a", 1, 2],
            frozenset(["a", 1]),
        ]
        for package in packages:
            self.assertRaises(ProtocolError, read_identity, package)

    def test_describe(self) -> None:
        """A class and an object are told apart in words."""
        self.assertEqual(describe(("a.B", 5, 0)), "class a.B")
        self.assertEqual(describe(("a.B", 5, 255)), "a.B object 0xff")
