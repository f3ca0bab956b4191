"""Tables and headers as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from gdp_desktop.benchmarks.plan import Row


def document(title: str, header: Mapping[str, str], body: str) -> str:
    facts = "\n".join(f"- {name}: {value}" for name, value in header.items())
    return f"# {title}\n\n{facts}\n\n{body}\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """The first ``texts`` columns are text, the others figures."""
    rule = [*["---"] * texts, *["--:"] * (len(columns) - texts)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [columns, rule, *rows])


def mean(rows: Sequence[Row], figure: str, digits: int) -> str:
    """The mean of a column over the rows that have it, "–" if none has."""
    values = [float(row[figure]) for row in rows if row[figure]]
    if not values:
        return "–"
    return f"{math.fsum(values) / len(values):.{digits}f}"
