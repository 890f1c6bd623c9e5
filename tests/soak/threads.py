"""
Many threads on one connection: ``python -m tests.soak.threads --help``.

Each adds numbers, passes an object that the server looks at, and has the server call it back, in turn. The last line
that it prints is a JSON object with what came of it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
from pathlib import Path
from time import monotonic
from typing import Any

import txrpyc
from tests.soak.serving import serve

__all__ = ["load", "main"]


def load(conn: Any, threads: int, calls: int) -> dict[str, Any]:
    """Let so many threads make so many calls each; give how many were made, the seconds of all and of the slowest, how
    many gave a wrong answer, and how many an error.
    """
    root = conn.root
    slowest = [0.0] * threads
    right = [0] * threads
    wrong = [0] * threads
    errors: list[str] = []

    def one(number: int, n: int) -> bool:
        value = number * calls + n
        if n % 10 == 3:
            return root.apply(lambda x: x + 1, value) == value + 1
        if n % 10 == 6:
            return root.length(list(range(number + 1))) == number + 1
        if n % 10 == 9:  # a callback that calls
            return root.apply(lambda x: root.add(x, 1), value) == value + 1
        return root.add(value, 1) == value + 1

    def work(number: int) -> None:
        for n in range(calls):
            began = monotonic()
            try:
                if one(number, n):
                    right[number] += 1
                else:
                    wrong[number] += 1
            except Exception as error:
                errors.append(f"{type(error).__name__}: {str(error).splitlines()[:1]}")
            slowest[number] = max(slowest[number], monotonic() - began)

    workers = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(threads)]
    began = monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {
        "calls": sum(right),
        "seconds": round(monotonic() - began, 3),
        "slowest": round(max(slowest), 3),
        "wrong": sum(wrong),
        "errors": len(errors),
        "first error": errors[0] if errors else None,
    }


def main(arguments: list[str]) -> None:
    """Do as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.threads", description="Load one connection by threads.")
    parser.add_argument("--threads", type=int, default=64, help="how many threads (64)")
    parser.add_argument("--calls", type=int, default=1000, help="how many calls each of them makes (1000)")
    parser.add_argument("--background", action="store_true", help="serve the connection by a BgServingThread")
    parser.add_argument("--pinned", action="store_true", help="run both processes on one and the same processor")
    options = parser.parse_args(arguments)
    if options.pinned:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # the server inherits it
    with tempfile.TemporaryDirectory() as folder:
        server = serve(Path(folder))
        try:
            conn = txrpyc.connect("127.0.0.1", server.port)
            background = txrpyc.BgServingThread(conn) if options.background else None
            print(json.dumps(load(conn, options.threads, options.calls)))
            if background is not None:
                background.stop()
            conn.close()
        finally:
            server.kill()


if __name__ == "__main__":
    main(sys.argv[1:])
