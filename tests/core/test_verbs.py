"""The verbs: what each does to a local object, within the rules."""

from __future__ import annotations

import pickle
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.vectors import specimens
from txrpyc.core.config import make_rules
from txrpyc.core.consts import Verb
from txrpyc.core.identity import Identity
from txrpyc.core.inspection import offered_methods
from txrpyc.core.objects import LentTable
from txrpyc.core.verbs import perform
from txrpyc.errors import ProtocolError, UnknownReference

FOREIGN: Identity = ("elsewhere.Class", 16, 32)


class Host:
    """A connection that was asked."""

    root = "the service"

    def __init__(self) -> None:
        self.rules = make_rules({"allow_public_attrs": True, "allow_setattr": True, "allow_delattr": True})
        self.lent = LentTable()

    def inspect_foreign(self, value: Any, identity: Identity) -> Any | None:
        return (("foreign", None),) if identity == FOREIGN else None


class Old:
    """An object of the time of __getslice__."""

    def get_new(self, piece: slice) -> Any:
        raise TypeError("no slices")

    def get_old(self, *arguments: Any) -> Any:
        return arguments


class Manager:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *arguments: Any) -> Any:
        return arguments


class VerbTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.host = Host()

    def perform(self, verb: int, *arguments: Any) -> Any:
        return perform(self.host, verb, arguments)

    def refuse(self, error: type[Exception], verb: int, *arguments: Any) -> str:
        """Give the text of the error that a verb raises."""
        return str(self.assertRaises(error, self.perform, verb, *arguments))

    def test_unknown(self) -> None:
        """A verb that RPyC does not have, or that concerns the connection, is a ValueError."""
        for verb in (0, 21, -1, 1 << 70, Verb.DEL, Verb.CLOSE):
            self.assertIn("unknown request", self.refuse(ValueError, verb))

    def test_wrong_arguments(self) -> None:
        """Too few or too many arguments are a TypeError for the caller, with every verb."""
        for verb in set(Verb) - {Verb.DEL, Verb.CLOSE}:
            self.refuse(TypeError, verb, *[5] * 9)
            if verb != Verb.GETROOT:
                self.refuse(TypeError, verb)

    def test_ping_getroot(self) -> None:
        """PING gives its data back, and GETROOT the service."""
        self.assertEqual(self.perform(Verb.PING, b"data"), b"data")
        self.assertEqual(self.perform(Verb.GETROOT), "the service")

    def test_attributes(self) -> None:
        """GETATTR, SETATTR and DELATTR do what they say, within the rules."""
        value = specimens.Guarded()
        self.perform(Verb.SETATTR, value, "hello", 5)
        self.assertEqual(self.perform(Verb.GETATTR, value, "hello"), 5)
        self.perform(Verb.DELATTR, value, "hello")
        self.assertEqual(self.perform(Verb.GETATTR, value, "hello"), "public")
        self.host.rules = make_rules()
        self.refuse(AttributeError, Verb.GETATTR, value, "hello")
        self.refuse(AttributeError, Verb.SETATTR, value, "hello", 5)
        self.refuse(AttributeError, Verb.DELATTR, value, "hello")

    def test_call(self) -> None:
        """CALL takes positional arguments and pairs of named ones, or none of these."""
        self.assertEqual(self.perform(Verb.CALL, dict, ((("a", 1),),), (("b", 2),)), {"a": 1, "b": 2})
        self.assertEqual(self.perform(Verb.CALL, max, (3, 5)), 5)
        self.refuse(ZeroDivisionError, Verb.CALL, divmod, (1, 0), ())

    def test_callattr(self) -> None:
        """CALLATTR gets the attribute by the rules, and calls it."""
        self.assertEqual(self.perform(Verb.CALLATTR, "a-b", "split", ("-",), ()), ["a", "b"])
        self.assertEqual(self.perform(Verb.CALLATTR, "ab", "upper", ()), "AB")
        self.refuse(AttributeError, Verb.CALLATTR, "ab", "_private", ())

    def test_texts(self) -> None:
        """REPR, STR, HASH and DIR are those of the object."""
        self.assertEqual(self.perform(Verb.REPR, "x"), "'x'")
        self.assertEqual(self.perform(Verb.STR, 5), "5")
        self.assertEqual(self.perform(Verb.HASH, "x"), hash("x"))
        self.refuse(TypeError, Verb.HASH, [])
        self.assertEqual(self.perform(Verb.DIR, 5), tuple(dir(5)))

    def test_cmp(self) -> None:
        """CMP asks the class for the operator, and never the object itself."""
        self.assertIs(self.perform(Verb.CMP, 5, 5, "__eq__"), True)
        self.assertIs(self.perform(Verb.CMP, 5, 6, "__gt__"), False)
        self.assertIs(self.perform(Verb.CMP, 5, "5", "__eq__"), NotImplemented)
        value = specimens.Plain()
        value.__eq__ = lambda other: "own"  # type: ignore[method-assign]
        self.assertIs(self.perform(Verb.CMP, value, 5, "__eq__"), NotImplemented)
        self.refuse(AttributeError, Verb.CMP, 5, 6)
        self.refuse(AttributeError, Verb.CMP, 5, 6, "__class__")

    def test_pickle(self) -> None:
        """PICKLE is refused unless allow_pickle is on."""
        self.assertIn("allow_pickle", self.refuse(ValueError, Verb.PICKLE, [5], 2))
        self.host.rules = make_rules({"allow_pickle": True})
        self.assertEqual(pickle.loads(self.perform(Verb.PICKLE, [5], 2)), [5])

    def test_inspect(self) -> None:
        """INSPECT gives the methods of a lent object, and what the owner says of a foreign one."""
        value = specimens.Derived()
        identity = self.host.lent.lend(value)
        self.assertEqual(self.perform(Verb.INSPECT, identity), offered_methods(value))
        self.refuse(UnknownReference, Verb.INSPECT, FOREIGN)
        self.host.lent.lend(object(), FOREIGN)
        self.assertEqual(self.perform(Verb.INSPECT, FOREIGN), (("foreign", None),))
        self.refuse(ProtocolError, Verb.INSPECT, ("a", 1))

    def test_buffiter(self) -> None:
        """BUFFITER gives the next so many items, fewer at the end, and none after it."""
        items = iter(range(5))
        taken = [self.perform(Verb.BUFFITER, items, 2) for _ in range(4)]
        self.assertEqual(taken, [(0, 1), (2, 3), (4,), ()])

    def test_oldslicing(self) -> None:
        """OLDSLICING slices, and falls back on two indices, of which an open end is the largest."""
        numbers = (Verb.OLDSLICING, [1, 2, 3], "__getitem__", "__getslice__")
        self.assertEqual(self.perform(*numbers, 1, None, ()), [2, 3])
        old = (Verb.OLDSLICING, Old(), "get_new", "get_old")
        self.assertEqual(self.perform(*old, 1, 2, ("x",)), (1, 2, "x"))
        self.assertGreater(self.perform(*old, 1, None, ())[1], 1 << 30)
        self.refuse(AttributeError, Verb.OLDSLICING, 5, "__getitem__", "__getslice__", 1, 2, ())

    def test_ctxexit(self) -> None:
        """CTXEXIT leaves a context without an error, or with the one that is named."""
        value = Manager()
        self.assertEqual(self.perform(Verb.CTXEXIT, value, None), (None, None, None))
        error = ValueError("text")
        kind, raised, where = self.perform(Verb.CTXEXIT, value, error)
        self.assertEqual((kind, raised), (ValueError, error))
        self.assertIs(where, error.__traceback__)
        kind, raised, _where = self.perform(Verb.CTXEXIT, value, "no exception")
        self.assertEqual((kind, type(raised)), (TypeError, TypeError))

    def test_instancecheck(self) -> None:
        """INSTANCECHECK asks a lent object itself, and judges another by its builtin class."""
        mine = self.host.lent.lend(specimens.Derived())
        self.assertIs(self.perform(Verb.INSTANCECHECK, specimens.Plain, mine), True)
        self.assertIs(self.perform(Verb.INSTANCECHECK, list, mine), False)
        theirs = ("builtins.OSError", 16, 32)
        self.assertIs(self.perform(Verb.INSTANCECHECK, Exception, theirs), True)
        self.assertIs(self.perform(Verb.INSTANCECHECK, list, theirs), False)
        for name in ("specimens.Plain", "builtins.len", "builtins.missing", "OSError", ""):
            self.assertIs(self.perform(Verb.INSTANCECHECK, object, (name, 16, 32)), False)
