"""Unboxing: boxed values from the wire, in one walk over the bytes.

A reference to an object of a class that the face must first inspect becomes an `Unmade`, for the session to settle.
See `txrpyc.core.boxing` for what a boxed value is.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from txrpyc.core.boxing import begin_identity
from txrpyc.core.brine_reader import BROKEN, READ_DEPTH, READERS, as_protocol_error, load_from, read, read_tuple_head
from txrpyc.core.brine_tags import INT_L1, TUPLE_2, ZERO
from txrpyc.core.consts import LABEL_LOCAL_REF, LABEL_REMOTE_REF, LABEL_TUPLE, LABEL_VALUE
from txrpyc.core.identity import Identity, read_identity
from txrpyc.core.objects import BorrowedTable, LentTable
from txrpyc.errors import LimitExceeded, ProtocolError

__all__ = ["ProxyMaker", "Unboxer", "Unmade", "read_verb"]

_RECENT: Final = 4
"""Of how many classes the identities are remembered that came last."""

_VALUE: Final = LABEL_VALUE + ZERO
_TUPLE: Final = LABEL_TUPLE + ZERO
_LOCAL: Final = LABEL_LOCAL_REF + ZERO
_REMOTE: Final = LABEL_REMOTE_REF + ZERO


_VALUE_HEAD: Final = bytes((TUPLE_2, _VALUE))
_TUPLE_HEAD: Final = bytes((TUPLE_2, _TUPLE))
_LOCAL_HEAD: Final = bytes((TUPLE_2, _LOCAL))
_RELEASED: Final = bytes((TUPLE_2, _TUPLE, TUPLE_2, TUPLE_2, _LOCAL))


class ProxyMaker(Protocol):
    """What a face provides: it makes the objects that stand for the peer's."""

    def must_inspect(self, identity: Identity) -> bool:
        """Tell whether a proxy for it needs to know the methods of its class, and does not yet."""

    def learn(self, identity: Identity, methods: tuple[tuple[str, str | None], ...]) -> None:
        """Take the methods that the class of an identity offers, as names and docstrings."""

    def make_proxy(self, identity: Identity) -> Any:
        """Make a proxy. It must neither block nor fail."""


class Unmade:
    """Holds the place of a proxy until its class is known."""

    __slots__ = ("identity",)

    def __init__(self, identity: Identity) -> None:
        self.identity = identity


