"""A crowd: clients that call each other's functions through one server, all at once, each of which calls it again."""

from __future__ import annotations

import random
import threading
from time import monotonic
from typing import Any

import txrpyc

__all__ = ["cross"]


def cross(port: int, clients: int, calls: int, timeout: float = 20) -> dict[str, Any]:
    """Let so many clients make so many calls each, of functions of others, which do so themselves up to three times
    and at last have the server add; give how many were made, the seconds of the slowest, and how many failed.
    """
    connections: list[Any] = []
    helpers: list[txrpyc.BgServingThread] = []
    slowest = [0.0] * clients
    right = [0] * clients
    errors: list[str] = []

    def join(number: int) -> None:
        conn = txrpyc.connect("127.0.0.1", port, config={"sync_request_timeout": timeout})
        connections.append(conn)
        helpers.append(txrpyc.BgServingThread(conn))

        def function(depth: int) -> int:
            if depth == 0:
                return conn.root.add(1, -1)
            return 1 + conn.root.cross((number * 7 + depth) % clients, depth - 1)

        conn.root.join(number, function)

    def work(number: int) -> None:
        chance = random.Random(number)
        for _ in range(calls):
            depth = chance.randrange(4)
            began = monotonic()
            try:
                right[number] += connections[number].root.cross(chance.randrange(clients), depth) == depth
            except Exception as error:
                errors.append(f"{type(error).__name__}: {str(error).splitlines()[:1]}")
            slowest[number] = max(slowest[number], monotonic() - began)

    try:
        for number in range(clients):
            join(number)
        threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        for helper in helpers:
            helper.stop()
        for conn in connections:
            conn.close()
    return {
        "calls": sum(right),
        "slowest": round(max(slowest), 3),
        "errors": len(errors),
        "first error": errors[0] if errors else None,
    }
