"""Serve, by txrpyc's ThreadedServer on a free loopback port until stdin closes, new objects, and count them."""

import sys

import txrpyc


class Thing:
    pass


class Things(txrpyc.Service):
    def __init__(self):
        self.words = []

    def on_connect(self, conn):
        self.lent = conn.protocol.session.lent

    def exposed_make(self, count):
        return tuple(Thing() for _ in range(count))

    def exposed_write(self, word):
        self.words.append(word)

    def exposed_written(self):
        return len(self.words)

    def exposed_things(self):
        """Give how many things the client still has."""
        return sum(type(loan.value) is Thing for loan in tuple(self.lent._loans.values()))


server = txrpyc.ThreadedServer(Things, hostname="127.0.0.1", port=0)
server._start_in_thread()
print(f"PORT {server.port}", flush=True)
sys.stdin.read()
server.close()
