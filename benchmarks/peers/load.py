"""A neutral generator of load: many connections to a server that speaks rpyc's wire, without any package of either.

It knows just enough of the wire to ask each connection for its root, and to encode ``root.add(1, 2)`` once for each;
from then on it sends those bytes, and counts the answers. A frame is four bytes of length, one that says whether it is
compressed, the payload, and a newline. The arguments: the server's port, and its process id.
"""

import contextlib
import select
import socket
import sys
import time
from pathlib import Path

from driver import Answer, drive

PORT, PID = int(sys.argv[1]), sys.argv[2]
WARM_UP = 0.2
"""Seconds of load before any that counts."""
TIMEOUT = 60.0

# The wire's words, as rpyc's brine writes them: 0x11 opens a pair, 0x13 four values, an integer n is the byte 0x50 + n.
REQUEST, REPLY, PAIR, FOUR = b"\x01", b"\x02", b"\x11", b"\x13"
SEQUENCE, GETROOT, CALLATTR = b"\x51", b"\x53", b"\x58"
VALUE, TUPLE, RECEIVERS, SENDERS = (PAIR + label for label in (b"\x51", b"\x52", b"\x53", b"\x54"))
NOTHING, ADD, ONE_AND_TWO, THREE = b"\x02", b"\x08\x0cadd", PAIR + b"\x51\x52", b"\x53"

ASK_ROOT = REQUEST + PAIR + SEQUENCE + PAIR + GETROOT + VALUE + NOTHING
ROOT_IS = REPLY + PAIR + SEQUENCE + SENDERS
SUM_IS = REPLY + PAIR + SEQUENCE + VALUE + THREE


def frame(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + b"\0" + payload + b"\n"


def payload_from(sock: socket.socket) -> bytes:
    """Read one frame."""
    data = b""
    while len(data) < 5 or len(data) < 6 + int.from_bytes(data[:4], "big"):
        more = sock.recv(65536)
        if not more:
            raise EOFError("the server closed a connection")
        data += more
    return data[5:-1]


def call_of(sock: socket.socket) -> bytes:
    """Ask for the root, and give the frame that calls its method."""
    sock.sendall(frame(ASK_ROOT))
    answer = payload_from(sock)
    if not answer.startswith(ROOT_IS):
        raise ValueError(f"asking for the root gave {answer!r}")
    root = answer[len(ROOT_IS) :]
    arguments = RECEIVERS + root + VALUE + ADD + VALUE + ONE_AND_TWO + VALUE + NOTHING
    call = frame(REQUEST + PAIR + SEQUENCE + PAIR + CALLATTR + TUPLE + FOUR + arguments)
    sock.sendall(call)
    answer = payload_from(sock)
    if answer != SUM_IS:
        raise ValueError(f"a call gave {answer!r}")
    return call


def of_server(fact: str) -> int:
    """Give a number that the system tells of the server."""
    for line in Path(f"/proc/{PID}/status").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == fact:
            return int(rest.split()[0])
    raise LookupError(fact)


class Crowd:
    """The connections, each with the call that it makes."""

    def __init__(self, count: int, left: contextlib.ExitStack) -> None:
        self.calls: dict[int, tuple[socket.socket, bytes]] = {}
        for _ in range(count):
            sock = left.enter_context(socket.create_connection(("127.0.0.1", PORT), TIMEOUT))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.calls[sock.fileno()] = (sock, call_of(sock))

    def keep_busy(self, seconds: float) -> tuple[int, float, int]:
        """Keep one call in flight on every connection; give the number of answers, the seconds, and the most threads
        that the server had.
        """
        answer, calls, threads, answers = frame(SUM_IS), self.calls, 0, 0
        poll = select.epoll()
        for number, (sock, call) in calls.items():
            poll.register(number, select.EPOLLIN)
            sock.sendall(call)
        began = now = time.perf_counter()
        look_at = began + seconds / 4
        while now < began + seconds:
            for number, _event in poll.poll(TIMEOUT):
                sock, call = calls[number]
                data = sock.recv(4096)
                if data != answer:
                    raise ValueError(f"a call was answered by {data!r}")
                answers += 1
                sock.send(call)
            now = time.perf_counter()
            if now > look_at:
                threads, look_at = max(threads, of_server("Threads")), look_at + seconds / 4
        for sock, _call in calls.values():
            payload_from(sock)
        poll.close()
        return answers, now - began, threads


def many(connections: int, seconds: float) -> Answer:
    """Have calls in flight on all connections."""
    with contextlib.ExitStack() as left:
        threads = of_server("Threads")
        crowd = Crowd(connections, left)
        crowd.keep_busy(WARM_UP)
        answers, took, most = crowd.keep_busy(seconds)
        return {"rate": answers / took, "busy_threads": most - threads, "server_kib": of_server("VmRSS")}


def idle(connections: int, patience: float) -> Answer:
    """Have connections that once made a call. Give threads that nobody needs so many seconds to end, unless there is
    one for each connection.
    """
    with contextlib.ExitStack() as left:
        Crowd(1, left)
        time.sleep(0.1)
        memory, threads = of_server("VmRSS"), 0
        Crowd(connections, left)
        until = time.monotonic() + patience
        while (threads := of_server("Threads") - THREADS) and threads < connections and time.monotonic() < until:
            time.sleep(0.1)
        return {"idle_threads": threads, "kib": (of_server("VmRSS") - memory) / connections}


THREADS = of_server("Threads")
"""How many threads the server has for itself."""
drive({"many": many, "idle": idle})
