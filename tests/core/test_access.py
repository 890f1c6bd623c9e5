"""The attribute policy: rpyc's, for every kind of name under every rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.vectors import BOTH, recorded, specimens
from txrpyc.core.access import delete_attribute, get_attribute, reachable_name, set_attribute
from txrpyc.core.config import Rules, make_rules

PUBLIC = make_rules({"allow_public_attrs": True, "allow_setattr": True, "allow_delattr": True})


def reached(value: Any, name: str, rules: Rules, permission: str = "allow_getattr") -> str | None:
    try:
        return reachable_name(value, name, rules, permission)
    except AttributeError:
        return None


class RecordedTests(SynchronousTestCase):
    def test_every_rule(self) -> None:
        """Each kind of name is reached, under each set of rules, as rpyc lets it be reached."""
        value = specimens.Guarded()
        for version in BOTH:
            for vector in recorded(version)["access"]:
                rules = make_rules(vector["settings"])
                ours = {name: reached(value, name, rules, vector["permission"]) for name in vector["names"]}
                self.assertEqual(ours, vector["names"], vector["settings"])


class ReachableTests(SynchronousTestCase):
    def test_refusal_names_the_setting(self) -> None:
        """Who is refused is told the name and the setting that would allow it."""
        value, rules = specimens.Guarded(), make_rules()
        refusal = self.assertRaises(AttributeError, reachable_name, value, "hello", rules, "allow_getattr")
        self.assertIn("'hello'", str(refusal))
        self.assertIn("allow_public_attrs", str(refusal))
        refusal = self.assertRaises(
            AttributeError,
            reachable_name,
            value,
            "hello",
            replace(PUBLIC, allow_setattr=False),
            "allow_setattr",
        )
        self.assertIn("allow_setattr", str(refusal))

    def test_failing_attribute(self) -> None:
        """An attribute that fails with no AttributeError is there all the same."""

        class Failing:
            @property
            def exposed_name(self) -> int:
                return 1 // 0

        self.assertEqual(reached(Failing(), "name", make_rules()), "exposed_name")
        self.assertRaises(ZeroDivisionError, get_attribute, Failing(), "name", make_rules())

    def test_own_prefix(self) -> None:
        """The prefix can be another; with an empty one nothing is exposed by it."""

        class Prefixed:
            api_name = 5
            name = 6
            _name = 7

        rules = make_rules({"exposed_prefix": "api_"})
        self.assertEqual(get_attribute(Prefixed(), "name", rules), 5)
        self.assertEqual(get_attribute(Prefixed(), "api_name", rules), 5)
        self.assertIsNone(reached(Prefixed(), "_name", make_rules({"exposed_prefix": ""})))


class AttributeTests(SynchronousTestCase):
    def test_get_set_delete(self) -> None:
        """An allowed attribute is read, set and deleted, under the name that it is exposed by."""
        value = specimens.Guarded()
        set_attribute(value, "hello", 5, PUBLIC)
        self.assertEqual(get_attribute(value, "hello", PUBLIC), 5)
        set_attribute(value, "only", 6, PUBLIC)
        self.assertEqual(vars(value), {"hello": 5, "exposed_only": 6})
        delete_attribute(value, "hello", PUBLIC)
        self.assertEqual(get_attribute(value, "hello", PUBLIC), "public")

    def test_refused(self) -> None:
        """By default only exposed and safe names are read, and nothing is set or deleted."""
        value, rules = specimens.Guarded(), make_rules()
        self.assertEqual(get_attribute(value, "only", rules), "exposed")
        self.assertEqual(get_attribute(value, "__len__", rules)(), 0)
        self.assertRaises(AttributeError, get_attribute, value, "hello", rules)
        self.assertRaises(AttributeError, get_attribute, value, "__dict__", rules)
        self.assertRaises(AttributeError, set_attribute, value, "only", 5, rules)
        self.assertRaises(AttributeError, delete_attribute, value, "only", rules)
        self.assertEqual(vars(value), {})

    def test_names(self) -> None:
        """A name may come as UTF-8; anything but text is a TypeError, with hooks as well."""
        value = specimens.Guarded()
        self.assertEqual(get_attribute(value, b"hello", PUBLIC), "public")
        set_attribute(value, "é".encode(), 5, PUBLIC)
        self.assertEqual(get_attribute(value, "é", PUBLIC), 5)
        delete_attribute(value, "é".encode(), PUBLIC)
        for whom in (value, Hooked()):
            for name in (
                5,
                None,
                ("hello",),
                bytearray(b"hello"),
                type("Text", (str,), {})("hello"),
            ):
                self.assertRaises(TypeError, get_attribute, whom, name, PUBLIC)
                self.assertRaises(TypeError, set_attribute, whom, name, 5, PUBLIC)
                self.assertRaises(TypeError, delete_attribute, whom, name, PUBLIC)
        self.assertRaises(ValueError, get_attribute, value, b"\xff", PUBLIC)


class Hooked:
    """Takes all accesses over."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def _rpyc_getattr(self, name: str) -> str:
        if name == "refused":
            raise AttributeError(name)
        return f"hook of {name}"

    def _rpyc_setattr(self, name: str, value: Any) -> None:
        self.seen.append((name, value))

    def _rpyc_delattr(self, name: str) -> None:
        self.seen.append((name,))


class HookTests(SynchronousTestCase):
    def test_hooks_decide(self) -> None:
        """An object with hooks decides alone, whatever the rules say."""
        nothing = make_rules({"allow_getattr": False, "allow_exposed_attrs": False})
        value = Hooked()
        self.assertEqual(get_attribute(value, b"__dict__", nothing), "hook of __dict__")
        self.assertRaises(AttributeError, get_attribute, value, "refused", PUBLIC)
        set_attribute(value, b"name", 5, nothing)
        delete_attribute(value, "name", nothing)
        self.assertEqual(value.seen, [("name", 5), ("name",)])

    def test_hooks_are_the_class_s(self) -> None:
        """A hook counts in the class, and an attribute of the object by that name does not."""
        value = specimens.Guarded()
        value._rpyc_getattr = lambda name: "hook"
        self.assertRaises(AttributeError, get_attribute, value, "hello", make_rules())
        self.assertRaises(AttributeError, get_attribute, Hooked, "seen", make_rules())
