"""What a class offers: the answer to an inspection (INSPECT).

Each connection asks for each class that it meets, and finding the answer out takes as long as some calls. So the
last ones are remembered, together with the attributes that they were found from: a class may get others at any time.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from functools import lru_cache
from operator import is_
from typing import Any, Final

from txrpyc.core.brine import dump
from txrpyc.core.consts import LABEL_VALUE
from txrpyc.core.identity import LOCAL_ATTRS, clean

__all__ = ["Methods", "boxed_offer", "known_offer", "methods_of_instances", "offered_methods", "remember_offer"]

Methods = tuple[tuple[str, str | None], ...]
"""Names and docstrings."""

_MOST: Final = 100
"""How many classes are remembered. They are kept alive by that."""


class _Found:
    __slots__ = ("attributes", "kind", "methods")

    def __init__(self, kind: type, attributes: dict[str, Any]) -> None:
        self.kind = kind
        self.attributes = attributes
        self.methods = _methods_among(attributes)

    def holds(self, attributes: dict[str, Any]) -> bool:
        """Tell whether the attributes are still the same."""
        known = self.attributes
        return list(known) == list(attributes) and all(map(is_, known.values(), attributes.values()))


_remembered: dict[tuple[int, bool], _Found] = {}


def offered_methods(value: Any) -> Methods:
    """Give the names and docstrings of the methods that a local object's class defines, in rpyc's order.

    For a class these include its metaclass's. Names in `LOCAL_ATTRS` are left out.
    """
    if issubclass(type(value), type):
        return _methods(value, True, [*reversed(type(value).__mro__), *reversed(value.__mro__)])
    return methods_of_instances(type(value))


def methods_of_instances(kind: type) -> Methods:
    """Give what `offered_methods` gives for any instance of a class."""
    return _methods(kind, False, reversed(kind.__mro__))


@lru_cache(maxsize=_MOST)
def boxed_offer(methods: Methods) -> bytes:
    """Give the boxed value that answers an inspection."""
    return dump((LABEL_VALUE, methods))


_VALUE: Final = dump((LABEL_VALUE, None))[:2]
"""What a boxed value begins with that holds no references."""

_LARGEST: Final = 50_000
"""Bytes of the longest answer of a peer's that is remembered."""

_known: dict[bytes, Methods] = {}


def known_offer(content: bytes) -> Methods | None:
    """Give what a peer's answer with this content says, if one came before, on whichever connection."""
    return _known.get(content)


def remember_offer(content: bytes, methods: Methods) -> None:
    """Remember what a peer's answer with this content says, unless it is long, or holds references, which count."""
    if content.startswith(_VALUE) and len(content) <= _LARGEST:
        if len(_known) >= _MOST:
            _known.clear()
        _known[content] = methods


def _methods(kind: type, is_class: bool, classes: Iterable[type]) -> Methods:
    attributes: dict[str, Any] = {}
    for each in classes:
        attributes.update(vars(each))
    key = id(kind), is_class  # the class itself may have a hash of its own
    found = _remembered.get(key)
    if found is None or not found.holds(attributes):
        if len(_remembered) >= _MOST:
            _remembered.clear()
        found = _remembered[key] = _Found(kind, attributes)
    return found.methods


def _methods_among(attributes: dict[str, Any]) -> Methods:
    methods = []
    for name, attribute in attributes.items():
        if name in LOCAL_ATTRS or type(name) is not str or clean(name) != name:
            continue
        try:
            if inspect.isroutine(attribute):
                text = inspect.getdoc(attribute)
                methods.append((name, None if text is None else clean(f"{text}")))
        except Exception:
            continue
    return tuple(methods)
