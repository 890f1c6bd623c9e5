"""
The services that the tests have ``twistd txrpyc`` serve: copied, as ``myservice.py``, into the folder where it runs.

They note what happens in a file named ``journal`` there.
"""

import threading
import time

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

import txrpyc
import txrpyc.deferred


def note(line):
    with open("journal", "a") as journal:
        journal.write(line + "\n")


class Blocking(txrpyc.Service):
    """Runs in worker threads."""

    meeting = threading.Barrier(3)

    def __init__(self):
        self.public = "reachable if the configuration says so"
        self.items = []
        self.inside = 0

    def on_connect(self, conn):
        note("connected")

    def on_disconnect(self, conn):
        note("disconnected")

    @txrpyc.exposed
    def add(self, one, two):
        return one + two

    @txrpyc.exposed
    def threads(self):
        return threading.active_count()

    @txrpyc.exposed
    def in_reactor(self):
        return threading.current_thread() is threading.main_thread()

    @txrpyc.exposed
    def sleep(self, seconds):
        time.sleep(seconds)

    @txrpyc.exposed
    def hold(self, began):
        """Call a function of the client's, and then do not end."""
        began()
        time.sleep(3600)

    @txrpyc.exposed
    def bounce(self, depth, function):
        """Call a function of the client's that calls this, until the depth is used up; give how deep that was."""
        return 0 if depth == 0 else 1 + function(depth - 1)

    @txrpyc.exposed
    def append(self, item):
        """Take note of an item, and of how many such calls are under way."""
        self.inside += 1
        time.sleep(0)
        self.items.append((item, self.inside))
        self.inside -= 1

    @txrpyc.exposed
    def appended(self):
        return tuple(self.items)

    @txrpyc.exposed
    def meet(self):
        """Return when three are here at once."""
        self.meeting.wait(30)

    @txrpyc.exposed
    def interrupt(self):
        raise KeyboardInterrupt


class InReactor(txrpyc.deferred.Service):
    """Runs in the reactor."""

    def on_connect(self, conn):
        note("connected")

    def on_disconnect(self, conn):
        note("disconnected")

    @txrpyc.exposed
    def add(self, one, two):
        return deferToThread(lambda: one + two)

    @txrpyc.exposed
    def in_reactor(self):
        return threading.current_thread() is threading.main_thread() and reactor.running

    @txrpyc.exposed
    async def hold(self, began):
        await began()
        await Deferred()


class ForRpyc:
    """What a service of rpyc's has, without any class of ours."""

    def on_connect(self, conn):
        note("connected")

    def on_disconnect(self, conn):
        note("disconnected")

    def exposed_add(self, one, two):
        return one + two


class NoService:
    """Has nothing of a service."""


ready_made = Blocking()
