"""One request of the peer's, on its way through the mailbox."""

from __future__ import annotations

from typing import Any, Protocol

from txrpyc.core.verbs import Host, perform

__all__ = ["ServedRequest"]


class _Serving(Protocol):
    running: set[int]

    @property
    def host(self) -> Host: ...

    def answer(self, sequence: int, value: Any) -> None: ...

    def finish(self, sequence: int, error: BaseException) -> None: ...


class ServedRequest:
    """A request; `run` is the job. It lets go of the arguments before it answers, so that releases travel with the
    answer.

    Args:
        serving: carries it out.
        sequence, verb, arguments: what came.
    """

    __slots__ = ("_arguments", "_serving", "_verb", "sequence")

    def __init__(self, serving: _Serving, sequence: int, verb: int, arguments: tuple[Any, ...]) -> None:
        self._serving = serving
        self.sequence = sequence
        self._verb = verb
        self._arguments = arguments

    def run(self) -> None:
        """Do what is asked, and answer."""
        arguments, self._arguments = self._arguments, ()
        serving = self._serving
        sequence = self.sequence
        serving.running.add(sequence)
        try:
            value = perform(serving.host, self._verb, arguments)
        except BaseException as error:
            del arguments
            serving.running.discard(sequence)
            serving.finish(sequence, error)
        else:
            del arguments
            serving.running.discard(sequence)
            serving.answer(sequence, value)
