"""Turns: the contestants of a work do it one after the other, round by round, so that what else the machine does at
the time meets all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.contestants import Contestant, End
from benchmarks.environments import Environments
from benchmarks.pairs import Pair
from benchmarks.processes import Client, Failed
from benchmarks.works import Work

__all__ = ["Arena", "Outcome", "Pace", "take_turns"]

_WARM_UP = 10
"""A measurement is preceded by a tenth of it that does not count."""
_STEP = 20
"""By how much a count is raised at most when it is found out how many calls last long enough."""


@dataclass(frozen=True)
class Pace:
    """How long to measure.

    Attributes:
        quick: whether the quick arguments of the works are used.
        seconds: how long a measurement is to last, where a work is repeated.
        rounds: how many there are, where a work does not say less.
    """

    quick: bool
    seconds: float
    rounds: int


@dataclass
class Outcome:
    """What came of a work for one contestant: an answer for each round, or why there is none."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    failed: str = ""


class Arena:
    """Where contestants run; a context manager, which ends them all.

    Args:
        environments: gives the interpreters.
        processor: the only one that all ends may use; None means any.
    """

    def __init__(self, environments: Environments, processor: int | None) -> None:
        self._environments = environments
        self._processor = processor
        self._pairs: dict[tuple[End, End], Pair] = {}

    def __enter__(self) -> Arena:
        return self

    def __exit__(self, *error: object) -> None:
        while self._pairs:
            self._pairs.popitem()[1].stop()

    def measure(self, contestant: Contestant, work: Work, pace: Pace) -> dict[str, Any]:
        """Have a contestant do a work once; give its answer. Raises `Failed`; others are not affected."""
        ends = (work.server or contestant.server, work.client or contestant.client)
        if work.fresh:
            self._end(ends)
        try:
            if ends not in self._pairs:
                self._pairs[ends] = Pair(*ends, self._environments, self._processor)
            return _measure(self._pairs[ends], work, pace)
        except BaseException:
            self._end(ends)
            raise
        finally:
            if work.fresh:
                self._end(ends)

    def _end(self, ends: tuple[End, End]) -> None:
        pair = self._pairs.pop(ends, None)
        if pair is not None:
            pair.stop()


def _measure(pair: Pair, work: Work, pace: Pace) -> dict[str, Any]:
    request = {"work": work.asks or work.name, **work.arguments, **(work.quick if pace.quick else {})}
    if work.first_count is not None:
        if work.name not in pair.counts:
            pair.counts[work.name] = _calibrate(pair.client, request, work, work.first_count, pace.seconds)
        request["count"] = pair.counts[work.name]
    if "count" in request:
        pair.client.ask({**request, "count": max(1, request["count"] // _WARM_UP)}, work.timeout)
    return _with_rate(pair.client.ask(request, work.timeout), request)


def _calibrate(client: Client, request: dict[str, Any], work: Work, least: int, seconds: float) -> int:
    """Find out how often a work has to be done to last so many seconds."""
    count = least
    while True:
        took = client.ask({**request, "count": count}, work.timeout)["seconds"]
        if took >= seconds / 4:
            return max(least, round(count * seconds / took))
        count = min(count * _STEP, max(count * 2, round(count * seconds / 2 / max(took, 1e-6))))


def _with_rate(answer: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    if "rate" not in answer and "seconds" in answer:
        answer["rate"] = answer.get("count", request.get("count")) / answer["seconds"]
    return answer


def take_turns(arena: Arena, work: Work, contestants: Sequence[Contestant], pace: Pace) -> dict[str, Outcome]:
    """Have all do a work, several times; who begins changes from round to round.

    Returns:
        The outcomes by the contestants' names. Who fails once has failed.
    """
    outcomes = {contestant.name: Outcome() for contestant in contestants}
    for turn in range(min(pace.rounds, work.rounds or pace.rounds)):
        start = turn % len(contestants)
        for contestant in (*contestants[start:], *contestants[:start]):
            outcome = outcomes[contestant.name]
            if outcome.failed:
                continue
            try:
                outcome.answers.append(arena.measure(contestant, work, pace))
            except Failed as error:
                outcome.failed = str(error)
    return outcomes
