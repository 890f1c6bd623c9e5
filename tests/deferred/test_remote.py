"""Remote objects: what a program can do with them, against txrpyc's own server and the real rpyc's."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.deferred.network import NetworkTestCase, real_server
from txrpyc.core.vinegar import GenericException
from txrpyc.deferred import Connection, RemoteCall, RemoteObject, RemotePath, remotely


class Mine:
    """An object of the client's."""

    def method(self, value: Any) -> Any:
        return value * 2


class Behaviour(NetworkTestCase):
    """The tests. A subclass says which server they are about."""

    async def endpoint(self) -> str:
        return await self.serve()

    async def asSetUp(self) -> Connection:
        self.conn = await self.dial(await self.endpoint(), config={"allow_public_attrs": True})
        return self.conn

    def setUp(self) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.asSetUp())

    async def test_call(self) -> None:
        """A method is called with arguments of both kinds; the call is a Deferred."""
        call = self.conn.root.add(1, b=2)
        self.assertIsInstance(call, (RemoteCall, Deferred))
        self.assertEqual(await call, 3)
        self.assertEqual(await self.conn.root.add(1), 101)
        add = await self.conn.root.add
        self.assertIsInstance(add, RemoteObject)
        self.assertEqual(await add(2, b=3), 5)

    async def test_path(self) -> None:
        """Awaiting a path reads what is at its end, through attributes and items; it can be called there."""
        root = self.conn.root
        self.assertIsInstance(root.thing.table["a"], RemotePath)
        self.assertEqual(await root.name, "offered")
        self.assertEqual(await root.thing.kind, "thing")
        self.assertEqual(await root.thing.table["a"]["b"][1], 20)
        self.assertEqual(await root.thing.table["a"]["b"].index(30), 2)
        self.assertEqual(await root.thing.table["a"].get("c", 7), 7)
        self.assertEqual(await root.thing.kind.upper(), "THING")
        self.assertEqual(await root.thing.kind[1:3], "hi")
        self.assertEqual(await (await root.thing.same()).items[0], 1)

    async def test_item_called(self) -> None:
        """What is called may be an item."""
        thing = await self.conn.root.new_thing(await self.conn.root.add)
        self.assertEqual(await thing[0](3, 4), 7)

    async def test_set_and_delete(self) -> None:
        """Attributes and items are set and deleted by `remotely`."""
        thing = await self.conn.root.new_thing(1, 2, 3)
        await remotely.setattr(thing, "colour", "red")
        self.assertEqual(await thing.colour, "red")
        await remotely.delattr(thing, "colour")
        error = await self.assertFailure(remotely.getattr(thing, "colour"), AttributeError)
        self.assertIn("colour", str(error))
        await remotely.setitem(thing, 0, "one")
        await remotely.delitem(thing, 1)
        self.assertEqual([item async for item in thing], ["one", 3])
        self.assertEqual(await remotely.getitem(thing, 1), 3)
        await remotely.setitem(thing.table["a"], "c", 9)
        self.assertEqual(await thing.table["a"]["c"], 9)

    async def test_questions(self) -> None:
        """What the builtin functions and operators tell is asked by `remotely`, of objects and of paths."""
        thing, twin = await self.conn.root.new_thing(1, 2), await self.conn.root.new_thing(1, 2)
        self.assertEqual(await remotely.len(thing), 2)
        self.assertEqual(await remotely.len(self.conn.root.thing), 3)
        self.assertEqual(await remotely.repr(thing), "Thing(*[1, 2])")
        self.assertEqual(await remotely.str(thing), "a thing of 2")
        self.assertEqual(await remotely.hash(thing), 12345)
        self.assertTrue({"items", "same", "__len__"} <= set(await remotely.dir(thing)))
        self.assertIs(await remotely.eq(thing, twin), True)
        self.assertIs(await remotely.eq(thing, self.conn.root), False)
        self.assertIs(await remotely.contains(thing, 2), True)
        self.assertIs(await remotely.contains(thing.items, 5), False)
        self.assertEqual(await remotely.call(thing.items, "__add__", await twin.items).addCallback(remotely.len), 4)

    async def test_iteration(self) -> None:
        """``async for`` goes over a call, a path and an object, of any length."""
        self.assertEqual([row async for row in self.conn.root.rows(5_000)], list(range(0, 10_000, 2)))
        self.assertEqual([item async for item in self.conn.root.thing.items], [1, 2, 3])
        numbers = await self.conn.root.numbers(25)
        self.assertEqual([number async for number in numbers], list(range(25)))
        self.assertEqual([number async for number in numbers], list(range(25)))
        self.assertEqual([number async for number in self.conn.root.rows(0)], [])
        self.assertEqual([letter async for letter in self.conn.root.name], list("offered"))

    @inlineCallbacks
    def test_inline_callbacks(self) -> Any:
        """Everything can be yielded in inlineCallbacks; iteration is `remotely.iter` and `remotely.take`."""
        rows = yield remotely.iter((yield self.conn.root.rows(25)))
        sizes = []
        while chunk := (yield remotely.take(rows, 10)):
            sizes.append(len(chunk))
        self.assertEqual(sizes, [10, 10, 5])
        self.assertEqual((yield remotely.getattr(self.conn.root.thing, "kind")), "thing")
        yield self.assertFailure(self.conn.root.fail("key"), KeyError)

    async def test_context(self) -> None:
        """``async with`` enters and leaves what a call or a path gives, or an object."""
        async with self.conn.root.door() as inside:
            self.assertEqual(inside, "inside")
        door = await self.conn.root.door()
        for _twice in range(2):
            async with door:
                pass
        self.assertEqual(await door.told(), ("enter", "None") * 2)

    async def test_context_error(self) -> None:
        """The remote context manager learns of an exception, as rpyc's wire has it: not of its class. It is raised."""
        door = await self.conn.root.door()
        for kind in (KeyError, ValueError):
            with self.assertRaises(kind):
                async with door:
                    raise kind("passed on")
        self.assertEqual(await door.told(), ("enter", "TypeError") * 2)

    async def test_context_swallows(self) -> None:
        """The remote context manager may swallow the exception."""
        async with self.conn.root.door(swallows=True):
            raise ValueError("swallowed")

    async def test_callbacks(self) -> None:
        """Local functions, also those that give Deferreds or are coroutines, are called by the peer."""
        from twisted.internet import reactor

        async def slowly(value: int) -> int:
            return await deferLater(reactor, 0, lambda: value + 1)

        self.assertEqual(await self.conn.root.call(lambda x, *, y: x - y, 5, y=3), 2)
        self.assertEqual(await self.conn.root.call(slowly, 5), 6)
        self.assertEqual(await self.conn.root.call(lambda: slowly(6)), 7)
        self.assertEqual(await self.conn.root.call_method(Mine(), 21), 42)
        self.assertEqual(await self.conn.root.call(lambda: self.conn.root.add(1, 2)), 3)

    async def test_callback_fails(self) -> None:
        """An exception in a local function goes through the peer and back."""

        def fails() -> None:
            raise ZeroDivisionError("mine")

        error = await self.assertFailure(self.conn.root.call(fails), ZeroDivisionError)
        self.assertIn("mine", str(error))

    async def test_identity(self) -> None:
        """One's own objects come back as themselves, and a remote object is one however often it comes."""
        mine = Mine()
        self.assertIs(await self.conn.root.echo(mine), mine)
        self.assertEqual(await self.conn.root.echo((mine, 1)), (mine, 1))
        thing = await self.conn.root.thing
        self.assertIs(await thing.same(), thing)
        self.assertIs(await self.conn.root.echo(thing), thing)
        self.assertIs(await thing, thing)

    async def test_errors(self) -> None:
        """Builtin exceptions arrive as such with the remote traceback, others as a GenericException."""
        error: Any = await self.assertFailure(self.conn.root.fail("key"), KeyError)
        self.assertEqual(error.args, ("lost", 5))
        self.assertIn("exposed_fail", str(error))
        error = await self.assertFailure(self.conn.root.fail("os"), FileNotFoundError)
        self.assertEqual((error.errno, error.filename), (2, "place"))
        error = await self.assertFailure(self.conn.root.fail("custom"), GenericException)
        self.assertTrue(type(error).__name__.endswith("offered.Custom"), type(error))
        await self.assertFailure(self.conn.root.fail("stop"), StopAsyncIteration)
        await self.assertFailure(self.conn.root.nothing(), AttributeError)
        await self.assertFailure(remotely.getattr(self.conn.root.thing, "_private"), AttributeError)
        self.assertEqual(await self.conn.root.add(1, 2), 3)

    async def test_much_at_once(self) -> None:
        """A thousand calls may be under way, and each gets its own answer."""
        calls = [self.conn.root.add(number, 1) for number in range(1000)]
        self.assertEqual([await call for call in calls], list(range(1, 1001)))
        self.assertEqual(self.conn.protocol.waiting, 0)

    async def test_ten_mebibytes(self) -> None:
        """Ten MiB go there and back."""
        data = bytes(range(256)) * (10 << 12)
        self.assertTrue(await self.conn.root.echo(data) == data)


