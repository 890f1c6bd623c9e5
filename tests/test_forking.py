"""Forked processes: what is the parent's is lost in a child, which makes connections of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any
from unittest import skipUnless

from twisted.trial.unittest import SynchronousTestCase

from tests.peers import CHECKOUT
from tests.twistd import Twistd, new_folder

USING = """
import json, os, sys, threading
import txrpyc
from txrpyc import BgServingThread
from txrpyc.classic import connect

port = int(sys.argv[1])
conn = connect("127.0.0.1", port)
remote, length, numbers = conn.modules.os, conn.builtins.len, conn.builtins.range(5)
serving = BgServingThread(conn) if "serving" in sys.argv else None
before = remote.getpid()
descriptor = conn.fileno()
wrong, busy = [], threading.Event()

def call():
    while not busy.is_set():
        if remote.getpid() != before:
            wrong.append("another answer")

threads = [threading.Thread(target=call) for _ in range(4 if "threads" in sys.argv else 0)]
for thread in threads:
    thread.start()

def child():
    said = []
    for use in (
        lambda: conn.root.getconn(),
        lambda: conn.modules.json,
        lambda: remote.getpid(),
        lambda: repr(remote),
        lambda: length([1]),
        lambda: conn.ping(),
        lambda: txrpyc.async_(length)("text").value,
        lambda: conn.serve(1),
        lambda: conn.fileno(),
        lambda: next(iter(numbers)),
    ):
        try:
            said.append(f"{use()!r} was given")
        except EOFError as error:
            said.append(str(error))
    try:
        os.fstat(descriptor)
        said.append("the descriptor is open")
    except OSError:
        pass
    if not conn.closed:
        said.append("it is not closed")
    conn.close()
    if serving is not None:
        serving.stop()
    with connect("127.0.0.1", port) as new:
        said.append(new.modules.os.getpid())
    return said

for _ in range(int(sys.argv[2])):
    ear, mouth = os.pipe()
    pid = os.fork()
    if not pid:
        with os.fdopen(mouth, "w") as out:
            json.dump(child(), out)
        sys.exit()  # with all that Python does at its end
    os.close(mouth)
    with os.fdopen(ear) as said:
        print(said.read())
    _pid, status = os.waitpid(pid, 0)
    if status:
        print(json.dumps([f"the child ended with {status}"]))
    if remote.getpid() != before:
        wrong.append("another answer")
busy.set()
for thread in threads:
    thread.join()
print(json.dumps([*wrong, len(conn.modules.sys.path) > 0, os.getpid(), before]))
"""

MULTIPROCESSING = """
import json, multiprocessing, sys
from txrpyc.classic import connect

def ask(port):
    with connect("127.0.0.1", port) as conn:
        return conn.modules.os.getpid()

if __name__ == "__main__":
    port = int(sys.argv[1])
    with connect("127.0.0.1", port) as conn:
        answers = []
        for method in ("fork", "spawn"):
            with multiprocessing.get_context(method).Pool(2) as pool:
                answers += pool.map(ask, [port] * 4)
            answers.append(conn.modules.os.getpid())
    print(json.dumps(answers))
"""

DEFERRED = """
import json, os, sys
from twisted.internet.task import react
from txrpyc.deferred import connect

async def main(reactor):
    conn = await connect(f"tcp:127.0.0.1:{sys.argv[1]}", config={"allow_public_attrs": True})
    ear, mouth = os.pipe()
    if not os.fork():
        said = []
        for call in (conn.root.getmodule("os"), conn.root.get_service_name(), conn.request(1, "ping")):
            call.addBoth(lambda result: said.append(str(result.value)))
        os.write(mouth, json.dumps(said).encode())
        os._exit(0)
    print(os.read(ear, 10_000).decode())
    os.wait()
    print(json.dumps([await conn.root.get_service_name()]))
    await conn.close()

react(main)
"""


@skipUnless(hasattr(os, "fork"), "this system cannot fork")
class ForkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = Twistd(new_folder(self.mktemp()))
        self.addCleanup(self.server.kill)

    def run_script(self, script: str, *arguments: object) -> list[Any]:
        """Run a script against the server; give the lines of JSON that it prints."""
        path = self.server.folder / "script.py"
        path.write_text(script)
        done = subprocess.run(
            [sys.executable, "-u", "-W", "ignore", path, str(self.server.port), *map(str, arguments)],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return [json.loads(line) for line in done.stdout.splitlines()]

    def check(self, *arguments: object) -> None:
        *children, (*wrong, works, parent, server) = self.run_script(USING, *arguments)
        self.assertEqual((wrong, works, len(children)), ([], True, arguments[0]))
        for *said, new in children:
            self.assertEqual(new, server)
            self.assertEqual(len(said), 10)
            for text in said:
                self.assertIn(f"belongs to process {parent}, which forked this one: make a new one here", text)

    def test_child(self) -> None:
        """In a child every use raises at once and says why; its end sends nothing; the parent goes on."""
        self.check(3)

    def test_served_in_the_background(self) -> None:
        """The same where a thread served the connection."""
        self.check(3, "serving")

    def test_with_threads(self) -> None:
        """The same where other threads were in the middle of calls."""
        self.check(10, "threads")
        self.check(5, "threads", "serving")

    def test_multiprocessing(self) -> None:
        """Processes that are forked or spawned make connections of their own."""
        (answers,) = self.run_script(MULTIPROCESSING)
        self.assertEqual((len(answers), len(set(answers))), (10, 1))

    def test_deferred(self) -> None:
        """The same for the Deferred face."""
        said, works = self.run_script(DEFERRED)
        self.assertEqual(len(said), 3)
        for text in said:
            self.assertIn("which forked this one", text)
        self.assertEqual(works, ["SLAVE"])
