"""The flusher: a thread that sees to it that what was held back for a moment is sent, whatever the others do.

Many small messages in a row are cheaper as one write. Who writes them holds them back while there are more to come,
and usually sends them itself; but it may be kept, by a job that waits for something, say. So it tells the flusher,
which sends them soon. The thread is there only while something is held back.
"""

from __future__ import annotations

import atexit
import os
import threading
from time import sleep
from typing import Final, Protocol

__all__ = ["Flusher", "flusher"]

_MOMENT: Final = 0.002
"""Seconds after which the thread sends what is held back."""

_ROUNDS: Final = 50
"""After so many rounds with nothing to send, the thread ends."""


class _Flushed(Protocol):
    def flush(self) -> None: ...


class Flusher:
    """See the module. Any thread may call."""

    def __init__(self) -> None:
        self._held: set[_Flushed] = set()
        self._running = False

    def watch(self, outflow: _Flushed) -> None:
        """Something was held back by an outflow: send it soon."""
        self._held.add(outflow)
        # Looked at after that: the thread says that it ends before it looks for the last time.
        if not self._running:
            self._running = True
            threading.Thread(target=self._run, name="txrpyc-flusher", daemon=True).start()

    def _run(self) -> None:
        idle = 0
        while idle < _ROUNDS:
            sleep(_MOMENT)
            idle = 0 if self.flush() else idle + 1
        self._running = False
        self.flush()

    def flush(self) -> bool:
        """Send what is held back; tell whether there was something."""
        found = False
        while self._held:
            try:
                outflow = self._held.pop()
            except KeyError:
                break
            found = True
            outflow.flush()
        return found

    def forget(self) -> None:
        """Take note that this is a child process: there is no thread, and what is held back is the parent's to send."""
        self._running = False
        self._held = set()


flusher = Flusher()
"""The one of this process; it has no thread until something is held back."""

# A script may end right after it has made a call whose result it does not want.
atexit.register(flusher.flush)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=flusher.forget)
