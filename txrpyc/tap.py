"""``twistd txrpyc``: the command line, and the Twisted service that it makes."""

from __future__ import annotations

import ast
import os
import sys
from typing import Any, NoReturn

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python import usage
from twisted.python.failure import Failure

from txrpyc.blocking.live_config import LiveConfig
from txrpyc.blocking.resident import ResidentFactory
from txrpyc.classic.services import DEFAULT_SERVER_PORT, SlaveService
from txrpyc.core.config import make_rules
from txrpyc.deferred.factory import ServerFactory
from txrpyc.deferred.service import Service as ReactorService
from txrpyc.errors import ConfigurationError

__all__ = ["Options", "RPyCServer", "makeService"]


def _fail(message: str) -> NoReturn:
    """End the process with one line: twistd itself would print all of its help, or a traceback."""
    raise SystemExit(f"twistd txrpyc: {message}")


class Options(usage.Options):
    """What can be said on the command line."""

    synopsis = "[options]"
    longdesc = f"""Serve Python objects to RPyC clients (txrpyc, or rpyc 4.1 and later).

Without options: classic mode on 127.0.0.1, port {DEFAULT_SERVER_PORT}. A client there may run any code in this process:

    import txrpyc
    conn = txrpyc.classic.connect("127.0.0.1")
    print(conn.modules.sys.version)

To serve a class of your own, in myservice.py in the current directory:

    import txrpyc
    class Calculator(txrpyc.Service):
        @txrpyc.exposed
        def add(self, a, b):
            return a + b

    twistd -n txrpyc --service myservice.Calculator

A subclass of txrpyc.deferred.Service runs in the reactor, any other in worker threads.
Write 'twistd -n txrpyc' to stay in the foreground; Ctrl-C or SIGTERM ends it."""

    optParameters = [  # noqa: RUF012
        [
            "service",
            "s",
            None,
            "The class to serve, as package.module.Class. Without it: classic mode, which gives clients everything.",
        ],
        ["workers", "w", 1000, "The most threads that run a service's methods at once.", int],
        ["concurrency", "c", 1, "How many requests of one client may run at once.", int],
    ]
    optFlags = [  # noqa: RUF012
        [
            "allow-remote-code-execution",
            None,
            "Serve classic mode also to other machines: whoever reaches the address can run any code as this user.",
        ],
    ]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self["endpoints"] = []
        self["config"] = {}

    def opt_endpoint(self, description: str) -> None:
        """Where to listen: a Twisted server endpoint, such as tcp:18812:interface=127.0.0.1 or unix:/run/calc.sock.
        May be given several times. [default: tcp:18812:interface=127.0.0.1]
        """
        self["endpoints"].append(description)

    opt_e = opt_endpoint

    def opt_config(self, setting: str) -> None:
        """A setting of the connections, such as allow_public_attrs=True. May be given several times."""
        key, equals, text = setting.partition("=")
        if not equals:
            _fail(f"--config takes key=value, not {setting!r}")
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            value = text
        try:
            make_rules({key: value})
        except (ConfigurationError, TypeError) as error:
            _fail(f"--config {setting}: {error}")
        self["config"][key] = value

    def parseOptions(self, options: Any = None) -> None:
        """Parse; a wrong option is one line, too."""
        try:
            super().parseOptions(options)  # type: ignore[no-untyped-call]
        except usage.UsageError as error:
            _fail(f"{error}; see 'twistd txrpyc --help'")

    def parseArgs(self, *words: str) -> None:
        """Refuse words that belong to no option."""
        if words:
            _fail(f"unexpected {words[0]!r}; see 'twistd txrpyc --help'")

    def postOptions(self) -> None:
        """Check what can be checked before anything starts."""
        for name in ("workers", "concurrency"):
            if self[name] < 1:
                _fail(f"--{name} must be at least 1, not {self[name]}")
        if not self["endpoints"]:
            self["endpoints"] = [f"tcp:{DEFAULT_SERVER_PORT}:interface=127.0.0.1"]
        if self["service"] is None and not self["allow-remote-code-execution"]:
            for description in self["endpoints"]:
                if not _is_local(description):
                    _fail(
                        f"classic mode on {description!r} would let whoever reaches it run any code here. "
                        "Listen on 127.0.0.1 (interface=127.0.0.1) or on a unix socket, serve a class of your own "
                        "with --service, or, if that is what you want, say --allow-remote-code-execution"
                    )


class _Probe:
    """A reactor that only takes note of the address that an endpoint wants to listen on."""

    def __init__(self) -> None:
        self.interface: str | None = None

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> None:
        self.interface = interface

    def listenSSL(self, port: int, factory: Any, context: Any, backlog: int = 50, interface: str = "") -> None:
        self.interface = interface

    def listenUNIX(self, *args: Any, **kwargs: Any) -> None:
        self.interface = "localhost"


