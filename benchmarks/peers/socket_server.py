"""Echo messages by plain sockets on a free loopback port, a thread for each client.

A message is four bytes that tell the length of the rest, and the rest.
"""

import socket
import threading


def serve(sock):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with sock, sock.makefile("rb", 65536) as stream:
        while len(head := stream.read(4)) == 4:
            sock.sendall(head + stream.read(int.from_bytes(head, "big")))


listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
print(f"PORT {listener.getsockname()[1]}", flush=True)
while True:
    threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()
