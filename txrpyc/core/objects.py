"""The two tables of a connection: what we lent to the peer, and what we borrowed from it.

Each side counts how often it lent an object; the other gives the count back when it has done with it. Both tables
may be used by any thread; no user code runs while a lock is held, and nothing here ever waits for the network.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

from txrpyc.core.identity import Identity, describe, identify
from txrpyc.errors import UnknownReference

__all__ = ["BorrowedTable", "LentTable"]


class _Loan:
    __slots__ = ("count", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.count = 0


class LentTable:
    """Our objects that the peer may name, each with the number of times that we sent it."""

    def __init__(self) -> None:
        self._loans: dict[Identity, _Loan] = {}
        # Re-entrant: the garbage collector may run a destructor, which may call the peer, at any point.
        self._lock = threading.RLock()
        self._closed = False

    def __len__(self) -> int:
        return len(self._loans)

    def lend(self, value: Any, identity: Identity | None = None) -> Identity:
        """Count one more sending of an object; give the identity to send.

        Args:
            value: the object. It is kept alive until the peer gives it back.
            identity: the name to lend it by, if it has one already (a proxy of another connection's).
        """
        key = identify(value) if identity is None else identity
        fresh = _Loan(value)
        with self._lock:
            if self._closed:
                return key
            loan = self._loans.setdefault(key, fresh)
            if loan.value is not value:
                # Two objects of one name: ids of a forked process, passed on. The second gets an identity of ours.
                key = (key[0], key[1], id(value))
                loan = self._loans.setdefault(key, fresh)
            loan.count += 1
        return key

    def get(self, identity: Identity) -> Any:
        """Give the object of an identity. Raises `UnknownReference` if it is not lent."""
        loan = self._loans.get(identity)
        if loan is None:
            raise UnknownReference(f"{describe(identity)} is not lent to this peer; it was given back, or it never was")
        return loan.value

    def give_back(self, identity: Identity, count: int = 1) -> None:
        """Take back `count` sendings of an object. Raises `UnknownReference` if it is not lent."""
        with self._lock:
            loan = self._loans.get(identity)
            if loan is not None:
                loan.count -= count
                if loan.count <= 0:
                    del self._loans[identity]
        if loan is None and not self._closed:
            raise UnknownReference(f"{describe(identity)} is not lent to this peer")

    def clear(self) -> None:
        """Take everything back, and keep nothing from now on: the connection is gone."""
        with self._lock:
            self._closed = True
            loans, self._loans = self._loans, {}
        loans.clear()


class _Borrowed:
    """`unmade` counts the arrivals for which a proxy is still to be made; until then nothing is given back."""

    __slots__ = ("count", "proxy", "unmade")

    def __init__(self) -> None:
        self.count = 0
        self.unmade = 0
        self.proxy: weakref.ref[Any] | None = None

    def living(self) -> Any | None:
        return self.proxy() if self.proxy is not None else None


class BorrowedTable:
    """The peer's objects that we hold proxies of, each with the number of times that it was sent to us.

    A proxy is held weakly. When it dies its identity is put on a list, which is all that happens inside a garbage
    collection; `take_released` gives that list to whoever writes next.

    Args:
        on_release: called without arguments, from any thread and inside garbage collections, when the list
            stops being empty.

    Attributes:
        released: that list, not empty if there is something for `take_released` to give.
    """

    def __init__(self, on_release: Callable[[], None]) -> None:
        self._entries: dict[Identity, _Borrowed] = {}
        self.released: list[Identity] = []  # an empty deque takes 760 bytes
        self._lock = threading.RLock()
        self._on_release = on_release
        self._asked = False
        self._closed = False

    def __len__(self) -> int:
        return len(self._entries)

    def count(self, identity: Identity) -> int:
        """Give how often an object was sent to us since we last gave it back."""
        entry = self._entries.get(identity)
        return entry.count if entry is not None else 0

    def borrow(self, identity: Identity) -> Any | None:
        """Count one more arrival of an object; give its proxy, or None if there is none alive.

        After None the caller owes one call of `settle` or `drop`. These three are the reader's: one thread at a time.
        """
        with self._lock:
            entry = self._entries.get(identity)
            if entry is None:
                entry = self._entries.setdefault(identity, _Borrowed())
            entry.count += 1
            proxy = entry.living()
            if proxy is None:
                entry.unmade += 1
        return proxy

    def settle(self, identity: Identity, make: Callable[[Identity], Any]) -> Any:
        """Give the proxy of an object that `borrow` counted, made by `make` if there is still none alive."""
        entry = self._entries.get(identity)
        if entry is None:
            return make(identity)  # cleared meanwhile: nothing is counted any more
        proxy = entry.living()
        if proxy is None:
            proxy = make(identity)
            entry.proxy = weakref.ref(proxy, partial(self._died, identity))
        entry.unmade -= 1  # the last thing: until then nobody else touches the entry
        return proxy

    def drop(self, identity: Identity) -> None:
        """Give back an object that `borrow` counted and that will not get a proxy."""
        entry = self._entries.get(identity)
        if entry is not None:
            entry.unmade -= 1
        self._note(identity)

    def _died(self, identity: Identity, death: weakref.ref[Any]) -> None:
        self._note(identity)

    def _note(self, identity: Identity) -> None:
        # Noted first: who takes the list lowers the flag before, so either it sees this one, or it is asked again.
        self.released.append(identity)
        if not self._asked and not self._closed:
            self._asked = True
            self._on_release()

    def take_released(self) -> list[tuple[Identity, int]]:
        """Give the objects to give back, each with its count, and forget them. One that came again meanwhile is
        kept.
        """
        released = self.released
        self._asked = False
        taken: list[tuple[Identity, int]] = []
        while released:
            try:
                identity = released.pop()
            except IndexError:
                break
            count = self._forget(identity)
            if count:
                taken.append((identity, count))
        return taken

    def _forget(self, identity: Identity) -> int:
        """Forget an object; give its count, or 0 if it is there (again) or was forgotten already."""
        with self._lock:
            entry = self._entries.get(identity)
            if entry is None or entry.unmade > 0 or entry.living() is not None:
                return 0
            del self._entries[identity]
        return entry.count

    def clear(self) -> None:
        """Forget everything: the connection is gone."""
        with self._lock:
            self._closed = True
            self._entries = {}
            self.released.clear()
