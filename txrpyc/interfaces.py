"""The seams: what must be provided to a connection, and what it provides."""

from __future__ import annotations

from typing import Any

from zope.interface import Interface

__all__ = ["IDispatcher"]


class IDispatcher(Interface):
    """Decides where a connection's requests are carried out. Each face has one.

    All methods are called in the thread that runs the connection's reactor, and must not block.
    """

    def connection_made() -> None:
        """The connection can be used. Called once."""

    def request_received(sequence: int, verb: int, arguments: tuple[Any, ...]) -> None:
        """The peer asks for something.

        It must be answered once, now or later, with the protocol's `answer` or `answer_error` for this sequence number.
        """

    def output_full(full: bool) -> None:
        """The peer does not take what is sent to it, so nothing more of what it asks is to be begun; or, for False, it
        does again. The first in any thread.
        """

    def connection_lost(error: Exception) -> None:
        """The connection is gone, for the reason that the error gives. Called once, after every waiting request has
        failed.
        """
