"""RESULTS.md: goals and what was reached, the numbers behind it, and where the time goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from benchmarks import cluster, growth, site_cells
from benchmarks.beside_mteb import SCIFACT, TEN, WIKIPEDIA
from benchmarks.cluster import CLUSTER
from benchmarks.encoder import ENCODER, PARTS, TOKENS
from benchmarks.growth import GROWTH
from benchmarks.numbers import exponent, spread, table
from benchmarks.overhead import RUNNER
from benchmarks.pieces import SUITE
from benchmarks.profile_cell import PROFILE
from benchmarks.recording import Recorded, Recorder
from benchmarks.resampling import BOOTSTRAP
from benchmarks.searching import DOCUMENTS, SEARCH
from benchmarks.site_cells import SITE

Row = Sequence[str]
LARGEST = str(max(site_cells.SIZES))
BUILDS = {"from_nothing": "from nothing", "one_changed": "one cell changed", "unchanged": "nothing changed"}


def ten_runs(recorded: Recorded) -> list[float]:
    """Ten times mteb's one run over ours of ten methods, in each repeat."""
    return [10 * ratio for ratio in recorded.ratios(("mteb", "seconds"), ("ours", "ten"))]


def exponents(recorded: Recorded, line: str, sizes: Iterable[int], number: str) -> list[float]:
    """Fitted exponent of a number in each repeat that has all sizes; `line` stands before the size in a part's name.

    Where a part counted its cells, that is its size.
    """
    sizes = list(sizes)
    found: list[float] = []
    for repeat in recorded.repeats:
        parts = [repeat.get(f"{line}{size}", {}) for size in sizes]
        if all(part.get(number, 0) > 0 for part in parts):
            counted = [part.get("cells", size) for part, size in zip(parts, sizes, strict=True)]
            found.append(exponent(counted, [part[number] for part in parts]))
    return found


def report(recorder: Recorder, machine: Mapping[str, str | int]) -> str:
    """The page, in Markdown."""
    recorded = {piece.name: recorder.read(piece) for piece in SUITE}
    context = recorder.context(list(SUITE))
    sections = (
        _introduction(context, machine),
        _goals(recorded),
        "![Times faster than what stands beside, and growth](results.svg)",
        _beside_mteb(recorded),
        _encoder(recorded[ENCODER.name]),
        _search(recorded[SEARCH.name]),
        _growth(recorded),
        _cluster(recorded),
        _profile(recorded),
    )
    return "\n\n".join(sections) + "\n"


def _introduction(context: Mapping[str, str], machine: Mapping[str, str | int]) -> str:
    facts = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in machine.items())
    return f"""# How fast it is

Written by `make perf`; each piece can be measured alone with `python -m benchmarks PIECE`. Sides that are compared are
measured in turn, in processes of their own, with a thread a core each. Numbers are medians, with the least and the
most in brackets.

* Machine: {facts}.
* Measured on {context["days"] or "no day"}, {context["first"]} to {context["last"]} UTC; page written by code at
  `{context["revision"]}`. Sides of one repeat began at most {context["gap"]} apart.
* Load of the machine before each measurement: {context["load"]}. What else it did slows either side.
* {context["ahead"]} measurements ran ahead of other work, by real-time scheduling."""


def _goals(recorded: Mapping[str, Recorded]) -> str:
    wiki, scifact = recorded[WIKIPEDIA.name], recorded[SCIFACT.name]
    encoder, runner, site = recorded[ENCODER.name], recorded[RUNNER.name], recorded[SITE.name]
    one = ("mteb", "seconds"), ("ours", "one")
    share = encoder.ratios(("encoder", "gflops"), ("encoder", "peak_gflops"))
    bootstrap = recorded[BOOTSTRAP.name]
    rows = [
        ("(a) one cell beside mteb, SciFact", "≥ 5×", spread(scifact.ratios(*one), ".1f", "×")),
        ("(a) one cell beside mteb, Wikipedia sections", "≥ 5×", spread(wiki.ratios(*one), ".1f", "×")),
        (
            "(a) the same, mteb in bfloat16 too",
            "",
            spread(wiki.ratios(("mteb in bfloat16", "seconds"), one[1]), ".1f", "×"),
        ),
        ("(b) ten methods beside ten runs of mteb, SciFact", "≥ 30×", spread(ten_runs(scifact), ".1f", "×")),
        ("(b) ten methods beside ten runs of mteb, Wikipedia", "≥ 30×", spread(ten_runs(wiki), ".1f", "×")),
        ("(c) encoder, share of the matrix product's peak", "≥ 50 %", spread(share, ".0%")),
        ("(d) the runner's part of a cell", "≤ 0.1 s", spread(runner.values("cells", "overhead_a_cell"), ".3f", " s")),
        ("(d) a run with nothing to do", "≤ 2 s", spread(runner.values("cells", "nothing_to_do"), ".2f", " s")),
        ("(d) `ls methods`", "≤ 0.5 s", spread(runner.values("commands", "list_methods"), ".2f", " s")),
        ("importing mteb, beside it", "", spread(runner.values("commands", "import_mteb"), ".2f", " s")),
        ("(d) `run --dry-run`", "≤ 0.5 s", spread(runner.values("commands", "dry_run"), ".2f", " s")),
        *(
            (f"(e) site of 10,000 cells, {about}", "≤ 3 s", spread(site.values(LARGEST, build), ".1f", " s"))
            for build, about in BUILDS.items()
        ),
        *((f"(f) exponent of {what}", "≤ 1.1", spread(values, ".2f")) for what, values in _exponents(recorded).items()),
        ("bootstrap, 50 methods × 1,500 items", "≤ 1 s", spread(bootstrap.values("bootstrap", "ours"), ".2f", " s")),
        (
            "scipy's bootstrap, one method of them",
            "",
            spread(bootstrap.values("bootstrap", "scipy_one_method"), ".2f", " s"),
        ),
    ]
    return "## Goals\n\n" + table(("what", "goal", "measured"), rows)


