"""Serve what `offered` offers by the real rpyc, on a free loopback port until stdin closes."""

import sys

from offered import SETTINGS, Offered
from rpyc import Service
from rpyc.utils.server import ThreadedServer


class OfferedService(Offered, Service):
    pass


server = ThreadedServer(OfferedService, hostname="127.0.0.1", port=0, protocol_config=SETTINGS)
server._start_in_thread()
print(f"PORT {server.port}", flush=True)
sys.stdin.read()
server.close()
