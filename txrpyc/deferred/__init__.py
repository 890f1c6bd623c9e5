"""The Deferred face: RPyC for Twisted programs. Every remote operation is a Deferred; nothing blocks."""

from txrpyc.deferred import remotely
from txrpyc.deferred.client_service import ClientService, ClientState
from txrpyc.deferred.connect import connect
from txrpyc.deferred.connection import Connection
from txrpyc.deferred.factory import ClientFactory, ServerFactory
from txrpyc.deferred.remote import Remote, RemoteCall, RemoteObject, RemotePath
from txrpyc.deferred.service import Service, VoidService
from txrpyc.service import exposed

__all__ = [
    "ClientFactory",
    "ClientService",
    "ClientState",
    "Connection",
    "Remote",
    "RemoteCall",
    "RemoteObject",
    "RemotePath",
    "ServerFactory",
    "Service",
    "VoidService",
    "connect",
    "exposed",
    "remotely",
]
