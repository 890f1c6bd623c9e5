"""Services: what is exposed, under which names, and what a service is called."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import txrpyc
from txrpyc.service import Offer, does_nothing, exposed, service


class Marked(Offer):
    """Has an attribute of each kind."""

    @exposed
    def method(self) -> str:
        return "method"

    @exposed("share_")
    def prefixed(self) -> str:
        return "prefixed"

    @property
    @exposed
    def prop(self) -> str:
        return "prop"

    @cached_property
    @exposed
    def cached(self) -> str:
        return "cached"

    @staticmethod
    @exposed
    def static() -> str:
        return "static"

    @classmethod
    @exposed
    def of_class(cls) -> str:
        return cls.__name__

    def hidden(self) -> str:
        return "hidden"

    def exposed_named(self) -> str:
        return "named"

    @exposed
    def exposed_both(self) -> str:
        return "both"

    @exposed
    class Nested:
        @exposed
        def inner(self) -> str:
            return "inner"

        @exposed
        class Deeper:
            @exposed
            def innermost(self) -> str:
                return "innermost"


class Inheriting(Marked):
    """Overrides one marked method without a mark, and adds one."""

    def method(self) -> str:
        return "other"

    @exposed
    def more(self) -> str:
        return "more"


class ExposedTests(SynchronousTestCase):
    def exposures(self, value: Any) -> set[str]:
        return {name for name in dir(value) if name.startswith(("exposed_", "share_"))} - set(dir(Offer))

    def test_kinds(self) -> None:
        """Methods, properties, static and class methods are found under both names."""
        marked: Any = Marked()
        self.assertEqual(marked.exposed_method(), "method")
        self.assertEqual(marked.method(), "method")
        self.assertEqual(marked.share_prefixed(), "prefixed")
        self.assertEqual(marked.exposed_prop, "prop")
        self.assertEqual(marked.exposed_cached, "cached")
        self.assertEqual(marked.exposed_static(), "static")
        self.assertEqual(marked.exposed_of_class(), "Marked")

    def test_nothing_else(self) -> None:
        """Nothing else is exposed, and no name gets its prefix twice."""
        names = {"exposed_method", "share_prefixed", "exposed_prop", "exposed_static", "exposed_of_class"}
        names |= {"exposed_named", "exposed_both", "exposed_Nested", "exposed_cached"}
        self.assertEqual(self.exposures(Marked()), names)

    def test_nested(self) -> None:
        """A marked nested class is exposed, and so is what is marked in it, at any depth."""
        nested: Any = Marked.exposed_Nested  # type: ignore[attr-defined]
        self.assertIs(nested, Marked.Nested)
        self.assertEqual(nested().exposed_inner(), "inner")
        self.assertEqual(nested.exposed_Deeper().exposed_innermost(), "innermost")

    def test_inheritance(self) -> None:
        """A subclass exposes what it marks and inherits; overriding without a mark changes nothing, as in rpyc."""
        inheriting: Any = Inheriting()
        self.assertEqual((inheriting.method(), inheriting.exposed_method()), ("other", "method"))
        self.assertEqual(inheriting.exposed_more(), "more")
        self.assertEqual(inheriting.exposed_static(), "static")
        self.assertEqual(inheriting.exposed_of_class(), "Inheriting")
        self.assertFalse(hasattr(Marked, "exposed_more"))

    def test_override_with_a_mark(self) -> None:
        """A marked override takes the place of what it overrides."""

        class Again(Marked):
            @exposed
            def method(self) -> str:
                return "again"

        again: Any = Again()
        self.assertEqual((again.method(), again.exposed_method()), ("again", "again"))

    def test_override_of_the_exposed_name(self) -> None:
        """An override by the exposed name takes its place, too."""

        class Again(Marked):
            def exposed_method(self) -> str:
                return "again"

        self.assertEqual(Again().exposed_method(), "again")

    def test_plain_class(self) -> None:
        """Any class exposes by the decorator `service`; a mix-in's marks count for the class it is mixed into."""

        @service
        class Plain:
            @exposed
            def method(self) -> str:
                return "plain"

        class MixIn:
            @exposed
            def mixed(self) -> str:
                return "mixed"

        class Mixed(MixIn, Offer):
            pass

        self.assertEqual(Plain().exposed_method(), "plain")  # type: ignore[attr-defined]
        self.assertEqual(Mixed().exposed_mixed(), "mixed")  # type: ignore[attr-defined]

    def test_wrong_use(self) -> None:
        """What cannot be marked is a TypeError that says where the mark belongs."""
        for wrong in (5, None, property(lambda self: 1), [exposed]):
            error = self.assertRaises(TypeError, exposed, wrong)
            self.assertIn("@property", str(error))
        for wrong in (len, int, "text".upper):
            self.assertIn("cannot be marked", str(self.assertRaises(TypeError, exposed, wrong)))
        self.assertRaises(TypeError, exposed("share_"), 5)

    def test_mark_is_its_own(self) -> None:
        """A marked class marks neither its subclasses nor its instances."""

        class Holder(Offer):
            instance = Marked.Nested()

            class Derived(Marked.Nested):
                pass

        self.assertEqual(self.exposures(Holder), set())

    def test_unmarked_override_in_a_mix_in(self) -> None:
        """What a class overrides without a mark before anything exposed it is not exposed."""

        class MixIn:
            @exposed
            def mixed(self) -> str:
                return "mixed"

        class Mixed(MixIn, Offer):
            def mixed(self) -> str:
                return "hidden"

        self.assertEqual(self.exposures(Mixed), set())


class NameTests(SynchronousTestCase):
    def test_names(self) -> None:
        """A service is named after its class, without "Service", in upper case, or by its aliases."""

        class FooService(Offer):
            pass

        class Aliased(FooService):
            ALIASES = ("bar", "Floop")

        class Plain(Offer):
            pass

        self.assertEqual(FooService.get_service_aliases(), ("FOO",))
        self.assertEqual(Plain.get_service_name(), "PLAIN")
        self.assertEqual(Aliased.get_service_aliases(), ("BAR", "FLOOP"))
        self.assertEqual(Aliased.get_service_name(), "BAR")
        self.assertEqual(Aliased().exposed_get_service_aliases(), ("BAR", "FLOOP"))

    def test_is_protected(self) -> None:
        """A service's attributes are neither set nor deleted by peers."""
        for attempt in (Offer()._rpyc_delattr, lambda name: Offer()._rpyc_setattr(name, 1)):
            self.assertIn("name", str(self.assertRaises(AttributeError, attempt, "name")))


class NothingTests(SynchronousTestCase):
    def test_marked(self) -> None:
        """What the blocking face's services do by default is nothing, whoever inherits it; an override is something."""

        class Plain(txrpyc.Service):
            pass

        class Busy(Plain):
            def on_connect(self, conn: Any) -> None:
                super().on_connect(conn)

        self.assertTrue(does_nothing(Plain().on_connect))
        self.assertTrue(does_nothing(Plain().on_disconnect))
        self.assertTrue(does_nothing(Busy().on_disconnect))
        self.assertFalse(does_nothing(Busy().on_connect))
        one = Plain()
        one.on_connect = print  # type: ignore[assignment, method-assign]
        self.assertFalse(does_nothing(one.on_connect))
        self.assertFalse(does_nothing(None))
