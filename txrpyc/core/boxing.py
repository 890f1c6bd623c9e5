"""Boxing: values to the wire and back.

A boxed value is ``(label, content)``: a brinable value, a tuple of boxed values, or a reference, either to an
object of the receiver's or to one of the sender's. Going out, one walk boxes and encodes; what was lent on the way
is taken back if it fails. Coming in, a reference to an object of a class that the face must first inspect becomes
an `Unmade`, for the session to settle.
"""

from __future__ import annotations

from typing import Any, Protocol

from txrpyc.core import brine
from txrpyc.core.consts import LABEL_LOCAL_REF, LABEL_REMOTE_REF, LABEL_TUPLE, LABEL_VALUE
from txrpyc.core.identity import Identity, read_identity
from txrpyc.core.objects import BorrowedTable, LentTable
from txrpyc.errors import EncodingError, ProtocolError

__all__ = ["Boxer", "ProxyMaker", "Unmade", "read_release"]

_HEAD = {
    label: b"\x11" + bytes((0x50 + label,)) for label in (LABEL_VALUE, LABEL_TUPLE, LABEL_LOCAL_REF, LABEL_REMOTE_REF)
}
_VALUE, _TUPLE, _LOCAL, _REMOTE = (_HEAD[label] for label in sorted(_HEAD))


class ProxyMaker(Protocol):
    """What a face provides: it makes the objects that stand for the peer's."""

    def identity_of(self, value: object) -> tuple[Identity, bool] | None:
        """Give a proxy's identity and whether it is one of this connection's; None if the value is no proxy.

        Raises EncodingError if the value is one that is only ever sent by mistake.
        """

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


class Boxer:
    """Boxes for one connection.

    Args:
        maker: the face's maker of proxies.
        lent, borrowed: the connection's tables.
    """

    def __init__(self, maker: ProxyMaker, lent: LentTable, borrowed: BorrowedTable) -> None:
        self._maker = maker
        self._lent = lent
        self._borrowed = borrowed

    # Going out.

    def encode(self, value: Any, out: list[bytes]) -> list[Identity]:
        """Append the encoding of a boxed value to a list of bytes.

        Returns:
            What was lent for it, once for each time; pass it to `take_back` if the bytes are not sent.

        Raises:
            EncodingError: some value inside has no encoding. Nothing stays lent, and the list holds a part.
        """
        lent: list[Identity] = []
        try:
            self._encode(value, out, lent, brine.MAX_DEPTH)
        except BaseException:
            self.take_back(lent)
            raise
        return lent

    def take_back(self, lent: list[Identity]) -> None:
        """Undo what `encode` lent."""
        for identity in lent:
            self._lent.give_back(identity)

    def _encode(self, value: Any, out: list[bytes], lent: list[Identity], depth: int) -> None:
        mark = len(out)
        out.append(_VALUE)
        try:
            brine.dump_into(value, out, depth)
            return
        except brine.NotBrinable:
            del out[mark:]
        if type(value) is tuple:
            if depth <= 2:
                raise EncodingError(f"tuples of objects nested more than {brine.MAX_DEPTH // 2} deep cannot be sent")
            out.append(_TUPLE)
            brine.write_tuple_head(len(value), out)
            for item in value:
                self._encode(item, out, lent, depth - 2)
        else:
            self._encode_reference(value, out, lent)

    def _encode_reference(self, value: Any, out: list[bytes], lent: list[Identity]) -> None:
        proxy = self._maker.identity_of(value)
        if proxy is not None and proxy[1]:
            out.append(_LOCAL)
            brine.dump_into(proxy[0], out)
            return
        identity = self._lent.lend(value, proxy[0] if proxy is not None else None)
        lent.append(identity)
        out.append(_REMOTE)
        brine.dump_into(identity, out)

    # Coming in.

    def decode(self, package: Any, unmade: list[Unmade]) -> Any:
        """Give the value of a boxed one; proxies that cannot be made yet are `Unmade` in it, and added to the list.

        Every reference of the peer's is counted, even when this fails: the list then holds those to drop.

        Raises:
            ProtocolError: it is not a boxed value.
            UnknownReference: it names an object that we do not lend.
        """
        if type(package) is not tuple or len(package) != 2:
            raise ProtocolError("a boxed value that is not a pair of label and content")
        label, content = package
        if label == LABEL_VALUE:
            return content
        if label == LABEL_TUPLE and type(content) is tuple:
            return tuple([self.decode(item, unmade) for item in content])
        if label == LABEL_LOCAL_REF:
            return self._lent.get(read_identity(content))
        if label == LABEL_REMOTE_REF:
            return self._proxy(read_identity(content), unmade)
        raise ProtocolError(f"a boxed value with the unknown label {label!r:.40}")

    def _proxy(self, identity: Identity, unmade: list[Unmade]) -> Any:
        proxy = self._borrowed.borrow(identity)
        if proxy is not None:
            return proxy
        if self._maker.must_inspect(identity):
            hole = Unmade(identity)
            unmade.append(hole)
            return hole
        return self._borrowed.settle(identity, self._maker.make_proxy)

    def settle(self, value: Any) -> Any:
        """Give the value with a proxy in place of each `Unmade`; what they need has been learned."""
        if type(value) is Unmade:
            return self._borrowed.settle(value.identity, self._maker.make_proxy)
        if type(value) is tuple:
            return tuple([self.settle(item) for item in value])
        return value


def read_release(package: Any) -> tuple[Identity, int]:
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
