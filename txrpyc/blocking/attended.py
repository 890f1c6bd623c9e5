"""What the workers know of a connection that lives in a reactor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from txrpyc.blocking.hub import Hub
from txrpyc.blocking.lent_reading import LentReading

__all__ = ["Attended"]

_LONG: Final = 0.0005
"""Seconds from which on a job counts as long: it waits for something, or computes for a while."""

_LONG_ONES: Final = 2
"""After so many turns with long jobs in a row a connection is slow."""

_SHORT_ONES: Final = 20
"""And after so many with short ones it is not any more."""


class _Workers(Protocol):
    def come(self, connection: Attended) -> None: ...

    def sleeps(self) -> None: ...

    def forget(self, connection: Attended) -> None: ...

    def has_read(self, connection: Attended) -> None: ...


class Attended:
    """A connection, and how it has behaved: `txrpyc.blocking.hub.Attendant` for its hub.

    Args:
        workers: who does its jobs.
        concurrency: how many of its jobs may be under way at once; more than one gives up their order, except of
            their beginnings.

    Attributes:
        hub: its hub.
        drop: cuts it; called when a job raises, which is meant to end whoever serves.
        reading: its input, which can be lent; None if it cannot.
        permits: one for each thread that may still come; who comes takes one, which is atomic, and gives it back.
        queued: whether it waits for a thread.
        descriptor: what its reading was lent for; -1 if the reactor reads.
        slow: whether its jobs take long, so that others should not have to wait for them.
        seen: when a thread was last at it, as a time of `time.monotonic`.
    """

    __slots__ = (
        "_concurrency",
        "_streak",
        "_workers",
        "descriptor",
        "drop",
        "hub",
        "permits",
        "queued",
        "reading",
        "seen",
        "slow",
    )

    hub: Hub
    drop: Callable[[], None]

    def __init__(self, workers: _Workers, concurrency: int = 1) -> None:
        self._workers = workers
        self.reading: LentReading | None = None
        self._concurrency = concurrency
        self.permits = [None] * concurrency
        self.queued = False
        self.descriptor = -1
        self.slow = False
        self.seen = 0.0
        self._streak = 0

    # For the hub.

    @property
    def is_there(self) -> bool:
        """Whether a thread is at its jobs, or about to come."""
        return self.queued or len(self.permits) < self._concurrency

    def job_came(self) -> None:
        """Have a worker come."""
        self._workers.come(self)

    def sleeps(self) -> None:
        """Let the workers know that this thread, perhaps one of theirs, is about to sleep."""
        self._workers.sleeps()

    def ended(self) -> None:
        """Let the workers know that the connection is gone. In the reactor's thread."""
        self._workers.forget(self)

    # For the protocol.

    def has_read(self) -> None:
        """Let the workers know that the reactor has just read something. In its thread."""
        self._workers.has_read(self)

    # For the workers.

    def took(self, seconds: float) -> None:
        """Take note of how long the jobs of one turn took, on average."""
        if (seconds > _LONG) is self.slow:
            self._streak = 0
            return
        self._streak += 1
        if self._streak >= (_SHORT_ONES if self.slow else _LONG_ONES):
            self.slow = not self.slow
            self._streak = 0
