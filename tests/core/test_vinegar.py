"""Vinegar: exceptions as rpyc sends them, and no harm from what comes."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, NoReturn

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from tests.core.cores import payload_of
from tests.core.strange import errors
from tests.core.values import brinable, modest
from tests.vectors import BOTH, read_bytes, recorded, specimens
from txrpyc import errors as our_errors
from txrpyc.core import brine, vinegar
from txrpyc.core.config import Rules, make_rules
from txrpyc.core.envelope import open_envelope
from txrpyc.core.vinegar import GenericException
from txrpyc.errors import ConnectionLost, EncodingError, ProtocolError

RULES = make_rules()
CUSTOM = make_rules({"instantiate_custom_exceptions": True})
IMPORTING = make_rules({"instantiate_custom_exceptions": True, "import_custom_exceptions": True})

# Methods travel as the text of their repr from rpyc; txrpyc leaves them out.
METHODS = {"add_note"}


def without_methods(record: Any) -> Any:
    if type(record) is not tuple:
        return record
    kind, arguments, attributes, text = record
    return kind, arguments, tuple(a for a in attributes if a[0] not in METHODS), text


def record_of(kind: str, name: str, arguments: Any = (), attributes: Any = (), text: Any = "") -> Any:
    return (kind, name), arguments, attributes, text


def travelled(error: BaseException, rules: Rules = RULES) -> BaseException:
    """Give what arrives at the other side."""
    return vinegar.load(brine.load(brine.dump(vinegar.dump(error, RULES, "6.0.2"))), rules)


class RecordedTests(SynchronousTestCase):
    def test_dump(self) -> None:
        """An exception gives rpyc's record byte for byte, without the methods."""
        for version in BOTH:
            for vector in recorded(version)["failures"]:
                _d, _m, _s, record = open_envelope(payload_of(read_bytes(vector["data"])))
                error = specimens.raised(vector["error"])
                ours = vinegar.dump(error, make_rules(vector["rules"]), version)
                self.assertEqual(brine.dump(ours), brine.dump(without_methods(record)))

    def test_load(self) -> None:
        """Each of rpyc's records becomes an exception with its arguments and traceback."""
        for version in BOTH:
            for vector in recorded(version)["failures"]:
                _d, _m, _s, record = open_envelope(payload_of(read_bytes(vector["data"])))
                sent, error = specimens.evaluate(vector["error"]), vinegar.load(record, RULES)
                kind = GenericException if "Custom" in vector["error"] else type(sent)
                self.assertIsInstance(error, kind)
                if type(record) is tuple:
                    self.assertEqual(error.args, record[1])
                    self.assertIn(record[3], str(error))


class DumpTests(SynchronousTestCase):
    def test_stop_iteration(self) -> None:
        """A StopIteration is the number 1, as rpyc sends it, and so arrives without its value."""
        self.assertEqual(vinegar.dump(StopIteration(), RULES, ""), 1)
        self.assertIs(type(vinegar.load(1, RULES)), StopIteration)
        self.assertEqual(vinegar.dump(StopIteration(5), RULES, ""), 1)

    def test_denied(self) -> None:
        """Traceback and version are told only if the rules allow it."""
        rules = make_rules({"include_local_traceback": False, "include_local_version": False})
        record = vinegar.dump(specimens.raised("ValueError(5)"), rules, "6.0.2")
        self.assertEqual(record[2][-1], ("_remote_version", "<version denied>"))
        self.assertEqual(record[3], "<traceback denied>")

    def test_own_errors(self) -> None:
        """An exception of txrpyc's is sent as the builtin that it also is, which any peer knows."""
        for name in our_errors.__all__:
            error = getattr(our_errors, name)("text")
            module, builtin = vinegar.dump(error, RULES, "")[0]
            self.assertEqual(module, "builtins")
            self.assertIsInstance(error, vars(sys.modules["builtins"])[builtin])
        self.assertIsInstance(travelled(ConnectionLost("text")), EOFError)
        self.assertIsInstance(travelled(EncodingError("text")), ValueError)

    def test_unsendable(self) -> None:
        """Whatever the parts of an exception are, or raise, there is a record of it."""
        for name, error in errors().items():
            record = vinegar.dump(error, RULES, "6.0.2")
            self.assertEqual(brine.load(brine.dump(record)), record, name)
            self.assertIsInstance(vinegar.load(record, RULES), Exception)

    def test_unsendable_is_shown(self) -> None:
        """In the place of what cannot be sent stands a text of it."""
        error = travelled(ValueError([1, 2], "\udc80", (object, "x")))
        self.assertEqual(error.args, ("[1, 2]", "\\udc80", "(<class 'object'>, 'x')"))


