"""Forking: a connection belongs to the process that made it.

A child process has a copy of its memory and the same socket, but none of the threads. If both wrote, the peer would
get a mix of two streams; if both read, each would miss what the other got. So in a child every connection of the
parent's is lost, from the first moment on: using it raises at once, dropping it sends nothing, and its descriptor is
closed, so that the peer learns of the parent's end. The parent does not notice.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet

__all__ = ["own"]


class _Owned(Protocol):
    def disown(self, why: str) -> None:
        """Be lost, for the reason in words, without a word to anybody. In a process that has just begun."""


_owned: WeakSet[_Owned] = WeakSet()


def own(connection: _Owned) -> None:
    """Take note that a connection belongs to this process."""
    _owned.add(connection)


def _disown_all() -> None:
    why = f"this connection belongs to process {os.getppid()}, which forked this one: make a new one here"
    for connection in tuple(_owned):
        connection.disown(why)
    _owned.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disown_all)
