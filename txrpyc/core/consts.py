"""The wire's numbers, as the `rpyc` package 4.1 to 6.0 uses them.

The members are also module-level names, so that code reads ``message is REPLY``. They are plain
integers on the wire; `Verb(number)` turns one from the wire into a member.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

__all__ = [
    "CLOSE",
    "PING",
    "CALL",
    "CALLATTR",
    "DEL",
    "EXCEPTION",
    "EXC_STOP_ITERATION",
    "GETATTR",
    "GETROOT",
    "INSPECT",
    "LABEL_LOCAL_REF",
    "LABEL_REMOTE_REF",
    "LABEL_TUPLE",
    "LABEL_VALUE",
    "REPLY",
    "REQUEST",
    "Label",
    "Message",
    "Verb",
]


class Message(IntEnum):
    """What a frame carries."""

    REQUEST = 1
    REPLY = 2
    EXCEPTION = 3


class Label(IntEnum):
    """How a boxed value is to be read."""

    VALUE = 1
    """The value itself."""
    TUPLE = 2
    """A tuple of boxed values."""
    LOCAL_REF = 3
    """The identity of an object of the receiver's."""
    REMOTE_REF = 4
    """The identity of an object of the sender's, lent once more."""


class Verb(IntEnum):
    """What a request asks for. RPyC calls these handlers."""

    PING = 1
    CLOSE = 2
    GETROOT = 3
    GETATTR = 4
    DELATTR = 5
    SETATTR = 6
    CALL = 7
    CALLATTR = 8
    REPR = 9
    STR = 10
    CMP = 11
    HASH = 12
    DIR = 13
    PICKLE = 14
    DEL = 15
    INSPECT = 16
    BUFFITER = 17
    OLDSLICING = 18
    CTXEXIT = 19
    INSTANCECHECK = 20


REQUEST: Final = int(Message.REQUEST)
REPLY: Final = int(Message.REPLY)
EXCEPTION: Final = int(Message.EXCEPTION)

LABEL_VALUE: Final = int(Label.VALUE)
LABEL_TUPLE: Final = int(Label.TUPLE)
LABEL_LOCAL_REF: Final = int(Label.LOCAL_REF)
LABEL_REMOTE_REF: Final = int(Label.REMOTE_REF)

PING: Final = int(Verb.PING)
CLOSE: Final = int(Verb.CLOSE)
GETROOT: Final = int(Verb.GETROOT)
GETATTR: Final = int(Verb.GETATTR)
CALL: Final = int(Verb.CALL)
CALLATTR: Final = int(Verb.CALLATTR)
DEL: Final = int(Verb.DEL)
INSPECT: Final = int(Verb.INSPECT)

EXC_STOP_ITERATION: Final = 1
"""The whole body of an exception message that carries StopIteration."""
