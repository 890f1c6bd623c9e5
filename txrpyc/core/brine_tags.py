"""The tag bytes of brine; see `txrpyc.core.brine`."""

from __future__ import annotations

from typing import Final

NONE: Final = 0x00
EMPTY_BYTES: Final = 0x01
EMPTY_TUPLE: Final = 0x02
TRUE: Final = 0x03
FALSE: Final = 0x04
NOT_IMPLEMENTED: Final = 0x05
ELLIPSIS: Final = 0x06
TEXT: Final = 0x08
BYTES_1: Final = 0x0A
BYTES_4: Final = 0x0D
BYTES_L1: Final = 0x0E
BYTES_L4: Final = 0x0F
TUPLE_1: Final = 0x10
TUPLE_2: Final = 0x11
TUPLE_3: Final = 0x12
TUPLE_4: Final = 0x13
TUPLE_L1: Final = 0x14
TUPLE_L4: Final = 0x15
INT_L1: Final = 0x16
INT_L4: Final = 0x17
FLOAT_TAG: Final = 0x18
SLICE: Final = 0x19
FROZENSET: Final = 0x1A
COMPLEX_TAG: Final = 0x1B

SMALLEST: Final = -0x30
LARGEST: Final = 0x9F
ZERO: Final = 0x50
"""The integers from SMALLEST to LARGEST are a tag each: themselves plus ZERO."""
