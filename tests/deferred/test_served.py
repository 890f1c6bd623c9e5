"""Services of the Deferred face: what their methods may be, their order, and the greeting and the farewell."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, inlineCallbacks, succeed

from tests.deferred.pairs import Pair, PairTestCase
from txrpyc.core.consts import Verb
from txrpyc.deferred import Service, exposed, remotely
from txrpyc.errors import ConnectionLost


class Kinds(Service):
    """Methods of every kind."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.gate: Deferred[Any] = Deferred()

    def exposed_value(self) -> str:
        return "value"

    def exposed_deferred(self) -> Any:
        return succeed("deferred")

    async def exposed_coroutine(self) -> str:
        return await succeed("coroutine")

    @exposed
    @inlineCallbacks
    def inline(self) -> Any:
        return (yield succeed("inline"))

    @property
    def exposed_property(self) -> Any:
        return succeed("property")

    def exposed_note(self, number: int) -> Any:
        self.log.append(number)
        return self.gate.addCallback(lambda _opened: number) if number == 1 else number

    def exposed_raise(self) -> None:
        raise LookupError("raised")

    def exposed_fail(self) -> Any:
        return fail(LookupError("failed"))

    async def exposed_raise_later(self) -> None:
        await self.gate
        raise LookupError("later")

    def exposed_exit(self) -> None:
        raise SystemExit(3)

    async def exposed_ask_back(self, other: Any) -> Any:
        return await other.answer(1) + await other.answer(2), await remotely.repr(other)


class Answering:
    """Something of the client's."""

    def exposed_answer(self, value: int) -> int:
        return value * 10

    def __repr__(self) -> str:
        return "answering"


class MethodTests(PairTestCase):
    def setUp(self) -> None:
        self.kinds = Kinds()
        self.joined(self.kinds)
        self.root = self.pair.near.root

    def test_results(self) -> None:
        """A method gives a value, a Deferred or a coroutine."""
        for name in ("value", "deferred", "coroutine", "inline"):
            self.assertEqual(self.result(lambda name=name: remotely.call(self.root, name)), name)
        self.assertEqual(self.result(lambda: self.root.property), "property")

    def test_order(self) -> None:
        """Methods start in the order of the requests, and none waits for another's end."""
        calls = [self.root.note(number) for number in range(10)]
        self.pair.settle()
        self.assertEqual(self.kinds.log, list(range(10)))
        waiting = calls.pop(1)
        self.assertEqual([self.successResultOf(call) for call in calls], [0, *range(2, 10)])
        self.assertNoResult(waiting)
        self.kinds.gate.callback("open")
        self.pair.settle()
        self.assertEqual(self.successResultOf(waiting), 1)

    def test_errors(self) -> None:
        """However a method fails, the caller gets the exception, with the remote traceback, and nothing is logged."""
        later = self.begin(lambda: self.root.raise_later())
        self.kinds.gate.callback(None)
        self.pair.settle()
        for failed, text in [
            (self.begin(lambda: remotely.call(self.root, "raise")), "raised"),
            (self.begin(lambda: self.root.fail()), "failed"),
            (later, "later"),
        ]:
            error = self.failureResultOf(failed, LookupError).value
            self.assertIn(text, str(error))
            self.assertIn("Traceback", str(error))
        self.assertIsInstance(self.failureResultOf(self.begin(lambda: self.root.exit())).value, SystemExit)
        self.assertEqual(self.result(lambda: self.root.value()), "value")

    def test_peers_objects(self) -> None:
        """The peer's objects are remote objects, which a method may await."""
        self.assertEqual(self.result(lambda: self.root.ask_back(Answering())), (30, "answering"))

    def test_lost_meanwhile(self) -> None:
        """A method that ends after the connection does harms nothing."""
        call = self.begin(lambda: self.root.note(1))
        self.pair.near.protocol.abort()
        self.pair.settle()
        self.failureResultOf(call, ConnectionLost)
        self.kinds.gate.callback("open")

    def test_protected(self) -> None:
        """What is not exposed cannot be reached, and a service's attributes cannot be set or deleted."""
        self.error(lambda: self.root.log, AttributeError)
        self.error(lambda: remotely.setattr(self.root, "log", 1), AttributeError)
        self.error(lambda: remotely.delattr(self.root, "exposed_value"), AttributeError)
        self.error(lambda: self.pair.near.request(Verb.PICKLE, self.root, 2), ValueError)


