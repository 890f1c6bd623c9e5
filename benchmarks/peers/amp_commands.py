"""The command that the AMP client gives the AMP server."""

from twisted.protocols import amp


class Add(amp.Command):
    arguments = ((b"one", amp.Integer()), (b"two", amp.Integer()))
    response = ((b"total", amp.Integer()),)
