"""The file monitor's server: it watches files for its clients, and calls them when one has changed."""

import argparse
import os
import threading

import txrpyc


class Monitor:
    """Watches a file in a thread of its own, until it is stopped."""

    def __init__(self, path, callback, interval):
        self.path = path
        # Do not wait for the client: it may be slow, and the next change is ours to see.
        self.callback = txrpyc.async_(callback)
        self.interval = interval
        self.stopped = threading.Event()
        self.last = self.look()
        threading.Thread(target=self.work, daemon=True).start()

    def look(self):
        # A tuple is sent as it is; a stat_result would be a reference, through which the client asks back.
        return tuple(os.stat(self.path))

    def work(self):
        while not self.stopped.wait(self.interval):
            try:
                now = self.look()
            except FileNotFoundError:
                continue  # some programs replace a file instead of writing to it
            if now != self.last:
                self.callback(self.last, now)
                self.last = now

    def exposed_stop(self):
        """Stop watching."""
        self.stopped.set()


class FileMonitorService(txrpyc.Service):
    """Each client has one of these."""

    def on_connect(self, conn):
        self.monitors = []

    def on_disconnect(self, conn):
        for monitor in self.monitors:
            monitor.exposed_stop()

    @txrpyc.exposed
    def watch(self, path, callback, interval=0.1):
        """Call callback(old_stat, new_stat) whenever the file has changed. What this gives has a stop()."""
        monitor = Monitor(path, callback, interval)
        self.monitors.append(monitor)
        return monitor


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=18871, help="where to listen on 127.0.0.1 (%(default)s)")
    server = txrpyc.ThreadedServer(FileMonitorService, hostname="127.0.0.1", port=parser.parse_args().port)
    print(f"listening on port {server.port}; Ctrl-C ends this", flush=True)
    server.start()


if __name__ == "__main__":
    main()
