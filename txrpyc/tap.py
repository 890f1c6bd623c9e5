"""``twistd txrpyc``: the command line, and the Twisted service that it makes."""

from __future__ import annotations

import ast
import os
import sys
from dataclasses import fields
from typing import Any

from twisted import __version__ as twisted_version
from twisted.internet.protocol import Factory
from twisted.python import usage

from txrpyc.blocking.live_config import LiveConfig
from txrpyc.blocking.resident import ResidentFactory
from txrpyc.classic.services import DEFAULT_SERVER_PORT, Slave, SlaveService
from txrpyc.core.config import Rules, make_rules
from txrpyc.deferred.factory import ServerFactory
from txrpyc.deferred.service import Service as ReactorService
from txrpyc.errors import ConfigurationError
from txrpyc.listener import Listener, Place, endpoint_from, fail
from txrpyc.version import __version__

__all__ = ["Options", "makeService"]

_ABOUT = f"""
Serve Python objects to RPyC clients (txrpyc, or rpyc 4.1 and later).

Without options it is a classic server on 127.0.0.1, port {DEFAULT_SERVER_PORT}: every
program of this machine can connect, and run any code as the user of the server:

    import txrpyc
    conn = txrpyc.classic.connect("127.0.0.1")
    print(conn.modules.sys.version)

To serve no more than a class of your own, write it, say into myservice.py:

    import txrpyc

    class Calculator(txrpyc.Service):
        @txrpyc.exposed
        def add(self, a, b):
            return a + b

start the server in the same directory:

    twistd -n txrpyc --service myservice.Calculator

and call it from another terminal:

    import txrpyc
    conn = txrpyc.connect("127.0.0.1", {DEFAULT_SERVER_PORT})
    print(conn.root.add(1, 2))

The methods of a txrpyc.Service run in worker threads and may wait; those of a
txrpyc.deferred.Service run in the reactor, and may return Deferreds.

With -n the server stays in the foreground, and Ctrl-C ends it. Without, it goes
into the background, writes twistd.log and twistd.pid into the current
directory, and ends when that process gets the signal TERM.

"""


class Options(usage.Options):
    """What can be said on the command line."""

    synopsis = "[options]"
    longdesc = ""  # getUsage shows _ABOUT instead, which is not to be wrapped

    optParameters = [  # noqa: RUF012
        [
            "service",
            "s",
            None,
            "The class to serve, as package.module.Class; found in the current directory, too. "
            "Without it: classic mode, which gives clients everything.",
        ],
        [
            "workers",
            "w",
            1000,
            "The most threads that run methods at once. Clients beyond wait for a free one; idle clients need none. "
            "A method that waits for a client, its own or another, keeps its thread, which serves that client "
            "meanwhile: so clients that call each other through the server go on at any limit.",
        ],
        [
            "grace",
            "g",
            3,
            "Seconds that running calls get when the server is to end; then they fail at the client, and the server "
            "ends. A second Ctrl-C or signal TERM ends it at once.",
        ],
        ["concurrency", "c", 1, "How many requests of one client may run at once; 1 keeps them in order."],
    ]
    optFlags = [  # noqa: RUF012
        [
            "allow-remote-code-execution",
            None,
            "Allow classic mode on addresses that other machines can reach. There is no password: whoever reaches "
            "the address can run any code as the user of the server.",
        ],
    ]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self["endpoints"] = []
        self["config"] = {}

    def opt_endpoint(self, description: str) -> None:
        """Where to listen, as a Twisted server endpoint: tcp:18812:interface=127.0.0.1, or unix:/run/calc.sock, or
        tcp:18812 for all addresses of this machine. May be given several times. [default:
        tcp:18812:interface=127.0.0.1]
        """
        self["endpoints"].append(description)

    opt_endpoint.__doc__ = " ".join(str(opt_endpoint.__doc__).split())  # usage.Options shows it with its line breaks
    opt_e = opt_endpoint

    def opt_config(self, setting: str) -> None:
        """A setting of the connections, as key=value: allow_public_attrs=True. May be given several times."""
        key, equals, text = setting.partition("=")
        if not equals:
            fail(f"--config takes key=value, such as allow_public_attrs=True, not {setting!r}")
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            value = text
        try:
            make_rules({key: value})
            _check_type(key, value)
        except (ConfigurationError, TypeError) as error:
            fail(f"--config {setting}: {error}")
        self["config"][key] = value

    def opt_version(self) -> None:
        """Display the versions of txrpyc and Twisted, and exit."""
        print(f"txrpyc {__version__}, Twisted {twisted_version}")
        sys.exit(0)

    def getUsage(self, width: int | None = None) -> str:
        """Give the help: what this is and how to begin, then the options."""
        return _ABOUT + super().getUsage(width)

    def parseOptions(self, options: Any = None) -> None:
        """Parse; a wrong option is one line, too."""
        try:
            super().parseOptions(options)  # type: ignore[no-untyped-call]
        except usage.UsageError as error:
            fail(f"{error}; see 'twistd txrpyc --help'")

    def parseArgs(self, *words: str) -> None:
        """Refuse words that belong to no option."""
        if words:
            fail(f"{words[0]!r} belongs to no option; see 'twistd txrpyc --help'")

    def postOptions(self) -> None:
        """Check what can be checked without loading anything."""
        for name in ("workers", "concurrency"):
            try:
                count = int(self[name])
            except ValueError:
                count = 0
            if count < 1:
                fail(f"--{name} takes a whole number of at least 1, not {self[name]!r}")
            self[name] = count
        try:
            grace = float(self["grace"])
        except ValueError:
            grace = -1.0
        if not 0 <= grace < float("inf"):
            fail(f"--grace takes a number of seconds, 0 or more, not {self['grace']!r}")
        self["grace"] = grace
        if not self["endpoints"]:
            self["endpoints"] = [f"tcp:{DEFAULT_SERVER_PORT}:interface=127.0.0.1"]


