"""Services: what is exposed, what is not, and who is told of connections that come and go."""

from __future__ import annotations

import txrpyc
from tests.blocking.kinds import BlockingTestCase, with_each_kind


class Named(txrpyc.Service):
    """What the client offers."""

    def exposed_name(self) -> str:
        return "the client"


class ServiceBehaviour:
    """A service of the peer's, and one of ours."""

    def setUp(self) -> None:
        super().setUp()
        self.peer = self.service_peer()

    def connect(self, *arguments: object, **options: object) -> txrpyc.Connection:
        return self.keep(txrpyc.connect("127.0.0.1", self.peer.port, *arguments, **options))

    def test_root(self) -> None:
        """The root is the service: what is exposed can be called, by its name with and without the prefix."""
        root = self.connect().root
        self.assertEqual((root.add(1, 2), root.add(1, two=4), root.exposed_add(1)), (3, 5, 1))
        self.assertEqual(root.marked(), "marked")
        self.assertIn("CheckingService", repr(root))

    def test_hidden(self) -> None:
        """What is not exposed cannot be reached, nor changed."""
        root = self.connect().root
        for name in ("hidden", "conn", "__dict__", "on_connect", "nothing"):
            self.assertRaises(AttributeError, getattr, root, name)
        self.assertRaises(AttributeError, setattr, root, "add", 5)
        self.assertRaises(AttributeError, delattr, root, "add")

    def test_objects(self) -> None:
        """An object of the service's has its exposed attributes and no others."""
        account = self.connect().root.account("me")
        self.assertEqual((account.owner, account.greet()), ("me", "hello me"))
        self.assertRaises(AttributeError, getattr, account, "secret")

    def test_functions_are_callbacks(self) -> None:
        """The peer calls the function that it is given, while we wait."""
        self.assertEqual(self.connect().root.call(lambda a, b: a * b, 6, 7), 42)

    def test_names(self) -> None:
        """A service tells its names."""
        root = self.connect().root
        self.assertEqual(root.get_service_name(), "CHECKING")
        self.assertEqual(tuple(root.get_service_aliases()), ("CHECKING", "OTHER"))

    def test_error(self) -> None:
        """An exception of an exposed method is raised here."""
        self.assertRaises(KeyError, self.connect().root.fail)

    def test_client_offers(self) -> None:
        """The peer can ask for what the service that was given to `connect` exposes; class or instance."""
        for service in (Named, Named()):
            self.assertEqual(self.connect(service).root.ask_client(), "the client")

    def test_client_offers_nothing(self) -> None:
        """Without a service, the client offers nothing."""
        self.assertRaises(AttributeError, self.connect().root.ask_client)

    def test_config(self) -> None:
        """The settings given to `connect` hold: here, that the peer may use what is public."""

        class Open(txrpyc.Service):
            def name(self) -> str:
                return "public"

        self.assertEqual(self.connect(Open, {"allow_public_attrs": True}).root.ask_client(), "public")
        self.assertRaises(AttributeError, self.connect(Open).root.ask_client)

    def test_peer_is_told(self) -> None:
        """The peer's service is told once of the connection, and once of its end."""
        # Not told, we would find out by a first connection which dialect the peer speaks.
        config = {"protocol_version": int(self.kind.version[0]) if self.kind.version else None}
        conn = self.connect(config=config)
        self.assertEqual(self.peer.read_line(), "connected")
        conn.ping()
        conn.close()
        conn.close()
        self.assertEqual(self.peer.read_line(), "disconnected")
        self.connect(config=config).ping()
        self.assertEqual(self.peer.read_line(), "connected")

    def test_we_are_told(self) -> None:
        """Our service is told once of the connection, and once of its end, whoever ends it."""
        seen: list[str] = []

        class Told(txrpyc.Service):
            def on_connect(self, conn: txrpyc.Connection) -> None:
                seen.append(f"on {conn.closed}")

            def on_disconnect(self, conn: txrpyc.Connection) -> None:
                seen.append(f"off {conn.closed}")

        self.connect(Told).close()
        self.assertEqual(seen, ["on False", "off True"])
        seen.clear()
        conn = self.connect(Told)
        self.peer.stop()
        self.assertRaises(EOFError, conn.ping)
        conn.close()
        self.assertEqual(seen, ["on False", "off True"])


