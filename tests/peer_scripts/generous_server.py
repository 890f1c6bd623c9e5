"""Serve, by txrpyc's ThreadedServer on a free loopback port until stdin closes, what gives as much as one asks for."""

import sys

import txrpyc


class Generous(txrpyc.Service):
    def exposed_blob(self, number, size):
        return number, bytes(size)


server = txrpyc.ThreadedServer(Generous, hostname="127.0.0.1", port=0)
server._start_in_thread()
print(f"PORT {server.port}", flush=True)
sys.stdin.read()
server.close()
