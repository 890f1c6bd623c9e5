"""Holding: messages that cannot be handed out yet, as a class that they name must be inspected first.

Requests are handed out in the order in which they came, so those behind one that waits, wait as well. Answers wait for
their own classes only.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from typing import Any

from txrpyc.core.brine import load_from
from txrpyc.core.consts import REPLY
from txrpyc.core.events import Event
from txrpyc.core.identity import Identity, class_of
from txrpyc.core.inspection import Methods, known_offer, remember_offer
from txrpyc.core.objects import BorrowedTable
from txrpyc.core.unboxing import ProxyMaker, Unboxer, Unmade
from txrpyc.errors import ProtocolError, UnknownReference

__all__ = ["Holding"]


class _Held:
    """A message that waits.

    Args:
        finish: makes the event, once everything is known.
        missing: the classes that are not.
    """

    __slots__ = ("finish", "missing")

    def __init__(self, finish: Callable[[], Event], missing: set[tuple[str, int, bool]]) -> None:
        self.finish = finish
        self.missing = missing


def _is_method(pair: Any) -> bool:
    """Tell whether something is a name and a docstring, or None."""
    return type(pair) is tuple and len(pair) == 2 and type(pair[0]) is str and (pair[1] is None or type(pair[1]) is str)


class Holding:
    """What one session holds.

    Args:
        maker: learns the classes.
        unboxer, borrowed: the session's.
        inspect: asks the peer for the class of an identity; gives the number of that request.

    Attributes:
        inspections: what is asked for, by number.
        requests, answers: what waits.
    """

    def __init__(
        self, maker: ProxyMaker, unboxer: Unboxer, borrowed: BorrowedTable, inspect: Callable[[Identity], int]
    ) -> None:
        self._maker = maker
        self._unboxer = unboxer
        self._borrowed = borrowed
        self._inspect = inspect
        self.inspections: dict[int, Identity] = {}
        self.requests: deque[_Held] = deque()
        self.answers: list[_Held] = []

    def hold_request(self, finish: Callable[[], Event], unmade: list[Unmade]) -> None:
        """Hold a request until these can be made."""
        self.requests.append(_Held(finish, self._missing(unmade)))

    def hold_answer(self, finish: Callable[[], Event], unmade: list[Unmade]) -> None:
        """Hold an answer until these can be made."""
        self.answers.append(_Held(finish, self._missing(unmade)))

    def in_order(self, event: Event) -> Event | None:
        """Give the event of a request that needs nothing; None if it has to wait behind others."""
        if not self.requests:
            return event
        self.requests.append(_Held(lambda: event, set()))
        return None

    def _missing(self, unmade: list[Unmade]) -> set[tuple[str, int, bool]]:
        """Ask for the classes that nobody asked for yet; give all that are needed."""
        needed = set()
        asked = {class_of(identity) for identity in self.inspections.values()}
        for hole in unmade:
            kind = class_of(hole.identity)
            needed.add(kind)
            if kind not in asked:
                asked.add(kind)
                self.inspections[self._inspect(hole.identity)] = hole.identity
        return needed

    def learn(self, sequence: int, message: int, payload: bytes, start: int) -> None:
        """Take the answer to an inspection. A peer that refuses it gets proxies without special methods."""
        identity = self.inspections.pop(sequence)
        self._maker.learn(identity, self._offer(payload, start) if message == REPLY else ())
        kind = class_of(identity)
        for held in itertools.chain(self.requests, self.answers):
            held.missing.discard(kind)

    def _offer(self, payload: bytes, start: int) -> Methods:
        """Read the answer to an inspection; nothing if it is not a good one."""
        content = payload[start:]
        known = known_offer(content)
        if known is not None:
            return known
        offered: Any = None
        unmade: list[Unmade] = []
        try:
            offered = self._unboxer.decode(payload, start, unmade)
        except (ProtocolError, UnknownReference):
            load_from(payload, start)
        self.drop(unmade)
        # Plain tuples only: going over a proxy would ask the peer.
        methods = tuple(filter(_is_method, offered)) if type(offered) is tuple else ()
        remember_offer(content, methods)
        return methods

    def resumed(self) -> list[Event]:
        """Give the events for which nothing is missing any more."""
        events: list[Event] = []
        while self.requests and not self.requests[0].missing:
            events.append(self.requests.popleft().finish())
        for held in [held for held in self.answers if not held.missing]:
            self.answers.remove(held)
            events.append(held.finish())
        return events

    def drop(self, unmade: list[Unmade]) -> None:
        """Give back what will not be made."""
        for hole in unmade:
            self._borrowed.drop(hole.identity)

    def clear(self) -> None:
        """Hold nothing any more."""
        self.requests.clear()
        self.answers.clear()
        self.inspections.clear()
