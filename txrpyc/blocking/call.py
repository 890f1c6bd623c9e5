"""The receiver of a call whose caller waits for it."""

from __future__ import annotations

from typing import Any

from txrpyc.blocking.hub import Hub

__all__ = ["Call"]


class Call:
    """Takes the answer to one request for the thread that waits: `txrpyc.answer.Receiver`, without the Deferred and
    the callbacks that nobody could add.

    Attributes:
        sequence: the number of the request; None until it is sent.
        value: the result.
        error: the exception that the request led to; None if there is a result.
    """

    __slots__ = ("_done", "_hub", "error", "sequence", "value")

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._done = False
        self.sequence: int | None = None
        self.value: Any = None
        self.error: BaseException | None = None

    def is_done(self) -> bool:
        """Tell whether the answer is there."""
        return self._done

    def deliver(self, value: Any) -> None:
        """Take the result."""
        self.value = value
        self._done = True
        self._hub.brought()

    def deliver_error(self, error: BaseException) -> None:
        """Take the exception."""
        self.error = error
        self._done = True
        self._hub.brought()
