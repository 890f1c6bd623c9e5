"""A client of Pyro5. The argument is the server's port."""

import sys

import Pyro5.api
import serpent
from driver import BATCH, Answer, batches, drive, repeat
from payloads import MIB, log_text, random_bytes

WHERE = f"PYRO:offered@127.0.0.1:{sys.argv[1]}"
proxy = Pyro5.api.Proxy(WHERE)


def pipelined(count: int) -> Answer:
    """Send calls in batches, Pyro5's way."""

    def batch():
        calls = Pyro5.api.BatchProxy(proxy)
        for _ in range(BATCH):
            calls.add(1, 2)
        return sum(calls())

    return {**repeat(batch, batches(count)), "count": batches(count) * BATCH}


def echo_random(count: int) -> Answer:
    """Echo bytes, which Pyro5's default serializer gives back in base64."""
    data = random_bytes(MIB)
    return repeat(lambda: serpent.tobytes(proxy.echo(data)), count)


def echo_text(count: int) -> Answer:
    text = log_text(MIB)
    return repeat(lambda: proxy.echo(text), count)


def come_and_go() -> None:
    with Pyro5.api.Proxy(WHERE) as visitor:
        visitor.add(1, 2)


drive(
    {
        "bound": lambda count: repeat(lambda: proxy.add(1, 2), count),
        "pipelined": pipelined,
        "echo_random": echo_random,
        "echo_text": echo_text,
        "connect": lambda count: repeat(come_and_go, count),
    }
)
