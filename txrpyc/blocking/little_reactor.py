"""As much of a reactor as one connection needs: descriptors to read and write, and timers.

Twisted's own reactors are made once in a process, and take their time for it, and for each descriptor. This one is
made for each connection, in a microsecond or two. It is never started: whoever holds it calls `call_due`, `poll` and
`handle` in turn.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from math import ceil
from time import monotonic
from typing import Any, Final, Protocol

from twisted.internet.base import DelayedCall
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IReactorFDSet, IReactorTime
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

__all__ = ["LittleReactor", "SelectPoller"]

_READ: Final = getattr(select, "POLLIN", 1)
_WRITE: Final = getattr(select, "POLLOUT", 4)

_STALE: Final = 50
"""How many cancelled timers are kept, at least, before they are swept out."""

_LONGEST: Final = 1e6
"""Seconds for one poll(), which takes no more than 2 ** 31 milliseconds."""

_FAILURES: Final[dict[type[BaseException], Failure]] = {
    kind: Failure(kind()) for kind in (ConnectionDone, ConnectionLost)
}


class _Poller(Protocol):
    def register(self, descriptor: int, mask: int, /) -> None: ...

    def unregister(self, descriptor: int, /) -> None: ...

    def poll(self, milliseconds: int | None, /) -> list[tuple[int, int]]: ...


class SelectPoller:
    """Does as ``select.poll`` where that is not, which is on Windows."""

    def __init__(self) -> None:
        self._masks: dict[int, int] = {}

    def register(self, descriptor: int, mask: int) -> None:
        """Watch a descriptor, from now on for these events."""
        self._masks[descriptor] = mask

    def unregister(self, descriptor: int) -> None:
        """Watch it no more."""
        del self._masks[descriptor]

    def poll(self, milliseconds: int | None) -> list[tuple[int, int]]:
        """Wait at most so long; give the descriptors that something can be done with, and what."""
        readers, writers = (
            [number for number, mask in self._masks.items() if mask & event] for event in (_READ, _WRITE)
        )
        readable, writable, _ = select.select(
            readers, writers, [], None if milliseconds is None else milliseconds / 1000
        )
        return [
            (number, (_READ if number in readable else 0) | (_WRITE if number in writable else 0))
            for number in {*readable, *writable}
        ]


_make_poller: Callable[[], _Poller] = getattr(select, "poll", SelectPoller)


@implementer(IReactorFDSet, IReactorTime)
class LittleReactor:
    """See the module. One thread at a time may use it.

    Attributes:
        look: called with 0, gives what `poll` does, without waiting.
    """

    _log = Logger()

    def __init__(self) -> None:
        self._poller = _make_poller()
        self.look = self._poller.poll
        self._readers: dict[int, Any] = {}
        self._writers: dict[int, Any] = {}
        self._timers: list[DelayedCall] = []
        self._stale = 0

    # For whoever holds it.

    def call_due(self, timeout: float | None) -> float | None:
        """Call the timers that are due.

        Args:
            timeout: seconds that may be waited afterwards, if there were no timers; None means for ever.

        Returns:
            The seconds that may be waited. After a call there are none, as it may have brought about what is waited
            for.
        """
        timers = self._timers
        now = self.seconds() if timers else 0.0
        while timers:
            call = timers[0]
            if not call.cancelled and not call.delayed_time and call.time > now:
                return call.time - now if timeout is None or timeout > call.time - now else timeout
            heappop(timers)
            if call.cancelled:
                self._stale -= 1
            elif call.delayed_time:
                call.activate_delay()
                heappush(timers, call)
            else:
                timeout = 0.0
                call.called = 1
                self._call(call)
        return timeout

    def _call(self, call: DelayedCall) -> None:
        try:
            call.func(*call.args, **call.kw)
        except Exception:
            self._log.failure("a timer failed")

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        """Wait at most so many seconds for input or room for output; give what is to be handled."""
        # In whole milliseconds: rounded down, who waits for a timer would spin through the last one.
        return self._poller.poll(None if timeout is None else ceil(min(timeout, _LONGEST) * 1000))

    def handle(self, ready: list[tuple[int, int]]) -> None:
        """Read and write what can be.

        A descriptor whose reading or writing raises is closed, for something may be lost. What is no Exception, a
        KeyboardInterrupt above all, is not kept from the caller.
        """
        for number, event in ready:
            selectable = self._readers.get(number)
            if selectable is None:
                selectable = self._writers.get(number)
                if selectable is None:
                    continue  # removed meanwhile
            try:
                # The first is the commonest.
                why = selectable.doRead() if event == _READ else self._do_all(number, event)
            except BaseException as error:
                if isinstance(error, Exception):
                    self._log.failure("reading from or writing to {what} failed", what=selectable)
                self._disconnect(selectable, error)
                if not isinstance(error, Exception):
                    raise
            else:
                if why:
                    self._disconnect(selectable, why)

    def _do_all(self, number: int, event: int) -> BaseException | None:
        """Read and write; give why the descriptor is of no use any more, if it is not."""
        reader = self._readers.get(number)
        if event & ~(_READ | _WRITE) and not event & _READ:
            return CONNECTION_DONE if reader is not None else CONNECTION_LOST
        why: BaseException | None = reader.doRead() if event & _READ and reader is not None else None
        writer = self._writers.get(number)  # not before the reading, which may have ended it
        return writer.doWrite() if event & _WRITE and writer is not None and not why else why

    @staticmethod
    def _disconnect(selectable: Any, why: BaseException) -> None:
        # It takes itself out, as all of Twisted's descriptors do.
        selectable.connectionLost(_FAILURES.get(type(why)) or Failure(why))

    def close(self) -> None:
        """Forget all descriptors and timers."""
        self._readers.clear()
        self._writers.clear()
        for call in self.getDelayedCalls():
            call.cancel()
        self._timers.clear()

    # For descriptors (IReactorFDSet).

    def addReader(self, reader: Any) -> None:
        """Read whenever there is input."""
        self._add(reader, self._readers)

    def addWriter(self, writer: Any) -> None:
        """Write whenever there is room."""
        self._add(writer, self._writers)

    def removeReader(self, reader: Any) -> None:
        """Read no more."""
        self._remove(reader, self._readers)

    def removeWriter(self, writer: Any) -> None:
        """Write no more."""
        self._remove(writer, self._writers)

    def removeAll(self) -> list[Any]:
        """Read and write no more; give what did."""
        found = list({*self.getReaders(), *self.getWriters()})
        for selectable in found:
            self.removeReader(selectable)
            self.removeWriter(selectable)
        return found

    def getReaders(self) -> list[Any]:
        """Give what reads."""
        return list(self._readers.values())

    def getWriters(self) -> list[Any]:
        """Give what writes."""
        return list(self._writers.values())

    def writes(self, writer: Any) -> bool:
        """Tell whether something is written whenever there is room."""
        return any(found is writer for found in self._writers.values())

    def _add(self, selectable: Any, among: dict[int, Any]) -> None:
        number = selectable.fileno()
        if number not in among:
            among[number] = selectable
            self._watch(number)

    def _remove(self, selectable: Any, among: dict[int, Any]) -> None:
        # By the object: what was closed has no number any more.
        for number, found in among.items():
            if found is selectable:
                del among[number]
                self._watch(number)
                return

    def _watch(self, number: int) -> None:
        mask = (_READ if number in self._readers else 0) | (_WRITE if number in self._writers else 0)
        if mask:
            self._poller.register(number, mask)
        else:
            self._poller.unregister(number)

    # For everybody (IReactorTime).

    seconds = staticmethod(monotonic)

    def callLater(  # type: ignore[override]  # mypy-zope takes the first parameter for self
        self, delay: float, function: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> DelayedCall:
        """Call a function after so many seconds."""
        if self._stale > _STALE and self._stale > len(self._timers) // 2:
            self._timers[:] = [call for call in self._timers if not call.cancelled]
            heapify(self._timers)
            self._stale = 0
        due = self.seconds() + delay
        call = DelayedCall(due, function, args, kwargs, self._cancelled, self._sooner, self.seconds)
        heappush(self._timers, call)
        return call

    def getDelayedCalls(self) -> list[DelayedCall]:
        """Give the timers that are set."""
        return [call for call in self._timers if not call.cancelled]

    def _cancelled(self, call: DelayedCall) -> None:
        self._stale += 1

    def _sooner(self, call: DelayedCall) -> None:
        heapify(self._timers)
