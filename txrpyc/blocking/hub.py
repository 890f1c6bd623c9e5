"""The hub: who runs a connection's input and output, who carries out what the peer asks, and who sleeps.

The rule, in which everything that could hang is decided:

1. At most one thread at a time leads: it alone runs the reactor of the connection. A connection that lives in an
   application's reactor is led by that reactor, or by a thread to which it lends its input for a while.
2. What came for user code to do (a request, a callback) is a job in the mailbox. Jobs start in the order in which
   they came, by threads that wait, and never inside the reactor. If servants are there (`BgServingThread`, a
   worker), only they do jobs. A worker that waits for another connection's peer may help there (`attended`).
3. A thread that waits does, in this order and again until its condition holds or its time is over: a job, if it
   may; else it leads for one step, if nobody does; else it sleeps until there is mail, the lead is free, or
   something has ended. Jobs that came before its condition held are done before it returns; later ones are not.
4. Whoever leads, wakes the sleepers after each step. Whoever changes something from outside, calls `notify`.

The hub knows no protocol and no reactor: only how to make a step, and how to interrupt one.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import get_ident
from time import monotonic
from typing import Final, Protocol

from txrpyc.blocking.mailbox import Job, Mailbox, check_stack
from txrpyc.errors import WrongThread

__all__ = ["Attendant", "Hub", "Leadership"]


_LEADER: Final = "leader"
_RESIDENT: Final = -1
"""What stands for the thread of an application's reactor."""


class Leadership(Protocol):
    """What the leading thread does. `step` and `dispose` are called by one thread at a time."""

    def step(self, timeout: float | None) -> None:
        """Wait for input or output at most so many seconds (None: for ever) and handle it."""

    def interrupt(self) -> None:
        """Make a step that another thread is in return soon. Any thread may call, at any point."""

    def dispose(self) -> None:
        """Give back descriptors. Called once, after the last step."""

    def disown(self) -> None:
        """Give back descriptors, in a child process, where no other thread is any more."""


class Attendant(Protocol):
    """Who sees to it that somebody does the jobs of a connection that lives in a reactor."""

    @property
    def is_there(self) -> bool:
        """Whether somebody is at the jobs, or about to come."""

    def job_came(self) -> None:
        """A job was put into the mailbox. By the thread that did."""

    def sleeps(self) -> None:
        """This thread is about to sleep until somebody else brings news."""

    def woke(self) -> None:
        """It does not sleep any more."""

    def may_help(self, since: int) -> bool:
        """Whether this thread, which waits for the connection's peer, may do a job of it, and there is one."""

    def help(self, since: int) -> bool:
        """Do a job, if `may_help` says so; tell whether it was done."""

    def ended(self) -> None:
        """There will be no more input. In the reactor's thread."""


