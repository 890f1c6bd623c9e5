"""What is left to be sent when the socket is full, as a transport sees it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IPullProducer
from zope.interface import implementer

__all__ = ["Rest"]


@implementer(IPullProducer)
class Rest:
    """Gives the transport piece by piece what an outflow still has.

    Args:
        produce: gives it the next piece, or unregisters the producer.
        stop: called when the transport is gone.
    """

    def __init__(self, produce: Callable[[], None], stop: Callable[[], None]) -> None:
        self._produce = produce
        self._stop = stop

    def resumeProducing(self) -> None:
        """Give the transport its next piece."""
        self._produce()

    def stopProducing(self) -> None:
        """Take note that the transport is gone."""
        self._stop()
