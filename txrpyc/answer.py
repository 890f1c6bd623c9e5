"""What an answer is delivered to."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

__all__ = ["Answer", "Receiver"]


class Receiver(Protocol):
    """Waits for the answer to one request. Exactly one of its methods is called, once."""

    sequence: int | None
    """The number of the request; None until it is sent."""

    def deliver(self, value: Any) -> None:
        """Take the result."""

    def deliver_error(self, error: BaseException) -> None:
        """Take the exception that the request led to."""


class Answer(Deferred[Any]):
    """The Deferred of one request. Its canceller, `txrpyc.protocol.RPyCProtocol.give_up`, gives up waiting; the peer
    is not told, and its late answer is dropped.
    """

    sequence: int | None = None

    def deliver(self, value: Any) -> None:
        """Fire with a value. For a face whose values must not be looked at by a Deferred, to be overridden."""
        self.callback(value)

    def deliver_error(self, error: BaseException) -> None:
        """Fail with an exception."""
        self.errback(Failure(error))