class LoadTests(SynchronousTestCase):
    def test_builtin(self) -> None:
        """A builtin exception arrives as itself, with the remote traceback after its text."""
        error = travelled(specimens.raised("OSError(2, 'No such file', 'file')"))
        assert isinstance(error, OSError)
        self.assertEqual((error.errno, error.filename), (2, "file"))
        self.assertRegex(str(error), "(?s)^.*Remote Traceback \\(1\\) =+\n.*recorded.*FileNotFound")
        self.assertEqual(repr(error), str(error))
        self.assertEqual(type(error).__name__, "FileNotFoundError")

    def test_hops(self) -> None:
        """Each further hop of an exception is counted in its text."""
        error = travelled(travelled(travelled(specimens.raised("ValueError(5)"))))
        self.assertIn("Remote Traceback (3) ===", str(error))

    def test_custom(self) -> None:
        """A class that is not builtin is a GenericException of its name and attributes."""
        error: Any = travelled(specimens.raised("CustomError('own')"))
        self.assertIsInstance(error, GenericException)
        self.assertEqual(type(error).__name__, "specimens.CustomError")
        self.assertEqual((error.args, error.code, error.thing), (("own",), 7, "range(0, 3)"))
        self.assertIs(type(error), type(travelled(specimens.CustomError())))

    def test_instantiate(self) -> None:
        """With instantiate_custom_exceptions, a class of a loaded module is itself."""
        error: Any = travelled(specimens.raised("CustomError('own')"), CUSTOM)
        self.assertIsInstance(error, specimens.CustomError)
        self.assertEqual((error.args, error.code), (("own",), 7))

    def test_no_import(self) -> None:
        """A module is imported only with import_custom_exceptions, and need not exist."""
        name = "tests.core.unloaded"
        sys.modules.pop(name, None)
        self.addCleanup(sys.modules.pop, name, None)
        record = record_of(name, "UnloadedError")
        for rules in (RULES, CUSTOM, make_rules({"import_custom_exceptions": True})):
            self.assertIsInstance(vinegar.load(record, rules), GenericException)
            self.assertNotIn(name, sys.modules)
        self.assertEqual(type(vinegar.load(record, IMPORTING)).__mro__[1].__module__, name)
        for missing in ("", ".", "tests.core.missing", "a\0b", "é"):
            error = vinegar.load(record_of(missing, "Error"), IMPORTING)
            self.assertIsInstance(error, GenericException)

    def test_no_code_of_modules(self) -> None:
        """Looking for a class runs nothing of a module's, and takes only exception classes."""

        class Watching(ModuleType):
            def __getattribute__(self, name: str) -> NoReturn:
                raise KeyboardInterrupt(name)

        class Lying:
            @property
            def __class__(self) -> NoReturn:  # type: ignore[override]
                raise KeyboardInterrupt

        name = "a module of test_vinegar"
        self.addCleanup(sys.modules.pop, name, None)
        for module in (Watching(name), None, object(), Lying()):
            sys.modules[name] = module  # type: ignore[assignment]
            for rules in (CUSTOM, IMPORTING):
                error = vinegar.load(record_of(name, "__getattr__"), rules)
                self.assertIsInstance(error, GenericException)
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(lying=Lying(), kind=int, function=len, text="ValueError")
        for found in ("lying", "kind", "function", "text"):
            self.assertIsInstance(vinegar.load(record_of(name, found), CUSTOM), GenericException)

    def test_custom_that_resists(self) -> None:
        """A custom class that cannot be subclassed, made or filled still gives an exception."""

        class Final(Exception):
            def __init_subclass__(cls) -> NoReturn:
                raise KeyError(cls)

        class Unmade(Exception):
            def __new__(cls, *arguments: Any) -> Any:
                raise KeyError(cls)

        class Unset(Exception):
            args = property(lambda self: ())  # type: ignore[assignment]

            def __setattr__(self, name: str, value: Any) -> NoReturn:
                raise KeyError(name)

        module = ModuleType("a module of test_vinegar")
        self.addCleanup(sys.modules.pop, module.__name__, None)
        sys.modules[module.__name__] = module
        for kind in (Final, Unmade, Unset):
            setattr(module, kind.__name__, kind)
            record = record_of(module.__name__, kind.__name__, (1,), (("code", 5),), "text")
            self.assertIsInstance(vinegar.load(record, CUSTOM), Exception)

    def test_exception_group(self) -> None:
        """A group, which cannot be made without its members, arrives by its name."""
        group = getattr(sys.modules["builtins"], "ExceptionGroup", None)
        record = record_of("builtins", "ExceptionGroup", ("text", "[ValueError(5)]"))
        if group is not None:
            record = vinegar.dump(group("text", [ValueError(5)]), RULES, "")
        error = vinegar.load(record, RULES)
        self.assertEqual(type(error).__name__, "builtins.ExceptionGroup")
        self.assertEqual(error.args, ("text", "[ValueError(5)]"))

    def test_every_builtin(self) -> None:
        """Every builtin class can arrive and be shown, whatever its attributes are set to."""
        huge = 1 << 70
        for name, kind in vars(sys.modules["builtins"]).items():
            if not isinstance(kind, type) or not issubclass(kind, BaseException):
                continue
            for value in (None, 5, -5, huge, -huge, "text", b"bytes", (), (huge,), 1.5):
                pairs = tuple((key, value) for key in dir(kind) if not key.startswith("__"))
                error = vinegar.load(record_of("builtins", name, (value,) * 5, pairs, "t"), RULES)
                self.assertIn("Remote Traceback", str(error))

    def test_positions_outside(self) -> None:
        """A UnicodeError's positions from the peer never point outside of its object."""
        for kind, whole in (
            (UnicodeDecodeError, b"abc"),
            (UnicodeEncodeError, "abc"),
            (UnicodeTranslateError, "abc"),
        ):
            for start in (-(1 << 45), -1, 0, 2, 3, 1 << 45):
                for content in (whole, whole[:0], 1e300, None, 5, (), slice(None)):
                    attributes = {"object": content, "start": start, "end": start + 1}
                    pairs = tuple(attributes.items())
                    for ends in (pairs, pairs[::-1]):
                        error = vinegar.load(record_of("builtins", kind.__name__, (), ends), RULES)
                        self.assertIsInstance(error, kind)
                        self.assertIn("Remote Traceback", str(error))

    def test_dunder_attributes(self) -> None:
        """No attribute that starts with two underscores is set, and no method replaced."""
        names = ["__class__", "__dict__", "__cause__", "__traceback__", "__notes__", "__secret"]
        pairs = tuple((name, "x") for name in [*names, "with_traceback"])
        error = vinegar.load(record_of("builtins", "ValueError", (5,), pairs), RULES)
        self.assertEqual(error.args, (5,))
        self.assertFalse(set(vars(error)) - {"_remote_tb"})
        self.assertIs(error.with_traceback(None), error)

    def test_malformed(self) -> None:
        """What is no record of an exception is a ProtocolError."""
        kind = ("builtins", "ValueError")
        for record in (
            *[
                None,
                0,
                2,
                1.5,
                b"",
                (),
                (1, 2, 3),
                (1, 2, 3, 4),
                slice(None),
                frozenset([1, 2, 3, 4]),
            ],
            *[(kind, (), ()), (kind, (), (), "", ""), ("builtins", (), (), "")],
            *[((5, "a"), (), (), ""), (("a", None), (), (), ""), (("a", "b", "c"), (), (), "")],
            *[(kind, 5, (), ""), (kind, None, (), ""), (kind, "ab", (), "")],
            *[(kind, (), 5, ""), (kind, (), (5,), ""), (kind, (), (("a",),), "")],
            *[(kind, (), (), None), (kind, (), (), b"")],
        ):
            self.assertRaises(ProtocolError, vinegar.load, record, RULES)

    def test_odd_names(self) -> None:
        """Any text can be the name of a class."""
        for name in ("", "\0", "a\0b", "a b", ".", "é", "x" * 10_000):
            for rules in (RULES, IMPORTING):
                for record in (record_of("builtins", name), record_of(name, name)):
                    self.assertIsInstance(vinegar.load(record, rules), GenericException)

    @modest
    @given(brinable)
    def test_anything(self, value: Any) -> None:
        """Any value, in any place of a record, gives an exception or a ProtocolError."""
        whole = record_of("builtins", "OSError", ("text",), (("errno", 5),), "text")
        pair = ("errno", value)
        for record in (
            value,
            *[(*whole[:place], value, *whole[place + 1 :]) for place in range(4)],
            *[(whole[0], (value,), (pair,), ""), (whole[0], (), ((value, value),), "")],
            *[(("builtins", value), (), (), ""), ((value, "OSError"), (), (), "")],
        ):
            try:
                self.assertIsInstance(vinegar.load(record, RULES), BaseException)
            except ProtocolError:
                pass
