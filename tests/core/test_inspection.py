"""What classes offer: rpyc's, also of objects that lie about themselves."""

from __future__ import annotations

import platform
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.core.strange import STRANGE
from tests.vectors import BOTH, recorded, specimens
from txrpyc.core import brine
from txrpyc.core.identity import LOCAL_ATTRS
from txrpyc.core.inspection import offered_methods


class MethodsTests(SynchronousTestCase):
    def test_recorded(self) -> None:
        """An inspection gives the names and docstrings that rpyc's gives, in its order."""
        tables = recorded(BOTH[0])
        # What builtin classes have, and say about it, changes from Python to Python.
        same = tables["python"].split(".")[:2] == platform.python_version_tuple()[:2]
        own = {"method", "of_class", "of_nobody", "of_meta", "__len__", "__call__"}
        for name, theirs in tables["methods"].items():
            ours = list(map(list, offered_methods(specimens.NAMES[name])))
            if not same:
                ours, theirs = ([m for m in list_ if m[0] in own] for list_ in (ours, theirs))
            self.assertEqual(ours, theirs, name)

    def test_what_counts(self) -> None:
        """Methods of all kinds are offered, inherited too; properties and values are not."""
        offered = dict(offered_methods(specimens.Derived()))
        self.assertLessEqual({"method", "of_class", "of_nobody", "__len__", "__call__"}, set(offered))
        self.assertFalse({"text", "attribute"} & set(offered))
        self.assertFalse(LOCAL_ATTRS & set(offered))
        self.assertEqual(offered["method"], "Do nothing either.")
        self.assertIsNone(offered["of_class"])

    def test_metaclass(self) -> None:
        """A class offers the methods of its metaclass as well as its own; its instances do not."""
        self.assertLessEqual({"of_meta", "method"}, set(dict(offered_methods(specimens.Built))))
        self.assertNotIn("of_meta", dict(offered_methods(specimens.Built())))

    def test_strange_objects(self) -> None:
        """Whatever an object raises about itself, its methods can be sent."""
        for name, value in STRANGE.items():
            methods = offered_methods(value)
            self.assertEqual(brine.load(brine.dump(methods)), methods, name)

    def test_again(self) -> None:
        """What was found out is not found out again."""
        self.assertIs(offered_methods(specimens.Derived()), offered_methods(specimens.Derived()))

    def test_changed(self) -> None:
        """A class that has got other methods since, or whose base has, offers those."""

        class Base:
            pass

        class Changing(Base):
            def first(self) -> None:
                """Come first."""

        def offered() -> dict[str, str | None]:
            return {name: text for name, text in offered_methods(Changing()) if not name.startswith("__")}

        def other(self: Any) -> None:
            """Come instead."""

        self.assertEqual(offered(), {"first": "Come first."})
        Changing.first = other  # type: ignore[method-assign]
        self.assertEqual(offered(), {"first": "Come instead."})
        Changing.other = Changing.first  # type: ignore[attr-defined]
        self.assertEqual(offered(), {"first": "Come instead.", "other": "Come instead."})
        del Changing.first
        Base.based = other  # type: ignore[attr-defined]
        self.assertEqual(offered(), {"based": "Come instead.", "other": "Come instead."})

    def test_many(self) -> None:
        """However many classes there are, each offers its own."""
        for number in range(250):
            kind = type("Made", (), {f"method_{number}": lambda self: None})
            self.assertIn((f"method_{number}", None), offered_methods(kind()))
            self.assertIn((f"method_{number}", None), offered_methods(kind))
