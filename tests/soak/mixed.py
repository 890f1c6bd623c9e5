"""
A server under mixed load: ``python -m tests.soak.mixed --help``.

Clients that stay make calls, are called back, get events, pass big values, call each other and let results expire;
others come and go; and others are killed in the middle of that. Meanwhile the server's memory, threads, descriptors
and tables are measured. The last line that it prints is a JSON object with what came of it.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from typing import Any

import txrpyc
from benchmarks.environments import Environments
from benchmarks.processes import Failed
from tests.soak import plot
from tests.soak.plot import TITLES
from tests.soak.serving import serve

__all__ = ["Mixed", "judge", "main"]

_CLIENTS = 6
_KILLED = """
import sys, threading, txrpyc
conn = txrpyc.connect("127.0.0.1", int(sys.argv[1]))
conn.root.join("killed", lambda depth: conn.root.add(depth, 1))
print("running", flush=True)
while True:
    conn.root.apply(lambda number: number + len(conn.root.add("1", "2")), 20)
    txrpyc.async_(conn.root.add)(b"x" * 300_000, b"y")
"""


class Mixed:
    """The load.

    Args:
        port: the server's.
        deadline: a time of `time.monotonic`, when it ends.
    """

    def __init__(self, port: int, deadline: float) -> None:
        self._port = port
        self._deadline = deadline
        self.samples: list[dict[str, Any]] = []
        self.troubles: list[str] = []
        self.counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def run(self, interval: float) -> None:
        """Load the server until the deadline; measure it each so many seconds."""
        jobs = [lambda number=number: self._stay(number) for number in range(_CLIENTS)]
        threads = [
            threading.Thread(target=self._guarded, args=(job,)) for job in (*jobs, self._come_and_go, self._kill)
        ]
        for thread in threads:
            thread.start()
        self._guarded(lambda: self._measure(interval))
        for thread in threads:
            thread.join()

    def _guarded(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:
            self.troubles.append(f"{type(error).__name__}: {str(error).splitlines()[:1]}")

    def _note(self, what: str) -> None:
        with self._lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    @property
    def _goes_on(self) -> bool:
        return monotonic() < self._deadline

    def _measure(self, interval: float) -> None:
        began = monotonic()
        with txrpyc.connect("127.0.0.1", self._port) as conn:
            while self._goes_on:
                values = conn.root.state()
                self.samples.append({"seconds": monotonic() - began, **dict(zip(TITLES, values, strict=True))})
                sleep(interval)

    def _stay(self, number: int) -> None:
        """Be a client that stays."""
        luck = random.Random(number)
        conn = txrpyc.connect("127.0.0.1", self._port)
        background = txrpyc.BgServingThread(conn)
        root = conn.root
        big = luck.randbytes(1 << 20)

        def function(depth: int) -> int:
            return root.add(0, 0) if depth == 0 else 1 + root.cross(f"client {depth % _CLIENTS}", depth - 1)

        def calls() -> bool:
            return all(root.add(n, 1) == n + 1 for n in range(50))

        def callbacks() -> bool:
            return all(root.apply(lambda x: root.add(x, 1), n) == n + 1 for n in range(10))

        def events() -> bool:
            told: list[int] = []
            done = threading.Event()
            root.tell(lambda n: (told.append(n), done.set() if n == 49 else None)[0], 50)
            return done.wait(30) and told == list(range(50))

        def values() -> bool:
            return root.add(big, b"x") == big + b"x" and root.length(list(range(number))) == number

        def crossings() -> bool:
            depth = luck.randrange(4)
            try:
                return root.cross(f"client {luck.randrange(_CLIENTS)}", depth) == depth
            except KeyError:
                return True  # that one has not come yet, or has gone

        def expiries() -> bool:
            late = threading.Event()
            result = txrpyc.timed(root.apply, 0.02)(lambda _n: late.wait(0.1), 1)
            try:
                return bool(result.value)
            except txrpyc.AsyncResultTimeout:
                return True
            finally:
                late.set()

        root.join(f"client {number}", function)
        parts = (calls, callbacks, events, values, crossings, expiries)
        while self._goes_on:
            part = luck.choice(parts)
            if not part():
                self.troubles.append(f"{part.__name__}: a wrong answer")
            self._note(part.__name__)
        sleep(1)  # others may be calling
        background.stop()
        conn.close()

    def _come_and_go(self) -> None:
        while self._goes_on:
            with txrpyc.connect("127.0.0.1", self._port) as conn:
                if conn.root.apply(lambda x: x, 1) != 1:
                    self.troubles.append("connects: a wrong answer")
            self._note("connects")
            sleep(0.02)

    def _kill(self) -> None:
        luck = random.Random(0)
        while self._goes_on:
            process = subprocess.Popen(
                [sys.executable, "-c", _KILLED, str(self._port)],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            assert process.stdout is not None
            process.stdout.readline()
            sleep(luck.random() / 2)  # the moment shall be any
            process.kill()
            process.communicate()
            self._note("kills")


def judge(samples: list[dict[str, Any]], settled: float) -> dict[str, tuple[float, float, bool]]:
    """Give, for each figure, what it was when the server had settled, after so many seconds, what it was at the end,
    and whether that is no more: medians of some samples, as the load is never the same, within a tenth and a little.
    """
    before = [sample for sample in samples if sample["seconds"] >= settled]
    few = max(1, min(15, len(before) // 3))
    slack = {"memory": 4 << 20, "threads": 4, "descriptors": 6, "connections": 4, "objects": 60, "waiting": 8}
    judged = {}
    for name in TITLES:
        first = median(sample[name] for sample in before[:few])
        last = median(sample[name] for sample in before[-few:])
        judged[name] = first, last, last <= first * 1.1 + slack[name]
    return judged


def _draw(samples: list[dict[str, Any]], path: Path) -> str:
    """Draw in a process that has matplotlib: this one's Python, or the environment of the benchmarks, made if need be;
    tell where the chart is, or why there is none.
    """
    data = path.with_suffix(".json")
    data.write_text(json.dumps(samples))
    try:
        python = sys.executable if find_spec("matplotlib") is not None else Environments().python_of("charts")
        subprocess.run([python, plot.__file__, str(data), str(path)], check=True, capture_output=True, timeout=300)
    except (Failed, OSError, subprocess.SubprocessError) as error:
        return f"no chart, only {data}: {error}; pip install -e '.[bench]' gets matplotlib"
    return str(path)


def main(arguments: list[str]) -> int:
    """Do as the command line says; give the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak.mixed", description="Load one server in many ways at once, and measure it meanwhile."
    )
    parser.add_argument("--minutes", type=float, default=30, help="how long (30)")
    parser.add_argument("--png", type=Path, help="where to draw the figures over time")
    options = parser.parse_args(arguments)
    seconds = options.minutes * 60
    with tempfile.TemporaryDirectory() as folder:
        server = serve(Path(folder))
        try:
            mixed = Mixed(server.port, monotonic() + seconds)
            mixed.run(min(2.0, seconds / 60))
        finally:
            server.kill()
    judged = judge(mixed.samples, min(300, seconds / 6))
    drawn = "not asked for" if options.png is None else _draw(mixed.samples, options.png)
    logged = sum("Traceback" in line or "Unhandled" in line for line in server.log)
    print(json.dumps({"counts": mixed.counts, "troubles": mixed.troubles[:5], "judged": judged, "drawn": drawn}))
    return 0 if not mixed.troubles and not logged and all(fine for _, _, fine in judged.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
