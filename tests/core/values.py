"""
Brinable values for the tests: comparing them exactly, drawing them, and damaging their bytes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

__all__ = ["brinable", "changes", "cuts", "exactly", "modest", "prefixes"]

# The same examples every time, and few enough for a run of a few seconds.
modest = settings(derandomize=True, deadline=None, max_examples=150, database=None)

# In data up to this length each byte takes each other value; in longer data, a sample of it.
SHORT = 44


def exactly(value: Any) -> Any:
    """Give what is equal only for the same value: types count, nan is nan, -0.0 is not 0."""
    kind = type(value)
    if kind is tuple:
        return kind, tuple(map(exactly, value))
    if kind is frozenset:
        return kind, frozenset(map(exactly, value))
    if kind is slice:
        return kind, exactly((value.start, value.stop, value.step))
    if kind is complex:
        return kind, repr(value.real), repr(value.imag)
    return (kind, repr(value)) if kind is float else (kind, value)


_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
_scalars = st.one_of(
    st.sampled_from([None, NotImplemented, Ellipsis, True, False]),
    st.integers(-300, 300),
    st.integers(),
    st.integers(0, 900).map(lambda digits: 10**digits),
    st.floats(),
    st.complex_numbers(),
    _texts,
    st.binary(max_size=300),
)
_hashable = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=6).map(tuple) | st.frozensets(inner, max_size=6),
    max_leaves=8,
)
brinable = st.recursive(
    _scalars | _hashable,
    lambda inner: st.lists(inner, max_size=6).map(tuple) | st.builds(slice, inner, inner, inner),
    max_leaves=12,
)


def prefixes(data: bytes) -> Iterator[bytes]:
    """Give each true prefix of data, and only the ends of those of long data."""
    sizes = range(len(data))
    for size in sizes if len(data) <= 600 else [*sizes[:300], *sizes[-300:]]:
        yield data[:size]


def changes(data: bytes, sample: int = 300) -> Iterator[bytes]:
    """Give data with one byte changed: in every way if it is short, else at sampled places."""
    if len(data) <= SHORT:
        pairs = ((place, byte) for place in range(len(data)) for byte in range(256))
    else:
        dice = random.Random(len(data))
        # Most structure stands at the beginning.
        places = [*range(40), *(dice.randrange(len(data)) for _ in range(sample))]
        pairs = ((place, dice.randrange(256)) for place in places for _ in range(4))
    for place, byte in pairs:
        if data[place] != byte:
            yield b"".join((data[:place], bytes((byte,)), data[place + 1 :]))


def cuts(data: bytes, seed: int) -> Iterator[bytes]:
    """Give data in pieces of random lengths."""
    dice = random.Random(seed)
    while data:
        size = dice.randint(1, max(1, len(data) // 3))
        yield data[:size]
        data = data[size:]
