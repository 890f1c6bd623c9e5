"""A tour of asynchronous operation, for scripts. It wants a classic server: run 'twistd -n txrpyc' in another terminal.

The same calls as in RPyC's documentation; with 'import rpyc' in place of the import below, it runs with rpyc as well.
"""

import argparse
import threading
import time

import txrpyc as rpyc


def calls(conn, unit):
    """A remote function is called like any other, and then waits; or through async_(), and then does not."""
    sleep = conn.modules.time.sleep
    began = time.monotonic()
    sleep(unit)
    print(f"a plain call waited {time.monotonic() - began:.1f} seconds")

    async_sleep = rpyc.async_(sleep)
    result = async_sleep(unit)
    print(f"an async_ call gave {result!r} at once; ready: {result.ready}")
    result.wait()
    print(f"after wait(), ready: {result.ready}, value: {result.value}")


def errors(conn):
    """An AsyncResult holds the value, or the exception, which its `value` then raises."""
    async_int = rpyc.async_(conn.builtins.int)
    good = async_int("8")
    good.wait()
    print(f"int('8') went well: error is {good.error}, the value is {good.value}")

    bad = async_int("eight")
    bad.wait()
    print(f"int('eight') did not: error is {bad.error}")
    try:
        print(bad.value)
    except ValueError as error:
        # The rest of the text is the traceback of the server.
        print(f"its value raises {type(error).__name__}: {str(error).splitlines()[0]}")


def callbacks(conn):
    """A callback is told when a result is there, whoever waits for it."""
    result = rpyc.async_(conn.builtins.pow)(2, 100)
    result.add_callback(lambda result: print(f"the callback got {result.value}"))
    result.wait()


def expiry(conn, unit):
    """A result may expire: by its own set_expiry(), or because the function was wrapped by timed()."""
    sleep = conn.modules.time.sleep
    result = rpyc.async_(sleep)(2 * unit)
    result.set_expiry(unit)
    try:
        result.wait()
    except rpyc.AsyncResultTimeout:
        print(f"two units are more than an expiry of one; expired: {result.expired}")

    at_most_six = rpyc.timed(sleep, 6 * unit)
    print(f"timed: three units of six: {at_most_six(3 * unit).value}")
    try:
        print(at_most_six(10 * unit).value)
    except TimeoutError as error:  # an AsyncResultTimeout is one
        print(f"timed: ten units of six: {type(error).__name__}")


EVENTS = """
import threading, time

def tell(callback, count, pause):
    def run():
        for number in range(count):
            time.sleep(pause)
            callback(number)
    threading.Thread(target=run, daemon=True).start()
"""


def events(conn, unit):
    """With a BgServingThread, what the server calls is carried out at once, whatever the main thread does."""
    conn.execute(EVENTS)  # in classic mode, the client may define functions at the server
    done = threading.Event()

    def on_event(number):
        print(f"event {number}, in the thread {threading.current_thread().name}")
        if number == 2:
            done.set()

    serving = rpyc.BgServingThread(conn)
    conn.namespace["tell"](on_event, 3, unit / 4)
    done.wait()  # this is not the connection's: without the BgServingThread, nobody would ever serve
    serving.stop()
    print(f"the connection goes on without it: {conn.eval('1 + 1')}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1", help="where the server is (%(default)s)")
    parser.add_argument("--port", type=int, default=18812, help="its port (%(default)s)")
    parser.add_argument("--unit", type=float, default=1.0, help="how many seconds a unit of time takes (%(default)s)")
    options = parser.parse_args()

    conn = rpyc.classic.connect(options.host, options.port)
    calls(conn, options.unit)
    errors(conn)
    callbacks(conn)
    expiry(conn, options.unit)
    events(conn, options.unit)
    conn.close()


if __name__ == "__main__":
    main()