_TYPES: dict[type, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "True or False"),
    int: ((int,), "a whole number"),
    str: ((str,), "text"),
    frozenset: ((set, list, tuple), "names, such as {'__len__', '__iter__'}"),
}
_SECONDS: tuple[tuple[type, ...], str] = (int, float, type(None)), "seconds, or None"


def _check_type(key: str, value: Any) -> None:
    """Refuse what is easily mistaken on a command line: the text "false" would count as true."""
    default = next(field.default for field in fields(Rules) if field.name == key)
    types, words = _SECONDS if key == "sync_request_timeout" else _TYPES.get(type(default), ((type(value),), ""))
    if type(value) not in types:
        raise ConfigurationError(f"{key} takes {words}, not {value!r}")


def _load(name: str) -> Any:
    """Import the class to serve, from the current directory as well."""
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    module_name, _, class_name = name.rpartition(".")
    if not module_name:
        fail(f"--service takes package.module.Class, not {name!r}")
    try:
        module = __import__(module_name, fromlist=["_"])
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name == error.name or module_name.startswith(error.name + ".")):
            fail(f"--service {name}: importing {module_name} failed: {error}; install that, or correct the import")
        fail(f"--service {name}: there is no module {error.name!r} in {here} or where Python looks (sys.path)")
    except BaseException as error:
        fail(f"--service {name}: importing {module_name} failed: {type(error).__name__}: {error}")
    service = getattr(module, class_name, None)
    if service is None:
        there = ", ".join(sorted(key for key, value in vars(module).items() if _serves(value)))
        fail(f"--service {name}: {module_name} has no {class_name!r}; its services are: {there or 'none'}")
    if not _serves(service):
        fail(
            f"--service {name}: {class_name} is not a service; "
            "make it a subclass of txrpyc.Service or txrpyc.deferred.Service"
        )
    return service


def _serves(value: Any) -> bool:
    try:
        return hasattr(value, "on_connect") and hasattr(value, "on_disconnect")
    except Exception:
        return False  # whatever it is, it raises more than AttributeError when asked


def _gives_everything(offered: type) -> bool:
    """Tell whether a service is classic mode, also rpyc's own."""
    return issubclass(offered, Slave) or any(
        (kind.__module__, kind.__name__) == ("rpyc.core.service", "Slave") for kind in offered.__mro__
    )


def _check_places(descriptions: list[str], local_only: bool) -> None:
    """End the process if an address is too open, or cannot be had. Before there is a log: nobody would look there."""
    for description in descriptions:
        place = Place.of(description)
        if local_only and not place.is_local:
            fail(
                f"classic mode on {description} would let whoever reaches that address run any code here. "
                "Listen on 127.0.0.1 (interface=127.0.0.1) or on a unix socket, serve a class of your own "
                "with --service, or, if that is what you want, say --allow-remote-code-execution"
            )
        trouble = place.trouble()
        if trouble is not None:
            fail(f"cannot listen on {description}: {trouble}")


def makeService(options: Options) -> Listener:
    """Make the service that the options ask for."""
    from twisted.internet import reactor

    service = SlaveService if options["service"] is None else _load(options["service"])
    offered = service if isinstance(service, type) else type(service)
    _check_places(options["endpoints"], _gives_everything(offered) and not options["allow-remote-code-execution"])
    factory: Factory
    if issubclass(offered, ReactorService):
        factory = ServerFactory(service, options["config"], reactor)
        factory.grace = options["grace"]
    else:
        LiveConfig(options["config"])
        factory = ResidentFactory(
            service,
            options["config"],
            reactor,
            limit=options["workers"],
            concurrency=options["concurrency"],
            grace=options["grace"],
        )
    endpoints = [(description, endpoint_from(reactor, description)) for description in options["endpoints"]]
    what = "classic mode (full trust)" if options["service"] is None else options["service"]
    return Listener(reactor, endpoints, factory, what)
