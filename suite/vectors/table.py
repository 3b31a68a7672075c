"""What weighing says: rows with intervals and per cent kept, the Pareto front, and one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.results.bootstrap import Estimate, Sample, interval, replicates
from suite.results.kept import kept
from suite.results.metrics import Metric
from suite.vectors.weighing import Weighed

if TYPE_CHECKING:
    import pandas as pd

KEEPS = 95.0
"""Per cent kept that the sentence looks for where no budget is given."""
OVERLAPS = ("overlap@10", "overlap@100")
JUDGED = ("ndcg@10", "recall@100")


@dataclass(frozen=True)
class Line:
    """One row of the table.

    Attributes:
        compressor: its selector.
        bytes: bytes a document.
        smaller: times smaller than float32.
        scores: metric → (mean, lower, upper end of the 95 % interval).
        kept: per cent of the uncompressed vectors' main metric, with its paired interval; None if it has none.
        encode_per_second: documents a second.
        search_ms: milliseconds a query.
        fit_seconds: seconds of the fit.
        fitted_bytes: bytes of what was fitted.
        pareto: whether nothing is as small and better, or smaller and as good.
        reason: why there is no result.
    """

    compressor: str
    bytes: float
    smaller: float
    scores: dict[str, tuple[float, float, float]]
    kept: tuple[float, float, float] | None
    encode_per_second: float
    search_ms: float
    fit_seconds: float
    fitted_bytes: int
    pareto: bool = False
    reason: str | None = None


@dataclass(frozen=True)
class Table:
    """All lines, the uncompressed vectors first, and what they say in one sentence."""

    main: str
    lines: Sequence[Line]
    sentence: str

    def records(self) -> list[dict[str, Any]]:
        """One flat mapping a line."""
        rows = []
        for line in self.lines:
            row = asdict(line)
            for name, (mean, low, high) in row.pop("scores").items():
                row |= {name: mean, f"{name}_low": low, f"{name}_high": high}
            kept_of, low, high = row.pop("kept") or (None, None, None)
            if line.reason is not None:
                row |= dict.fromkeys(_MEASURED)
            rows.append(row | {"kept": kept_of, "kept_low": low, "kept_high": high})
        return rows

    def frame(self) -> pd.DataFrame:
        """The table as a pandas frame, the sentence in ``frame.attrs``."""
        import pandas as pd

        frame = pd.DataFrame(self.records())
        frame.attrs["sentence"] = self.sentence
        return frame


_MEASURED = ("bytes", "smaller", "encode_per_second", "search_ms", "fit_seconds", "fitted_bytes")
"""What a line that gives a reason has no number of."""


def table(weighed: Sequence[Weighed], budget: float | None = None) -> Table:
    """Lines of what was weighed, with intervals by 10,000 resamples of queries.

    Args:
        weighed: the uncompressed vectors first.
        budget: bytes a document may take, for the sentence.
    """
    done = [w for w in weighed if w.reason is None]
    main = JUDGED[0] if JUDGED[0] in done[0].items else OVERLAPS[0]
    names = list(done[0].items)
    metrics = {name: Metric(name, name) for name in names}
    estimates = replicates(
        {(w.label, n): Sample(metrics[n], [w.mean(n)], [{n: w.items[n]}]) for w in done for n in names}
    )
    whole = done[0]
    lines = []
    for w in weighed:
        if w.reason is not None:
            lines.append(Line(w.label, 0.0, 0.0, {}, None, 0.0, 0.0, 0.0, 0, reason=w.reason))
            continue
        share = kept(estimates[w.label, main], estimates[whole.label, main], metrics[main])
        lines.append(
            Line(
                w.label,
                w.bytes_per_item,
                whole.bytes_per_item / w.bytes_per_item,
                {n: (w.mean(n), *(estimates[w.label, n].interval() or (np.nan, np.nan))) for n in names},
                None if share is None else (share.percent, _or_nan(share.low), _or_nan(share.high)),
                w.encode_per_second,
                w.search_ms,
                w.fit_seconds,
                w.fitted_bytes,
                pareto=_on_front(w, done, main),
            )
        )
    ends = {w.label: estimates[w.label, main] for w in done}
    return Table(main, lines, _sentence(lines, main, budget, ends))


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _on_front(one: Weighed, all_of_them: Sequence[Weighed], main: str) -> bool:
    def dominates(other: Weighed) -> bool:
        at_least = other.bytes_per_item <= one.bytes_per_item and other.mean(main) >= one.mean(main)
        return at_least and (other.bytes_per_item < one.bytes_per_item or other.mean(main) > one.mean(main))

    return not any(dominates(other) for other in all_of_them)


def _sentence(lines: Sequence[Line], main: str, budget: float | None, estimates: dict[str, Estimate]) -> str:
    compressed = [line for line in lines[1:] if line.reason is None and line.kept is not None]
    if not compressed:
        return "Nothing was compressed."
    if budget is not None:
        within = [line for line in compressed if line.bytes <= budget]
        if not within:
            smallest = min(compressed, key=lambda line: line.bytes)
            bytes_ = f"{budget:g} byte{'s' * (budget != 1)}"
            return f"Nothing here takes {bytes_} or less; the smallest is {_said(smallest)}."
        return f"At {budget:g} bytes {_best_of(within, main, estimates)}"
    good = [line for line in compressed if line.kept is not None and line.kept[0] >= KEEPS]
    if not good:
        return f"Nothing here keeps {KEEPS:g} % of {main}; nearest is {_best_of(compressed, main, estimates)}"
    smallest = min(good, key=lambda line: (line.bytes, -line.scores[main][0]))
    rivals = [line for line in compressed if line.bytes <= smallest.bytes]
    return f"The smallest that keeps {KEEPS:g} % of {main}: {_best_of(rivals, main, estimates)}"


def _said(line: Line) -> str:
    return f"{line.compressor} ({line.bytes:g} bytes, {line.smaller:.3g} × smaller)"


def _best_of(lines: Sequence[Line], main: str, estimates: dict[str, Estimate]) -> str:
    """Name the best of the lines, what it keeps, and how it differs from the second best."""
    first, *rest = sorted(lines, key=lambda line: -line.scores[main][0])
    text = f"{_said(first)} keeps {first.kept[0]:.1f} %" if first.kept else _said(first)
    if not rest:
        return f"{text}."
    a, b = estimates[first.compressor].replicates, estimates[rest[0].compressor].replicates
    if a is None or b is None:
        return f"{text}."
    low, high = interval(a - b)
    verdict = "is significant" if low > 0 else "is not significant"
    return f"{text}; the difference to {rest[0].compressor} {verdict} (95 % [{low:+.3f}, {high:+.3f}] {main})."
