"""
What the long runs have ``twistd txrpyc`` serve: copied into the folder where it runs.

A client registers a function, which other clients call through the service; and the server tells how it is doing.
"""

import gc
import os
import threading

import txrpyc
from txrpyc.blocking.connection import Connection

PAGE = os.sysconf("SC_PAGE_SIZE")


class Soaked(txrpyc.Service):
    functions = {}  # noqa: RUF012  for all clients alike

    def on_connect(self, conn):
        self.names = []

    def on_disconnect(self, conn):
        for name in self.names:
            self.functions.pop(name, None)

    @txrpyc.exposed
    def add(self, one, two):
        return one + two

    @txrpyc.exposed
    def length(self, things):
        """Look at an object of the client's: each look is a call."""
        return len(things)

    @txrpyc.exposed
    def apply(self, function, number):
        return function(number)

    @txrpyc.exposed
    def tell(self, function, count):
        """Send events, for whose end nobody waits."""
        for number in range(count):
            txrpyc.async_(function)(number)

    @txrpyc.exposed
    def join(self, name, function):
        """Let other clients call a function of this one's."""
        self.names.append(name)
        self.functions[name] = function

    @txrpyc.exposed
    def cross(self, name, depth):
        """Call the function of another client, or of this one."""
        return self.functions[name](depth)

    @txrpyc.exposed
    def state(self):
        """Give the bytes in memory, the threads, the descriptors, and what the tables of all connections hold."""
        gc.collect()
        with open("/proc/self/statm") as statm:
            memory = int(statm.read().split()[1]) * PAGE
        connections = [thing for thing in gc.get_objects() if type(thing) is Connection]
        sessions = [connection.protocol.session for connection in connections]
        return (
            memory,
            threading.active_count(),
            len(os.listdir("/proc/self/fd")),
            len(connections),
            sum(len(session.lent) + len(session.borrowed) for session in sessions) + len(self.functions),
            sum(connection.protocol.waiting for connection in connections),
        )
