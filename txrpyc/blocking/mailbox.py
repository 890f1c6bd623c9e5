"""The mailbox: what came for user code to do, in order, and who may do it.

Jobs are numbered as they come. A thread in the middle of a job that waits takes further ones, as RPyC does: the
answer that it waits for may depend on them. But a flood of jobs that each wait would then nest without end; so a
thread that is deep in jobs leaves those that came before its request was sent to the waits further out, and takes
only those that came since.

The hub's lock is held around every call but `run`.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from threading import get_ident

__all__ = ["Job", "Mailbox", "check_stack"]

Job = Callable[[], None]

_DEEP = 20
"""How many jobs a thread nests before it becomes choosy."""

_ROOM = 120
"""How many calls must still fit on the stack for input to be taken in, or a job begun, without being cut off in the
middle.
"""


def check_stack(more: int = 0) -> None:
    """Raise RecursionError if the stack is nearly full: here, where nothing is lost by it.

    Args:
        more: how many calls there must be room for besides.
    """
    try:
        sys._getframe(max(0, sys.getrecursionlimit() - _ROOM - more))
    except ValueError:
        return
    raise RecursionError("remote calls and callbacks are nested too deep for one more")


class Mailbox:
    """See the module.

    Args:
        open_to_all: whether any thread that waits may take jobs while there are no servants.
    """

    def __init__(self, open_to_all: bool) -> None:
        self._open_to_all = open_to_all
        self._jobs: deque[tuple[int, Job]] = deque()
        self._servants: set[int] = set()
        self._depths: dict[int, int] = {}
        self.posted = 0

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def put(self, job: Job) -> None:
        """Add a job behind all others."""
        self._jobs.append((self.posted, job))
        self.posted += 1

    def hire(self) -> None:
        """From now on, only this thread and others that are hired may take jobs."""
        self._servants.add(get_ident())

    def dismiss(self) -> None:
        """This thread is no servant any more."""
        self._servants.discard(get_ident())

    def take(self, since: int = 0, until: int | None = None) -> Job | None:
        """Give the next job that this thread may do; None if there is none.

        Args:
            since: the value of `posted` before the request was sent whose answer this thread waits for.
            until: the value of `posted` when its condition was found to hold: later jobs are not its business. None
                if it does not hold yet.
        """
        me = get_ident()
        if not self._jobs or not (me in self._servants or (self._open_to_all and not self._servants)):
            return None
        index = 0
        if self._depths.get(me, 0) >= _DEEP:
            index = next((place for place, (number, _job) in enumerate(self._jobs) if number >= since), -1)
            if index < 0:
                return None
        number, job = self._jobs[index]
        if until is not None and number >= until:
            return None
        del self._jobs[index]
        return job

    def run(self, job: Job) -> None:
        """Do a job that was taken, in this thread. Raises what it raises."""
        me = get_ident()
        depth = self._depths.get(me, 0)
        self._depths[me] = depth + 1
        try:
            job()
        finally:
            if depth:
                self._depths[me] = depth
            else:
                del self._depths[me]
