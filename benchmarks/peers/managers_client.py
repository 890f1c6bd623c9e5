"""A client of multiprocessing.managers. The argument is the server's port."""

import sys

from driver import Answer, drive, repeat
from managers_server import KEY, Manager
from payloads import MIB, log_text, random_bytes

Manager.register("offered")


def connect():
    manager = Manager(("127.0.0.1", int(sys.argv[1])), KEY)
    manager.connect()
    return manager.offered()


proxy = connect()


def echo_random(count: int) -> Answer:
    data = random_bytes(MIB)
    return repeat(lambda: proxy.echo(data), count)


def echo_text(count: int) -> Answer:
    text = log_text(MIB)
    return repeat(lambda: proxy.echo(text), count)


drive(
    {
        "bound": lambda count: repeat(lambda: proxy.add(1, 2), count),
        "echo_random": echo_random,
        "echo_text": echo_text,
        "connect": lambda count: repeat(lambda: connect().add(1, 2), count),
    }
)