class Host(Service):
    """Notes who comes and goes; does what its attributes say."""

    greeting: Any = None
    farewell: Any = None

    def __init__(self) -> None:
        self.log: list[Any] = []

    def exposed_name(self) -> str:
        return "host"

    def on_connect(self, conn: Any) -> Any:
        self.log.append(("connect", conn))
        return self.greeting(conn) if callable(self.greeting) else self.greeting

    def on_disconnect(self, conn: Any) -> Any:
        self.log.append(("disconnect", conn))
        return self.farewell(conn) if callable(self.farewell) else self.farewell


class HostTests(PairTestCase):
    def setUp(self) -> None:
        self.host = Host()

    def words(self) -> list[str]:
        return [word for word, _conn in self.host.log]

    def lose(self) -> None:
        self.pair.near.protocol.abort()
        self.pair.settle()

    def test_once(self) -> None:
        """`on_connect` and `on_disconnect` are called once each, with the connection."""
        for _twice in range(2):
            self.joined(self.host)
            self.lose()
            self.lose()
            self.assertEqual(self.host.log, [("connect", self.pair.far), ("disconnect", self.pair.far)])
            self.host.log.clear()

    def test_client_too(self) -> None:
        """They are called at the client's side as well."""
        self.joined(asking=self.host)
        self.lose()
        self.assertEqual(self.host.log, [("connect", self.pair.near), ("disconnect", self.pair.near)])

    def test_instance_for_each(self) -> None:
        """A service that is given as a class is made for each connection."""
        first, second = self.joined(Host), self.joined(Host)
        self.assertIsNot(first.far.service, second.far.service)
        self.assertEqual(second.far.service.log, [("connect", second.far)])

    def test_served_meanwhile(self) -> None:
        """While `on_connect` waits, requests are served; `on_disconnect` waits until it has ended."""
        gate = self.host.greeting = Deferred()
        self.joined(self.host)
        self.assertEqual(self.result(lambda: self.pair.near.root.name()), "host")
        self.lose()
        self.assertEqual(self.words(), ["connect"])
        gate.callback(None)
        self.assertEqual(self.words(), ["connect", "disconnect"])

    def test_root_at_both_ends(self) -> None:
        """Both ends may use the other's root in `on_connect`, at once."""

        async def greet(conn: Any) -> None:
            await conn.when_ready()
            names.append(await conn.root.name())

        names: list[str] = []
        self.host.greeting = greet
        self.joined(self.host, asking=self.host)
        self.assertEqual(names, ["host", "host"])

    def assert_closed(self, kind: type[Exception]) -> None:
        self.pair = Pair(self.host)
        ready = self.begin(self.pair.near.when_ready)
        self.failureResultOf(ready, ConnectionLost)
        self.assertEqual(len(self.flushLoggedErrors(kind)), 1)
        self.assertEqual(self.words(), ["connect", "disconnect"])
        self.host.log.clear()

    def test_failing_greeting(self) -> None:
        """If `on_connect` fails, however, that is logged and the connection closed; others go on."""

        async def raises(_conn: Any) -> None:
            raise ZeroDivisionError

        other = self.joined(Kinds)
        for greeting in (lambda _conn: 1 / 0, lambda _conn: fail(ZeroDivisionError()), raises):
            self.host.greeting = greeting
            self.assert_closed(ZeroDivisionError)
        self.pair = other
        self.assertEqual(self.result(lambda: other.near.root.value()), "value")

    def test_failing_farewell(self) -> None:
        """If `on_disconnect` fails that is logged."""
        for farewell in (lambda _conn: 1 / 0, lambda _conn: fail(ZeroDivisionError())):
            self.host.farewell = farewell
            self.joined(self.host)
            self.lose()
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_lost_while_greeting(self) -> None:
        """A connection that is lost while `on_connect` asks the peer is nothing to be logged."""

        async def greet(conn: Any) -> None:
            await conn.when_ready()

        self.host.greeting = greet
        self.pair = Pair(self.host)
        self.pair.far.protocol.abort()
        self.pair.near_line.disconnecting = True
        self.pair.near_line.stream.clear()
        self.pair.settle()
        self.assertEqual(self.words(), ["connect", "disconnect"])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_farewell_may_wait(self) -> None:
        """`on_disconnect` may be a coroutine; asking the peer in it fails at once."""

        async def leave(conn: Any) -> None:
            try:
                await conn.root.name()
            except ConnectionLost:
                self.host.log.append(("told", conn))

        self.host.farewell = leave
        self.joined(asking=self.host)
        self.lose()
        self.assertEqual(self.words(), ["connect", "disconnect", "told"])
