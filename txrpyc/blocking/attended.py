"""What the workers know of a connection that lives in a reactor, and who may do its jobs.

Those are for a worker that comes for them. But one that is in the middle of another connection's job, and waits for
this one's peer, is a guest: what the peer answers may depend on what it asks before that, and all who could come may
be waiting, in a circle even. So a guest does jobs as well, if that leaves no more of them running than there may be;
one whose method waits for the peer of yet another connection is not running.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from threading import get_ident
from typing import Final, Protocol

from twisted.logger import Logger

from txrpyc.blocking.hub import Hub
from txrpyc.blocking.lent_reading import LentReading

__all__ = ["Attended"]

_LONG: Final = 0.0005
"""Seconds from which on a job counts as long: it waits for something, or computes for a while."""

_LONG_ONES: Final = 2
"""After so many turns with long jobs in a row a connection is slow."""

_SHORT_ONES: Final = 20
"""And after so many with short ones it is not any more."""


_DEEP: Final = 20
"""From so many connections on, whose jobs a thread is in the middle of, it only does jobs that came since it waits."""


class _Workers(Protocol):
    inside: dict[int, list[Attended]]

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

    _log = Logger()
    _admission = threading.RLock()  # for all, as it is never held for long; re-entrant for destructors

    __slots__ = (
        "_concurrency",
        "_guests",
        "_streak",
        "_suspended",
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
        self._guests = 0  # that have no permit
        self._suspended = 0  # of its jobs

    # For the hub.

    @property
    def is_there(self) -> bool:
        """Whether a thread is at its jobs, or about to come."""
        return self.queued or len(self.permits) < self._concurrency or self._guests > 0

    def job_came(self) -> None:
        """Have a worker come."""
        self._workers.come(self)

    def sleeps(self) -> None:
        """Let the workers know that this thread, perhaps one of theirs, is about to sleep."""
        self._workers.sleeps()
        outer = self._workers.inside.get(get_ident())
        if outer and outer[-1] is not self:
            outer[-1].suspend(1)

    def woke(self) -> None:
        """Take back what `sleeps` has noted."""
        outer = self._workers.inside.get(get_ident())
        if outer and outer[-1] is not self:
            outer[-1].suspend(-1)

    def may_help(self, since: int) -> bool:
        """Tell whether this thread is a guest that may do a job, and there is one."""
        outer = self._workers.inside.get(get_ident())
        return (
            outer is not None
            and len(outer) > 0
            and self not in outer
            and (bool(self.permits) or self._guests < self._suspended)
            and self.hub.mailbox.has(since if len(outer) >= _DEEP else 0)
        )

    def help(self, since: int) -> bool:
        """Do a job as a guest, if there is one and this thread may; tell whether it did."""
        if not self.may_help(since):
            return False
        with self._admission:
            try:
                self.permits.pop()
                permitted = True
            except IndexError:
                if self._guests >= self._suspended:
                    return False
                self._guests += 1
                permitted = False
        outer = self._workers.inside[get_ident()]
        outer[-1].suspend(1)
        outer.append(self)
        try:
            return self.hub.do_job(True, since if len(outer) > _DEEP else 0)
        except BaseException:
            self._log.failure("a job ended whoever did it; closing the connection")
            self.drop()
            return True
        finally:
            outer.pop()
            outer[-1].suspend(-1)
            if permitted:
                self.permits.append(None)
            else:
                with self._admission:
                    self._guests -= 1
            if self.hub.has_jobs and not self.hub.holds:
                self.look_again()

    def suspend(self, more: int) -> None:
        """Take note that a job begins to wait for another connection's peer, or (-1) does so no longer."""
        with self._admission:
            self._suspended += more
        if more > 0 and self.hub.has_jobs:
            self.hub.notify()

    def look_again(self) -> None:
        """There are jobs that a thread has left to others: let them know."""
        self.hub.notify()
        self._workers.come(self)

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
