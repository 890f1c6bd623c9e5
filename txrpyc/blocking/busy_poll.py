"""Looking again and again for a moment before sleeping: what is waited for often comes at once.

A thread that sleeps is woken up late: on a virtual machine it can take longer than a whole call does. So whoever
waits for a connection looks for a tenth of a millisecond before it sleeps. Not on a single processor, where the peer
could not even answer meanwhile; not while several threads of the process are at it, which would only take the
interpreter from each other; and hardly ever where it was of no use lately.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, ClassVar, Final

__all__ = ["BusyPoll"]

_MOMENT: Final = 0.0001
"""Seconds."""

_TRIES: Final = 3
"""Times in a row that it may be of no use before it is left out for some time."""

_RARELY: Final = 8
"""It is left out two to the power of this many times, at most."""

_CROWD: Final = 0.0005
"""Seconds within which another one has looked, if there are several at it."""

_looking = threading.Lock()


def _processors() -> int:
    """Tell how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class BusyPoll:
    """Looks for one connection, or for several that one thread waits for. One thread at a time may call."""

    __slots__ = ("_left_out", "_useless")

    _latest: ClassVar[tuple[BusyPoll | None, float]] = (None, 0.0)
    """Who has looked last, and when."""

    def __init__(self) -> None:
        self._useless = 0
        self._left_out = 0 if _processors() > 1 else -1

    def look(self, poll: Callable[[int], list[Any]]) -> list[Any]:
        """Look for a moment; give what was found, or nothing.

        Args:
            poll: looks once, without waiting, when called with 0.
        """
        if self._left_out:
            self._left_out -= self._left_out > 0
            return []
        now = monotonic()
        latest, when = BusyPoll._latest
        BusyPoll._latest = (self, now)
        if (latest is not self and now - when < _CROWD) or not _looking.acquire(blocking=False):
            return []
        try:
            end = now + _MOMENT
            while monotonic() < end:
                found = poll(0)
                if found:
                    self._useless = 0
                    return found
        finally:
            _looking.release()
        self._useless += 1
        if self._useless > _TRIES:
            self._left_out = 1 << min(self._useless, _RARELY)
        return []
