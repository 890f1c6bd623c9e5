"""The other way round: clients of the real rpyc, served by a `ThreadedServer` of txrpyc."""

from __future__ import annotations

import json
import subprocess

import txrpyc
from tests.blocking.kinds import PATIENCE, RPYC_5, RPYC_6, TXRPYC, shared_classic, with_each_kind
from tests.peers import SCRIPTS


class ClientBehaviour:
    def run_client(self, name: str, port: int | None = None) -> object:
        """Let a client do one of the things in ``rpyc_client.py``; with a server in another process, if no port is
        given.
        """
        port = shared_classic(TXRPYC).port if port is None else port
        done = subprocess.run(
            [self.kind.python, str(SCRIPTS / "rpyc_client.py"), str(port), name],
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_classic(self) -> None:
        """Modules, builtins, eval, execute and the namespace are served."""
        self.assertEqual(self.run_client("classic"), ["a/b", 6, 42, "abab", True])

    def test_netrefs(self) -> None:
        """rpyc's netrefs of our objects do what they do with rpyc's, pickling included."""
        self.assertEqual(
            self.run_client("netrefs"),
            [["one", 2, 3], 3, True, "['one', 2, 3]", True, {"a": 1}, [0, 1, 2], True, True, ["one", 2, 3], False],
        )

    def test_async(self) -> None:
        """`async_` and `timed` work, with callbacks and expiry."""
        self.assertEqual(self.run_client("asynchronous"), [False, None, [False, "late"], True, "after"])

    def test_errors(self) -> None:
        """Exceptions arrive as their builtin classes; what cannot be sent is one too."""
        classes = ["KeyError", "ZeroDivisionError", "NameError", "SyntaxError"]
        self.assertEqual(self.run_client("errors"), [*([name, True] for name in classes), "unencodable", 2])

    def test_callbacks(self) -> None:
        """We call the client's functions, that call us."""
        self.assertEqual(self.run_client("callbacks"), [42, 20])

    def test_events(self) -> None:
        """Events that we send arrive in the client's `BgServingThread`."""
        self.assertEqual(self.run_client("events"), [True, True])

    def test_big(self) -> None:
        """10 MiB come and go."""
        self.assertEqual(self.run_client("big"), [10 << 20, True])

    def test_order(self) -> None:
        """Requests start in the order in which they came."""
        self.assertEqual(self.run_client("order"), True)

    def test_refcounts(self) -> None:
        """What the client lets go of is let go of here."""
        before, after = self.run_client("refcounts")
        self.assertEqual(before, after)

    def test_server_in_this_process(self) -> None:
        """A server in a thread of this process serves them as well."""
        server = txrpyc.ThreadedServer(txrpyc.SlaveService, hostname="127.0.0.1")
        thread = server._start_in_thread()
        self.addCleanup(thread.join)
        self.addCleanup(server.close)
        self.assertEqual(self.run_client("classic", server.port), ["a/b", 6, 42, "abab", True])


globals().update(with_each_kind(ClientBehaviour, (RPYC_6, RPYC_5)))
