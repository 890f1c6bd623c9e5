"""What its parts know of a connection, so that they need not import it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from txrpyc.blocking.hub import Hub
from txrpyc.blocking.live_config import LiveConfig
from txrpyc.core.identity import Identity
from txrpyc.protocol import RPyCProtocol

__all__ = ["Asking", "Answering"]


class Asking(Protocol):
    """A connection, as seen by a netref or an `AsyncResult`."""

    @property
    def hub(self) -> Hub:
        """Who runs it."""

    @property
    def may_unpickle(self) -> bool:
        """Whether this side's rules allow that a peer's pickle is read."""

    @property
    def may_wait(self) -> bool:
        """Whether this thread may wait here and now: it runs no reactor."""

    def borrowed_count(self, identity: Identity) -> int:
        """Give how often the peer sent an object."""

    def sync_request(self, handler: int, *args: Any) -> Any:
        """Ask and wait."""

    def async_request(self, handler: int, *args: Any, timeout: float | None = None) -> Any:
        """Ask; give an `AsyncResult`."""

    def poll_all(self, timeout: float = 0) -> bool:
        """Serve what is there."""

    def call_later(self, seconds: float, function: Callable[[], None]) -> Callable[[], None]:
        """Call a function in the connection's reactor after some seconds, or when somebody runs it after that.

        Give a function that cancels it. Any thread may call both.
        """

    def flush(self) -> None:
        """Send what is held back for more to come."""

    def forget(self, sequence: int) -> bool:
        """Give up waiting for an answer; tell whether it was still waited for."""


class Answering(Protocol):
    """A connection, as seen by its serving half."""

    hub: Hub
    service: Any
    config: LiveConfig
    protocol: RPyCProtocol

    def ended(self) -> None:
        """The transport is gone."""

    def drop(self) -> None:
        """Cut the connection."""
