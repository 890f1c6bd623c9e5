"""The heartbeat: a peer that is gone is found out, one that is busy is left alone."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from time import monotonic
from unittest import SkipTest, skipUnless

from twisted.internet.error import ConnectionAborted
from twisted.logger import LogLevel, capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

import txrpyc
from tests.deferred.pairs import PairTestCase, verbs
from tests.twistd import Twistd, new_folder
from txrpyc import heartbeat
from txrpyc.core.config import make_rules
from txrpyc.core.consts import Verb
from txrpyc.errors import ConfigurationError, ConnectionLost
from txrpyc.peer import probe_when_idle


class PingTests(PairTestCase):
    def setUp(self) -> None:
        self.joined(txrpyc.deferred.Service, near={"ping_interval": 10, "ping_patience": 4})
        self.near = self.pair.near
        self.pair.clock.advance(10)  # from here on it is quiet
        self.pair.forget_messages()

    def pass_time(self, seconds: int) -> None:
        """Let time pass, with a peer that answers."""
        for _ in range(seconds):
            self.pair.clock.advance(1)
            self.pair.settle(collect=False)

    def pass_in_silence(self, seconds: int) -> None:
        """Let time pass, while nothing arrives anywhere."""
        for _ in range(seconds):
            self.pair.clock.advance(1)

    def pings(self) -> int:
        return verbs(self.pair.near_line.messages()).count(Verb.PING)

    def test_answered(self) -> None:
        """A quiet peer that answers is asked once in each interval or two, and kept."""
        self.pass_time(1000)
        self.assertTrue(45 <= self.pings() <= 100)
        self.assertIsNone(self.near.protocol.lost)
        self.assertEqual(self.near.protocol.waiting, 0)

    def test_silent(self) -> None:
        """One that does not answer is gone after the interval and the patience; all who wait learn why."""
        lost = self.near.when_lost()
        with capturedLogs() as logged:
            self.pass_in_silence(13)
            self.assertEqual((self.pings(), self.near.protocol.lost), (1, None))
            self.pass_in_silence(2)
            self.pair.settle()
        self.assertEqual([event["log_level"] for event in logged], [LogLevel.warn])
        reason = self.successResultOf(lost)
        self.assertIn("has not answered a ping for 4 seconds", str(reason))
        error = self.failureResultOf(self.near.root.get_service_name(), ConnectionLost).value
        self.assertEqual(str(error), str(reason))
        self.assertEqual(self.pair.clock.getDelayedCalls(), [])

    def test_busy(self) -> None:
        """One that owes an answer is not asked, however long that takes, and not cut."""
        call = self.near.root.get_service_name()
        self.pair.clock.advance(0)
        self.pass_in_silence(1000)
        self.assertEqual(self.pings(), 0)
        self.pair.settle()
        self.assertEqual(self.successResultOf(call), "")

    def test_busy_after_the_ping(self) -> None:
        """Nor is one cut that was asked, and then got something to do before it had answered."""
        self.pass_in_silence(11)
        call = self.near.root.get_service_name()
        self.pass_in_silence(1000)
        self.assertEqual(self.pings(), 1)
        self.pair.settle()
        self.assertEqual(self.successResultOf(call), "")
        self.pass_time(100)
        self.assertIsNone(self.near.protocol.lost)

    def test_traffic(self) -> None:
        """As long as something comes there are no pings."""
        for _ in range(100):
            self.result(lambda: self.near.root.get_service_name())
            self.pass_time(5)
        self.assertEqual(self.pings(), 0)

    def test_silent_system(self) -> None:
        """A peer whose system acknowledges nothing for three intervals is gone, also if it owes an answer."""
        call = self.near.root.get_service_name()
        self.patch(heartbeat, "silence", lambda transport: 29.0)
        self.pass_in_silence(15)
        self.assertNoResult(call)
        self.patch(heartbeat, "silence", lambda transport: 30.5)
        with capturedLogs():
            self.pass_in_silence(10)
        self.near.protocol.connectionLost(Failure(ConnectionAborted()))
        error = self.failureResultOf(call, ConnectionLost).value
        self.assertIn("the peer's system has not answered for 30.5 seconds", str(error))

    def test_ended(self) -> None:
        """A connection that is closed leaves no timer behind."""
        self.result(self.near.close)
        self.assertEqual(self.pair.clock.getDelayedCalls(), [])

    def test_off(self) -> None:
        """Nobody is asked unless the configuration says so."""
        pair = self.joined(txrpyc.deferred.Service)
        pair.forget_messages()
        pair.clock.advance(10_000)
        self.assertEqual((pair.near_line.messages(), pair.clock.getDelayedCalls()), ([], []))

    def test_settings(self) -> None:
        """An interval is some seconds."""
        for setting in ("ping_interval", "ping_patience"):
            self.assertEqual(getattr(make_rules({setting: 0.5}), setting), 0.5)
            for wrong in (0, -1, "1"):
                error = self.assertRaises(ConfigurationError, make_rules, {setting: wrong})
                self.assertIn(setting, str(error))


class SystemTests(SynchronousTestCase):
    """What the system says of a peer's."""

    def test_acknowledged(self) -> None:
        """The system of a peer that reads nothing is there all the same."""
        self.assertIsNone(heartbeat.silence(None))
        server = Twistd(new_folder(self.mktemp()))
        self.addCleanup(server.kill)
        with txrpyc.connect("127.0.0.1", server.port) as conn:
            call = txrpyc.async_(conn.root.getmodule)
            server.process.send_signal(signal.SIGSTOP)
            self.addCleanup(server.process.send_signal, signal.SIGCONT)
            call("os")
            deadline = monotonic() + 10
            while (silent := heartbeat.silence(conn.protocol.transport)) is not None:
                self.assertTrue(silent < 5 and monotonic() < deadline)
            server.process.send_signal(signal.SIGCONT)

    @skipUnless(hasattr(socket, "TCP_KEEPIDLE"), "this system does not tell how it probes")
    def test_probes(self) -> None:
        """The system probes a quiet peer's after a minute, or after the interval of the pings."""
        server = Twistd(new_folder(self.mktemp()))
        self.addCleanup(server.kill)
        for config, seconds in (({}, 60), ({"ping_interval": 7}, 7)):
            with txrpyc.connect("127.0.0.1", server.port, config=config) as conn:
                sock = conn.protocol.transport.socket
                self.assertEqual(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), 1)
                self.assertEqual(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), seconds)
                self.assertLessEqual(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL), seconds)
        probe_when_idle(None, 1)