class Hub:
    """See the module.

    Args:
        leadership: makes the steps; None if the connection lives in a reactor that leads for ever.
        attendant: sees to it that somebody does the jobs of a connection that lives in a reactor; None otherwise.

    Attributes:
        mailbox: the jobs.
        sleepers: for each thread that sleeps, a lock that it waits for, and whoever wakes it gives back. No condition:
            a signal handler or a destructor may wait in the middle of anything that this thread does.
        holds: whether no job is to be begun: the peer does not take the answers.
    """

    def __init__(self, leadership: Leadership | None, attendant: Attendant | None = None) -> None:
        self._leadership = leadership
        self._attendant = attendant
        # The one item is the thread that leads. Taking the lead is one setdefault(): atomic, it needs no lock, and
        # an interrupt right behind it still finds out who has it.
        self._lead: dict[str, int] = {} if leadership is not None else {_LEADER: _RESIDENT}
        self.sleepers: deque[threading.Lock] = deque()
        self.holds = False
        # A resident connection's jobs are for workers alone, who see to it that not too many are under way at once.
        self.mailbox = Mailbox(open_to_all=leadership is not None)
        self._ended = False
        self._undisposed = [leadership] if leadership is not None else []

    # For those who bring news.

    def post(self, job: Job) -> None:
        """Put a job into the mailbox. Any thread may call; a leader usually does."""
        self.mailbox.put(job)
        if self.sleepers:
            self.brought()
        if self._attendant is not None:
            self._attendant.job_came()

    def hold(self, holds: bool) -> None:
        """Begin no jobs from now on, or do so again. Any thread may call."""
        self.holds = holds
        if not holds and self.mailbox.jobs:
            self.notify()
            if self._attendant is not None:
                self._attendant.job_came()

    def notify(self) -> None:
        """Let every sleeper look again whether its condition holds. Any thread may call."""
        # A sleeper is on the list before it looks for the last time. Not more than are on it: they may come back.
        for _ in range(len(self.sleepers)):
            try:
                self.sleepers.popleft().release()
            except IndexError:
                break

    def brought(self) -> None:
        """Do as `notify`; but from inside a step, after which that is done anyway, nothing."""
        if self.sleepers and not self.leading:
            self.notify()

    def interrupt(self) -> None:
        """Let the leader look again, too. Any thread may call, also inside a garbage collection."""
        if self._lead and self._leadership is not None:
            self._leadership.interrupt()

    def end(self) -> None:
        """There will be no more input: waits whose condition does not hold end. Jobs that are left can still be
        done.
        """
        self._ended = True
        self.notify()
        if self._attendant is not None:
            self._attendant.ended()
        self.interrupt()
        self._dispose()

    def disown(self) -> None:
        """End in a child process: the jobs and the threads that wait are the parent's."""
        self.sleepers.clear()
        self.mailbox.jobs.clear()
        self._ended = True
        self._undisposed.clear()
        if self._leadership is not None:
            self._leadership.disown()

    @property
    def ended(self) -> bool:
        """Whether `end` was called."""
        return self._ended

    @property
    def leading(self) -> bool:
        """Whether this very thread leads: it is called from inside a step."""
        return self._lead.get(_LEADER) == get_ident()

    @property
    def has_jobs(self) -> bool:
        """Whether the mailbox holds something."""
        return bool(self.mailbox.jobs)

    @property
    def is_busy(self) -> bool:
        """Whether jobs are there, or somebody sees to them."""
        return self.has_jobs or (self._attendant is not None and self._attendant.is_there)

    # For servants.

    def hire(self) -> None:
        """From now on, jobs are done by this thread (and others hired) only."""
        self.mailbox.hire()

    def dismiss(self) -> None:
        """This thread is no servant any more."""
        self.mailbox.dismiss()
        self.notify()

    # For those who wait.

    def wait(
        self,
        done: Callable[[], object],
        deadline: float | None = None,
        *,
        serve: bool = True,
        since: int = 0,
        checked: bool = False,
        arrived: list[int] | None = None,
    ) -> bool:
        """Wait, and meanwhile do what rule 3 says.

        Args:
            done: the condition; gives something true if it holds. It must be quick and call nobody.
            deadline: a time of `time.monotonic`; None means for ever.
            serve: whether this thread may do jobs.
            since: what `mailbox.posted` was before the request was sent whose answer this waits for. A thread that is
                deep in jobs leaves older ones alone, which that answer will not depend on.
            checked: whether the caller has just looked, by `check_stack`, that there is room on the stack.
            arrived: what `mailbox.posted` was when the condition began to hold, as its only item; empty until then.
                Without it, that is taken for what it is when the condition is found to hold: which is later if this
                thread was at a job meanwhile, and makes it do jobs that came in that time, perhaps for long.

        Returns:
            Whether the condition holds; if not, the time is over, or the hub has ended.

        Raises:
            RecursionError: waits and jobs are nested so deep that the stack is nearly full.
            WrongThread: this thread is in the middle of leading: the call came from a log observer or a destructor,
                say.
        """
        if not checked:
            check_stack()
        me = get_ident()
        until: int | None = None
        left: float | None = None
        jobs = self.mailbox.jobs
        while True:
            if until is None and done():
                if not jobs:
                    return True
                until = arrived[0] if arrived else self.mailbox.posted
            if deadline is not None:
                left = deadline - monotonic()
            # Late, no jobs any more: a busy peer would keep this thread for ever.
            if jobs and serve and not self.holds and (left is None or left > 0):
                job = self.mailbox.take(since, until)
                if job is not None:
                    self.mailbox.run(job)
                    continue
                if until is None and self._attendant is not None and self._attendant.help(since):
                    continue
            if until is not None or self._ended or (left is not None and left <= 0):
                return until is not None or bool(done())
            if not self._make_step(me, left, done):
                if sys.is_finalizing():
                    self._ended = True  # the interpreter's end: who leads is gone, as all threads but this one are
                    continue
                self._sleep(lambda: done() or (serve and not self.holds and self._offers(since)), left)

    def lead_once(self, read: Callable[[], bool]) -> bool:
        """Lead a resident connection, whose reactor has lent its input to this thread, while `read` runs; give what it
        gives.
        """
        self._lead[_LEADER] = get_ident()
        try:
            return read()
        finally:
            self._lead[_LEADER] = _RESIDENT
            if self.sleepers:
                self.notify()

    def glance(self) -> None:
        """Take in what is there already, without waiting; nothing if another thread leads. Does no job."""
        if not (self._ended or self.leading):
            self._make_step(get_ident(), 0, lambda: False)

    def do_job(self, worker: bool = False, since: int = 0) -> bool:
        """Do one job, if there is one that this thread may do; tell whether there was.

        Args:
            worker: whether the connection is a resident one and this a thread of its workers, which may.
            since: which jobs a worker leaves alone: those that came before `mailbox.posted` was this.
        """
        job = None if self.holds else self.mailbox.next(since) if worker else self.mailbox.take()
        if job is None:
            return False
        self.mailbox.run(job)
        return True

    def _offers(self, since: int) -> bool:
        """Tell whether there is a job for this thread, which waits."""
        return self.mailbox.offers(since) or (
            bool(self.mailbox.jobs) and self._attendant is not None and self._attendant.may_help(since)
        )

    def _sleep(self, wanted: Callable[[], object], left: float | None) -> None:
        """Sleep until somebody brings news, unless there is some already."""
        if self._attendant is not None:
            self._attendant.sleeps()
        bed = threading.Lock()
        bed.acquire()
        try:
            self.sleepers.append(bed)
            if self._lead and not self._ended and not wanted():
                bed.acquire(timeout=-1 if left is None else left)
        finally:
            with suppress(ValueError):  # whoever wakes it takes it off the list
                self.sleepers.remove(bed)
            if self._attendant is not None:
                self._attendant.woke()

    def _make_step(self, me: int, left: float | None, done: Callable[[], object]) -> bool:
        """Take the lead, make a step unless the condition holds by now, and give the lead back; tell whether the lead
        was to be had.
        """
        if self._lead.get(_LEADER) == me:
            raise WrongThread("a blocking call from inside the connection's own input and output would never end")
        leads = False
        try:
            if self._lead.setdefault(_LEADER, me) != me:
                return False
            leads = True
            # Looked at again: who made it hold may have interrupted the one that led before.
            if not self._ended and not done():
                self._leadership.step(left)  # type: ignore[union-attr]
        finally:
            # The first thing, and without a call: a KeyboardInterrupt may come with any. If one came with taking the
            # lead, only the lead itself tells.
            if leads or self._lead.get(_LEADER) == me:
                del self._lead[_LEADER]
                if self.sleepers:
                    self.notify()
                if self._ended:
                    self._dispose()
        return True

    def _dispose(self) -> None:
        """Give back descriptors, unless somebody leads, who will do it then. The lead stays taken."""
        if self._leadership is None or self._lead.setdefault(_LEADER, _RESIDENT) != _RESIDENT:
            return
        with suppress(IndexError):  # another thread does it
            self._undisposed.pop().dispose()
