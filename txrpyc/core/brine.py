"""Brine: RPyC's format for immutable values.

One tag byte, then what the tag says. The integers -0x30 to 0x9f are one byte each (0x20 to 0xef); other integers
travel as decimal digits; text is its tag followed by the UTF-8 bytes encoded as bytes; a slice and a frozenset are
their tag followed by a tuple. Lengths and floats are big-endian.

The contract:

1. `dump` and `dump_into` give exactly the bytes that `rpyc.core.brine.dump` of rpyc 4.1 to 6.0 gives, or raise
   `NotBrinable` (the value is of another type: send a reference), or `EncodingError` (it is of a brinable type, but
   this one cannot be written).
2. `load` gives the value, or raises `ProtocolError`. It never raises anything else, never reads past the end,
   and never allocates by a length that the data does not hold.
3. Types are exact, as in rpyc: a subclass of ``str``, ``int`` or ``tuple`` is not brinable.
"""

from __future__ import annotations

from txrpyc.core.brine_reader import READ_DEPTH, load, load_from
from txrpyc.core.brine_writer import (
    BRINABLE,
    MAX_DEPTH,
    WRITERS,
    NotBrinable,
    dump,
    dump_int,
    dump_into,
    dumpable,
    tuple_head,
)

__all__ = [
    "BRINABLE",
    "MAX_DEPTH",
    "READ_DEPTH",
    "WRITERS",
    "NotBrinable",
    "dump",
    "dump_int",
    "dump_into",
    "dumpable",
    "load",
    "load_from",
    "tuple_head",
]
