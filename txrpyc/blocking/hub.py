"""The hub: who runs a connection's input and output, who carries out what the peer asks, and who sleeps.

The rule, in which everything that could hang is decided:

1. At most one thread at a time leads: it alone runs the reactor of the connection. A connection that lives in an
   application's reactor is led by that reactor for ever.
2. What came for user code to do (a request, a callback) is a job in the mailbox. Jobs start in the order in which
   they came, by threads that wait, and never inside the reactor. If servants are there (`BgServingThread`, a
   worker), only they do jobs.
3. A thread that waits does, in this order and again until its condition holds or its time is over: a job, if it
   may; else it leads for one step, if nobody does; else it sleeps until there is mail, the lead is free, or
   something has ended. Jobs that came before its condition held are done before it returns; later ones are not.
4. Whoever leads, wakes the sleepers after each step. Whoever changes something from outside, calls `notify`.

The hub knows no protocol and no reactor: only how to make a step, and how to interrupt one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from threading import get_ident
from time import monotonic
from typing import Protocol

from txrpyc.blocking.mailbox import Job, Mailbox, check_stack
from txrpyc.errors import WrongThread

__all__ = ["Hub", "Leadership"]


class Leadership(Protocol):
    """What the leading thread does. `step` and `dispose` are called by one thread at a time."""

    def step(self, timeout: float | None) -> None:
        """Wait for input or output at most so many seconds (None: for ever) and handle it."""

    def interrupt(self) -> None:
        """Make a step that another thread is in return soon. Any thread may call, at any point."""

    def dispose(self) -> None:
        """Give back descriptors. Called once, after the last step."""


class Hub:
    """See the module.

    Args:
        leadership: makes the steps; None if the connection lives in a reactor that leads for ever.
        on_job: called, by whoever posts, after a job was put into the mailbox: somebody should come and serve.
    """

    def __init__(self, leadership: Leadership | None, on_job: Callable[[], None] = lambda: None) -> None:
        self._leadership = leadership
        self._on_job = on_job
        # Re-entrant, for destructors that call the peer: they may run while this very thread holds it.
        self._changed = threading.Condition(threading.RLock())
        self._leader: int | None = None
        self._in_step = False
        self._sleepers = 0
        # A resident connection's jobs are for workers alone, who see to it that not too many are under way at once.
        self._mailbox = Mailbox(open_to_all=leadership is not None)
        self._ended = False
        self._disposed = leadership is None

    # For those who bring news.

    def post(self, job: Job) -> None:
        """Put a job into the mailbox. Any thread may call; a leader usually does."""
        with self._changed:
            self._mailbox.put(job)
            if self._sleepers:
                self._changed.notify_all()
        self._on_job()

    def notify(self) -> None:
        """Let every sleeper look again whether its condition holds. Any thread may call."""
        with self._changed:
            if self._sleepers:
                self._changed.notify_all()

    def interrupt(self) -> None:
        """Let the leader look again, too. Any thread may call, also inside a garbage collection."""
        if self._leader is not None and self._leadership is not None:
            self._leadership.interrupt()

    def end(self) -> None:
        """There will be no more input: waits whose condition does not hold end. Jobs that are left can still be
        done.
        """
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self.interrupt()
        self._dispose()

    @property
    def ended(self) -> bool:
        """Whether `end` was called."""
        return self._ended

    @property
    def leading(self) -> bool:
        """Whether this very thread leads: it is called from inside a step."""
        return self._leader == get_ident()

    @property
    def posted(self) -> int:
        """How many jobs there have been."""
        return self._mailbox.posted

    @property
    def has_jobs(self) -> bool:
        """Whether the mailbox holds something."""
        return bool(self._mailbox)

    # For servants.

    def hire(self) -> None:
        """From now on, jobs are done by this thread (and others hired) only."""
        with self._changed:
            self._mailbox.hire()

    def dismiss(self) -> None:
        """This thread is no servant any more."""
        with self._changed:
            self._mailbox.dismiss()
            self._changed.notify_all()

    # For those who wait.

    def wait(
        self, done: Callable[[], bool], deadline: float | None = None, *, serve: bool = True, since: int = 0
    ) -> bool:
        """Wait, and meanwhile do what rule 3 says.

        Args:
            done: the condition. It is asked with a lock held, so it must be quick and call nobody.
            deadline: a time of `time.monotonic`; None means for ever.
            serve: whether this thread may do jobs.
            since: what `posted` was before the request was sent whose answer this waits for. A thread that is deep in
                jobs leaves older ones alone, which that answer will not depend on.

        Returns:
            Whether the condition holds; if not, the time is over, or the hub has ended.

        Raises:
            RecursionError: waits and jobs are nested so deep that the stack is nearly full.
            WrongThread: this thread is in the middle of leading: the call came from a log observer or a destructor,
                say.
        """
        try:
            return self._wait(done, deadline, serve, since)
        except BaseException:
            self._resign()
            raise

    def _wait(self, done: Callable[[], bool], deadline: float | None, serve: bool, since: int) -> bool:
        me = get_ident()
        until: int | None = None
        while True:
            check_stack()
            with self._changed:
                left = None if deadline is None else deadline - monotonic()
                late = left is not None and left <= 0
                if until is None and done():
                    until = self._mailbox.posted
                # Late, no jobs any more: a busy peer would keep this thread for ever.
                job = self._mailbox.take(since, until) if serve and not late else None
                if job is None:
                    if until is not None or self._ended or late:
                        return until is not None
                    if self._leader == me:
                        raise WrongThread(
                            "a blocking call from inside the connection's own input and output would never end"
                        )
                    if self._leader is not None or self._leadership is None:
                        self._sleep(left)
                        continue
                    self._leader = me
            if job is not None:
                self._mailbox.run(job)
            else:
                self._lead(left)

    def glance(self) -> None:
        """Take in what is there already, without waiting; nothing if another thread leads. Does no job."""
        with self._changed:
            if self._ended or self._leadership is None or self._leader is not None:
                return
            self._leader = get_ident()
        try:
            self._lead(0)
        except BaseException:
            self._resign()
            raise

    def do_job(self) -> bool:
        """Do one job, if there is one that this thread may do; tell whether there was."""
        with self._changed:
            job = self._mailbox.take()
        if job is None:
            return False
        self._mailbox.run(job)
        return True

    def _sleep(self, left: float | None) -> None:
        self._sleepers += 1
        try:
            self._changed.wait(left)
        finally:
            self._sleepers -= 1

    def _lead(self, left: float | None) -> None:
        assert self._leadership is not None
        try:
            self._in_step = True
            self._leadership.step(left)
        finally:
            # First of all, and without a call: a KeyboardInterrupt may come with any.
            self._in_step = False
            self._leader = None
            self.notify()
            if self._ended:
                self._dispose()

    def _resign(self) -> None:
        """Give the lead back, if an interrupt came between taking it and making the step."""
        if self._leader == get_ident() and not self._in_step:
            self._leader = None
            self.notify()

    def _dispose(self) -> None:
        with self._changed:
            if self._disposed or self._leader is not None:
                return
            self._disposed = True
        assert self._leadership is not None
        self._leadership.dispose()
