"""What a session tells of the bytes that came. Nobody changes these records; freezing them would double the cost of
making one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from txrpyc.core.envelope import Dialect

__all__ = ["BadRequest", "Event", "Failure", "OtherDialect", "Reply", "Request"]


@dataclass(slots=True)
class Request:
    """The peer asks for something."""

    sequence: int
    verb: int
    arguments: tuple[Any, ...]


@dataclass(slots=True)
class BadRequest:
    """The peer asked, but not in a way that can be carried out; it should be told."""

    sequence: int
    error: Exception


@dataclass(slots=True)
class Reply:
    """The answer to a request of ours."""

    sequence: int
    value: Any


@dataclass(slots=True)
class Failure:
    """The error that a request of ours led to."""

    sequence: int
    error: BaseException


@dataclass(slots=True)
class OtherDialect:
    """The peer does not understand what we sent so far. See `Session.change_dialect`."""

    dialect: Dialect


Event = Request | BadRequest | Reply | Failure | OtherDialect