def _exponents(recorded: Mapping[str, Recorded]) -> dict[str, list[float]]:
    documents, cells = recorded[GROWTH.name], recorded[SITE.name]
    found = {}
    for number, what in (("cell", "time"), ("memory", "memory")):
        for method in growth.METHODS:
            found[f"{what} with documents, {method}"] = exponents(documents, f"{method} ", growth.SIZES, number)
            steepest = exponents(documents, f"{method} ", growth.SIZES[1:], number)
            found[f"{what} with documents, {method}, last decade"] = steepest
    for build, about in BUILDS.items():
        found[f"time with cells, site {about}"] = exponents(cells, "", site_cells.SIZES, build)
        found[f"time with cells, site {about}, last decade"] = exponents(cells, "", list(site_cells.SIZES)[1:], build)
    found["memory with cells, site"] = exponents(cells, "", site_cells.SIZES, "peak_bytes")
    return found


def _beside_mteb(recorded: Mapping[str, Recorded]) -> str:
    rows = []
    for name, title in ((WIKIPEDIA.name, "Wikipedia sections"), (SCIFACT.name, "SciFact")):
        piece = recorded[name]
        sides = (
            ("mteb, float32", "mteb", "seconds", "ndcg@10"),
            ("mteb, bfloat16", "mteb in bfloat16", "seconds", "ndcg@10"),
            ("ours, one cell", "ours", "one", "ndcg@10"),
            ("ours, ten methods", "ours", "ten", ""),
        )
        for side, part, seconds, score in sides:
            if values := piece.values(part, seconds):
                scores = piece.values(part, score)
                rows.append((title, side, spread(values, ".1f", " s"), f"{median(scores):.5f}" if scores else ""))
    return (
        "## Beside mteb\n\n"
        "mteb's `evaluate` on the same documents, queries and judgements with the same weights, loaded by "
        "sentence-transformers as its documentation says. Everything counts, from starting the process to storing the "
        "scores; ours also times single queries. Ten runs of mteb are extrapolated from one. The ten methods: "
        f"{', '.join(f'`{label}`' for label in TEN)}.\n\n" + table(("data", "side", "seconds", "nDCG@10"), rows)
    )


def _encoder(recorded: Recorded) -> str:
    def number(name: str, form: str = ".0f") -> str:
        return spread(recorded.values("encoder", name), form)

    ratio = recorded.ratios(("encoder", "texts_a_second"), ("encoder", "sentence_transformers_texts_a_second"))
    rows = [
        ("largest matrix product, GFLOP/s", number("peak_gflops")),
        ("encoder, GFLOP/s", number("gflops")),
        ("encoder, texts a second", number("texts_a_second", ".1f")),
        ("sentence-transformers, texts a second", number("sentence_transformers_texts_a_second", ".1f")),
        ("times faster", spread(ratio, ".1f", "×")),
        *((f"of its time: {part.replace('_', ' ')}", number(f"profile {part}", ".0%")) for part in PARTS),
    ]
    return (
        f"## The encoder\n\nMiniLM on texts of {TOKENS} tokens, the mean of SciFact's documents; sentence-transformers "
        "as it loads by default, in float32. GELU runs within the linear layers where it is fused.\n\n"
        + table(("what", "measured"), rows)
    )


