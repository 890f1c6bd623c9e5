"""The processes that are measured: servers, which tell their port, and clients, which do works and answer.

None outlives this one, however it ends: `Process.stop` is called for each, and `benchmarks/peers/launch.py`, by which
they start, has the system kill those that are left.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["PEERS", "Client", "Failed", "Process", "Server", "clean_environment"]

PEERS = Path(__file__).resolve().parent / "peers"
START_TIMEOUT = 60.0

_PORT = re.compile(r"^PORT (\d+)$|serving \S+ on \S+:(\d+)$", re.MULTILINE)
"""What our servers say, or ``twistd txrpyc`` in its log."""


class Failed(Exception):
    """A process ended, was silent, or could not do what was asked. The message says why, in a line."""


def clean_environment(**extra: str) -> dict[str, str]:
    """Give the environment without what it says about Python, and with some more."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | extra


class Process:
    """A process in the folder of the peers.

    Args:
        command: the program and its arguments.
        extra: variables of its environment.
        processor: the only one that it may run on; None means any.
    """

    def __init__(self, command: Sequence[str], extra: Mapping[str, str], processor: int | None) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (stop closes it)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "launch.py", "any" if processor is None else str(processor), *command],
            cwd=PEERS,
            env=clean_environment(**extra),
            stdin=subprocess.PIPE,
            stdout=self._where_to_write(),
            stderr=self._errors,
            start_new_session=True,  # Ctrl-C is for us; we end them
        )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def _where_to_write(self) -> Any:
        return subprocess.PIPE

    def complaint(self) -> str:
        """Give the last line that it wrote to stderr, if any."""
        size = os.fstat(self._errors.fileno()).st_size
        text = os.pread(self._errors.fileno(), size, 0).decode(errors="replace").strip()
        return f": {text.splitlines()[-1]}" if text else ""

    def stop(self) -> None:
        """End it at once. Safe to call again."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()


class Server(Process):
    """A server, which listens on `port` of loopback. Raises `Failed` if it does not."""

    port: int

    def __init__(self, command: Sequence[str], extra: Mapping[str, str], processor: int | None) -> None:
        super().__init__(command, extra, processor)
        try:
            self.port = self._learn_port()
        except BaseException:
            self.stop()
            raise

    def _where_to_write(self) -> Any:
        return self._errors  # a log, of any length, that nobody needs to read along

    def _learn_port(self) -> int:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            ended = self._process.poll() is not None
            size = os.fstat(self._errors.fileno()).st_size
            said = os.pread(self._errors.fileno(), size, 0).decode(errors="replace")
            if match := _PORT.search(said):
                return int(match[1] or match[2])
            if ended:
                raise Failed(f"the server ended{self.complaint()}")
            time.sleep(0.02)
        raise Failed(f"the server told no port in {START_TIMEOUT:g} seconds{self.complaint()}")


class Client(Process):
    """A client, which does works; see `benchmarks/peers/driver.py`."""

    def ask(self, request: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        """Have it do a work; give the answer. Raises `Failed`, after which the client is of no use."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Failed(f"the client ended{self.complaint()}") from None
        answer: dict[str, Any] = json.loads(self._read_line(timeout))
        if "error" in answer:
            raise Failed(" ".join(answer["error"].split())[:200])
        return answer

    def _read_line(self, timeout: float) -> bytes:
        assert self._process.stdout is not None
        deadline, read = time.monotonic() + timeout, b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not read.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise Failed(f"no answer in {timeout:g} seconds{self.complaint()}")
                more = os.read(self._process.stdout.fileno(), 65536)
                if not more:
                    raise Failed(f"the client ended{self.complaint()}")
                read += more
        return read