globals().update(with_each_kind(ServiceBehaviour))


class HereTests(BlockingTestCase):
    """Both sides in this process."""

    def test_connect_thread(self) -> None:
        """A service in a thread of this process is used like a far one, with both sides' settings and services."""

        class Far(Named):
            def on_connect(self, conn: txrpyc.Connection) -> None:
                self.conn = conn

            def exposed_ask(self) -> str:
                return self.conn.root.name()

            def exposed_settings(self) -> tuple[object, ...]:
                return self.conn._config["connid"], self.conn._config["allow_public_attrs"]

        conn = self.keep(txrpyc.connect_thread(Named, {}, Far, {"connid": "far", "allow_public_attrs": True}))
        self.assertEqual(conn.root.ask(), "the client")
        self.assertEqual(conn.root.settings(), ("far", True))

    def test_void(self) -> None:
        """A `VoidService` offers its names and nothing else."""
        conn = self.keep(txrpyc.connect_thread())
        self.assertEqual(conn.root.get_service_name(), "VOID")
        self.assertRaises(AttributeError, getattr, conn.root, "anything")

    def test_class_or_instance(self) -> None:
        """Of a class each connection gets an instance; an instance is shared."""

        class Counting(txrpyc.Service):
            def __init__(self) -> None:
                self.count = 0

            def exposed_count(self) -> int:
                self.count += 1
                return self.count

        shared = Counting()
        for service, counts in ((Counting, (1, 1)), (shared, (1, 2))):
            roots = [self.keep(txrpyc.connect_thread(remote_service=service)).root for _ in range(2)]
            self.assertEqual(tuple(root.count() for root in roots), counts)

    def test_exposed_kinds(self) -> None:
        """The mark works on methods, classes, and below static and class methods and properties."""

        class Marked(txrpyc.Service):
            @txrpyc.exposed
            class Inner:
                @txrpyc.exposed
                def inside(self) -> str:
                    return "inside"

            @staticmethod
            @txrpyc.exposed
            def static() -> str:
                return "static"

            @classmethod
            @txrpyc.exposed
            def of_class(cls) -> str:
                return cls.__name__

            @property
            @txrpyc.exposed
            def prop(self) -> str:
                return "property"

        root = self.keep(txrpyc.connect_thread(remote_service=Marked)).root
        self.assertEqual(root.Inner().inside(), "inside")
        self.assertEqual((root.static(), root.of_class(), root.prop), ("static", "Marked", "property"))

    def test_own_prefix(self) -> None:
        """Another prefix than ``exposed_`` can be agreed on."""

        class Prefixed(txrpyc.Service):
            @txrpyc.exposed("far_")
            def named(self) -> str:
                return "marked"

            def far_other(self) -> str:
                return "named"

        config = {"exposed_prefix": "far_"}
        root = self.keep(txrpyc.connect_thread(remote_service=Prefixed, remote_config=config)).root
        self.assertEqual((root.named(), root.other()), ("marked", "named"))

    def test_on_connect_asks(self) -> None:
        """`on_connect` may already ask the peer."""
        seen: list[str] = []

        class Curious(txrpyc.Service):
            def on_connect(self, conn: txrpyc.Connection) -> None:
                seen.append(conn.root.name())

        self.keep(txrpyc.connect_thread(Curious, remote_service=Named))
        self.assertEqual(seen, ["the client"])

    def test_on_disconnect_fails(self) -> None:
        """An `on_disconnect` that raises is logged, and the connection is closed all the same."""

        class Failing(txrpyc.Service):
            def on_disconnect(self, conn: txrpyc.Connection) -> None:
                raise ZeroDivisionError

        conn = self.keep(txrpyc.connect_thread(Failing))
        conn.close()
        self.assertTrue(conn.closed)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
