"""Serve, by txrpyc's ThreadedServer on a free loopback port until stdin closes, what answers late."""

import gc
import sys
from collections import defaultdict
from threading import Event

import txrpyc

gates = defaultdict(Event)


class Thing:
    pass


class Late(txrpyc.Service):
    def on_connect(self, conn):
        self.session = conn.protocol.session

    def exposed_late(self, gate, *things):
        """Give a new object once the gate is open."""
        assert gates[gate].wait(60)
        return Thing()

    def exposed_open(self, gate):
        gates[gate].set()

    def exposed_shut(self, gate):
        gates[gate].clear()

    def exposed_length(self, data):
        return len(data)

    def exposed_tables(self):
        """Give how much was lent to this client, and borrowed from it."""
        gc.collect()
        return len(self.session.lent), len(self.session.borrowed)


server = txrpyc.ThreadedServer(Late, hostname="127.0.0.1", port=0)
server._start_in_thread()
print(f"PORT {server.port}", flush=True)
sys.stdin.read()
server.close()
