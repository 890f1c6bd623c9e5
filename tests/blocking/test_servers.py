"""`ThreadedServer`: a script that serves."""

from __future__ import annotations

import contextlib
import logging
import socket
import tempfile
import threading
from pathlib import Path
from unittest import SkipTest

import txrpyc
from tests.blocking.kinds import PATIENCE, TXRPYC, BlockingTestCase, Waiting
from txrpyc import ThreadedServer
from txrpyc.errors import ConfigurationError


class Noting(txrpyc.Service):
    """Notes who comes and goes."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.conns: list[txrpyc.Connection] = []
        self.gone = threading.Event()

    def on_connect(self, conn: txrpyc.Connection) -> None:
        self.seen.append("on")
        self.conns.append(conn)

    def on_disconnect(self, conn: txrpyc.Connection) -> None:
        self.seen.append("off")
        self.gone.set()

    def exposed_thread(self) -> int:
        return threading.get_ident()

    def exposed_credentials(self) -> object:
        return self.conns[-1]._config["credentials"]

    def exposed_endpoints(self) -> object:
        return self.conns[-1]._config["endpoints"]

    def exposed_public(self, thing: object) -> object:
        return thing.public


class ThreadedServerTests(BlockingTestCase):
    kind = TXRPYC

    def setUp(self) -> None:
        super().setUp()
        self.service = Noting()

    def serve(self, **options: object) -> ThreadedServer:
        """Start a server in a thread, as a program does."""
        if "socket_path" not in options:
            options.setdefault("hostname", "127.0.0.1")
        self.server = ThreadedServer(self.service, **options)
        self.running = Waiting(self.server.start)
        self.until(lambda: self.server.active)
        self.addCleanup(self.running.result)
        self.addCleanup(self.server.close)
        return self.server

    def connect(self) -> txrpyc.Connection:
        return self.keep(txrpyc.connect("127.0.0.1", self.server.port))

    def test_serves(self) -> None:
        """Several clients are served at once, each in a thread of its own."""
        self.serve()
        self.assertGreater(self.server.port, 0)
        roots = [self.connect().root for _ in range(3)]
        self.assertEqual(len({root.thread() for root in roots} | {self.running.thread.ident}), 4)
        self.assertEqual(len(self.server.clients), 3)

    def test_client_goes(self) -> None:
        """The service is told once that a client has gone, and the server forgets it."""
        self.serve()
        conn = self.connect()
        conn.ping()
        conn.close()
        self.assertTrue(self.service.gone.wait(PATIENCE))
        self.until(lambda: not self.server.clients)
        self.assertEqual(self.service.seen, ["on", "off"])

    def test_close(self) -> None:
        """Closing, from another thread and as often as one likes, ends `start`, and clients see the end."""
        self.serve()
        conn = self.connect()
        conn.ping()
        waiting = Waiting(lambda: [conn.serve(PATIENCE) for _ in range(100)])
        self.server.close()
        self.server.close()
        self.running.result()
        self.assertRaises(EOFError, waiting.result)
        self.assertRaises(EOFError, conn.ping)
        self.assertTrue(self.service.gone.wait(PATIENCE))
        self.assertRaises(ConnectionRefusedError, txrpyc.connect, "127.0.0.1", self.server.port)
        self.assertEqual(self.service.seen, ["on", "off"])

    def test_close_from_a_request(self) -> None:
        """A client may ask the service to close the server."""
        self.serve()
        self.service.exposed_close = self.server.close
        with contextlib.suppress(EOFError):
            self.connect().root.close()
        self.running.result()

    def test_socket_path(self) -> None:
        """A server may listen on a unix socket; then it has no host and no port."""
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder, "socket"))
            self.serve(socket_path=path)
            conn = txrpyc.unix_connect(path)
            self.assertIsInstance(conn.root.thread(), int)
            conn.close()
            self.assertRaises(ConfigurationError, ThreadedServer, self.service, socket_path=path, port=5)

    def test_ipv6(self) -> None:
        """A server may listen on an IPv6 address."""
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError as error:
            raise SkipTest(f"no IPv6 here: {error}") from None
        self.serve(hostname="::1", ipv6=True)
        conn = self.keep(txrpyc.connect("::1", self.server.port, ipv6=True))
        self.assertIsInstance(conn.root.thread(), int)

    def test_protocol_config(self) -> None:
        """The settings hold for each connection."""

        class Thing:
            public = "seen"

        self.serve(protocol_config={"allow_public_attrs": True})
        conn = self.keep(txrpyc.connect("127.0.0.1", self.server.port, config={"allow_public_attrs": True}))
        self.assertEqual(conn.root.public(Thing()), "seen")
        self.assertEqual(conn.root.conns.__class__, list)

    def test_authenticator(self) -> None:
        """The authenticator reads the client's socket first; what it gives are the credentials."""

        def authenticate(sock: socket.socket) -> tuple[socket.socket, str]:
            name = sock.recv(2).decode()
            if name != "me":
                raise ValueError("who is that?")
            return sock, name

        self.serve(authenticator=authenticate)
        for name in ("me", "xx"):
            sock = socket.create_connection(("127.0.0.1", self.server.port))
            sock.sendall(name.encode())
            conn = self.keep(txrpyc.connect_stream(txrpyc.SocketStream(sock)))
            if name == "me":
                self.assertEqual(conn.root.credentials(), "me")
            else:
                self.assertRaises(EOFError, conn.ping)
        self.assertEqual(self.service.seen, ["on"])

    def test_endpoints(self) -> None:
        """A connection knows both ends' addresses."""
        self.serve()
        here, there = self.connect().root.endpoints()
        self.assertEqual((here[0], here[1]), ("127.0.0.1", self.server.port))
        self.assertEqual(there[0], "127.0.0.1")

    def test_registrar(self) -> None:
        """A registrar is told of the server's names and port, and of its end."""
        seen: list[object] = []
        told = threading.Event()

        class Registrar:
            def register(self, aliases: object, port: int, interface: str = "") -> bool:
                seen.append((aliases, port, interface))
                told.set()
                return True

            def unregister(self, port: int) -> bool:
                seen.append(port)
                return True

        self.serve(registrar=Registrar())
        self.assertTrue(told.wait(PATIENCE))
        self.server.close()
        port = self.server.port
        self.assertEqual(seen, [(("NOTING",), port, "127.0.0.1"), port])

    def test_auto_register_needs_a_registrar(self) -> None:
        """Registering without a registrar is an error that says so."""
        error = self.assertRaises(ValueError, ThreadedServer, self.service, auto_register=True)
        self.assertIn("registrar", str(error))

    def test_port_is_taken(self) -> None:
        """A port that is taken is an OSError, and leaves nothing open."""
        self.serve()
        self.assertRaises(OSError, ThreadedServer, self.service, hostname="127.0.0.1", port=self.server.port)

    def test_logger(self) -> None:
        """What happens is logged by the logger that was given."""
        logger = logging.getLogger(self.id())
        with self.assertLogs(logger, "INFO") as logs:
            self.serve(logger=logger)
            self.connect().close()
            self.server.close()
            self.running.result()
        text = "\n".join(logs.output)
        for word in ("server started", "accepted", "welcome", "terminated"):
            self.assertIn(word, text)

    def test_on_connect_fails(self) -> None:
        """A client whose `on_connect` fails is sent away, and the others are served."""

        def fail(conn: object) -> None:
            raise ZeroDivisionError

        logger = logging.getLogger(self.id())
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
        self.serve(logger=logger)
        self.service.on_connect = fail
        with self.assertRaises((EOFError, OSError)):  # by the time that it is sent away
            self.connect().ping()
        del self.service.on_connect
        self.connect().ping()
