"""``twistd txrpyc`` as people run it: what it serves, where, and how it ends."""

from __future__ import annotations

import signal
import socket
import stat
import subprocess
import threading
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

import txrpyc
from tests.peers import VERSIONS, python_of
from tests.twistd import TWISTD, Twistd, new_folder, start

CLASSIC = """
import sys, rpyc
conn = rpyc.classic.connect("127.0.0.1", int(sys.argv[1]))
print(conn.modules.operator.add(20, 22), conn.eval("6 * 7"))
conn.execute("def double(x): return 2 * x")
print(conn.namespace["double"](21))
conn.close()
"""

OWN = """
import sys, rpyc
conn = rpyc.connect("127.0.0.1", int(sys.argv[1]))
print(conn.root.add(40, 2))
conn.close()
"""


class TwistdTestCase(SynchronousTestCase):
    def serve(self, *arguments: str, **options: tuple[str, ...]) -> Twistd:
        """Start a server in a new folder."""
        server = Twistd(new_folder(self.mktemp()), *arguments, **options)
        self.addCleanup(server.kill)
        return server

    def connect(self, server: Twistd) -> txrpyc.Connection:
        """Connect to the first port of a server."""
        conn = txrpyc.connect("127.0.0.1", server.port)
        self.addCleanup(conn.close)
        return conn

    def output_of(self, python: str, code: str, server: Twistd) -> str:
        """Run a client; give what it prints."""
        done = subprocess.run([python, "-c", code, str(server.port)], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout


class ClassicTests(TwistdTestCase):
    def test_default_address(self) -> None:
        """Without options it serves classic mode on 127.0.0.1:18812, where clients look without being told."""
        try:
            with socket.create_server(("127.0.0.1", txrpyc.classic.DEFAULT_SERVER_PORT)):
                pass
        except OSError as error:
            raise SkipTest(f"port 18812 is not free: {error}") from error
        process = start([*TWISTD, "-n", "--pidfile=", "txrpyc"], new_folder(self.mktemp()))
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        with process.stdout as log:
            self.assertTrue(any("serving classic mode (full trust) on 127.0.0.1:18812" in line for line in log))
            with txrpyc.classic.connect("127.0.0.1") as conn:
                self.assertEqual(conn.modules.os.getpid(), process.pid)
            process.terminate()
            self.assertNotIn("Traceback", log.read())

    def test_real_clients(self) -> None:
        """The classic clients of the real rpyc work with it, whichever version they are."""
        server = self.serve()
        for version in VERSIONS:
            self.assertEqual(self.output_of(python_of(version), CLASSIC, server), "42 42\n42\n")


class ServiceTests(TwistdTestCase):
    def test_blocking_service(self) -> None:
        """A txrpyc.Service from the current directory is served, outside the reactor's thread."""
        server = self.serve("--service", "myservice.Blocking")
        root = self.connect(server).root
        self.assertEqual(root.add(1, 2), 3)
        self.assertFalse(root.in_reactor())
        self.assertIn("serving myservice.Blocking on 127.0.0.1:", server.log[-1])

    def test_reactor_service(self) -> None:
        """A txrpyc.deferred.Service from the current directory is served, in the reactor's thread."""
        root = self.connect(self.serve("-s", "myservice.InReactor")).root
        self.assertEqual(root.add(1, 2), 3)
        self.assertTrue(root.in_reactor())

    def test_foreign_service(self) -> None:
        """A class that was made for rpyc is served."""
        server = self.serve("--service", "myservice.ForRpyc")
        self.assertEqual(self.connect(server).root.add(1, 2), 3)
        server.end()
        self.assertEqual(server.journal, ["connected", "disconnected"])

    def test_instance(self) -> None:
        """An instance in place of a class is one service for all clients."""
        server = self.serve("--service", "myservice.ready_made")
        self.connect(server).root.append("noted")
        self.assertEqual(self.connect(server).root.appended(), (("noted", 1),))

    def test_real_clients(self) -> None:
        """The clients of the real rpyc can call services of both kinds."""
        for service in ("myservice.Blocking", "myservice.InReactor"):
            server = self.serve("--service", service)
            for version in VERSIONS:
                self.assertEqual(self.output_of(python_of(version), OWN, server), "42\n")

    def test_endpoints(self) -> None:
        """It listens on every endpoint that is named, unix sockets among them, and the log tells each."""
        endpoints = ("--endpoint", "tcp:0:interface=127.0.0.1", "-e", "unix:calc.sock")
        server = self.serve("--service", "myservice.Blocking", *endpoints)
        path = server.folder / "calc.sock"
        server.until("serving myservice.Blocking on .*calc.sock$")
        with txrpyc.unix_connect(str(path)) as conn:
            self.assertEqual(conn.root.add(1, 2), 3)
        self.assertEqual(self.connect(server).root.add(1, 2), 3)

    def test_config(self) -> None:
        """Settings given by --config hold for the connections; without, what is not exposed cannot be reached."""
        self.assertRaises(AttributeError, getattr, self.connect(self.serve("-s", "myservice.Blocking")).root, "public")
        settings = ("--config", "allow_public_attrs=True", "--config", "sync_request_timeout=5")
        root = self.connect(self.serve("-s", "myservice.Blocking", *settings)).root
        self.assertIn("reachable", root.public)


class EndTests(TwistdTestCase):
    def ends_cleanly(self, service: str, number: int) -> None:
        server = self.serve("--service", f"myservice.{service}")
        idle, busy = self.connect(server), self.connect(server)
        self.assertEqual(idle.root.add(1, 2), 3)
        began = threading.Event()
        result = txrpyc.async_(busy.root.hold)(began.set)
        while not began.is_set():
            busy.serve()
        status = server.end(number)
        self.assertIn(status, (0, -number), "twistd ends itself by the signal that it got")
        self.assertRaises(EOFError, lambda: result.value)
        self.assertRaises(EOFError, idle.root.add, 1, 2)
        self.assertEqual(server.journal, ["connected"] * 2 + ["disconnected"] * 2)
        self.assertNotIn("Traceback", "\n".join(server.log))

    def test_sigterm(self) -> None:
        """SIGTERM closes the connections, and each service learns of it once, also behind a method that never ends."""
        self.ends_cleanly("Blocking", signal.SIGTERM)

    def test_sigint(self) -> None:
        """Ctrl-C does the same."""
        self.ends_cleanly("Blocking", signal.SIGINT)

    def test_reactor_service(self) -> None:
        """SIGTERM and Ctrl-C do the same for a service that runs in the reactor."""
        self.ends_cleanly("InReactor", signal.SIGTERM)
        self.ends_cleanly("InReactor", signal.SIGINT)

    def test_client_left_before(self) -> None:
        """A client that left while its method was running is still told of to the service, by one worker or many."""
        server = self.serve("--service", "myservice.Blocking", "--workers", "1")
        conn = self.connect(server)
        began = threading.Event()
        txrpyc.async_(conn.root.hold)(began.set)
        while not began.is_set():
            conn.serve()
        conn.close()
        server.end()
        self.assertEqual(server.journal, ["connected", "disconnected"])

    def test_clients_leave(self) -> None:
        """A client that leaves is told of to its service at once, and exactly once."""
        server = self.serve("--service", "myservice.Blocking")
        for _ in range(3):
            self.connect(server).close()
        server.end()
        self.assertEqual(sorted(server.journal), ["connected"] * 3 + ["disconnected"] * 3)

    def test_nothing_is_left(self) -> None:
        """The pid file and the unix socket are gone when the server is."""
        server = self.serve("--endpoint", "unix:calc.sock", twistd=("-n",))
        path, pid = server.folder / "calc.sock", server.folder / "twistd.pid"
        self.assertTrue(stat.S_ISSOCK(path.stat().st_mode))
        self.assertEqual(pid.read_text(), str(server.process.pid))
        server.end()
        self.assertFalse(path.exists() or pid.exists())

    def test_in_the_background(self) -> None:
        """Without -n it serves from the background once the command has returned, and SIGTERM ends it."""
        folder = new_folder(self.mktemp())
        done = start([*TWISTD, "txrpyc", "--endpoint", "unix:calc.sock"], folder)
        self.assertEqual((done.communicate(timeout=30)[0], done.returncode), ("", 0))
        with txrpyc.classic.unix_connect(str(folder / "calc.sock")) as conn:
            pid = conn.modules.os.getpid()
            self.assertEqual((folder / "twistd.pid").read_text(), str(pid))
            txrpyc.async_(conn.modules.os.kill)(pid, signal.SIGTERM)
            conn.serve_all()
