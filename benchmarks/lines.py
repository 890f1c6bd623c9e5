"""Lines of results: what a contestant reached in one figure of a work, and how that compares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from benchmarks.contestants import Contestant
from benchmarks.turns import Outcome
from benchmarks.works import Figure, Goal, Work

__all__ = ["Line", "lines_of"]


@dataclass(frozen=True)
class Line:
    """One comparison.

    Attributes:
        mode: "pinned" or "unpinned".
        work, unit, contestant, form: what and who.
        rounds: the figure of each round.
        median: theirs; None if it failed.
        failed: why.
        against: the name of the contestant that it is compared to; empty if to none.
        ratio, ratio_min, ratio_max: of the medians, and of single rounds; above one is better.
        goal: the least ratio, or, against nobody, the most that the figure may be; None if there is no goal.
        met: whether it is reached; None if there is none.
    """

    mode: str
    work: str
    unit: str
    contestant: str
    form: str
    rounds: tuple[float, ...] = ()
    median: float | None = None
    failed: str = ""
    against: str = ""
    ratio: float | None = None
    ratio_min: float | None = None
    ratio_max: float | None = None
    goal: float | None = None
    met: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON has it, with six digits of each number."""
        return {key: _six_digits(value) for key, value in asdict(self).items()}


def _six_digits(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_six_digits(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def lines_of(
    mode: str, work: Work, contestants: Sequence[Contestant], outcomes: Mapping[str, Outcome]
) -> Iterator[Line]:
    """Give the lines of a work in one mode: figure by figure, contestant by contestant, goal by goal."""
    named = {contestant.family: contestant.name for contestant in contestants if not contestant.form}
    for figure in work.figures:
        rounds = {
            name: tuple(float(answer[figure.key]) for answer in outcome.answers) if not outcome.failed else ()
            for name, outcome in outcomes.items()
        }
        reference = next((goal.against for goal in figure.goals if goal.against), "rpyc")
        for contestant in contestants:
            ours = rounds[contestant.name]
            for goal in _goals(figure, contestant) or [None]:
                other = named.get(goal.against if goal is not None else reference, "")
                against = other if other != contestant.name else ""
                yield Line(
                    mode=mode,
                    work=work.name,
                    unit=figure.unit,
                    contestant=contestant.name,
                    form=contestant.form,
                    rounds=ours,
                    median=median(ours) if ours else None,
                    failed=outcomes[contestant.name].failed,
                    against=against,
                    **_comparison(figure, contestant.form, goal, ours, rounds.get(against, ())),
                )


def _goals(figure: Figure, contestant: Contestant) -> list[Goal | None]:
    return [goal for goal in figure.goals if contestant.form and contestant.family in goal.families]


def _comparison(
    figure: Figure, form: str, goal: Goal | None, ours: Sequence[float], theirs: Sequence[float]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if ours and theirs:
        each = [_ratio(figure, *both) for both in zip(ours, theirs, strict=True)]
        ratio = _ratio(figure, median(ours), median(theirs))
        found = {"ratio": ratio, "ratio_min": min(each), "ratio_max": max(each)}
    if goal is None:
        return found
    number = goal.pure if form == "pure" else goal.built
    found["goal"] = number
    if goal.against and "ratio" in found:
        found["met"] = found["ratio"] >= number
    elif not goal.against and ours:
        found["met"] = median(ours) <= number
    return found


def _ratio(figure: Figure, ours: float, theirs: float) -> float:
    """Say how many times better the first figure is than the second."""
    over, under = (theirs, ours) if figure.lower_is_better else (ours, theirs)
    return over / under if under else float(over > 0)
