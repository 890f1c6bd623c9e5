"""Serve txrpyc's classic mode on a free loopback port until stdin closes."""

import sys

from txrpyc import SlaveService, ThreadedServer

server = ThreadedServer(SlaveService, hostname="127.0.0.1", port=0)
server._start_in_thread()
print(f"PORT {server.port}", flush=True)
sys.stdin.read()
server.close()
