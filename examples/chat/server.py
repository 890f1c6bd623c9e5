"""A chat's server: what one client says, all of them hear.

    twistd -n txrpyc --service chat.server.Chat

It runs in the reactor, so there are no threads and no locks, and a client that is slow holds up nobody.
"""

from txrpyc.deferred import Service, exposed

members = {}
"""The functions by which the clients are told something, by the clients' names."""


def tell_all(line):
    for hear in members.values():
        # A call is a Deferred. Nobody waits for it; if it fails, the client has left, or does not want to hear.
        hear(line).addErrback(lambda failure: None)


class Chat(Service):
    """Each client has one of these."""

    name = None

    def on_disconnect(self, conn):
        if self.name is not None:
            del members[self.name]
            tell_all(f"* {self.name} has left")

    @exposed
    def join(self, name, hear):
        """Come in under a name; from then on, hear(line) is called with all that is said."""
        if self.name is not None:
            raise ValueError(f"you are here already, as {self.name}")
        if name in members:
            raise ValueError(f"there is a {name} here already; take another name")
        self.name = name
        members[name] = hear
        tell_all(f"* {name} is here, with {len(members) - 1} others")

    @exposed
    def say(self, text):
        """Tell everybody something."""
        if self.name is None:
            raise ValueError("join first")
        tell_all(f"{self.name}: {text}")
