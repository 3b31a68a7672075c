"""Rows as a table of pandas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from suite.results.store import Row


def to_frame(rows: Iterable[Row]) -> Any:
    """Return a `pandas.DataFrame`: one row per cell, one column per fact, parameter, score and cost.

    A parameter that is called like another column has the column ``param_<name>``.
    """
    import pandas as pd

    records = []
    for row in rows:
        result = row.result
        costs = result.costs.model_dump(exclude={"extra"})
        facts = {
            "method": result.method, "label": result.label, "control": result.control, "task": result.task,
            "family": result.family, "profile": result.profile, "seed": result.seed, "status": result.status.value,
            "reason": result.reason, "main_metric": result.main_metric, "main": result.main,
        }  # fmt: skip
        numbers = {k: v for k, v in (result.scores | costs | result.costs.extra).items() if k not in facts}
        parameters = {f"param_{k}" if k in facts or k in numbers else k: v for k, v in result.variant.items()}
        records.append(facts | parameters | numbers)
    return pd.DataFrame.from_records(records)
