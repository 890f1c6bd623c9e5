"""
Be a client of the real rpyc: do one thing with a classic server, and print what came of it as JSON.

Arguments: the server's port, and the name of a function below.
"""

import json
import sys
import threading

import rpyc


def classic(conn):
    conn.execute("def double(x): return 2 * x")
    return [
        conn.modules.os.path.join("a", "b"),
        conn.builtins.sum([1, 2, 3]),
        conn.eval("double(21)"),
        conn.namespace["double"]("ab"),
        conn.modules.sys is conn.modules.sys,
    ]


def netrefs(conn):
    numbers = conn.builtins.list((3, 1, 2))
    numbers.sort()
    numbers[0] = "one"
    table = conn.builtins.dict(a=1)
    return [
        list(numbers),
        len(numbers),
        2 in numbers,
        repr(numbers),
        isinstance(numbers, list),
        dict(table.items()),
        list(conn.builtins.range(3)),
        conn.builtins.list() == conn.builtins.list(),
        list(rpyc.buffiter(conn.builtins.list(range(30)))) == list(range(30)),
        rpyc.classic.obtain(numbers),
        hasattr(numbers, "nothing"),
    ]


def asynchronous(conn):
    sleep = rpyc.async_(conn.modules.time.sleep)
    result = sleep(0.15)
    seen = []
    result.add_callback(lambda result: seen.append(result.error))
    before = result.ready
    result.wait()
    late = rpyc.timed(conn.modules.time.sleep, 0.15)(0.45)
    try:
        seen.append(late.value)
    except rpyc.AsyncResultTimeout:
        seen.append("late")
    return [before, result.value, seen, late.expired, conn.eval("'after'")]


def errors(conn):
    seen = []
    for text in ("{}['gone']", "1 // 0", "nothing", "no code"):
        try:
            conn.eval(text)
        except Exception as error:
            seen.append([type(error).__name__, "Remote Traceback" in str(error)])
    try:
        conn.eval("'text\\udc80'")
    except ValueError:
        seen.append("unencodable")
    return [*seen, conn.eval("1 + 1")]


def callbacks(conn):
    conn.execute("def theirs(depth, other): return 0 if depth == 0 else 1 + other(depth - 1, theirs)")

    def ours(depth, other):
        return 0 if depth == 0 else 1 + other(depth - 1, ours)

    return [conn.eval("lambda f, *a, **k: f(*a, **k)")(lambda a, b: a * b, 6, b=7), ours(20, conn.namespace["theirs"])]


def events(conn):
    serving = rpyc.BgServingThread(conn)
    seen, done = [], threading.Event()
    conn.execute("from txrpyc import async_ as asynchronous")
    send = conn.eval("lambda f, g: [asynchronous(f)(n) for n in range(20)] and asynchronous(g)() and None")
    send(seen.append, done.set)
    arrived = done.wait(30)
    serving.stop()
    return [arrived, sorted(seen) == list(range(20))]


def big(conn):
    data = bytes(range(256)) * 40960
    return [conn.eval("lambda data: len(data)")(data), conn.eval("lambda data: data")(data) == data]


def order(conn):
    conn.execute("seen = []")
    note = rpyc.async_(conn.eval("seen.append"))
    for number in range(100):
        result = note(number)
    result.wait()
    return list(conn.eval("tuple(seen)")) == list(range(100))


def refcounts(conn):
    import gc

    conn.execute("import gc\nclass Thing: pass\nmake = lambda n: tuple([Thing() for _ in range(n)])")
    make = conn.namespace["make"]
    tables = conn.eval("lambda c: (gc.collect(), len(c.protocol.session.lent), len(c.protocol.session.borrowed))[1:]")
    far = conn.root.getconn()
    make(1)
    before = tables(far)
    for _ in range(20):
        make(100)
        conn.eval("lambda *things: len(things)")(*[object() for _ in range(100)])
    gc.collect()
    conn.ping()
    return [list(before), list(tables(far))]


conn = rpyc.classic.connect("127.0.0.1", int(sys.argv[1]))
print(json.dumps(globals()[sys.argv[2]](conn)))
conn.close()
