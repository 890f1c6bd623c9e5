"""Every exception class of txrpyc.

Each says whose fault it is and what follows, and also derives from the builtin that callers of
RPyC already catch::

    TxRPyCError
    |-- ProtocolError (ValueError)            the peer broke the protocol: the connection ends
    |   `-- LimitExceeded                     ... by sending more than we allow
    |-- EncodingError (ValueError)            a local value cannot be sent: that one call fails
    |-- NotBrinable (TypeError)               a value is of a type that only travels by reference
    |-- UnknownReference (KeyError)           a peer named an object that we do not lend: one call fails
    |-- ConnectionLost (EOFError)             the connection is gone: every waiter gets this
    |-- AsyncResultTimeout (TimeoutError)     a result did not come in time: that one call fails
    |-- PingError                             a peer did not echo a ping
    |-- WrongThread (RuntimeError)            a blocking call where nothing may block
    `-- ConfigurationError (ValueError)       a setting that we do not know, or cannot follow

`GenericException`, in `txrpyc.core.vinegar`, stands for an exception class of the peer's that may not be
made here.
"""

from __future__ import annotations

__all__ = [
    "AsyncResultTimeout",
    "ConfigurationError",
    "ConnectionLost",
    "EncodingError",
    "LimitExceeded",
    "NotBrinable",
    "PingError",
    "ProtocolError",
    "TxRPyCError",
    "UnknownReference",
    "WrongThread",
]


class TxRPyCError(Exception):
    """The root of the tree; not raised itself."""


class ProtocolError(TxRPyCError, ValueError):
    """The peer sent bytes that are not RPyC. The connection cannot go on."""


class LimitExceeded(ProtocolError):
    """The peer sent more than a limit of the local configuration allows."""


class EncodingError(TxRPyCError, ValueError):
    """A local value cannot be put on the wire. Only the call that carried it fails."""


class NotBrinable(TxRPyCError, TypeError):
    """The value, or one inside it, is not of a type that brine carries: send a reference."""


class UnknownReference(TxRPyCError, KeyError):
    """A message names an object that its receiver does not lend (any more)."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class ConnectionLost(TxRPyCError, EOFError):
    """The connection has ended, so this operation cannot."""


class AsyncResultTimeout(TxRPyCError, TimeoutError):
    """A result did not arrive before its expiry. The connection goes on."""


class PingError(TxRPyCError):
    """The peer answered a ping with something else than what was sent."""


class WrongThread(TxRPyCError, RuntimeError):
    """A blocking call was made in the thread of a running reactor, which would stop everything else."""


class ConfigurationError(TxRPyCError, ValueError):
    """A configuration key or value is not one that we know."""
