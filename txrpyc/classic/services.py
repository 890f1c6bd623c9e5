"""The services of classic mode, each a half of it: a slave that does what it is told, and a master that tells."""

from __future__ import annotations

import builtins
import importlib
from typing import Any

from txrpyc.blocking.connection import Connection
from txrpyc.blocking.services import Service, VoidService
from txrpyc.classic.namespace import ModuleNamespace

__all__ = [
    "DEFAULT_SERVER_PORT",
    "ClassicClient",
    "ClassicService",
    "FakeSlaveService",
    "MasterService",
    "Slave",
    "SlaveService",
]

DEFAULT_SERVER_PORT = 18812
"""Where a classic server listens, unless told otherwise."""

_FULL_TRUST = {
    "allow_all_attrs": True,
    "allow_pickle": True,
    "allow_getattr": True,
    "allow_setattr": True,
    "allow_delattr": True,
    "allow_exposed_attrs": False,
    "import_custom_exceptions": True,
    "instantiate_custom_exceptions": True,
    "instantiate_oldstyle_exceptions": True,
}


class Slave:
    """Does what it is told.

    Attributes:
        namespace: the names that `execute` and `eval` see.
    """

    def __init__(self) -> None:
        self._conn: Connection | None = None
        self.namespace: dict[str, Any] = {}

    def execute(self, text: str) -> None:
        """Run some code in the namespace."""
        exec(text, self.namespace)

    def eval(self, text: str) -> Any:
        """Give the value of an expression in the namespace."""
        return eval(text, self.namespace)

    def getmodule(self, name: str | tuple[str, ...]) -> Any:
        """Import a module and give it; the name may come in parts."""
        return importlib.import_module(".".join(name) if type(name) is tuple else str(name))

    def getconn(self) -> Connection | None:
        """Give this side's connection."""
        return self._conn


class SlaveService(Slave, Service):
    """Gives the peer everything that this process may do. Only for peers that are trusted with that."""

    def on_connect(self, conn: Connection) -> None:
        """Take down all fences of the connection."""
        self._conn = conn
        conn.config.update(_FULL_TRUST)
        super().on_connect(conn)


class FakeSlaveService(VoidService):
    """Offers nothing to a peer that expects a slave."""

    exposed_namespace = None
    exposed_execute = None
    exposed_eval = None
    exposed_getmodule = None
    exposed_getconn = None


class MasterService(Service):
    """Puts what a slave at the other end offers on the connection: `modules`, `builtins`, `eval`, `execute` and
    `namespace`.
    """

    def on_connect(self, conn: Connection) -> None:
        """Ask the slave, and put it there."""
        super().on_connect(conn)
        self._install(conn, conn.root)

    @staticmethod
    def _install(conn: Any, slave: Any) -> None:
        conn.modules = ModuleNamespace(slave.getmodule)
        conn.eval = slave.eval
        conn.execute = slave.execute
        conn.namespace = slave.namespace
        conn.builtins = conn.builtin = conn.modules[builtins.__name__]


class ClassicService(MasterService, SlaveService):
    """Full trust in both directions; what `txrpyc.classic.connect` offers."""


class ClassicClient(MasterService, FakeSlaveService):
    """Full use of the peer, and nothing offered to it."""
