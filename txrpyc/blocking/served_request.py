"""One request of the peer's, on its way through the mailbox."""

from __future__ import annotations

from typing import Any, Protocol

from txrpyc.core.verbs import Host, perform

__all__ = ["ServedRequest"]


class _Serving(Protocol):
    @property
    def host(self) -> Host: ...

    def answer(self, sequence: int, value: Any) -> None: ...

    def finish(self, sequence: int, error: BaseException) -> None: ...


class ServedRequest:
    """A request; it lets go of the arguments before it answers, so that releases travel with the answer.

    Args:
        serving: carries it out.
        sequence, verb, arguments: what came.
    """

    __slots__ = ("_arguments", "_sequence", "_serving", "_verb")

    def __init__(self, serving: _Serving, sequence: int, verb: int, arguments: tuple[Any, ...]) -> None:
        self._serving = serving
        self._sequence = sequence
        self._verb = verb
        self._arguments = arguments

    def run(self) -> None:
        """Do what is asked, and answer. The job."""
        arguments, self._arguments = self._arguments, ()
        serving = self._serving
        try:
            value = perform(serving.host, self._verb, arguments)
        except BaseException as error:
            del arguments
            serving.finish(self._sequence, error)
        else:
            del arguments
            serving.answer(self._sequence, value)
