"""Pairs of processes: a server, and a client that is connected to it."""

from __future__ import annotations

from benchmarks.contestants import End
from benchmarks.environments import Environments
from benchmarks.processes import Client, Server

__all__ = ["Pair"]


class Pair:
    """A server and a client that run. Whoever makes one calls `stop`.

    Args:
        server, client: the programs.
        environments: gives their interpreters.
        processor: the only one that both may use; None means any.

    Attributes:
        counts: how often a work has to be done to last long enough, by its name; for who measures.

    Raises:
        Failed: they do not run.
    """

    def __init__(self, server: End, client: End, environments: Environments, processor: int | None) -> None:
        self.counts: dict[str, int] = {}
        command = server.command(environments)
        self.server = Server(command, {"BENCHMARKS_PACKAGE": server.package}, processor)
        try:
            words = client.command(environments, self.server.port, self.server.pid)
            self.client = Client(words, {}, processor)
        except BaseException:
            self.server.stop()
            raise

    def stop(self) -> None:
        """End both."""
        self.client.stop()
        self.server.stop()
