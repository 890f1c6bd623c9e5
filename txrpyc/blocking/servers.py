"""Servers for scripts: they accept in the thread that calls `start`, and serve each client in a thread of its own."""

from __future__ import annotations

import errno
import logging
import os
import socket
import threading
from typing import Any

from txrpyc.blocking.channel import Channel, SocketStream
from txrpyc.blocking.connection import Connection
from txrpyc.errors import ConfigurationError

__all__ = ["Server", "ThreadedServer"]

_REGISTER_AGAIN = 60.0
"""Seconds between registrations, where the registry client does not say; an entry is dropped after four times as
long.
"""


class Server:
    """What the servers share. A subclass says in `_accept_method` what to do with a client's socket.

    Args:
        service: a `Service` class, of which each client gets an instance, or an instance for all.
        hostname: the address to listen on; None means all addresses, as in rpyc. Name one where the network is not
            trusted.
        ipv6: whether to use IPv6; otherwise IPv4.
        port: the TCP port; 0 takes a free one, which `port` then tells.
        backlog: how many clients may wait to be accepted.
        reuse_addr: whether the port may be taken right after another server had it.
        authenticator: called with each client's socket; gives the socket to use and the client's credentials, or
            raises. None lets everybody in.
        registrar: a registry client, with ``register(aliases, port, interface=host)`` and ``unregister(port)``.
        auto_register: whether to use it; None means if there is one.
        protocol_config: settings for the connections.
        logger: of the `logging` module; None makes one by the service's name.
        listener_timeout: without effect: the listener does not wake up to look whether it was closed. rpyc has it.
        socket_path: where to make a unix socket, instead of listening on a port.

    Attributes:
        host, port: where it listens; the path, as `port`, of a unix socket.
        clients: the sockets of the clients that are connected.
        active: whether it accepts clients.

    Raises:
        OSError: the address cannot be used.
        ValueError: arguments contradict each other.
    """

    def __init__(
        self,
        service: Any,
        hostname: str | None = None,
        ipv6: bool = False,
        port: int = 0,
        backlog: int = socket.SOMAXCONN,
        reuse_addr: bool = True,
        authenticator: Any = None,
        registrar: Any = None,
        auto_register: bool | None = None,
        protocol_config: dict[str, Any] | None = None,
        logger: logging.Logger | None = None,
        listener_timeout: float | None = 0.5,
        socket_path: str | None = None,
    ) -> None:
        if auto_register and registrar is None:
            raise ConfigurationError("auto_register needs a registrar: an object with register() and unregister()")
        self.service = service
        self.authenticator = authenticator
        self.backlog = backlog
        self.registrar = registrar
        self.auto_register = registrar is not None if auto_register is None else auto_register
        self.protocol_config = {} if protocol_config is None else protocol_config
        self.clients: set[socket.socket] = set()
        self.active = False
        self._closed = False
        self._stopped = threading.Event()
        self._closing = threading.Lock()
        if socket_path is not None:
            if hostname is not None or port or ipv6:
                raise ConfigurationError("socket_path is instead of hostname, port and ipv6")
            self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.host, self.port = "", self._bind_path(socket_path)
        else:
            self.listener = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_STREAM)
            self.host, self.port = self._bind_port(hostname, port, reuse_addr)
        self.logger = logger if logger is not None else logging.getLogger(f"{self._service_name()}/{self.port}")
        self.protocol_config.setdefault("logger", self.logger)

    def _service_name(self) -> str:
        name = getattr(self.service, "get_service_name", None)
        return str(name()) if name is not None else str(getattr(self.service, "__name__", "RPYC"))

    def _bind_path(self, path: str) -> Any:
        try:
            self.listener.bind(path)
        except OSError:
            self.listener.close()
            raise
        return path

    def _bind_port(self, hostname: str | None, port: int, reuse: bool) -> tuple[str, int]:
        try:
            address = socket.getaddrinfo(
                hostname, port, self.listener.family, socket.SOCK_STREAM, socket.IPPROTO_TCP, socket.AI_PASSIVE
            )[0][-1]
            if reuse and os.name == "posix":
                self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind(address)
        except OSError:
            self.listener.close()
            raise
        bound = self.listener.getsockname()
        return bound[0], bound[1]

    # Running.

    def start(self) -> None:
        """Accept clients until `close` is called, by another thread, a signal or a request, or until
        KeyboardInterrupt; then close.
        """
        self._listen()
        self._register()
        try:
            while self.active:
                self.accept()
        except EOFError:
            pass
        except KeyboardInterrupt:
            self.logger.warning("keyboard interrupt!")
        finally:
            self.close()
            self.logger.info("server has terminated")

    def _start_in_thread(self) -> threading.Thread:
        """Start in a new thread; return it once the server listens."""
        self._listen()
        thread = threading.Thread(target=self.start, name=f"txrpyc-server-{self.port}", daemon=True)
        thread.start()
        return thread

    def _listen(self) -> None:
        if self.active:
            return
        self.listener.listen(self.backlog)
        self.logger.info("server started on [%s]:%s", self.host, self.port)
        self.active = True

    def accept(self) -> None:
        """Wait for a client and pass its socket to `_accept_method`. Raises EOFError when the listener is closed."""
        try:
            sock, address = self.listener.accept()
        except OSError as error:
            if (
                error.errno in (errno.ECONNABORTED, errno.EINTR, errno.EAGAIN, errno.EMFILE, errno.ENFILE)
                and self.active
            ):
                self.logger.warning("could not accept a client: %s", error)
                self._stopped.wait(0.1)
                return
            raise EOFError("the listener is closed") from error
        if not self.active:
            sock.close()
            return
        if sock.gettimeout() is not None:
            sock.setblocking(True)  # the program has changed the default
        self.logger.info("accepted %s with fd %s", address, sock.fileno())
        self.clients.add(sock)
        self._accept_method(sock)

    def _accept_method(self, sock: socket.socket) -> None:
        """Do something about a new client: sooner or later, `_authenticate_and_serve_client`, in whatever thread."""
        raise TypeError(f"{type(self).__name__} does not say what to do with a client")

    # Serving one client.

    def _authenticate_and_serve_client(self, sock: socket.socket) -> None:
        try:
            credentials, secured = None, sock
            if self.authenticator is not None:
                address = sock.getpeername()
                try:
                    secured, credentials = self.authenticator(sock)
                except Exception as error:
                    self.logger.info("%s failed to authenticate, rejecting it: %s", address, error)
                    return
                self.logger.info("%s authenticated successfully", address)
            self._serve_client(secured, credentials)
        except Exception:
            self.logger.exception("a client's connection ended by an error")
        finally:
            self.clients.discard(sock)
            sock.close()

    def _serve_client(self, sock: socket.socket, credentials: Any) -> None:
        try:
            address = sock.getpeername()
            endpoints = (sock.getsockname(), address)
        except OSError:
            return  # it has left already
        self.logger.info("welcome %s%s", address, f" ({credentials!r})" if credentials else "")
        try:
            config = dict(self.protocol_config, credentials=credentials, endpoints=endpoints, logger=self.logger)
            self._handle_connection(self.service._connect(Channel(SocketStream(sock, accepted=True)), config))
        finally:
            self.logger.info("goodbye %s", address)

    def _handle_connection(self, conn: Connection) -> None:
        conn.serve_all()

    # Ending.

    def close(self) -> None:
        """Stop accepting and close all clients' connections. Does nothing the second time. Any thread may call, a
        signal handler too.
        """
        if self._closed or not self._closing.acquire(blocking=False):
            return
        self._closed = True
        self.active = False
        self._stopped.set()
        if self.auto_register:
            try:
                self.registrar.unregister(self.port)
            except Exception:
                self.logger.exception("could not unregister")
        for sock in (self.listener, *self.clients):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # not connected any more; a listener wakes up all the same
        self.listener.close()
        self.logger.info("listener closed")
        self.clients.clear()

    def fileno(self) -> int:
        """Give the listener's descriptor."""
        return self.listener.fileno()

    # Registering.

    def _register(self) -> None:
        if self.auto_register:
            threading.Thread(target=self._keep_registered, name="txrpyc-register", daemon=True).start()

    def _keep_registered(self) -> None:
        interval = getattr(self.registrar, "REREGISTER_INTERVAL", _REGISTER_AGAIN)
        while self.active:
            try:
                done = self.registrar.register(self.service.get_service_aliases(), self.port, interface=self.host)
            except Exception:
                self.logger.exception("could not register")
                done = False
            self._stopped.wait(interval if done else min(1.0, interval))


class ThreadedServer(Server):
    """A server with a thread for each client. For arguments see `Server`."""

    def _accept_method(self, sock: socket.socket) -> None:
        threading.Thread(
            target=self._authenticate_and_serve_client, args=(sock,), name="txrpyc-client", daemon=True
        ).start()
