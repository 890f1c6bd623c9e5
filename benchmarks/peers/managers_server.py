"""Serve by multiprocessing.managers on a free loopback port."""

from multiprocessing.managers import BaseManager

KEY = b"benchmarks"


class Offered:
    def add(self, one, two):
        return one + two

    def echo(self, data):
        return data


class Manager(BaseManager):
    """Gives everybody the same object."""


if __name__ == "__main__":
    the_only = Offered()
    Manager.register("offered", lambda: the_only)
    server = Manager(("127.0.0.1", 0), KEY).get_server()
    print(f"PORT {server.address[1]}", flush=True)
    server.serve_forever()
