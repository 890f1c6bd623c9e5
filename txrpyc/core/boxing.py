"""Boxing: values to the wire.

A boxed value is ``(label, content)``: a brinable value, a tuple of boxed values, or a reference, either to an
object of the receiver's or to one of the sender's. One walk boxes and encodes; what was lent on the way is taken
back if it fails.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, Protocol

from txrpyc.core.brine import BRINABLE, MAX_DEPTH, WRITERS, dump, dump_int, tuple_head
from txrpyc.core.consts import LABEL_LOCAL_REF, LABEL_REMOTE_REF, LABEL_TUPLE, LABEL_VALUE
from txrpyc.core.identity import Identity
from txrpyc.core.objects import LentTable
from txrpyc.errors import EncodingError, NotBrinable

__all__ = ["Boxer", "ProxyReader", "begin_identity", "box_local", "box_release", "dump_identity"]

_HEAD = {
    label: b"\x11" + bytes((0x50 + label,)) for label in (LABEL_VALUE, LABEL_TUPLE, LABEL_LOCAL_REF, LABEL_REMOTE_REF)
}
_VALUE, _TUPLE, _LOCAL, _REMOTE = (_HEAD[label] for label in sorted(_HEAD))
_NOTHING: Final[tuple[()]] = ()
_NOTHING_BOXED = _VALUE + dump(_NOTHING)


class ProxyReader(Protocol):
    """What a face provides: it knows its proxies."""

    def reference_of(self, value: object) -> bytes | None:
        """Give the encoding, by `box_local`, of a proxy of this very connection; None for anything else."""

    def identity_of(self, value: object) -> Identity | None:
        """Give the identity of a proxy of whichever connection; None if the value is no proxy.

        Raises EncodingError if the value is one that is only ever sent by mistake.
        """


def dump_identity(identity: Identity) -> bytes:
    """Give the brine of an identity."""
    name, class_id, instance_id = identity
    return begin_identity(name, class_id) + dump_int(instance_id)


@lru_cache(maxsize=1000)
def begin_identity(name: str, class_id: int) -> bytes:
    """Give the brine of an identity as far as all objects of a class have it in common."""
    return b"\x12" + dump(name) + dump_int(class_id)


def box_local(identity: Identity) -> bytes:
    """Give the boxed reference to an object of the receiver's."""
    return _LOCAL + dump_identity(identity)


def box_release(identity: Identity, count: int) -> bytes:
    """Give the boxed arguments of a release (DEL)."""
    return b"".join((_TUPLE, b"\x11", box_local(identity), _VALUE, dump_int(count)))


class Boxer:
    """Boxes for one connection.

    Args:
        proxies: the face's.
        lent: the connection's table.
    """

    def __init__(self, proxies: ProxyReader, lent: LentTable) -> None:
        self._proxies = proxies
        self._reference_of = proxies.reference_of
        self._lent = lent

    def encode(self, value: Any, out: list[bytes]) -> list[Identity]:
        """Append the encoding of a boxed value to a list of bytes.

        Returns:
            What was lent for it, once for each time; pass it to `take_back` if the bytes are not sent.

        Raises:
            EncodingError: some value inside has no encoding. Nothing stays lent, and the list holds a part.
        """
        lent: list[Identity] = []
        try:
            if type(value) is tuple and value and type(value[0]) not in BRINABLE:
                self._encode_items(value, out, lent, MAX_DEPTH)  # a request's arguments: first the object it is about
            else:
                self._encode(value, out, lent, MAX_DEPTH)
        except BaseException:
            self.take_back(lent)
            raise
        return lent

    def take_back(self, lent: list[Identity]) -> None:
        """Undo what `encode` lent."""
        for identity in lent:
            self._lent.give_back(identity)

    def _encode(self, value: Any, out: list[bytes], lent: list[Identity], depth: int) -> None:
        writer = WRITERS.get(type(value))
        if writer is not None:
            mark = len(out)
            out.append(_VALUE)
            try:
                writer(value, out, depth)
                return
            except NotBrinable:
                del out[mark:]
        if type(value) is tuple:
            self._encode_items(value, out, lent, depth)
        else:
            self.encode_reference(value, out, lent)

    def _encode_items(self, value: tuple[Any, ...], out: list[bytes], lent: list[Identity], depth: int) -> None:
        if depth <= 2:
            raise EncodingError(f"tuples of objects nested more than {MAX_DEPTH // 2} deep cannot be sent")
        out.append(_TUPLE)
        out.append(tuple_head(len(value)))
        for item in value:
            if item is _NOTHING:  # most calls have no keywords
                out.append(_NOTHING_BOXED)
            elif type(item) in BRINABLE:
                self._encode(item, out, lent, depth - 2)
            else:
                self.encode_reference(item, out, lent)

    def encode_reference(self, value: Any, out: list[bytes], lent: list[Identity]) -> None:
        """Append a boxed reference to an object; note its identity if it was lent for that. Raises as `encode`."""
        known = self._reference_of(value)
        if known is not None:
            out.append(known)
            return
        identity = self._lent.lend(value, self._proxies.identity_of(value))
        lent.append(identity)
        out.append(_REMOTE)
        out.append(dump_identity(identity))
