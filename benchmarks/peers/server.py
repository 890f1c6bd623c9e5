"""Serve `services.Offered` by the ThreadedServer of rpyc or txrpyc, on a free loopback port until stdin closes.

The package is named by $BENCHMARKS_PACKAGE.
"""

import sys

from services import Offered, rpyc

server = rpyc.ThreadedServer(Offered, hostname="127.0.0.1", port=0)
server._start_in_thread()
print(f"PORT {server.port}", flush=True)
sys.stdin.read()
