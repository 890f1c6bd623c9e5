"""The two tables: what is lent and borrowed is counted exactly, by any thread."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txrpyc.core.identity import Identity, identify
from txrpyc.core.objects import BorrowedTable, LentTable
from txrpyc.errors import UnknownReference

THREADS = 8

ONE: Identity = ("module.One", 16, 32)
TWO: Identity = ("module.Two", 48, 64)


class Thing:
    """Can be referred to weakly."""


class LentTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.table = LentTable()

    def assert_gone(self, identity: Identity) -> None:
        self.assertRaises(UnknownReference, self.table.get, identity)

    def test_counts(self) -> None:
        """An object lent n times stays until it was given back n times, in whatever portions."""
        value = Thing()
        for portions in ([1], [1, 1, 1], [2, 1], [5, 3, 2]):
            for _ in range(sum(portions)):
                identity = self.table.lend(value)
            for portion in portions:
                self.assertIs(self.table.get(identity), value)
                self.table.give_back(identity, portion)
            self.assert_gone(identity)
            self.assertEqual(len(self.table), 0)

    def test_identity(self) -> None:
        """An object is lent by its own identity, or by the one that it came with."""
        value = Thing()
        self.assertEqual(self.table.lend(value), identify(value))
        self.assertEqual(self.table.lend(value, ONE), ONE)
        self.assertEqual(len(self.table), 2)

    def test_keeps_alive(self) -> None:
        """A lent object lives although nobody else holds it."""
        identity = self.table.lend(Thing())
        gc.collect()
        self.assertIs(type(self.table.get(identity)), Thing)

    def test_unknown(self) -> None:
        """Naming or giving back what is not lent is an UnknownReference, and changes nothing."""
        self.table.lend(Thing(), ONE)
        self.assert_gone(TWO)
        error = self.assertRaises(UnknownReference, self.table.give_back, TWO)
        self.assertIn("module.Two", str(error))
        self.assertEqual(len(self.table), 1)

    def test_too_much_given_back(self) -> None:
        """Giving back more than was lent ends the loan, and no later one."""
        self.table.lend(Thing(), ONE)
        self.table.give_back(ONE, 5)
        self.assert_gone(ONE)
        self.table.lend(Thing(), ONE)
        self.table.get(ONE)

    def test_same_identity(self) -> None:
        """Two objects with one identity are both lent, each under a name of its own."""
        first, second = Thing(), Thing()
        name = self.table.lend(first, ONE)
        other = self.table.lend(second, ONE)
        self.assertNotEqual(name, other)
        self.assertEqual(self.table.lend(second, ONE), other)
        self.assertIs(self.table.get(name), first)
        self.assertIs(self.table.get(other), second)
        self.table.give_back(other, 2)
        self.assertIs(self.table.get(name), first)
        self.assert_gone(other)

    def test_clear(self) -> None:
        """After clear nothing is lent."""
        self.table.lend(Thing(), ONE)
        self.table.clear()
        self.assert_gone(ONE)

    def test_destructor_uses_the_table(self) -> None:
        """An object that dies as it is given back may use the table itself."""
        table = self.table

        class Dying:
            def __del__(self) -> None:
                table.lend(5, TWO)

        table.lend(Dying(), ONE)
        table.give_back(ONE)
        self.assertEqual(table.get(TWO), 5)

    def test_threads(self) -> None:
        """However many threads lend and give back, the counts are exact."""
        values = [Thing() for _ in range(4)]
        start = Barrier(THREADS)

        def hammer() -> None:
            start.wait()
            for _ in range(500):
                names = [self.table.lend(value) for value in values for _twice in range(2)]
                for name in names:
                    self.table.get(name)
                    self.table.give_back(name)

        keep = [self.table.lend(value) for value in values]
        hammer_together(hammer)
        self.assertEqual(len(self.table), len(values))
        for name in keep:
            self.table.give_back(name)
        self.assertEqual(len(self.table), 0)


class BorrowedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.asked = 0
        self.table = BorrowedTable(self._ask)

    def _ask(self) -> None:
        self.asked += 1

    def arrive(self, identity: Identity = ONE) -> Any:
        """Let an object come from the peer; give the proxy."""
        proxy = self.table.borrow(identity)
        return proxy if proxy is not None else self.table.settle(identity, lambda _identity: Thing())

    def test_one_proxy(self) -> None:
        """An object that comes again is the same proxy, while that lives, and is counted."""
        proxy = self.arrive()
        self.assertIs(self.arrive(), proxy)
        self.assertEqual(self.table.count(ONE), 2)
        self.assertEqual(self.table.count(TWO), 0)

    def test_death_is_noted(self) -> None:
        """A proxy's death asks once for a release, which gives the whole count, once."""
        for times in (1, 3):
            proxies = [self.arrive() for _ in range(times)]
            self.assertEqual(self.table.take_released(), [])
            self.asked = 0
            del proxies
            gc.collect()
            self.assertEqual((self.asked, self.table.count(ONE)), (1, times))
            self.assertEqual(self.table.take_released(), [(ONE, times)])
            self.assertEqual(self.table.take_released(), [])
            self.assertEqual(len(self.table), 0)

    def test_deaths_are_merged(self) -> None:
        """Deaths before a release is taken ask once, and come together; the next asks again."""
        for _ in range(2):
            proxies = [self.arrive(ONE), self.arrive(TWO)]
            self.asked = 0
            proxies.clear()
            gc.collect()
            self.assertEqual(self.asked, 1)
            self.assertEqual(sorted(self.table.take_released()), [(ONE, 1), (TWO, 1)])

    def test_dies_again(self) -> None:
        """An object that came and died several times before the release is given back once."""
        for _ in range(3):
            self.arrive()
            gc.collect()
        self.assertEqual(self.table.take_released(), [(ONE, 3)])

    def test_comes_again(self) -> None:
        """An object that came again before the release was taken is kept, and counted on."""
        self.arrive()
        gc.collect()
        proxy = self.arrive()
        self.assertEqual(self.table.take_released(), [])
        self.assertEqual(self.table.count(ONE), 2)
        del proxy
        gc.collect()
        self.assertEqual(self.table.take_released(), [(ONE, 2)])

    def test_waits_for_its_proxy(self) -> None:
        """An object that came again and has no proxy yet is not given back."""
        self.arrive()
        gc.collect()
        self.assertIsNone(self.table.borrow(ONE))
        self.assertEqual(self.table.take_released(), [])
        proxy = self.table.settle(ONE, lambda _identity: Thing())
        self.assertEqual(self.table.count(ONE), 2)
        del proxy
        gc.collect()
        self.assertEqual(self.table.take_released(), [(ONE, 2)])

    def test_drop(self) -> None:
        """An object that gets no proxy is given back."""
        self.assertIsNone(self.table.borrow(ONE))
        self.table.drop(ONE)
        self.assertEqual(self.asked, 1)
        self.assertEqual(self.table.take_released(), [(ONE, 1)])

    def test_drop_one_of_two(self) -> None:
        """An arrival that is dropped goes back with those that still wait for a proxy."""
        self.table.borrow(ONE)
        self.table.borrow(ONE)
        self.table.drop(ONE)
        self.assertEqual(self.table.take_released(), [])
        proxy = self.table.settle(ONE, lambda _identity: Thing())
        del proxy
        gc.collect()
        self.assertEqual(self.table.take_released(), [(ONE, 2)])

    def test_drop_all(self) -> None:
        """When each of several arrivals is dropped, the object is given back in full, once."""
        self.table.borrow(ONE)
        self.table.borrow(ONE)
        self.table.drop(ONE)
        self.table.drop(ONE)
        self.assertEqual(self.table.take_released(), [(ONE, 2)])

    def test_settle_twice(self) -> None:
        """Two arrivals that waited for a proxy get the same one."""
        self.table.borrow(ONE)
        self.table.borrow(ONE)
        proxy = self.table.settle(ONE, lambda _identity: Thing())
        self.assertIs(self.table.settle(ONE, lambda _identity: Thing()), proxy)

    def test_clear(self) -> None:
        """After clear nothing is borrowed or asked for, and late proxies are still made."""
        proxy = self.arrive()
        self.table.borrow(TWO)
        self.table.clear()
        late = self.table.settle(TWO, lambda _identity: Thing())
        self.assertIs(type(late), Thing)
        del proxy, late
        gc.collect()
        self.assertEqual(self.asked, 0)
        self.assertEqual(len(self.table.take_released()), 0)

    def test_threads(self) -> None:
        """Whatever threads the proxies die in, each arrival is given back once."""
        arrivals = 2_000
        identities = [(f"module.{n}", n, 1) for n in range(10)]
        given: list[tuple[Identity, int]] = []
        proxies: list[Any] = []
        done: list[bool] = []

        def kill() -> None:
            while proxies or not done:
                try:
                    proxies.pop()
                except IndexError:
                    pass
                given.extend(self.table.take_released())

        def receive() -> None:
            for number in range(arrivals):
                proxies.append(self.arrive(identities[number % len(identities)]))
            done.append(True)

        with ThreadPoolExecutor(THREADS) as pool:
            works = [pool.submit(receive), *(pool.submit(kill) for _ in range(THREADS - 1))]
        for work in works:
            work.result()
        gc.collect()
        given += self.table.take_released()
        self.assertEqual(sum(count for _identity, count in given), arrivals)
        self.assertEqual(len(self.table), 0)


def hammer_together(function: Any) -> None:
    """Run a function in several threads at once, and raise what it raised."""
    with ThreadPoolExecutor(THREADS) as pool:
        works = [pool.submit(function) for _ in range(THREADS)]
    for work in works:
        work.result()