INSIDE = """
import sys
from time import monotonic, sleep as sleep_a_little
import txrpyc

conn = txrpyc.connect(sys.argv[1], int(sys.argv[2]), config={"ping_interval": 1, "sync_request_timeout": None})
serving = txrpyc.BgServingThread(conn)
sleep = txrpyc.async_(conn.root.getmodule("time").sleep) if "busy" in sys.argv else None
print("ready", flush=True)
sys.stdin.readline()
began = monotonic()
result = sleep(1000) if sleep else None
print("cut", flush=True)
while not conn.closed:
    sleep_a_little(0.01)
try:
    result.value if sleep else conn.ping()
except EOFError as error:
    print(round(monotonic() - began, 1), error, flush=True)
"""


class CableTests(SynchronousTestCase):
    """A cable is cut: two namespaces of the network, and a link between them that is taken down."""

    def setUp(self) -> None:
        self.name = f"txrpyc{os.getpid()}"
        try:
            if shutil.which("ip") is None:
                raise OSError("there is no command ip; Debian has it in the package iproute2")
            self.ip("netns", "add", self.name)
        except (OSError, subprocess.CalledProcessError) as error:
            raise SkipTest(f"this needs a network namespace, for which one must be root: {error}") from None
        self.addCleanup(self.ip, "netns", "del", self.name)
        self.ip("link", "add", "txrpyc0", "type", "veth", "peer", "name", "txrpyc1", "netns", self.name)
        self.addCleanup(subprocess.run, ["ip", "link", "del", "txrpyc0"], capture_output=True)
        self.ip("addr", "add", "10.213.77.1/30", "dev", "txrpyc0")
        self.ip("link", "set", "txrpyc0", "up")
        self.ip("-n", self.name, "addr", "add", "10.213.77.2/30", "dev", "txrpyc1")
        self.ip("-n", self.name, "link", "set", "txrpyc1", "up")

    @staticmethod
    def ip(*arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)

    def cut(self, *arguments: str) -> tuple[float, str]:
        """Cut the cable of a connection; give how many seconds later a client knew it, and what it was told."""
        server = Twistd(
            new_folder(self.mktemp()), "--endpoint", "tcp:0:interface=10.213.77.1", "--allow-remote-code-execution"
        )
        self.addCleanup(server.kill)
        script = server.folder / "inside.py"
        script.write_text(INSIDE)
        client = subprocess.Popen(
            ["ip", "netns", "exec", self.name, sys.executable, script, "10.213.77.1", str(server.port), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        assert client.stdin is not None and client.stdout is not None
        self.addCleanup(client.stdin.close)
        self.addCleanup(client.stdout.close)
        self.assertEqual(client.stdout.readline(), "ready\n")
        self.ip("link", "set", "txrpyc0", "down")
        client.stdin.write("go on\n")
        client.stdin.flush()
        self.assertEqual(client.stdout.readline(), "cut\n")
        seconds, why = client.stdout.readline().split(" ", 1)
        return float(seconds), why

    def test_idle(self) -> None:
        """An idle connection is found to be lost within three intervals."""
        seconds, why = self.cut()
        self.assertLessEqual(seconds, 3.5)
        self.assertIn("ping", why)

    def test_busy(self) -> None:
        """So is one that waits for an answer to what it could not send."""
        seconds, why = self.cut("busy")
        self.assertLessEqual(seconds, 5)
        self.assertIn("the peer's system has not answered", why)
