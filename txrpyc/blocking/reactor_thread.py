"""The application's own reactor, which nothing of the blocking face may stop."""

from __future__ import annotations

import sys
from typing import Any

from twisted.python.threadable import isInIOThread

from txrpyc.errors import WrongThread

__all__ = ["application_reactor", "in_reactor_thread", "refuse_reactor_thread"]


def application_reactor() -> Any:
    """Give the installed reactor; installs the default one if there is none. The outermost edge: nobody gave us one."""
    from twisted.internet import reactor

    return reactor


def in_reactor_thread() -> bool:
    """Tell whether this is the thread in which the application's reactor is running."""
    reactor = sys.modules.get("twisted.internet.reactor")
    return reactor is not None and bool(getattr(reactor, "running", False)) and isInIOThread()


def refuse_reactor_thread(what: str, instead: str) -> None:
    """Raise `WrongThread` if this is the thread in which the application's reactor is running.

    Args:
        what: the blocking operation, for the message.
        instead: what to use there, for the message.
    """
    if in_reactor_thread():
        raise WrongThread(
            f"{what} would block, and this is the thread of the running reactor: {instead}, or call it by deferToThread"
        )
