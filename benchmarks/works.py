"""The works: what is measured, who takes part, and what txrpyc is to reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.contestants import LOAD, RPYC_SERVER, End

__all__ = ["WORKS", "Figure", "Goal", "Work"]

MIB = 1 << 20
_BLOCKING = ("threaded", "twistd")
_OURS = ("rpyc", *_BLOCKING)


@dataclass(frozen=True)
class Goal:
    """What a figure of txrpyc's is to reach.

    Attributes:
        pure, built: for each form: the least ratio to the other contestant's figure, which counts how many times
            better ours is; or the most that the figure itself may be.
        against: the other contestant's family; empty if the figure itself counts.
        families: whose goal it is.
    """

    pure: float
    built: float
    against: str = "rpyc"
    families: tuple[str, ...] = _BLOCKING


@dataclass(frozen=True)
class Figure:
    """Something that a work finds out.

    Attributes:
        key: its name in the client's answers; "rate" is made of "count" and "seconds" where it is not there.
        unit: what it counts.
        goals: what is to be reached.
        lower_is_better: as with latency and memory.
    """

    key: str
    unit: str
    goals: tuple[Goal, ...] = ()
    lower_is_better: bool = False


@dataclass(frozen=True)
class Work:
    """Something to do.

    Attributes:
        name: as the command line and the tables have it.
        what: what it is, in a line.
        families: who takes part.
        figures: what it finds out; the first is the work's own.
        asks: the client's name for it; None means the same.
        arguments, quick: what the client is told; and what instead in a quick run.
        first_count: how often it is done first, to find out how often it has to be done to last long enough; None
            if it is not repeated.
        rounds: the most rounds; None means as many as asked for.
        client, server: these instead of the contestants' own.
        fresh: whether each measurement needs new processes: how fast short calls are differs from one process to the
            next, by where in memory its parts happen to be.
        memory: MiB that have to be free.
        timeout: seconds for an answer.
    """

    name: str
    what: str
    families: tuple[str, ...]
    figures: tuple[Figure, ...]
    asks: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    quick: Mapping[str, Any] = field(default_factory=dict)
    first_count: int | None = 10
    rounds: int | None = None
    client: End | None = None
    server: End | None = None
    fresh: bool = False
    memory: int = 0
    timeout: float = 180.0


def _rate(
    unit: str, pure: float, built: float, *more: Goal, against: str = "rpyc", of: tuple[str, ...] = _BLOCKING
) -> tuple[Figure, ...]:
    return (Figure("rate", unit, (Goal(pure, built, against, of), *more)),)


def _most(key: str, unit: str, most: float, *families: str) -> Figure:
    return Figure(key, unit, (Goal(most, most, "", families or _BLOCKING),), lower_is_better=True)


def _pauses(count: int, seconds: float, spread: float) -> list[float]:
    """Give pauses that are spread around a mean, the same ones every time."""
    return [round(seconds * (1 + spread * ((n * 0.618034) % 1 - 0.5)), 6) for n in range(count)]


_CALLS = (
    Work(
        "bound",
        "call a bound function, f(1, 2), again and again",
        (*_OURS, "pyro", "managers", "pb", "amp", "socket", "echo"),
        _rate("calls/s", 1.6, 2.6),
        fresh=True,
    ),
    Work("root_add", "look up a method and call it: conn.root.add(1, 2)", _OURS, _rate("calls/s", 4, 6), fresh=True),
    Work(
        "pipelined",
        "async_ calls of a bound function, 1,000 in flight, then wait for all",
        (*_OURS, "pyro", "pb", "amp", "socket", "echo"),
        _rate("calls/s", 2, 4),
        first_count=1000,
        fresh=True,
    ),
    Work("make", "get a new object and call it: conn.root.make().m(1)", _OURS, _rate("calls/s", 5, 6), fresh=True),
    Work(
        "threads8",
        "call a bound function from 8 threads, each by a connection of its own",
        _OURS,
        _rate("calls/s", 1.5, 1.5),
        asks="threads",
        first_count=80,
    ),
    Work(
        "connect",
        "connect, call, close",
        (*_OURS, "deferred", "pyro", "managers", "pb", "amp", "socket", "echo"),
        _rate("connections/s", 1, 1),
    ),
)

_DATA = (
    Work(
        "echo_random",
        "echo 1 MiB of random bytes (PB and AMP do not take as much)",
        (*_OURS, "pyro", "managers", "socket", "echo"),
        _rate("MiB/s", 15, 15),
        first_count=2,
    ),
    Work(
        "echo_text",
        "echo 1 MiB of text that compresses, like a log",
        (*_OURS, "pyro", "managers"),
        _rate("MiB/s", 2, 2),
        first_count=2,
    ),
    *(
        Work(
            f"latency_{size}k",
            f"call with {size} KiB of random bytes",
            _OURS,
            _rate("calls/s", 10, 10),
            asks="latency",
            arguments={"size": size * 1024},
            first_count=2,
        )
        for size in (63, 100, 200)
    ),
    Work(
        "rows",
        "iterate over 100,000 rows of a remote generator by buffiter",
        _OURS,
        _rate("rows/s", 2, 2),
        arguments={"count": 100_000},
        quick={"count": 10_000},
        first_count=None,
    ),
    Work(
        "async_for",
        "the same by 'async for' of the Deferred face, from the same server",
        ("rpyc", "async_for"),
        _rate("rows/s", 2, 2, of=("async_for",)),
        asks="rows",
        arguments={"count": 100_000},
        quick={"count": 10_000},
        first_count=None,
    ),
    Work(
        "bulk",
        "send 256 MiB of random bytes to the server of rpyc, by the client of each; and 16 MiB",
        ("rpyc", "threaded"),
        (
            *_rate("MiB/s", 5, 5),
            _most("factor", "times the time of a 16th", 20),
            _most("payloads", "payloads of memory", 3),
        ),
        arguments={"large": 256 * MIB, "small": 16 * MIB},
        quick={"large": 32 * MIB, "small": 2 * MIB},
        first_count=None,
        rounds=1,
        server=RPYC_SERVER,
        fresh=True,
        memory=4096,
        timeout=1200.0,  # rpyc copies the rest of the data each time that it has sent 64,000 bytes
    ),
)

_EVENTS = (
    Work(
        "event",
        "an event comes to a BgServingThread while the main thread is idle",
        _OURS,
        (Figure("median_ms", "ms", (Goal(200, 200),), lower_is_better=True),),
        asks="events",
        arguments={"pauses": _pauses(31, 0.13, 0.3)},
        quick={"pauses": _pauses(9, 0.13, 0.3)},
        first_count=None,
        rounds=2,
    ),
    Work(
        "events_1000",
        "the latest of 100 events where 1,000 a second come; rpyc delivers ten a second",
        _BLOCKING,
        (_most("p99_ms", "ms", 5),),
        asks="events",
        arguments={"pauses": [0.001] * 2000},
        quick={"pauses": [0.001] * 300},
        first_count=None,
        rounds=3,
    ),
)

_CROWDS = (
    Work(
        "many",
        "calls in flight on 1,000 connections, by a neutral generator of load",
        _OURS,
        (*_rate("calls/s", 2, 2, of=("twistd",)), _most("busy_threads", "threads more, busy", 20, "twistd")),
        arguments={"connections": 1000, "seconds": 2.0},
        quick={"connections": 200, "seconds": 0.5},
        first_count=None,
        rounds=2,
        client=LOAD,
        fresh=True,
    ),
    Work(
        "idle",
        "1,000 connections that made a call and are idle",
        _OURS,
        (
            Figure("kib", "KiB per connection", (Goal(1, 1, "rpyc", ("twistd",)),), lower_is_better=True),
            _most("idle_threads", "threads more, idle", 0, "twistd"),
        ),
        arguments={"connections": 1000, "patience": 25.0},
        quick={"connections": 200},
        first_count=None,
        rounds=1,
        client=LOAD,
        fresh=True,
    ),
)

_TWISTED = ("deferred",)
_FACE = (
    Work(
        "await",
        "the Deferred face, service in the reactor: await one call after the other",
        (*_TWISTED, "pb", "amp"),
        _rate("calls/s", 3, 3, against="pb", of=_TWISTED),
        asks="bound",
    ),
    Work(
        "gather",
        "the same with 1,000 calls in flight, by gatherResults",
        (*_TWISTED, "pb", "amp"),
        _rate("calls/s", 4, 4, Goal(3, 3, "amp", _TWISTED), against="pb", of=_TWISTED),
        asks="pipelined",
        first_count=1000,
    ),
)

WORKS = {work.name: work for work in (*_CALLS, *_DATA, *_EVENTS, *_CROWDS, *_FACE)}
"""All, by name, in the order of the tables."""
