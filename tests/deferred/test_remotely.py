"""What `remotely` does when a path turns out to lead to a value of one's own side."""

from __future__ import annotations

from typing import Any

from tests.deferred.pairs import PairTestCase
from txrpyc.deferred import Service, remotely


class Values(Service):
    exposed_text = "text"
    exposed_numbers = (1, 2, 3)

    def exposed_echo(self, value: Any) -> Any:
        return value

    def exposed_holder(self) -> Any:
        return Holder()


class Holder:
    exposed_held: Any = None
    exposed_values = (10, "ten")


class LocalValueTests(PairTestCase):
    def setUp(self) -> None:
        self.joined(Values, far={"allow_setattr": True})
        self.root = self.pair.near.root

    def test_questions(self) -> None:
        """A value that came over is asked here, as an object would be there."""
        text, numbers = self.root.text, self.root.numbers
        for work, expected in [
            (lambda: remotely.len(text), 4),
            (lambda: remotely.repr(text), "'text'"),
            (lambda: remotely.str(numbers), "(1, 2, 3)"),
            (lambda: remotely.hash(text), hash("text")),
            (lambda: remotely.dir(text), tuple(dir("text"))),
            (lambda: remotely.eq(text, "text"), True),
            (lambda: remotely.contains(numbers, 2), True),
            (lambda: remotely.getitem(numbers, 2), 3),
            (lambda: remotely.call(numbers, "__add__", (4,)), (1, 2, 3, 4)),
            (lambda: remotely.getattr(text, "__doc__"), str.__doc__),
        ]:
            self.assertEqual(self.result(work), expected)
        self.error(lambda: remotely.setattr(text, "name", 1), AttributeError)
        self.error(lambda: remotely.delattr(text, "name"), AttributeError)

    def test_iteration(self) -> None:
        """`iter` and `take` work on it, too."""

        async def read() -> Any:
            numbers = await remotely.iter(self.root.numbers)
            return [await remotely.take(numbers, 2) for _ in range(3)]

        self.assertEqual(self.result(read), [(1, 2), (3,), ()])

    def test_object_of_ours(self) -> None:
        """So is an object of our own that the path leads back to."""

        async def read() -> Any:
            mine = Holder()
            mine.exposed_held = [1, 2]
            there = await self.root.holder()
            await remotely.setattr(there, "held", mine)
            self.assertIs(await there.held, mine)
            return await remotely.len(there.held.exposed_held), await there.held.exposed_held.count(2)

        self.assertEqual(self.result(read), (2, 1))

    def test_deep_values(self) -> None:
        """A path may go on inside a value."""

        async def read() -> Any:
            there = await self.root.holder()
            return await there.values[1], await there.values[1].upper(), [item async for item in there.values]

        self.assertEqual(self.result(read), ("ten", "TEN", [10, "ten"]))
