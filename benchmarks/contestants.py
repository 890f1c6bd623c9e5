"""The contestants: for each, how its server and its client are started, and in which environments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.environments import FORMS, Environments

__all__ = ["CONTESTANTS", "FAMILIES", "LOAD", "RPYC_SERVER", "Contestant", "End", "select"]


@dataclass(frozen=True)
class End:
    """One end of a connection: a program.

    Attributes:
        environment: whose interpreter runs it.
        words: the script and its arguments; ``{port}`` and ``{pid}`` stand for the server's.
        package: what `services.py` is to import.
    """

    environment: str
    words: tuple[str, ...]
    package: str = "txrpyc"

    def command(self, environments: Environments, port: int = 0, pid: int = 0) -> list[str]:
        """Give what is to be run. Raises `Failed` if the environment cannot be had."""
        python = environments.python_of(self.environment)
        first, *rest = (word.format(port=port, pid=pid) for word in self.words)
        script = str(Path(python).parent / first) if first == "twistd" else first
        return [python, script, *rest]


@dataclass(frozen=True)
class Contestant:
    """A server and a client.

    Attributes:
        name: as the tables show it.
        family: contestants that differ only in the form of txrpyc are one family.
        form: "pure" or "built"; empty for others.
    """

    name: str
    family: str
    server: End
    client: End
    form: str = field(default="")


def _twistd(environment: str, service: str) -> End:
    place = "tcp:0:interface=127.0.0.1"
    words = ("twistd", "-n", "--pidfile=", "txrpyc", "--service", service, "--endpoint", place)
    return End(environment, words)


def _peer(name: str, family: str, environment: str) -> Contestant:
    server = End(environment, (f"{family}_server.py",))
    return Contestant(name, family, server, End(environment, (f"{family}_client.py", "{port}")))


def _forms_of_txrpyc(form: str) -> Iterable[Contestant]:
    threaded, client = End(form, ("server.py",)), End(form, ("client.py", "txrpyc", "{port}"))
    deferred = End(form, ("deferred_client.py", "{port}"))
    yield Contestant(f"txrpyc {form}", "threaded", threaded, client, form)
    yield Contestant(f"twistd txrpyc {form}", "twistd", _twistd(form, "services.Offered"), client, form)
    in_reactor = _twistd(form, "deferred_services.Offered")
    yield Contestant(f"txrpyc.deferred {form}", "deferred", in_reactor, deferred, form)
    yield Contestant(f"async for {form}", "async_for", threaded, deferred, form)


RPYC_SERVER = End("rpyc", ("server.py",), "rpyc")
"""The stock server."""
LOAD = End("plain", ("load.py", "{port}", "{pid}"))
"""The neutral generator of load, in place of a client."""

CONTESTANTS = (
    Contestant("rpyc", "rpyc", RPYC_SERVER, End("rpyc", ("client.py", "rpyc", "{port}"))),
    *(contestant for form in FORMS for contestant in _forms_of_txrpyc(form)),
    _peer("Pyro5", "pyro", "pyro"),
    _peer("multiprocessing.managers", "managers", "plain"),
    _peer("Perspective Broker", "pb", "twisted"),
    _peer("AMP", "amp", "twisted"),
    _peer("socket (limit)", "socket", "plain"),
    _peer("Twisted echo (limit)", "echo", "twisted"),
)
"""All, in the order of the tables."""

FAMILIES = tuple(dict.fromkeys(contestant.family for contestant in CONTESTANTS))


def select(families: Iterable[str], forms: Iterable[str]) -> list[Contestant]:
    """Give the contestants of some families, txrpyc in some forms."""
    families, forms = set(families), {*forms, ""}
    return [contestant for contestant in CONTESTANTS if contestant.family in families and contestant.form in forms]
