"""The listener: a Twisted service that listens on endpoints; and places, by which endpoints are judged before that."""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import signal
import socket
import threading
from typing import Any, NoReturn

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

__all__ = ["Listener", "Place", "endpoint_from", "fail"]


def fail(message: str) -> NoReturn:
    """End the process with one line: twistd itself would print all of its help, or a traceback."""
    raise SystemExit(f"twistd txrpyc: {' '.join(message.split())}")


def endpoint_from(reactor: Any, description: str) -> IStreamServerEndpoint:
    """Make an endpoint. A wrong description ends the process."""
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, description)
    except Exception as error:
        if isinstance(error, ImportError) and "OpenSSL" in str(error):
            fail(f"--endpoint {description!r} needs TLS: pip install 'txrpyc[tls]'")
        reason = re.sub(r"^_\w+\(\) ", "", str(error))  # not the name of Twisted's function
        fail(
            f"--endpoint {description!r} is not a server endpoint ({reason}); write, say, "
            r"tcp:18812:interface=127.0.0.1, tcp6:18812:interface=\:\:1 or unix:/run/calc.sock"
        )
    return endpoint


class Place:
    """Where an endpoint listens. It finds out by being the reactor, which only takes note.

    Attributes:
        address: interface and port, or the path of a unix socket; None if it cannot be told.
    """

    def __init__(self) -> None:
        self.address: tuple[str, int] | str | None = None

    @classmethod
    def of(cls, description: str) -> Place:
        """Give the place of an endpoint. A wrong description ends the process."""
        place = cls()
        endpoint = endpoint_from(place, description)
        try:
            endpoint.listen(Factory()).addErrback(lambda _failure: None)
        except Exception:
            pass  # a kind of endpoint that asks for more than a place can do
        return place

    # For the endpoint.

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> None:
        """Take note."""
        self.address = (interface, port)

    def listenSSL(self, port: int, factory: Any, contextFactory: Any, backlog: int = 50, interface: str = "") -> None:
        """Take note."""
        self.address = (interface, port)

    def listenUNIX(
        self, address: str, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: bool = False
    ) -> None:
        """Take note."""
        self.address = address

    # For who asks.

    @property
    def is_local(self) -> bool:
        """Whether it can be reached from this machine only. What cannot be told counts as not."""
        if not isinstance(self.address, tuple):
            return self.address is not None
        host = self.address[0]
        try:
            return host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    def trouble(self) -> str | None:
        """Say why nobody can listen there now; None if nothing is known to be wrong."""
        try:
            if isinstance(self.address, tuple):
                self._bind(*self.address)
            elif self.address is not None:
                self._look_at(self.address)
        except OSError as error:
            return _words(error)
        except Exception as error:
            return str(error)
        return None

    @staticmethod
    def _bind(host: str, port: int) -> None:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))

    @staticmethod
    def _look_at(path: str) -> None:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                return  # of a server that has ended
            except FileNotFoundError:
                folder = os.path.dirname(path) or "."
                if not os.path.isdir(folder):
                    raise FileNotFoundError(errno.ENOENT, f"there is no folder {folder}") from None
                if not os.access(folder, os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, f"no permission to write in {folder}") from None
                return
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _words(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error)
    if getattr(error, "errno", None) == errno.EADDRINUSE:
        return f"{text}. Is another server running there? End it, or choose another address with --endpoint"
    return f"{text}. Choose another address with --endpoint"


class Listener(Service):
    """Listens on endpoints, and serves one kind of connection there.

    Args:
        reactor: the reactor.
        endpoints: pairs of description and endpoint.
        factory: makes the connections; its `close_all` closes them.
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
                fail(f"cannot listen on {description}: {self._reason(failed[0])}")

    @staticmethod
    def _reason(failure: Failure) -> str:
        assert failure.value is not None
        return _words(failure.value.socketError if isinstance(failure.value, CannotListenError) else failure.value)

    def _listens(self, port: IListeningPort) -> None:
        self._ports.append(port)
        # Not before the reactor runs: until then a signal would end the process without closing anything.
        self._reactor.callWhenRunning(self._announce, port)

    def _announce(self, port: IListeningPort) -> None:
        self.log.info("serving {what} on {place}", what=self._what, place=_place(port.getHost()))

    def stopService(self) -> Deferred[Any]:
        """Stop listening, let running calls end, close the connections, and let services know. The next signal to end
        grants no more time.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._signalled_again)
        stopping = [Deferred.fromCoroutine(_stopped(port)) for port in self._ports]
        return DeferredList([*stopping, self._factory.close_all()])

    def _signalled_again(self, _number: int, _frame: Any) -> None:
        self._reactor.callFromThread(self._hurry)

    def _hurry(self) -> None:
        self.log.info("ending at once")
        self._factory.close_all()


def _place(address: Any) -> str:
    """Give an address in the form that people write."""
    if hasattr(address, "port"):
        return f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"
    name = getattr(address, "name", address)
    return os.fsdecode(name) if isinstance(name, bytes) else str(name)


async def _stopped(port: IListeningPort) -> None:
    stopping = port.stopListening()
    if stopping is not None:
        await stopping
