"""RPyC (Remote Python Call) on Twisted: the objects of another process as if they were one's own.

For scripts, ``import txrpyc as rpyc``. For Twisted programs, `txrpyc.deferred`. To serve, ``twistd txrpyc`` or
`ThreadedServer`. Importing this starts nothing and installs no reactor.
"""

from txrpyc import classic
from txrpyc.blocking.async_result import AsyncResult
from txrpyc.blocking.channel import Channel, SocketStream
from txrpyc.blocking.connect import connect, connect_channel, connect_stream, connect_thread, unix_connect
from txrpyc.blocking.connection import Connection
from txrpyc.blocking.helpers import async_, buffiter, timed
from txrpyc.blocking.netref import BaseNetref
from txrpyc.blocking.reconnecting import Reconnecting
from txrpyc.blocking.servers import Server, ThreadedServer
from txrpyc.blocking.services import Service, VoidService
from txrpyc.blocking.serving import BgServingThread
from txrpyc.classic.services import ClassicService, MasterService, SlaveService
from txrpyc.core.vinegar import GenericException
from txrpyc.errors import AsyncResultTimeout, ConnectionLost, EncodingError, PingError, ProtocolError, TxRPyCError
from txrpyc.service import exposed, service
from txrpyc.version import __version__

__all__ = [
    "AsyncResult",
    "AsyncResultTimeout",
    "BaseNetref",
    "BgServingThread",
    "Channel",
    "ClassicService",
    "Connection",
    "ConnectionLost",
    "EncodingError",
    "GenericException",
    "MasterService",
    "PingError",
    "ProtocolError",
    "Reconnecting",
    "Server",
    "Service",
    "SlaveService",
    "SocketStream",
    "ThreadedServer",
    "TxRPyCError",
    "VoidService",
    "__version__",
    "async_",
    "buffiter",
    "classic",
    "connect",
    "connect_channel",
    "connect_stream",
    "connect_thread",
    "exposed",
    "service",
    "timed",
    "unix_connect",
]
