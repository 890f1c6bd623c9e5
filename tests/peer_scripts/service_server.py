"""
Serve a service on a free loopback port, or on a unix socket, until stdin closes.

Arguments: the name of the package, ``rpyc`` or ``txrpyc``; and the path of the socket, if not a port. Prints a line
for each connection that comes and goes.
"""

import importlib
import sys

rpyc = importlib.import_module(sys.argv[1])


class Account:
    def __init__(self, owner):
        self.exposed_owner = owner
        self.secret = "hidden"

    def exposed_greet(self):
        return f"hello {self.exposed_owner}"


@rpyc.service
class CheckingService(rpyc.Service):
    ALIASES = ("checking", "other")

    def on_connect(self, conn):
        self.conn = conn
        print("connected", flush=True)

    def on_disconnect(self, conn):
        print("disconnected", flush=True)

    def exposed_add(self, one, two=0):
        return one + two

    @rpyc.exposed
    def marked(self):
        return "marked"

    def hidden(self):
        return "hidden"

    def exposed_call(self, function, *args):
        return function(*args)

    def exposed_account(self, owner):
        return Account(owner)

    def exposed_ask_client(self):
        return self.conn.root.name()

    def exposed_fail(self):
        return {}["missing"]


if len(sys.argv) > 2:
    server = rpyc.ThreadedServer(CheckingService, socket_path=sys.argv[2])
    server._start_in_thread()
    print("PORT 0", flush=True)
else:
    server = rpyc.ThreadedServer(CheckingService, hostname="127.0.0.1", port=0)
    server._start_in_thread()
    print(f"PORT {server.port}", flush=True)
sys.stdin.read()
server.close()