class Unboxer:
    """Unboxes for one connection.

    Args:
        maker: the face's maker of proxies.
        lent, borrowed: the connection's tables.
    """

    def __init__(self, maker: ProxyMaker, lent: LentTable, borrowed: BorrowedTable) -> None:
        self._maker = maker
        self._lent = lent
        self._borrowed = borrowed
        self._recent: list[tuple[bytes, str, int]] = []
        # The box of the object that was asked for last: it often is the next one, too.
        self._last = b"\xff"  # which no box begins with
        self._last_identity: Identity = ("", 0, 0)

    def decode(self, data: bytes, start: int, unmade: list[Unmade]) -> Any:
        """Give the value of the box that takes up the data from `start` to the end; proxies that cannot be made yet
        are `Unmade` in it, and added to the list.

        Every reference of the peer's that is come to is counted, even when this fails: the list then holds those to
        drop.

        Raises:
            ProtocolError: it is not a boxed value, or not even brine.
            UnknownReference: it names an object that we do not lend.
        """
        try:
            if data.startswith(_VALUE_HEAD, start):
                value, end = READERS[data[start + 2]](data, start + 3, READ_DEPTH)
            elif data.startswith(_TUPLE_HEAD, start):
                value, end = self._boxes(data, start + 2, unmade, READ_DEPTH)
            else:
                value, end = self._box(data, start, unmade, READ_DEPTH)
        except ProtocolError:
            raise
        except BROKEN as error:
            raise as_protocol_error(error) from error
        if end != len(data):
            raise ProtocolError(f"{len(data) - end} bytes after the end of a boxed value")
        return value

    def _box(self, data: bytes, start: int, unmade: list[Unmade], depth: int) -> tuple[Any, int]:
        if data[start] == TUPLE_2:
            start += 1
        else:  # nobody writes a pair in another way, but one could
            count, start = read_tuple_head(data, start)
            if count != 2:
                raise ProtocolError("a boxed value that is not a pair of label and content")
        label = data[start]
        start += 1
        if label == _VALUE:
            return READERS[data[start]](data, start + 1, depth)
        if label == _TUPLE:
            return self._boxes(data, start, unmade, depth)
        if label == _LOCAL:
            identity, end = self.identity(data, start)
            self._last = _LOCAL_HEAD + data[start:end]
            self._last_identity = identity
            return self._lent.get(identity), end
        if label == _REMOTE:
            identity, end = self.identity(data, start)
            return self._proxy(identity, unmade), end
        raise ProtocolError(f"a boxed value with the unknown label 0x{label:02x}")

    def _boxes(self, data: bytes, start: int, unmade: list[Unmade], depth: int) -> tuple[tuple[Any, ...], int]:
        if depth <= 2:
            raise LimitExceeded(f"boxed tuples nested more than {READ_DEPTH // 2} deep")
        count, start = read_tuple_head(data, start)
        if not 0 <= count <= len(data) - start:
            raise ProtocolError("a boxed tuple that is not one, or that ends early")
        items: list[Any] = []
        for _ in range(count):
            # The commonest without a call.
            if data.startswith(_VALUE_HEAD, start):
                item, start = READERS[data[start + 2]](data, start + 3, depth - 2)
            elif data.startswith(self._last, start):
                item = self._lent.get(self._last_identity)
                start += len(self._last)
            else:
                item, start = self._box(data, start, unmade, depth - 2)
            items.append(item)
        return tuple(items), start

    def identity(self, data: bytes, start: int) -> tuple[Identity, int]:
        """Read an identity; give it, and where it ends. Raises as `txrpyc.core.brine_reader.read`.

        They are of few classes, so how the recent ones began is remembered.
        """
        for prefix, name, class_id in self._recent:
            if data.startswith(prefix, start):
                begin = start + len(prefix) + 1
                end = begin + data[begin - 1]
                digits = data[begin:end]
                if not digits.isdigit():
                    break
                return (name, class_id, int(digits)), end
        package, end = read(data, start, READ_DEPTH)
        identity = read_identity(package)
        # An instance's id, which comes next, is a long integer; a class's is zero.
        prefix = begin_identity(identity[0], identity[1]) + bytes((INT_L1,))
        self._recent = [(prefix, identity[0], identity[1]), *self._recent[: _RECENT - 1]]
        return identity, end

    def take_back(self, data: bytes, start: int) -> None:
        """Take back what a release (DEL) whose boxed arguments begin at `start` gives back.

        Raises:
            ProtocolError: they are something else.
            UnknownReference: it is not lent.
        """
        begin = start + len(_RELEASED)
        # Three bytes are left for the count, if that is small, as it nearly always is.
        end = len(data) - 3
        if data[start:begin] == _RELEASED and data[end : end + 2] == _VALUE_HEAD and 0x50 < data[end + 2] <= 0xEF:
            try:
                identity, stop = self.identity(data[:end], begin)
            except BROKEN:
                stop = 0
            if stop == end:
                self._lent.give_back(identity, data[end + 2] - ZERO)
                return
        self._lent.give_back(*_read_release(load_from(data, start)))

    def _proxy(self, identity: Identity, unmade: list[Unmade]) -> Any:
        proxy = self._borrowed.borrow(identity)
        if proxy is not None:
            return proxy
        if self._maker.must_inspect(identity):
            hole = Unmade(identity)
            unmade.append(hole)
            return hole
        return self._borrowed.settle(identity, self._maker.make_proxy)

    def proxy(self, identity: Identity) -> Any | None:
        """Give the proxy of an object of the peer's, which has come once more; None, and nothing is counted, if its
        class must be inspected first.
        """
        if self._maker.must_inspect(identity):
            return None
        proxy = self._borrowed.borrow(identity)
        return self._borrowed.settle(identity, self._maker.make_proxy) if proxy is None else proxy

    def settle(self, value: Any) -> Any:
        """Give the value with a proxy in place of each `Unmade`; what they need has been learned."""
        if type(value) is Unmade:
            return self._borrowed.settle(value.identity, self._maker.make_proxy)
        if type(value) is tuple:
            return tuple([self.settle(item) for item in value])
        return value


def read_verb(data: bytes, start: int) -> tuple[int, int]:
    """Give the verb of a request's body, and where its arguments begin. Raises `ProtocolError` if it has none."""
    try:
        if data[start] == TUPLE_2 and 0x20 <= data[start + 1] <= 0xEF:
            return data[start + 1] - ZERO, start + 2
        count, start = read_tuple_head(data, start)
        verb, start = read(data, start, 1)
    except ProtocolError:
        raise
    except BROKEN as error:
        raise as_protocol_error(error) from error
    if count != 2 or type(verb) is not int:
        raise ProtocolError("a request that is not a pair of verb and arguments")
    return verb, start


def _read_release(package: Any) -> tuple[Identity, int]:
    """Give the identity and the count of a release (DEL), from its boxed arguments.

    Raises:
        ProtocolError: they are something else.
    """
    try:
        label, content = package
        parts = [item[1] for item in content] if label == LABEL_TUPLE else list(content)
        identity = read_identity(parts[0])
        count = parts[1] if len(parts) > 1 else 1
    except (TypeError, ValueError, IndexError) as error:
        raise ProtocolError("a release that is not a reference and a count") from error
    if type(count) is not int or count < 1:
        raise ProtocolError(f"a release of {count!r:.40} references")
    return identity, count