def _is_local(description: str) -> bool:
    """Tell whether an endpoint can be reached from this machine only. What cannot be told counts as not."""
    probe = _Probe()
    try:
        _endpoint(probe, description).listen(Factory()).addErrback(lambda _failure: None)
    except SystemExit:
        raise
    except Exception:
        return False
    interface = probe.interface or ""
    return interface in ("localhost", "::1") or interface.startswith("127.")


def _endpoint(reactor: Any, description: str) -> IStreamServerEndpoint:
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, description)
    except Exception as error:
        _fail(
            f"--endpoint {description!r} is not a server endpoint ({error}); "
            f"write, say, tcp:{DEFAULT_SERVER_PORT}:interface=127.0.0.1"
        )
    return endpoint


def _load(name: str) -> Any:
    """Import the class to serve, from the current directory as well."""
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    module_name, _, class_name = name.rpartition(".")
    if not module_name:
        _fail(f"--service takes package.module.Class, not {name!r}")
    try:
        module = __import__(module_name, fromlist=["_"])
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name == error.name or module_name.startswith(error.name + ".")):
            _fail(f"--service {name}: importing {module_name} failed: {error}")
        _fail(f"--service {name}: there is no module {error.name!r} in {here} or where Python looks (sys.path)")
    except BaseException as error:
        _fail(f"--service {name}: importing {module_name} failed: {type(error).__name__}: {error}")
    service = getattr(module, class_name, None)
    if service is None:
        _fail(f"--service {name}: {module_name} has no {class_name!r}")
    if not (hasattr(service, "on_connect") and hasattr(service, "on_disconnect")):
        _fail(
            f"--service {name}: {class_name} is no service; "
            "make it a subclass of txrpyc.Service or txrpyc.deferred.Service"
        )
    return service


class RPyCServer(Service):
    """Listens on endpoints, and serves one kind of connection there.

    Args:
        reactor: the reactor.
        endpoints: pairs of description and endpoint.
        factory: makes the connections; has `close_all`.
        what: what is served, for the log.
    """

    log = Logger()

    def __init__(
        self, reactor: Any, endpoints: list[tuple[str, IStreamServerEndpoint]], factory: Any, what: str
    ) -> None:
        self._reactor = reactor
        self._endpoints = endpoints
        self._factory = factory
        self._what = what
        self._ports: list[IListeningPort] = []

    def privilegedStartService(self) -> None:
        """Listen. An address that cannot be had ends the process with one line."""
        super().privilegedStartService()  # type: ignore[no-untyped-call]
        for description, endpoint in self._endpoints:
            failed: list[Failure] = []
            listening = endpoint.listen(self._factory)
            listening.addCallback(self._listens)
            listening.addErrback(failed.append)
            if failed:
                _fail(f"cannot listen on {description}: {self._reason(failed[0])}")

    @staticmethod
    def _reason(failure: Failure) -> str:
        if failure.check(CannotListenError):
            error = failure.value.socketError  # type: ignore[union-attr]
            words = getattr(error, "strerror", None) or error
            return f"{words}. Is another server running there? Choose another with --endpoint"
        return f"{failure.getErrorMessage()}. Choose another with --endpoint"

    def _listens(self, port: IListeningPort) -> None:
        self._ports.append(port)
        self.log.info("serving {what} on {address}", what=self._what, address=port.getHost())

    def stopService(self) -> Deferred[Any]:
        """Stop listening, close the connections, and let services know."""
        super().stopService()  # type: ignore[no-untyped-call]
        stopping = [Deferred.fromCoroutine(_stopped(port)) for port in self._ports]
        return DeferredList([*stopping, self._factory.close_all()])


async def _stopped(port: IListeningPort) -> None:
    stopping = port.stopListening()
    if stopping is not None:
        await stopping


def makeService(options: Options) -> RPyCServer:
    """Make the service that the options ask for."""
    from twisted.internet import reactor

    service = SlaveService if options["service"] is None else _load(options["service"])
    offered = service if isinstance(service, type) else type(service)
    factory: Factory
    if issubclass(offered, ReactorService):
        factory = ServerFactory(service, options["config"], reactor)
    else:
        LiveConfig(options["config"])
        factory = ResidentFactory(
            service, options["config"], reactor, limit=options["workers"], concurrency=options["concurrency"]
        )
    endpoints = [(description, _endpoint(reactor, description)) for description in options["endpoints"]]
    what = "classic mode (full trust)" if options["service"] is None else options["service"]
    return RPyCServer(reactor, endpoints, factory, what)
