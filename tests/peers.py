"""
Other processes for the tests to talk to, among them the real rpyc.

``python -m tests.peers`` installs each version of rpyc in ``VERSIONS`` into a virtual environment
of its own, below ``.peers`` in the checkout or below ``$TXRPYC_PEERS``. A test asks ``python_of``
for the interpreter, which installs what is not there, and starts a script of
``tests/peer_scripts`` as a ``Peer``.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import SkipTest

VERSIONS = ("6.0.2", "5.3.1")
CHECKOUT = Path(__file__).resolve().parent.parent
SCRIPTS = CHECKOUT / "tests" / "peer_scripts"
FOLDER = Path(os.environ.get("TXRPYC_PEERS") or CHECKOUT / ".peers").resolve()

# Seconds for a script to start, on a slow and busy machine, and for a terminated one to end.
START_TIMEOUT = 60.0
STOP_TIMEOUT = 5.0

# Why a version could not be installed: asked for by many tests, tried once in a process.
_missing: dict[str, str] = {}


def python_of(version: str) -> str:
    """
    Return the path of an interpreter that has this version of rpyc, installing it where needed.

    Raises ``SkipTest``, saying what is missing and how to get it, where it cannot be installed.
    """
    home = FOLDER / f"rpyc-{version}"
    if version not in _missing and not _is_ready(home):
        FOLDER.mkdir(parents=True, exist_ok=True)
        with open(FOLDER / f"rpyc-{version}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Another process may have installed it while this one waited for the lock.
            if not _is_ready(home):
                _install(version, home)
    if version in _missing:
        raise SkipTest(
            f"rpyc {version} is missing: `python -m tests.peers` installs it from the index,"
            f" but could not: {_missing[version]}"
        )
    return str(_interpreter(home))


def _interpreter(home: Path) -> Path:
    return home / "bin" / "python"


def _is_ready(home: Path) -> bool:
    # The interpreter is a link, which dangles once the Python that made the environment is gone.
    return (home / "ready").exists() and _interpreter(home).exists()


def _install(version: str, home: Path) -> None:
    """Make the environment where it stays, as its scripts hold its path; ``ready`` comes last."""
    shutil.rmtree(home, ignore_errors=True)
    commands = (
        [sys.executable, "-m", "venv", str(home)],
        [str(_interpreter(home)), "-m", "pip", "install", "--quiet", f"rpyc=={version}"],
    )
    for command in commands:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode != 0:
            _missing[version] = f"{' '.join(command)}\n{done.stdout}"
            return
    (home / "ready").touch()


class PeerError(Exception):
    """A peer ended, was silent, or said something unexpected. Holds what it wrote to stderr."""


class Peer:
    """
    A script of ``tests/peer_scripts`` that runs in another process and listens on ``port``.

    Its first line on stdout must be ``PORT n``. It should end when its stdin is closed, so that it
    does not outlive the tests. Whoever makes a peer calls ``stop``: ``self.addCleanup(peer.stop)``.
    """

    def __init__(self, python: str, script: str, *arguments: str) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (stop closes it)
        self._unread = b""
        self.process = subprocess.Popen(
            [python, str(SCRIPTS / script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
        )
        try:
            self.port = self._learn_port()
        except BaseException:
            self.stop()
            raise

    def _learn_port(self) -> int:
        line = self.read_line()
        word, _, number = line.partition(" ")
        if word != "PORT" or not number.isdecimal():
            raise PeerError(f"the peer said {line!r} instead of its port{self._complaint()}")
        return int(number)

    def read_line(self, timeout: float = START_TIMEOUT) -> str:
        """
        Return the next line of the peer's stdout, waiting at most ``timeout`` seconds.

        Raises ``PeerError`` if the peer ends or is silent for so long.
        """
        deadline = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise PeerError(f"no line came in {timeout} seconds{self._complaint()}")
                received = os.read(self.process.stdout.fileno(), 65536)
                if not received:
                    raise PeerError(f"the peer ended, or closed its stdout{self._complaint()}")
                self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()

    def _complaint(self) -> str:
        # The offset is shared with the peer, which still writes: read without moving it.
        size = os.fstat(self._stderr.fileno()).st_size
        text = os.pread(self._stderr.fileno(), size, 0).decode(errors="replace")
        return f"; {self.process.args} wrote to stderr:\n{text}"

    def stop(self) -> None:
        """End the peer and wait until it has ended. Safe to call again."""
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self._stderr):
            stream.close()


def main() -> None:
    """Install every peer, and say where each one is."""
    for version in VERSIONS:
        try:
            print(f"rpyc {version}: {python_of(version)}")
        except SkipTest as problem:
            sys.exit(str(problem))


if __name__ == "__main__":
    main()
