"""The mailbox: what came for user code to do, in order, and who may do it.

Jobs are numbered as they come. A thread in the middle of a job that waits takes further ones, as RPyC does: the
answer that it waits for may depend on them. But a flood of jobs that each wait would then nest without end; so a
thread that is deep in jobs leaves those that came before its request was sent to the waits further out, and takes
only those that came since.

Any thread may call, at any time: each change is one atomic step of the deque, or of a dict. Threads that post at the
very same moment may give their jobs the same number, which nothing minds.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from threading import get_ident
from types import FunctionType

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
        sys._getframe(max(0, sys.getrecursionlimit() // _SHARE - _ROOM - more))
    except ValueError:
        return
    raise RecursionError("remote calls and callbacks are nested too deep for one more")


_SHARE = 1 if type(check_stack) is FunctionType else 2
"""Compiled code is on the stack, too, but has no frames to be counted: then only half of it is taken for free."""


class Mailbox:
    """See the module.

    Args:
        open_to_all: whether any thread that waits may take jobs while there are no servants. If not, only one that
            is in the middle of a job may.

    Attributes:
        jobs: what is there to do, each with its number.
        posted: how many jobs there have been.
    """

    def __init__(self, open_to_all: bool) -> None:
        self._open_to_all = open_to_all
        self.jobs: deque[tuple[int, Job]] = deque()
        self._servants: set[int] = set()
        self._depths: dict[int, int] = {}
        self.posted = 0

    def put(self, job: Job) -> None:
        """Add a job behind all others."""
        self.jobs.append((self.posted, job))
        self.posted += 1

    def hire(self) -> None:
        """From now on, only this thread and others that are hired may take jobs."""
        self._servants.add(get_ident())

    def dismiss(self) -> None:
        """This thread is no servant any more."""
        self._servants.discard(get_ident())

    def next(self, since: int = 0) -> Job | None:
        """Give the next job, for a worker, who may always take one; None if there is none.

        Args:
            since: leave those alone that have a lower number.
        """
        while self.jobs:
            try:
                if not since:
                    return self.jobs.popleft()[1]
                found = next((entry for entry in tuple(self.jobs) if entry[0] >= since), None)
                if found is None:
                    break
                self.jobs.remove(found)
            except (IndexError, ValueError):
                continue  # another thread was faster
            return found[1]
        return None

    def has(self, since: int) -> bool:
        """Tell whether `next` would give something."""
        return any(number >= since for number, _job in tuple(self.jobs))

    def take(self, since: int = 0, until: int | None = None) -> Job | None:
        """Give the next job that this thread may do; None if there is none.

        Args:
            since: the value of `posted` before the request was sent whose answer this thread waits for.
            until: the value of `posted` when its condition was found to hold: later jobs are not its business. None
                if it does not hold yet.
        """
        if not self._may_take():
            return None
        if until is None and self._depths.get(get_ident(), 0) < _DEEP:
            try:
                return self.jobs.popleft()[1]
            except IndexError:
                return None
        while True:
            found = self._find(since, until)
            if found is None:
                return None
            try:
                self.jobs.remove(found)
            except ValueError:
                continue  # another thread was faster
            return found[1]

    def offers(self, since: int = 0, until: int | None = None) -> bool:
        """Tell whether `take` would give something."""
        return self._may_take() and self._find(since, until) is not None

    def _may_take(self) -> bool:
        if self._servants:
            return get_ident() in self._servants
        return self._open_to_all or get_ident() in self._depths

    def _find(self, since: int, until: int | None) -> tuple[int, Job] | None:
        """Give the job that `take` gives; None if there is none."""
        jobs = self.jobs
        if self._depths.get(get_ident(), 0) >= _DEEP:
            found = next((entry for entry in tuple(jobs) if entry[0] >= since), None)
        else:
            try:
                found = jobs[0]
            except IndexError:
                return None
        return found if found is not None and (until is None or found[0] < until) else None

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