def _search(recorded: Recorded) -> str:
    def row(kind: str, beside: str, about: str) -> Row:
        values = (recorded.values("search", name) for name in (kind, f"{kind}_{beside}"))
        ratio = recorded.ratios(("search", f"{kind}_{beside}"), ("search", kind))
        return (kind, *(spread(v, ".2f") for v in values), about, spread(ratio, ".1f", "×"))

    rows = [
        row("dense", "faiss", "faiss, IndexFlatIP"), row("dense", "plain", "all scores, then a partition"),
        row("binary", "faiss", "faiss, knn_hamming"), row("sparse", "plain", "all scores, then a partition"),
    ]  # fmt: skip
    return (
        f"## Exact search\n\nThe hundred best of {DOCUMENTS:,} documents, 384 dimensions, for 256 queries at once.\n\n"
        + table(("kind", "ours, ms a query", "beside, ms a query", "what stands beside", "times faster"), rows)
    )


def _growth(recorded: Mapping[str, Recorded]) -> str:
    documents, cells = recorded[GROWTH.name], recorded[SITE.name]
    rows = [
        (
            f"{size:,} documents, {method}",
            spread(documents.values(f"{method} {size}", "cell"), ".2f", " s"),
            _mebibytes(documents.values(f"{method} {size}", "memory")),
        )
        for method in growth.METHODS
        for size in growth.SIZES
    ]
    rows += [
        (
            f"{median(cells.values(str(size), 'cells') or [size]):,.0f} cells, site {about}",
            spread(cells.values(str(size), build), ".2f", " s"),
            _mebibytes(cells.values(str(size), "peak_bytes")),
        )
        for build, about in BUILDS.items()
        for size in site_cells.SIZES
    ]
    return (
        "## Growth\n\nA retrieval cell's memory is what it took beyond the texts and imports; a site's is that of the "
        "process, over its three builds.\n\n" + table(("size", "time", "memory"), rows)
    )


def _cluster(recorded: Mapping[str, Recorded]) -> str:
    found = recorded[CLUSTER.name]
    rows = [
        (
            part,
            spread(found.values(part), ".0f", " s"),
            spread(found.values(part, "shared"), ".0f", " s"),
            spread(found.values(part, "own"), ".0f", " s"),
            _mebibytes(found.values(part, "peak_bytes")),
        )
        for part in CLUSTER.parts
    ]
    return (
        f"## {cluster.DOCUMENTS:,} documents on a cluster\n\nOne row of `{cluster.METHOD}` over a generated BEIR "
        "folder, from its files to a stored row, on a Ray cluster of this machine with a core a worker; all caches "
        "begin empty. The pass is shared, what follows is the row's own.\n\n"
        + table(("", "command", "pass", "row's own work", "most memory of the row"), rows)
    )


def _profile(recorded: Mapping[str, Recorded]) -> str:
    repeats = recorded[PROFILE.name].repeats
    rows: list[Row] = []
    if repeats and (numbers := repeats[0].get("profile")):
        context = {"seconds", "peak_bytes", "load_before", "load_after", "started", "real_time"}
        stages = {stage: value for stage, value in numbers.items() if stage not in context}
        total = sum(stages.values())
        rows = [(stage, f"{value:.2f} s", f"{value / total:.0%}") for stage, value in stages.items()]
    inside = recorded[SCIFACT.name]
    within, rate = inside.values("ours", "within_the_cell"), inside.values("ours", "items_a_second")
    scifact = ""
    if within and rate:
        scifact = (
            f"\n\nSciFact's cell took {median(within):.0f} s within its process, and encoded "
            f"{median(rate):.0f} items a second."
        )
    return (
        "## Where the time goes now\n\nOne cell of MiniLM on the Wikipedia sections, from nothing, in one process."
        "\n\n" + table(("stage", "time", "share"), rows) + scifact + _limits(recorded)
    )


def _limits(recorded: Mapping[str, Recorded]) -> str:
    encoder, wiki = recorded[ENCODER.name], recorded[WIKIPEDIA.name]
    share = encoder.ratios(("encoder", "gflops"), ("encoder", "peak_gflops"))
    gain = encoder.ratios(("encoder", "peak_gflops"), ("encoder", "peak_gflops_float32"))
    attention = encoder.values("encoder", "profile attention")
    lines = []
    if share and attention:
        operations = 4 * TOKENS * 384 / (24 * 384**2 + 4 * TOKENS * 384)
        lines.append(
            f"Encoding is arithmetic: at the matrix product's peak it would still take {median(share):.0%} of its "
            f"time. Attention is {median(attention):.0%} of it for {operations:.0%} of the operations."
        )
    if gain:
        lines.append(
            f"What bfloat16 brings depends on the CPU: here its products run {median(gain):.1f} times as fast as "
            "float32's, and one cell cannot gain much more than that over an encoder in float32."
        )
    later = [(repeat["ours"]["ten"] - repeat["ours"]["one"]) / 9 for repeat in wiki.repeats if "ours" in repeat]
    if later:
        lines.append(f"A further method on the backbone takes {median(later):.1f} s on the Wikipedia sections.")
    return "".join(f"\n\n{line}" for line in lines)


def _mebibytes(values: Sequence[float]) -> str:
    return spread([value / 2**20 for value in values], ".0f", " MiB")
