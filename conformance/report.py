"""Verdicts as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from conformance.checking import COLUMNS, Verdict


def row(verdict: Verdict) -> str:
    """One line of the table, with the faults at its end."""
    words, wrong = [], []
    for column in COLUMNS:
        mark = verdict.marks.get(column, "")
        if mark in ("", "ok", "-", "unnamed"):
            words.append(mark)
        else:
            words.append("FAIL")
            wrong.append(f"{column}: {mark}")
    line = f"{verdict.case.name:<28}" + "".join(f"{word:<9}" for word in words)
    return f"{line}{'; '.join(wrong)}".rstrip()


def counts(verdicts: Sequence[Verdict], column: str) -> Counter[str]:
    """Count the marks of a column: "ok", "-" for a missing result, "unnamed", and "failed"."""
    marks = [verdict.marks[column] for verdict in verdicts if column in verdict.marks]
    return Counter(mark if mark in ("ok", "-", "unnamed") else "failed" for mark in marks)


def largest(verdicts: Sequence[Verdict], column: str) -> float | None:
    """The largest difference of a column, or None if nothing was compared."""
    return max((v.largest[column] for v in verdicts if column in v.largest), default=None)


def summary(verdicts: Sequence[Verdict], left_out: int = 0) -> str:
    """A line for every column, and one for all cases; left_out: the number of cases not run."""
    lines = []
    for column in COLUMNS:
        found, difference = counts(verdicts, column), largest(verdicts, column)
        if not found:
            continue
        words = {"ok": "passed", "failed": "failed", "-": "not shown", "unnamed": "without a name"}
        parts = [f"{found[mark]} {word}" for mark, word in words.items() if found[mark]]
        line = f"{column:<9}{', '.join(parts)}"
        lines.append(line if difference is None else f"{line}; off by {difference:.3g} at most")
    failed = sum(verdict.failed for verdict in verdicts)
    words = [f"{len(verdicts)} cases", f"{failed} failed" if failed else "all pass"]
    if left_out:
        words[1] = f"{failed or 'none'} failed"
        words.append(f"{left_out} left out, whose models are not here")
    lines.append(", ".join(words))
    return "\n".join(lines)
