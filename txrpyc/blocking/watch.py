"""The watch: finds out, in the reactor, that the runner of the workers is at one job for too long."""

from __future__ import annotations

from threading import get_ident
from typing import Any, Final, Protocol

from twisted.python import threadable

__all__ = ["Watch"]

_PATIENCE: Final = 0.003
"""Seconds that the runner may spend on one job before another thread takes over."""

_LULL: Final = 20
"""After so many looks that found nothing to do, there are no more until something comes."""


_CALM: Final = 2
"""Looks without a jam after which the next jam is a new one."""


class _Watched(Protocol):
    """The workers, as seen from here."""

    @property
    def stalled(self) -> tuple[Any, int] | None:
        """The runner, if it is in the middle of a job, and how many jobs it has done; None if it is not."""

    @property
    def at_rest(self) -> bool:
        """Whether there is nothing to do."""

    def pass_on(self, runner: Any, helpers: int) -> None:
        """Let another thread be the runner, and so many more help it."""


class Watch:
    """Looks at the workers every few milliseconds while they have something to do.

    If the runner is in the same job as at the last look, another one takes over. If that happens again at once, for
    the next one hangs as well, twice as many threads as before help: many connections may be waiting behind jobs that
    all take long.

    Args:
        workers: the workers.
        reactor: when and where it looks.
    """

    def __init__(self, workers: _Watched, reactor: Any) -> None:
        self._workers = workers
        self._reactor = reactor
        self._next: Any = None
        self._watching = False
        self._ended = False
        self._seen: tuple[Any, int] | None = None
        self._helpers = 1
        self._calm = 0
        self._lull = 0

    def begin(self) -> None:
        """There is something to do. Any thread may call."""
        self._lull = 0
        if not self._watching:
            self._watching = True
            if get_ident() == threadable.ioThread:
                self._look_later()
            else:
                self._reactor.callFromThread(self._look_later)

    def end(self) -> None:
        """Look no more. In the reactor's thread."""
        self._ended = True
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = None

    def _look_later(self) -> None:
        if not self._ended:  # while this was on its way
            self._next = self._reactor.callLater(_PATIENCE, self._look)

    def _look(self) -> None:
        found = self._workers.stalled
        if found is not None and found == self._seen:
            self._workers.pass_on(found[0], self._helpers)
            self._helpers *= 2
            self._calm = 0
        else:
            self._calm += 1
            if self._calm > _CALM:
                self._helpers = 1
        self._seen = found
        self._lull = self._lull + 1 if self._workers.at_rest else 0
        if self._lull < _LULL:
            self._look_later()
        else:
            self._next = None
            self._watching = False
            if self._lull < _LULL or not self._workers.at_rest:  # something came this very moment
                self.begin()
