"""The file monitor's client: it has a file watched, changes that, and hears of each change while it is busy."""

import argparse
import stat
import tempfile
import threading

import txrpyc


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=18871, help="of the server on this machine (%(default)s)")
    parser.add_argument("--changes", type=int, default=3, help="how often to change the file (%(default)s)")
    options = parser.parse_args()

    changed = threading.Event()

    def on_change(old_stat, new_stat):
        print(f"the file has changed: {old_stat[stat.ST_SIZE]} bytes, now {new_stat[stat.ST_SIZE]}")
        changed.set()

    conn = txrpyc.connect("127.0.0.1", options.port)
    # From here on a thread in the background carries out what the server asks for: calls of on_change.
    serving = txrpyc.BgServingThread(conn)

    with tempfile.NamedTemporaryFile() as file:
        monitor = conn.root.watch(file.name, on_change)
        work = 0
        for _ in range(options.changes):
            changed.clear()
            file.write(b"more\n")
            file.flush()
            # The main thread has other things to do: nothing in here uses the connection.
            while not changed.is_set():
                work += 1
        monitor.stop()

    serving.stop()
    conn.close()
    print(f"heard of {options.changes} changes, and meanwhile counted: {work > 0}")


if __name__ == "__main__":
    main()
