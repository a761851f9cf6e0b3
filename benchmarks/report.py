"""Writes RESULTS.md from what the parts of the suite saved."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from benchmarks.bars import TARGETS
from benchmarks.sections import Bar, Circumstances, Section, Table

_HOW = """\
Written by `make bench`; [README.md](README.md) says what each part does. Two contenders of a
row ran in turns in one process, A B A B … A; milliseconds and seconds are medians, a ratio is
the peer's time over the mean of embstore's just before and after it. On a shared machine the
ratios are worth more than the times.
"""
_QUICK = "**A smoke check: everything is tiny and the numbers mean nothing.**\n"


def markdown(parts: Sequence[tuple[Section, Circumstances]], *, quick: bool) -> str:
    """Return the whole report: circumstances, bars, then every part."""
    usual = _usual([circumstances for _, circumstances in parts])
    pieces = ["# Benchmark results\n", _HOW]
    if quick:
        pieces.append(_QUICK)
    pieces.append("".join(f"- {name}: {value}\n" for name, value in usual.items()))
    pieces.append("Where a part differs in one of these, it says so.\n")
    bars = [bar for section, _ in parts for bar in section.bars]
    if bars:
        pieces += ["## Bars\n", _bars(bars)]
    for section, circumstances in parts:
        own = asdict(circumstances)
        differing = [own[name] for name in usual if own[name] != usual[name]]
        differing += [circumstances.threads, f"took {circumstances.seconds:,.0f} s"]
        pieces += [f"## {section.title}\n", f"{'; '.join(differing)}.\n", f"{section.text}\n"]
        for table in section.tables:
            if table.title:
                pieces.append(f"{table.title}:\n")
            pieces.append(_table(table))
    return "\n".join(pieces)


def _usual(found: Sequence[Circumstances]) -> dict[str, str]:
    """What is the same for most parts is said once."""
    usual = {}
    for name in ("date", "commit", "machine", "versions"):
        ((usual[name], _),) = Counter(getattr(one, name) for one in found).most_common(1)
    return usual


def _bars(bars: Sequence[Bar]) -> str:
    rows = []
    for bar in bars:
        target = TARGETS[bar.name]
        sign = ">=" if target.side == "least" else "<="
        form = "{:.0e}" if target.unit == "error" else f"{{:,.2f}} {target.unit}"
        limit = (
            f"{target.limit:.0e}" if target.unit == "error" else f"{target.limit:g} {target.unit}"
        )
        met = target.met_by(bar)
        note = "" if met else target.when_missed or "not explained yet"
        verdict = "yes" if met else "**no**"
        rows.append((target.text, f"{sign} {limit}", form.format(bar.measured), verdict, note))
    return _table(Table(("bar", "wanted", "measured", "met", "note"), tuple(rows), n_names=5))


def _table(table: Table) -> str:
    alignment = ["---" if column < table.n_names else "---:" for column in range(len(table.header))]
    lines = [table.header, alignment, *table.rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
