"""The tag bytes of brine; see `txrpyc.core.brine`."""

from __future__ import annotations

NONE, EMPTY_BYTES, EMPTY_TUPLE, TRUE, FALSE, NOT_IMPLEMENTED, ELLIPSIS = range(7)
TEXT = 0x08
BYTES_1, BYTES_2, BYTES_3, BYTES_4, BYTES_L1, BYTES_L4 = range(0x0A, 0x10)
TUPLE_1, TUPLE_2, TUPLE_3, TUPLE_4, TUPLE_L1, TUPLE_L4 = range(0x10, 0x16)
INT_L1, INT_L4 = 0x16, 0x17
FLOAT_TAG, SLICE, FROZENSET, COMPLEX_TAG = range(0x18, 0x1C)

SMALLEST, LARGEST, ZERO = -0x30, 0x9F, 0x50
"""The integers from SMALLEST to LARGEST are a tag each: themselves plus ZERO."""
