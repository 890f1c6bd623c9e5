"""Connection: one side of an RPyC connection in a Twisted program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from types import CoroutineType
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure

from txrpyc.core.boxing import box_local
from txrpyc.core.config import Rules, make_rules
from txrpyc.core.consts import Verb
from txrpyc.core.identity import Identity
from txrpyc.deferred.protocol import ReactorProtocol
from txrpyc.deferred.remote import RemoteCall, RemoteObject, RemotePath, connection_of, identity_of
from txrpyc.deferred.served import Serving
from txrpyc.errors import ConnectionLost, EncodingError, PingError
from txrpyc.forking import own
from txrpyc.heartbeat import Heartbeat
from txrpyc.protocol import RPyCProtocol

__all__ = ["Connection"]

_CLOSE_GRACE = 2.0
"""Seconds that `close` gives the peer to take note."""


class Connection:
    """A connection. Programs get one from `txrpyc.deferred.connect`, and services in `on_connect`. For the reactor's
    thread only.

    It makes the remote objects (`txrpyc.core.session.Proxies`); `Serving` carries out what the peer asks.

    Args:
        service: what this side offers.
        config: settings that differ from the defaults.
        reactor: the reactor of the transport.
    """

    def __init__(self, service: Any, config: Mapping[str, Any] | None, reactor: Any) -> None:
        self.service = service
        self._serving = Serving(self)
        protocol = ReactorProtocol(make_rules(dict(config or {})), self, self._serving, reactor)
        self.protocol: RPyCProtocol = protocol
        # For remote objects, and the serving half. Methods that pass it on would cost each call one call more.
        self.request = protocol.request
        self.call = protocol.call
        self.reply = protocol.reply
        own(protocol)
        self._reactor = reactor
        if protocol.session.rules.ping_interval is not None:
            Heartbeat(protocol, self._call_later)
        self._root: RemoteObject | None = None
        self._ready: list[Deferred[Connection]] = []
        self._made = False

    # For programs.

    @cached_property
    def root(self) -> RemoteObject:
        """The peer's service. Raises `ConnectionLost` before `when_ready` has fired."""
        if self._root is None:
            raise ConnectionLost("the peer's root is not there yet: wait for when_ready()")
        return self._root

    @property
    def peer(self) -> IAddress | None:
        """The peer's address; None before there is a transport."""
        transport = self.protocol.transport
        return transport.getPeer() if transport is not None else None

    @property
    def closed(self) -> bool:
        """Whether the connection is gone."""
        return self.protocol.lost is not None

    def when_ready(self) -> Deferred[Connection]:
        """Give a Deferred that fires with this connection once `root` is there, and fails if it cannot be had."""
        if self._root is not None:
            return succeed(self)
        ready: Deferred[Connection] = Deferred()
        self._ready.append(ready)
        if self._made and len(self._ready) == 1:
            self._fetch_root()
        return ready

    def when_lost(self) -> Deferred[ConnectionLost]:
        """Give a Deferred that fires with the reason once the connection is gone, whoever ended it."""
        return self.protocol.when_lost()

    def ping(self, data: Any = "ping") -> Deferred[None]:
        """See whether the peer answers. Fails with `PingError` if it sends something else back. Has no timeout of
        its own: `addTimeout`.
        """

        def check(echo: Any) -> None:
            if echo != data:
                raise PingError("the peer answered a ping with something else")

        return self.request(Verb.PING, data).addCallback(check)

    def close(self) -> Deferred[None]:
        """Close the connection: the peer is told, and gets two seconds.

        Returns:
            A Deferred that fires with None when the connection is gone; it does not fail.
        """
        gone = self.when_lost().addCallback(lambda _reason: None)
        if self.protocol.lost is None and self.protocol.transport is not None:
            told = self.request(Verb.CLOSE)
            told.addBoth(lambda _answer: self.leave())
            cut = self._reactor.callLater(_CLOSE_GRACE, self.protocol.abort)
            gone.addCallback(lambda _reason: cut.cancel() if cut.active() else None)
        return gone

    def leave(self) -> None:
        """Close the transport without a word: what was sent still goes out, and the peer sees the end of the stream."""
        transport = self.protocol.transport
        if transport is not None:
            self.protocol.outflow.flush()
            transport.loseConnection()

    # For a server that ends. See `txrpyc.deferred.served.Serving`.

    @property
    def is_busy(self) -> bool:
        """Whether the peer's requests are being carried out."""
        return self._serving.is_busy

    def refuse_more(self) -> None:
        """From now on refuse the peer's requests."""
        self._serving.refuse_more()

    def cut_off(self) -> None:
        """Answer the peer's requests with an error."""
        self._serving.cut_off()

    def when_parted(self) -> Deferred[None]:
        """Give a Deferred that fires when the connection is gone and `on_disconnect` of the service has ended."""
        return self._serving.when_parted()

    def _call_later(self, seconds: float, function: Callable[[], None]) -> Callable[[], None]:
        call = self._reactor.callLater(seconds, function)
        return lambda: call.cancel() if call.active() else None

    # For remote objects.

    def new_call(self) -> RemoteCall:
        """Make a RemoteCall that is fired by hand."""
        return RemoteCall(self.protocol.give_up)

    # Proxies: remote objects need to know nothing of their class.

    def reference_of(self, value: object) -> bytes | None:
        """Give the boxed reference to a remote object of this connection; None for anything else."""
        if type(value) is RemoteObject and connection_of(value) is self:
            return box_local(identity_of(value))
        return None

    def identity_of(self, value: object) -> Identity | None:
        """Give the identity of a remote object of any connection; None for anything else that can be lent."""
        if type(value) is RemoteObject:
            return value._identity
        if issubclass(type(value), (RemotePath, Deferred, CoroutineType)):  # by its type: its __class__ may raise
            raise EncodingError(f"{value!r} cannot be sent: await it, and send what it gives")
        return None

    def must_inspect(self, identity: Identity) -> bool:
        """Tell that nothing needs inspection."""
        return False

    def learn(self, identity: Identity, methods: tuple[tuple[str, str | None], ...]) -> None:
        """Do nothing: nothing was asked."""

    def make_proxy(self, identity: Identity) -> RemoteObject:
        """Make a remote object."""
        return RemoteObject(self, identity)

    # For the serving half.

    def made(self) -> None:
        """Take note that there is a transport."""
        self._made = True
        if self._ready:
            self._fetch_root()

    def ended(self, error: Exception) -> None:
        """Let everybody who waits know that the connection is gone."""
        ready, self._ready = self._ready, []
        for waiter in ready:
            waiter.errback(Failure(error))

    def _fetch_root(self) -> None:
        self.request(Verb.GETROOT).addCallbacks(self._got_root, self._no_root)

    def _got_root(self, root: RemoteObject) -> None:
        self._root = root
        ready, self._ready = self._ready, []
        for waiter in ready:
            waiter.callback(self)

    def _no_root(self, failure: Failure) -> None:
        ready, self._ready = self._ready, []
        for waiter in ready:
            waiter.errback(failure)

    @property
    def rules(self) -> Rules:
        """The rules of this side. May be assigned, with what `Rules.changed` gives."""
        return self.protocol.session.rules

    @rules.setter
    def rules(self, rules: Rules) -> None:
        self.protocol.session.rules = rules

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.Connection to {self.peer} ({'closed' if self.closed else 'open'})>"
