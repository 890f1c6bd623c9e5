"""Real ``twistd`` processes for the tests: a server whose log can be waited for, and commands that just end."""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.peers import SCRIPTS, START_TIMEOUT

TWISTD = (sys.executable, str(Path(sys.executable).parent / "twistd"))
LOOPBACK = "tcp:0:interface=127.0.0.1"

# Seconds for a server to end: it gives methods that still run three, and on_disconnect three more.
END_TIMEOUT = 20.0


def new_folder(path: str) -> Path:
    """Make a folder for a server to run in, with the tests' services in it as ``myservice.py``."""
    folder = Path(path).resolve()
    folder.mkdir(parents=True)
    shutil.copy(SCRIPTS / "twistd_services.py", folder / "myservice.py")
    return folder


def environment() -> dict[str, str]:
    """Give an environment that says nothing about Python, nor how wide the terminal is."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COLUMNS"))}


def start(command: list[str], folder: Path) -> subprocess.Popen[str]:
    """Start a command in a folder; what it writes, of both kinds, is its stdout."""
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class Twistd:
    """
    ``twistd -n txrpyc`` in a folder, listening: on a free port of loopback, unless the arguments say where.

    Whoever makes one calls ``kill``: ``self.addCleanup(server.kill)``.
    """

    def __init__(self, folder: Path, *arguments: str, twistd: tuple[str, ...] = ("-n", "--pidfile=")) -> None:
        if not any(word.startswith(("--endpoint", "-e")) for word in arguments):
            arguments = (*arguments, "--endpoint", LOOPBACK)
        self.folder = folder
        self.log: list[str] = []
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.process = start([*TWISTD, *twistd, "txrpyc", *arguments], folder)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.place = self.until(r"serving .* on (\S+)$")[1]
        except BaseException:
            self.kill()
            raise

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def until(self, pattern: str) -> re.Match[str]:
        """Wait until the log has a new line that matches, and give the match."""
        while True:
            line = self._lines.get(timeout=START_TIMEOUT)
            if line is None:
                raise AssertionError(f"twistd ended without {pattern!r} in its log:\n" + "\n".join(self.log))
            self.log.append(line)
            if match := re.search(pattern, line):
                return match

    @property
    def port(self) -> int:
        """The port where it listens."""
        return int(self.place.rpartition(":")[2])

    @property
    def journal(self) -> list[str]:
        """What the services have noted so far."""
        path = self.folder / "journal"
        return path.read_text().splitlines() if path.exists() else []

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait until the process has ended, and give its status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait until the process has ended, complete the log, and give its status."""
        status = self.process.wait(END_TIMEOUT)
        self._reader.join()
        while not self._lines.empty():
            if (line := self._lines.get()) is not None:
                self.log.append(line)
        return status

    def kill(self) -> None:
        """End the process at once, if it has not. Safe to call again."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
