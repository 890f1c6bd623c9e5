"""What the blocking clients share: works are asked for by lines of JSON on stdin, and answered so on stdout.

A line names the work, ``{"work": "bound", "count": 2000}``; the rest are its arguments. The answer holds the seconds
that it took and whatever else the work finds out, or ``error``. The client ends when stdin closes.
"""

import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

BATCH = 1000
"""How many calls are in flight at once where calls are pipelined."""

Answer = dict[str, Any]


def repeat(action: Callable[[], Any], count: int) -> Answer:
    """Do something so many times; give how long that took."""
    gc.collect()
    began = time.perf_counter()
    for _ in range(count):
        action()
    return {"seconds": time.perf_counter() - began}


def batches(count: int) -> int:
    """Give how many batches hold so many calls: at least one."""
    return max(1, round(count / BATCH))


def drive(works: dict[str, Callable[..., Answer]]) -> None:
    """Do what the lines on stdin ask for."""
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = works[request.pop("work")](**request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
