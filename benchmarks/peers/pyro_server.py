"""Serve by Pyro5 on a free loopback port."""

import Pyro5.api


@Pyro5.api.expose
class Offered:
    def add(self, one, two):
        return one + two

    def echo(self, data):
        return data


daemon = Pyro5.api.Daemon(host="127.0.0.1", port=0)
daemon.register(Offered(), "offered")
print(f"PORT {daemon.locationStr.rpartition(':')[2]}", flush=True)
daemon.requestLoop()