class Rpyc6Tests(Behaviour):
    async def endpoint(self) -> str:
        return real_server("6.0.2")


class Rpyc5Tests(Behaviour):
    async def endpoint(self) -> str:
        return real_server("5.3.1")


class LocalTests(TestCase):
    """What is refused at once, with a hint."""

    def setUp(self) -> None:
        self.remote = RemoteObject(None, ("module.Class", 16, 32))  # type: ignore[arg-type]

    def test_assignment(self) -> None:
        """Assigning and deleting say what to write instead, whatever they are applied to."""
        for remote in (self.remote, self.remote.path["item"]):
            for name, attempt in {
                "remotely.setattr": lambda remote=remote: setattr(remote, "name", 1),
                "remotely.delattr": lambda remote=remote: delattr(remote, "name"),
            }.items():
                self.assertIn(name, str(self.assertRaises(AttributeError, attempt)))
            for name, attempt in {
                "remotely.setitem": lambda remote=remote: remote.__setitem__(0, 1),
                "remotely.delitem": lambda remote=remote: remote.__delitem__(0),
                "async for": lambda remote=remote: iter(remote),
            }.items():
                self.assertIn(name, str(self.assertRaises(TypeError, attempt)))

    def test_special_names(self) -> None:
        """The names of Python's own protocols are not part of paths, so that nothing is asked by accident."""
        error = self.assertRaises(AttributeError, lambda: self.remote.__length_hint__)
        self.assertIn("remotely", str(error))
        self.assertRaises(TypeError, len, self.remote)

    def test_repr(self) -> None:
        """The repr tells the class, the object and the way."""
        self.assertEqual(repr(self.remote), "<RemoteObject module.Class object 0x20>")
        self.assertEqual(repr(self.remote.a["b"][0].c), "<RemotePath module.Class object 0x20 .a['b'][0].c>")

    def test_wrong_argument(self) -> None:
        """`remotely` says that it needs a remote object."""
        for call in (remotely.len, remotely.repr, remotely.iter):
            self.assertIn("[1, 2]", str(self.assertRaises(TypeError, call, [1, 2])))
