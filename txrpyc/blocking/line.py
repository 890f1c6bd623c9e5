"""The line: what a blocking connection is made of, and how its parts know each other. What programs do with it is
in `connection`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from twisted.internet.interfaces import IReactorTime

from txrpyc.blocking.asking import Asking
from txrpyc.blocking.async_result import WrappedAnswer
from txrpyc.blocking.attended import Attended
from txrpyc.blocking.channel import Channel
from txrpyc.blocking.hub import Hub
from txrpyc.blocking.lent_reading import LendingProtocol, LentReading
from txrpyc.blocking.little_reactor import LittleReactor
from txrpyc.blocking.live_config import LiveConfig
from txrpyc.blocking.netref_maker import NetrefMaker
from txrpyc.blocking.private_reactor import PrivateReactor
from txrpyc.blocking.reactor_thread import in_reactor_thread
from txrpyc.blocking.served import Serving
from txrpyc.blocking.timer import call_later
from txrpyc.blocking.transport import SocketTransport
from txrpyc.core.config import Rules
from txrpyc.core.identity import Identity
from txrpyc.forking import own
from txrpyc.heartbeat import Heartbeat
from txrpyc.protocol import RPyCProtocol

__all__ = ["Line"]

_L = TypeVar("_L", bound="Line")


class Line:
    """A protocol, the hub that says who runs it, and the netrefs and the serving half that go with it.

    Args:
        root: the service that this side offers.
        channel: a `Channel` over a connected socket, which the line takes over.
        config: settings that differ from `DEFAULT_CONFIG`.

    Attributes:
        hub: who runs it.
        protocol: the protocol.
        service: what this side offers.
        config: the settings.
        serving: carries out what the peer asks.
    """

    protocol: RPyCProtocol

    def __init__(self, root: Any, channel: Channel, config: Mapping[str, Any] | None = None) -> None:
        private = PrivateReactor()
        self._set_up(root, config or {}, Hub(private), private.reactor, private.call, greets=False, kind=RPyCProtocol)
        if not channel.compress:
            self.config["compression"] = "never"
        if getattr(channel.stream, "again", None) is not None:
            self.protocol.finding.redial = self._redial
        if getattr(channel.stream, "accepted", False):
            self.protocol.finding.patience = self.call_later
        self._adopt(channel)

    @classmethod
    def resident(cls: type[_L], root: Any, config: Mapping[str, Any], reactor: Any, attended: Attended) -> _L:
        """Make a connection that lives in an application's reactor, and is to be given a transport by `protocol`.

        Args:
            root: the service; its `on_connect` is the first job.
            config: settings.
            reactor: the application's reactor.
            attended: gets to know the connection, and has its jobs done.
        """
        connection = cls.__new__(cls)
        hub = attended.hub = Hub(None, attended)
        soon = reactor.callFromThread
        connection._set_up(root, config, hub, reactor, soon, greets=True, kind=LendingProtocol)
        protocol = cast(LendingProtocol, connection.protocol)
        protocol.on_read = attended.has_read
        connection.protocol.finding.patience = connection.call_later
        attended.drop = connection.drop
        attended.reading = LentReading(protocol, hub)
        return connection

    def _set_up(
        self,
        root: Any,
        config: Mapping[str, Any],
        hub: Hub,
        reactor: IReactorTime,
        in_reactor: Any,
        *,
        greets: bool,
        kind: type[RPyCProtocol],
    ) -> None:
        self.hub = hub
        self.service = root
        self.config = LiveConfig(config)
        self.serving = Serving(self, greets)
        self.protocol = kind(
            self.config.rules,
            NetrefMaker(cast(Asking, self)),  # a line is the lower half of a connection, which can be asked
            self.serving,
            in_reactor,
            threaded=True,
            answer_class=WrappedAnswer,
        )
        self.config.on_change = self._rules_changed
        self._reactor = reactor
        self._in_reactor = in_reactor
        if self.config.rules.ping_interval is not None:
            Heartbeat(self.protocol, self.call_later)
        self._channel: Channel | None = None
        own(self)

    def _rules_changed(self, rules: Rules) -> None:
        self.protocol.session.rules = rules

    def _adopt(self, channel: Channel) -> None:
        self._channel = channel
        SocketTransport(channel.stream.sock, self.protocol, cast(LittleReactor, self._reactor))

    def _redial(self) -> None:
        assert self._channel is not None
        stream = self._channel.stream
        stream.close()
        self._adopt(Channel(stream.again(), self._channel.compress))

    def borrowed_count(self, identity: Identity) -> int:
        """Give how often the peer sent an object and did not get it back yet."""
        return self.protocol.session.borrowed.count(identity)

    @property
    def may_unpickle(self) -> bool:
        """Whether the rules of this side allow that a pickle of the peer's is read."""
        return self.config.rules.allow_pickle

    @property
    def may_wait(self) -> bool:
        """Whether this thread may wait here and now: it is in no step of this line's reactor, nor in a running
        reactor's.
        """
        return not (self.hub.leading or in_reactor_thread())

    def flush(self) -> None:
        """Send what is held back for more to come."""
        self.protocol.outflow.flush()

    def forget(self, sequence: int) -> bool:
        """Give up waiting for an answer; tell whether it was still waited for."""
        return self.protocol.forget(sequence) is not None

    def call_later(self, seconds: float, function: Callable[[], None]) -> Callable[[], None]:
        """Call a function in the connection's reactor after some seconds; give a function that cancels it."""
        return call_later(self._reactor, self._in_reactor, seconds, function)

    # Ending.

    def ended(self) -> None:
        """Take note that the transport is gone. For the dispatcher."""
        self.hub.end()
        if self._channel is not None:
            self._channel.close()

    def disown(self, why: str) -> None:
        """Be lost in a child process. See `txrpyc.forking`."""
        self.protocol.disown(why)
        self.hub.disown()

    def drop(self) -> None:
        """Cut the connection without a word to the peer. Any thread may call; does not wait."""
        self._in_reactor(self.protocol.abort)
        self.hub.interrupt()
        self.hub.glance()  # in case that nobody runs it any more
