"""Results as tables: plain text, and Markdown. A row has a contestant's figures of both modes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.lines import Line

__all__ = ["markdown", "number", "plain"]

_HEAD = ("work", "contestant", "unit", "goal")
_MODE_HEAD = ("{}", "ratio (rounds)", "met")


def number(value: float) -> str:
    """Write a number with as many digits as matter."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _cells(line: Line | None) -> tuple[str, str, str]:
    if line is None:
        return "", "", ""
    if line.median is None:
        return f"failed: {line.failed}", "", ""
    ratio = ""
    if line.ratio is not None and line.ratio_min is not None and line.ratio_max is not None:
        ratio = f"{line.ratio:.2f} ({line.ratio_min:.2f}-{line.ratio_max:.2f})"
    return number(line.median), ratio, {None: "", True: "yes", False: "NO"}[line.met]


def _goal(line: Line) -> str:
    if line.goal is None:
        return ""
    return f"{line.goal:g} x {line.against}" if line.against else f"at most {line.goal:g}"


def _rows(lines: Iterable[Line], modes: Sequence[str]) -> list[list[str]]:
    rows: dict[tuple[str, ...], dict[str, Line]] = {}
    for line in lines:
        key = (line.work, line.contestant, line.unit, line.against)
        rows.setdefault(key, {})[line.mode] = line
    table = [[*_HEAD, *(cell.format(mode) for mode in modes for cell in _MODE_HEAD)]]
    for key, by_mode in rows.items():
        goal = next((goal for goal in map(_goal, by_mode.values()) if goal), "")
        table.append([*key[:3], goal, *(cell for mode in modes for cell in _cells(by_mode.get(mode)))])
    return table


def plain(lines: Iterable[Line], modes: Sequence[str]) -> str:
    """Give the table as text; a work's name stands only where it begins."""
    table = _rows(lines, modes)
    long = "failed: "
    widths = [max(len(row[n]) if not row[n].startswith(long) else 0 for row in table) for n in range(len(table[0]))]
    text, last = [], ""
    for row in table:
        work, row[0] = row[0], "" if row[0] == last else row[0]
        if row[0] and last:
            text.append("")
        last = work
        text.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return "\n".join(text)


def markdown(lines: Iterable[Line], modes: Sequence[str]) -> str:
    """Give the table as Markdown."""
    head, *rows = _rows(lines, modes)
    rule = ["---"] * len(head)
    return "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in (head, rule, *rows))
