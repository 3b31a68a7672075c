"""The bootstrap of all methods of a page, beside scipy's of one."""

from __future__ import annotations

import time
from functools import partial

from benchmarks.fresh import Numbers, measured
from benchmarks.recording import Piece

METHODS, ITEMS = 50, 1_500


def bootstrap() -> Numbers:
    """Seconds of 10,000 resamples of 50 methods at once, and of one method by scipy."""
    import numpy as np
    from scipy import stats

    from suite.results.bootstrap import RESAMPLES, Sample, replicates
    from suite.results.metrics import Metric

    values = np.random.default_rng(0).random((METHODS, ITEMS))
    metric = Metric("score", "score")
    samples = {row: Sample(metric, [float(v.mean())], [{"score": v}]) for row, v in enumerate(values)}
    start = time.perf_counter()
    intervals = [estimate.interval() for estimate in replicates(samples).values()]
    ours = time.perf_counter() - start
    start = time.perf_counter()
    theirs = stats.bootstrap(
        (values[0],), np.mean, n_resamples=RESAMPLES, batch=1_000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    scipy_one = time.perf_counter() - start
    difference = max(abs(a - b) for a, b in zip(intervals[0] or (), theirs, strict=True))
    return {"ours": ours, "scipy_one_method": scipy_one, "difference_of_ends": float(difference)}


BOOTSTRAP = Piece("bootstrap", {"bootstrap": partial(measured, bootstrap)})
