"""The examples, run as a person would, in their folder."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from typing import IO

from twisted.trial.unittest import SynchronousTestCase

from tests.peers import CHECKOUT, python_of
from tests.twistd import Twistd, environment

EXAMPLES = CHECKOUT / "examples"
TIMEOUT = 60.0

TOUR = """\
a plain call waited 0.2 seconds
an async_ call gave <AsyncResult object (pending) at 0x...> at once; ready: False
after wait(), ready: True, value: None
int('8') went well: error is False, the value is 8
int('eight') did not: error is True
its value raises ValueError: invalid literal for int() with base 10: 'eight'
the callback got 1267650600228229401496703205376
two units are more than an expiry of one; expired: True
timed: three units of six: None
timed: ten units of six: AsyncResultTimeout
event 0, in the thread txrpyc-BgServingThread
event 1, in the thread txrpyc-BgServingThread
event 2, in the thread txrpyc-BgServingThread
the connection goes on without it: 2
"""

DEFERRED = """\
1 + 2 = 3
slow sums: [0, 2, 4, 6, 8]
TypeError: unsupported operand type(s) for +: 'int' and 'str'
a minute is too long
count down: 3
count down: 2
count down: 1
the server says lift-off
sum of a list of ours: 111
squares: [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]
"""

FILE_MONITOR = """\
the file has changed: 0 bytes, now 5
the file has changed: 5 bytes, now 10
the file has changed: 10 bytes, now 15
heard of 3 changes, and meanwhile counted: True
"""


class Program:
    """A program of the examples that goes on; its stdin, and its stdout line by line."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-u", *command],
            cwd=EXAMPLES,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._watchdog = threading.Timer(TIMEOUT, self.process.kill)
        self._watchdog.start()

    @property
    def stdin(self) -> IO[str]:
        assert self.process.stdin is not None
        return self.process.stdin

    def type(self, line: str) -> None:
        """Type a line, and the enter key."""
        self.stdin.write(line + "\n")
        self.stdin.flush()

    def read(self) -> str:
        """Wait for a line of its output; "" if it has ended, or a minute is over."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def leave(self) -> int:
        """Press Ctrl-D, and give the status with which it ends."""
        self.stdin.close()
        return self.process.wait(TIMEOUT)

    def end(self) -> None:
        """End it, if it has not ended."""
        self._watchdog.cancel()
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


class ExampleTests(SynchronousTestCase):
    maxDiff = None

    def twistd(self, *arguments: str) -> Twistd:
        server = Twistd(EXAMPLES, *arguments)
        self.addCleanup(server.kill)
        return server

    def program(self, *command: str) -> Program:
        program = Program(*command)
        self.addCleanup(program.end)
        return program

    def output_of(self, *command: str, python: str = sys.executable) -> str:
        """Run a program that ends by itself, and well; give what it prints."""
        done = subprocess.run(
            [python, *command], cwd=EXAMPLES, env=environment(), capture_output=True, text=True, timeout=TIMEOUT
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def settled(self, output: str) -> str:
        """Replace what is not the same every time: the address of an object, and how long a call took."""
        output = re.sub(r"0x[0-9a-f]+", "0x...", output)
        return re.sub(r"waited \d+\.\d seconds", "waited 0.2 seconds", output)

    def test_async_tour(self) -> None:
        """The tour shows calls, errors, callbacks, expiry and events, each with the outcome that it announces."""
        output = self.output_of("async_tour.py", "--port", str(self.twistd().port), "--unit", "0.2")
        self.assertEqual(self.settled(output), TOUR)

    def test_async_tour_of_rpyc(self) -> None:
        """As the tour says, it runs with the real rpyc as well; but for names and addresses the output is the same."""
        code = (EXAMPLES / "async_tour.py").read_text().replace("import txrpyc as rpyc", "import rpyc")
        options = ("--port", str(self.twistd().port), "--unit", "0.2")
        output = self.output_of("-c", code, *options, python=python_of("6.0.2"))
        output = re.sub(r"in the thread \S+", "in the thread txrpyc-BgServingThread", output)
        self.assertEqual(self.settled(output).replace(": TimeoutError", ": AsyncResultTimeout"), TOUR)

    def test_file_monitor(self) -> None:
        """The client hears of each change of its file while its main thread does something else."""
        server = self.program("file_monitor/server.py", "--port", "0")
        match = re.fullmatch(r"listening on port (\d+); Ctrl-C ends this", server.read())
        assert match is not None
        self.assertEqual(self.output_of("file_monitor/client.py", "--port", match[1]), FILE_MONITOR)

    def test_deferred(self) -> None:
        """The Deferred client gets all kinds of answers from the Deferred service."""
        server = self.twistd("--service", "deferred_service.Calculator")
        self.assertEqual(self.output_of("deferred_client.py", f"tcp:{server.place}"), DEFERRED)
        server.until("has left")

    def test_chat(self) -> None:
        """What one types, all read; who has a name already is told so; who leaves is missed."""
        port = ("--port", str(self.twistd("--service", "chat.server.Chat").port))
        ann = self.program("chat/client.py", "Ann", *port)
        self.assertEqual(ann.read(), "* Ann is here, with 0 others")
        bob = self.program("chat/client.py", "Bob", *port)
        self.assertEqual({ann.read(), bob.read()}, {"* Bob is here, with 1 others"})
        ann.type("hello")
        self.assertEqual({ann.read(), bob.read()}, {"Ann: hello"})
        bob.type("good bye")
        self.assertEqual({ann.read(), bob.read()}, {"Bob: good bye"})
        other = self.program("chat/client.py", "Ann", *port)
        self.assertEqual(other.read(), "there is a Ann here already; take another name")
        self.assertEqual(bob.leave(), 0)
        self.assertEqual(ann.read(), "* Bob has left")
        self.assertEqual(ann.leave(), 0)

    def test_chat_without_server(self) -> None:
        """When the server goes, the clients are told."""
        server = self.twistd("--service", "chat.server.Chat")
        ann = self.program("chat/client.py", "Ann", "--port", str(server.port))
        ann.read()
        server.end()
        self.assertEqual(ann.read(), "* the server has gone; Ctrl-D leaves")
        ann.type("is anybody here?")
        self.assertEqual(ann.read(), "nobody has heard that: the server has gone")

    def test_help(self) -> None:
        """Each program that takes arguments explains them."""
        programs = [path for path in EXAMPLES.rglob("*.py") if "argparse" in path.read_text()]
        self.assertEqual(len(programs), 5)
        for path in programs:
            self.assertIn("--help", self.output_of(str(path.relative_to(EXAMPLES)), "--help"))

    def test_readme(self) -> None:
        """The list of the examples names each file, and no other; and each class that it has twistd serve is there."""
        text = (EXAMPLES / "README.md").read_text()
        named = set(re.findall(r"\]\((\S+\.py)\)", text))
        self.assertEqual(named, {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.rglob("*.py")})
        for module, name in re.findall(r"--service (\S+)\.(\w+)`", text):
            self.assertIn(f"class {name}(", (EXAMPLES / (module.replace(".", "/") + ".py")).read_text())
