"""The blocking client, of rpyc or txrpyc. The arguments: the name of the package, and the server's port."""

import importlib
import resource
import sys
import threading
import time
from statistics import median, quantiles

from driver import BATCH, Answer, batches, drive, repeat
from payloads import MIB, log_text, random_bytes

rpyc = importlib.import_module(sys.argv[1])
PORT = int(sys.argv[2])
THREADS = 8
CALLS = 300
"""How many calls are timed while many objects are held."""


def connect():
    return rpyc.connect("127.0.0.1", PORT, config={"sync_request_timeout": None})


conn = connect()
threads_conns = []


def bound(count: int) -> Answer:
    """Call a function that was got before."""
    function = conn.root.fn()
    return repeat(lambda: function(1, 2), count)


def root_add(count: int) -> Answer:
    """Look up a method and call it, each time."""
    root = conn.root
    return repeat(lambda: root.add(1, 2), count)


def pipelined(count: int) -> Answer:
    """Make a batch of calls without waiting, then wait for all; and again."""
    call = rpyc.async_(conn.root.fn())

    def batch():
        for result in [call(1, 2) for _ in range(BATCH)]:
            result.wait()

    return {**repeat(batch, batches(count)), "count": batches(count) * BATCH}


def make(count: int) -> Answer:
    """Get a new object, and call a method of it."""
    root = conn.root
    return repeat(lambda: root.make().m(1), count)


def echo_random(count: int) -> Answer:
    data, root = random_bytes(MIB), conn.root
    return repeat(lambda: root.echo(data), count)


def echo_text(count: int) -> Answer:
    text, root = log_text(MIB), conn.root
    return repeat(lambda: root.echo(text), count)


def latency(count: int, size: int) -> Answer:
    """Send so many bytes, and get back how many there were."""
    data, root = random_bytes(size), conn.root
    return repeat(lambda: root.size(data), count)


def come_and_go() -> None:
    visitor = connect()
    visitor.root.add(1, 2)
    visitor.close()


def connecting(count: int) -> Answer:
    """Connect, call, close."""
    return repeat(come_and_go, count)


def threads(count: int) -> Answer:
    """Call a bound function from several threads, each by a connection of its own."""
    while len(threads_conns) < THREADS:
        threads_conns.append(connect())
    each = max(1, count // THREADS)
    functions = [visitor.root.fn() for visitor in threads_conns]
    started = threading.Barrier(THREADS + 1)

    def run(function):
        started.wait()
        for _ in range(each):
            function(1, 2)

    runners = [threading.Thread(target=run, args=(function,)) for function in functions]
    for runner in runners:
        runner.start()
    started.wait()
    began = time.perf_counter()
    for runner in runners:
        runner.join()
    return {"seconds": time.perf_counter() - began, "count": each * THREADS}


def rows(count: int) -> Answer:
    """Iterate over rows that the server generates."""
    root = conn.root
    began = time.perf_counter()
    got = sum(1 for _row in rpyc.buffiter(root.rows(count)))
    return {"seconds": time.perf_counter() - began, "count": got}


def events(pauses: list[float]) -> Answer:
    """Have the server send the time, while the main thread here is idle; see how late it is."""
    late: list[float] = []
    all_came = threading.Event()

    def note(sent):
        late.append(time.monotonic() - sent)
        if len(late) == len(pauses):
            all_came.set()

    visitor = connect()
    visitor.root.send_events(note, tuple(pauses))
    serving = rpyc.BgServingThread(visitor)
    if not all_came.wait(sum(pauses) * 2 + 10):
        raise TimeoutError(f"{len(late)} of {len(pauses)} events came")
    serving.stop()
    visitor.close()
    return {"median_ms": median(late) * 1000, "p99_ms": quantiles(late, n=100)[98] * 1000}


def bulk(large: int, small: int) -> Answer:
    """Send much at once. To be asked of a new client: it finds out the most memory that was ever used."""
    root = conn.root
    root.size(b"warm")
    timed = {}
    for name, size in (("small", small), ("large", large)):
        data = random_bytes(size)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.perf_counter()
        if root.size(data) != size:
            raise ValueError("the server got something else")
        timed[name] = time.perf_counter() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    return {
        "rate": large / MIB / timed["large"],
        "factor": timed["large"] / timed["small"],
        "payloads": grown / large,
    }


def outstanding(count: int, in_flight: int) -> Answer:
    """Have so many calls in flight at once, several times."""
    call = rpyc.async_(conn.root.fn())

    def crowd():
        for result in [call(1, 2) for _ in range(in_flight)]:
            result.wait()

    return repeat(crowd, count)


def lend(count: int, objects: int) -> Answer:
    """Hold so many of the server's objects, several times; also tell the seconds of a call while they are held."""
    root = conn.root
    function, held = root.fn(), []

    def hold():
        held.clear()
        while len(held) < objects:
            held.extend(root.items(min(BATCH, objects - len(held))))

    answer = repeat(hold, count)
    return {**answer, "call_seconds": repeat(lambda: function(1, 2), CALLS)["seconds"] / CALLS}


drive(
    {
        "bound": bound,
        "root_add": root_add,
        "pipelined": pipelined,
        "make": make,
        "echo_random": echo_random,
        "echo_text": echo_text,
        "latency": latency,
        "connect": connecting,
        "threads": threads,
        "rows": rows,
        "events": events,
        "bulk": bulk,
        "outstanding": outstanding,
        "lend": lend,
    }
)
