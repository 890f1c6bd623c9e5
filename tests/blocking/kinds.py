"""
The kinds of peers that a behaviour is tested against, and the test case that they share.

A behaviour is a mix-in for `BlockingTestCase`; ``globals().update(with_each_kind(Behaviour))`` makes a test case of
it for each kind. Classic servers are shared by all tests of a process; a test that harms one starts its own.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

import txrpyc
from tests.peers import Peer, python_of

__all__ = [
    "KINDS",
    "RPYC_6",
    "TXRPYC",
    "UNIT",
    "BlockingTestCase",
    "Kind",
    "Waiting",
    "shared_classic",
    "with_each_kind",
]

UNIT = 0.15
"""Seconds, where a test needs time to pass."""

PATIENCE = 30.0
"""Seconds for something that must happen."""

_HANGS = 90.0
"""Seconds after which a test hangs for sure. It cannot be stopped, so the run ends, and shows where it stands."""


@dataclass(frozen=True)
class Kind:
    """Who serves: txrpyc, or a version of the real rpyc."""

    name: str
    version: str | None

    @property
    def package(self) -> str:
        """The name of the package in the peer's process."""
        return "txrpyc" if self.version is None else "rpyc"

    @property
    def python(self) -> str:
        return sys.executable if self.version is None else python_of(self.version)

    def start(self, script: str, *arguments: str) -> Peer:
        """Start a script that takes the package's name as its first argument."""
        return Peer(self.python, script, self.package, *arguments)

    def start_classic(self) -> Peer:
        return Peer(self.python, f"{self.package}_classic_server.py")


TXRPYC = Kind("Txrpyc", None)
RPYC_6 = Kind("Rpyc6", "6.0.2")
RPYC_5 = Kind("Rpyc5", "5.3.1")
KINDS = (TXRPYC, RPYC_6, RPYC_5)

_shared: dict[Kind, Peer] = {}


def shared_classic(kind: Kind) -> Peer:
    """Give the classic server of a kind that all tests use."""
    peer = _shared.get(kind)
    if peer is None or peer.process.poll() is not None:
        peer = _shared[kind] = kind.start_classic()
        atexit.register(peer.stop)
    return peer


def with_each_kind(behaviour: type, kinds: tuple[Kind, ...] = KINDS, base: type | None = None) -> dict[str, type]:
    """Give a test case for each kind of peer, by name."""
    made = {}
    for kind in kinds:
        name = f"{behaviour.__name__.removesuffix('Behaviour')}With{kind.name}Tests"
        made[name] = type(
            name, (behaviour, base or BlockingTestCase), {"kind": kind, "__module__": behaviour.__module__}
        )
    return made


class Waiting:
    """Runs a function in a thread of its own, and gives what came of it."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._value: Any = None
        self._error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._value = self._function()
        except BaseException as error:
            self._error = error

    def result(self) -> Any:
        """Wait for the end; give the value or raise the error."""
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive(), "the thread hangs"
        if self._error is not None:
            raise self._error
        return self._value


class BlockingTestCase(SynchronousTestCase):
    """Has connections that are closed after the test."""

    kind: ClassVar[Kind] = TXRPYC

    def setUp(self) -> None:
        faulthandler.dump_traceback_later(_HANGS, exit=True, file=sys.__stderr__)
        self.addCleanup(faulthandler.cancel_dump_traceback_later)

    def own_peer(self) -> Peer:
        """Start a classic server for this test alone."""
        peer = self.kind.start_classic()
        self.addCleanup(peer.stop)
        return peer

    def classic(self, peer: Peer | None = None) -> Any:
        """Connect to a classic server; to the shared one unless another is given."""
        if peer is None:
            peer = shared_classic(self.kind)
        return self.keep(txrpyc.classic.connect("127.0.0.1", peer.port))

    def service_peer(self) -> Peer:
        """Start ``service_server.py`` for this test alone."""
        peer = self.kind.start("service_server.py")
        self.addCleanup(peer.stop)
        return peer

    def keep(self, connection: Any) -> Any:
        """Close a connection after the test."""
        self.addCleanup(connection.close)
        return connection

    def gate(self, connection: Any, peer: Peer | None = None) -> tuple[Any, Callable[[], None]]:
        """Give a function of the peer's that returns "open" once the gate is open, and one that opens it from outside
        of the connection.
        """
        name = f"gate_{id(connection)}_{time.monotonic_ns()}"
        connection.execute(f"import builtins, threading\nbuiltins.{name} = threading.Event()")
        other = self.classic(peer)
        wait = connection.eval(f"lambda: {name}.wait({PATIENCE}) and 'open'")

        def open_gate() -> None:
            with contextlib.suppress(EOFError):  # the peer may be dead by now
                other.eval(f"{name}.set()")

        # A peer that waits at a gate would not take note of the end.
        self.addCleanup(open_gate)
        return wait, open_gate

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that happens in another thread or process, and of which nobody tells."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, "it never came")
            time.sleep(0.002)
