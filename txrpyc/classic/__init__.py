"""Classic mode: full trust. Whoever connects may do everything that this process may."""

from txrpyc.classic.connect import connect, connect_channel, connect_stream, connect_thread, unix_connect
from txrpyc.classic.services import DEFAULT_SERVER_PORT, ClassicService, SlaveService

__all__ = [
    "DEFAULT_SERVER_PORT",
    "ClassicService",
    "SlaveService",
    "connect",
    "connect_channel",
    "connect_stream",
    "connect_thread",
    "unix_connect",
]
