"""What the servers of rpyc and of txrpyc offer: one source for both, the package being named by the environment."""

import importlib
import os
import threading
import time

rpyc = importlib.import_module(os.environ.get("BENCHMARKS_PACKAGE", "txrpyc"))


class Item:
    """An object that is made for a call."""

    def exposed_m(self, number):
        return number


def follow(pauses, send):
    """Send the time after each of the pauses, late or not."""
    due = time.monotonic()
    for pause in pauses:
        due += pause
        time.sleep(max(0.0, due - time.monotonic()))
        send(time.monotonic())


class Offered(rpyc.Service):
    """The service."""

    def exposed_add(self, one, two):
        return one + two

    def exposed_fn(self):
        """Give a bound function."""
        return self.exposed_add

    def exposed_make(self):
        """Give a new object."""
        return Item()

    def exposed_items(self, count):
        """Give so many new objects at once."""
        return tuple([Item() for _ in range(count)])

    def exposed_echo(self, data):
        return data

    def exposed_size(self, data):
        return len(data)

    def exposed_rows(self, count):
        """Give a generator of tuples."""
        return ((number, f"row {number}", number / 7) for number in range(count))

    def exposed_send_events(self, callback, pauses):
        """Call back without waiting, from a thread of the server's, with the time; pause before each."""
        threading.Thread(target=follow, args=(pauses, rpyc.async_(callback)), daemon=True).start()
