"""Values and exceptions that are out of the ordinary cost their own call at most."""

from __future__ import annotations

from typing import Any

from tests.deferred.pairs import PairTestCase
from txrpyc.deferred import Service


class Secretive:
    """Raises when it is asked for its class."""

    @property
    def __class__(self) -> Any:
        raise ValueError("not told")

    @__class__.setter
    def __class__(self, value: Any) -> None: ...


class Odd(Service):
    """Gives, takes and raises such things."""

    def exposed_echo(self, value: Any) -> Any:
        return value

    def exposed_give(self) -> Any:
        return Secretive()

    def exposed_raise_it(self, name: str) -> None:
        raise {"GeneratorExit": GeneratorExit, "BaseException": BaseException}[name]("odd")


class OddTests(PairTestCase):
    def test_class_that_raises(self) -> None:
        """An object that raises when asked for its class is lent; where it comes back, that call fails by it."""
        pair = self.joined(Odd)
        value = Secretive()
        self.assertIn("not told", str(self.error(lambda: pair.near.root.echo(value), ValueError)))
        self.assertIs(self.result(lambda: pair.near.root.echo((value,)))[0], value)
        self.assertIn("Secretive", repr(self.result(lambda: pair.near.root.give())))

    def test_base_exceptions(self) -> None:
        """An exception that is no Exception is answered, too, and the connection goes on."""
        pair = self.joined(Odd)
        for kind in (GeneratorExit, BaseException):
            error = self.error(lambda kind=kind: pair.near.root.raise_it(kind.__name__))
            self.assertIsInstance(error, kind)
            self.assertIn("odd", str(error))
        self.assertEqual(self.result(lambda: pair.near.root.echo(1)), 1)
