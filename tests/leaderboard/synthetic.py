"""Made-up results on disk, written as the engine writes them, to build sites from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from suite.results.catalog import (
    Catalog,
    ClaimCard,
    DataCard,
    FamilyCard,
    MethodCard,
    MetricCard,
    PaperCard,
    ReferenceRow,
    TaskCard,
    TheoryLine,
    VariantCard,
)
from suite.results.columns import pack
from suite.results.layout import items_path
from suite.results.metrics import COSTS, Metric
from suite.results.schema import CellResult, Costs, Provenance, Status
from suite.results.store import ResultStore

NDCG = Metric("ndcg@10", "nDCG@10", about="Normalised discounted cumulative gain of the first ten documents.")
RECALL = Metric("recall@100", "Recall@100")
ACCURACY = Metric("top1", "top-1", format=".1%")
RATIO = Metric("bits", "bits/byte", "lower", statistic="ratio", columns=("coded", "raw"), scale=8.0)
CRITICAL = Metric("critical", "critical n", format=",.0f", statistic="point")

FAMILIES = (
    ("beir", "BEIR retrieval", "text", "search", (NDCG, RECALL)),
    ("limit", "LIMIT", "text", "search", (CRITICAL,)),
    ("imagenet", "ImageNet-subset classification", "image", "classify", (ACCURACY,)),
    ("compression", "Compression ratio", "bytes", "decode", (RATIO,)),
)
PACKAGES = {"numpy": "2.4.0", "torch": "2.13.0", "suite": "0.1.0"}
MACHINE = {"cpu": "Example CPU at 2.0 GHz", "cores": 2, "memory_bytes": 8 << 30, "python": "3.11.2"}


@dataclass
class Synthetic:
    """A root of made-up results.

    Attributes:
        root: where they are written.
        methods: number of methods; each has `variants` sizes of 8, 16, 32 … bytes an item, the last is a control.
        variants: variants of a method; its last but one is the reference of the smaller ones.
        tasks: tasks of each family.
        items: items of each task.
        seeds: seeds of every second method.
        profile: the profile.
    """

    root: Path
    methods: int = 4
    variants: int = 4
    tasks: int = 2
    items: int = 60
    seeds: int = 2
    profile: str = "quick"
    catalog: Catalog = field(default_factory=Catalog)
    cells: int = 0

    def write(self) -> Synthetic:
        """Write all cells and the catalog; the last method fails, is skipped, times out and runs out of memory."""
        self._cards()
        for family, _, modality, _, metrics in FAMILIES:
            for task in range(self.tasks):
                gain = np.random.default_rng([7, len(family), task]).normal(0.5, 0.15, self.items)
                for method in range(self.methods):
                    for variant in range(self.variants):
                        for seed in range(self.seeds if method % 2 else 1):
                            self._cell(f"{family}/t{task}", family, modality, metrics, method, variant, seed, gain)
        self.catalog.keys[f"{self.profile}:method-0[dim=8]:beir/t0:9"] = "planned-but-not-run"
        self.save()
        return self

    def save(self) -> None:
        """Write the catalog."""
        folder = self.root / self.profile
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "catalog.json").write_text(self.catalog.to_json())

    def cell(self, result: CellResult, items: dict[str, np.ndarray] | None = None, *, planned: bool = True) -> Path:
        """Write one cell as the store does, without waiting for the disk."""
        packed = pack(items) if items else None
        digest = hashlib.sha256(packed).hexdigest() if packed else None
        result = result.model_copy(update={"items_sha256": digest})
        path = ResultStore(self.root).path(result)
        path.parent.mkdir(parents=True, exist_ok=True)
        if packed and digest:
            items_path(path, digest).write_bytes(packed)
        path.write_text(result.to_json())
        if planned:
            self.catalog.keys[f"{result.profile}:{result.label}:{result.task}:{result.seed}"] = result.key
        self.cells += 1
        return path

    def _cell(self, task, family, modality, metrics, method, variant, seed, gain) -> None:
        dim = 8 << variant
        fails = method == self.methods - 1 and variant == 0 and seed == 0
        status = list(Status)[1 + len(family) % 4] if fails else Status.OK
        noise = np.random.default_rng([method, variant, seed, len(task)]).normal(0, 0.05, self.items)
        quality = np.clip(gain + 0.04 * variant - 0.03 * method + noise, 0.01, 0.99)
        scores, items = {}, {}
        for metric in metrics:
            if metric is RATIO:
                items |= {"coded": np.round(1000 * (1 - quality)), "raw": np.full(self.items, 1000.0)}
                scores[metric.name] = float(8 * items["coded"].sum() / items["raw"].sum())
            elif metric is CRITICAL:
                scores[metric.name] = float(round(100 * quality.mean()))
            else:
                items[metric.name] = quality.astype(np.float32)
                scores[metric.name] = float(items[metric.name].mean(dtype=np.float64))
        self.cell(
            CellResult(
                key=hashlib.sha256(f"{task}{method}{variant}{seed}".encode()).hexdigest(),
                method=f"method-{method}",
                variant={"dim": dim},
                control=variant == self.variants - 1,
                task=task,
                family=family,
                profile=self.profile,
                seed=seed,
                status=status,
                reason=f"{status.value}: {family} is too much for it" if fails else None,
                traceback="Traceback (most recent call last):\n  boom" if status is Status.FAILED else None,
                main_metric=metrics[0].name,
                scores={} if fails else scores,
                costs=Costs()
                if fails
                else Costs(
                    bytes_per_item=float(dim),
                    fitted_bytes=dim * self.items,
                    model_bytes=10_000_000 * (method + 1),
                    fit_seconds=0.5 * variant,
                    encode_items_per_second=1e4 / (method + 1),
                    query_latency_p50_ms=0.1 * (method + 1) * (variant + 1),
                    query_latency_p95_ms=0.2 * (method + 1) * (variant + 1),
                    peak_memory_bytes=1 << 28,
                ),
                provenance=Provenance(
                    engine="1",
                    packages=PACKAGES,
                    machine=MACHINE,
                    git_revision="0123456789abcdef",
                    started=f"2026-01-0{1 + variant % 5}T10:00:00+00:00",
                    seconds=1.5,
                ),
            ),
            None if fails or not items else items,
        )

    def _cards(self) -> None:
        catalog = self.catalog
        for order, (name, title, modality, readout, metrics) in enumerate(FAMILIES, start=1):
            catalog.families.append(
                FamilyCard(name=name, title=title, description=f"What {title} asks.", extra=order > 3)
            )
            catalog.metrics.extend(MetricCard.of(metric) for metric in metrics)
            for task in range(self.tasks):
                catalog.tasks.append(
                    TaskCard(
                        name=f"{name}/t{task}",
                        title=f"{title} {task}",
                        family=name,
                        readout=readout,
                        modality=[modality],
                        description="A task that was made up.",
                        profiles=[self.profile],
                        main_metric=metrics[0].name,
                        metrics=[metric.name for metric in metrics],
                        data=["made-up"],
                        items=self.items,
                    )
                )
        catalog.costs.extend(MetricCard.of(cost) for cost in COSTS)
        catalog.data.append(
            DataCard(name="made-up", title="Made up", licence="CC0", sha256="ab" * 32, sources=["generated"], items=60)
        )
        for method in range(self.methods):
            catalog.methods.append(
                MethodCard(
                    name=f"method-{method}",
                    summary=f"Method {method} keeps what matters. It leaves the rest out.",
                    description="What the paper does.\n\nWhat this file leaves out.",
                    modality=["text"] if method % 2 else ["text", "image"],
                    readouts=["search"],
                    tags=["dense", "trained"] if method % 2 else ["binary"],
                    seeded=bool(method % 2),
                    paper=PaperCard(title=f"On method {method}", year=2020 + method, arxiv=f"20{20 + method}.01234"),
                    variants=[
                        VariantCard(
                            label=f"method-{method}[dim={8 << v}]",
                            params={"dim": 8 << v},
                            control=v == self.variants - 1,
                            reference=f"method-{method}[dim={8 << self.variants - 2}]"
                            if v < self.variants - 2
                            else None,
                        )
                        for v in range(self.variants)
                    ],
                    source=f"methods/text/method_{method}.py",
                )
            )
        for method, verdict in enumerate(("holds", "fails", "not measured", "undecided")[: self.methods]):
            measured = verdict != "not measured"
            catalog.claims.append(
                ClaimCard(
                    method=f"method-{method}",
                    statement="8 of 16 dimensions keep 93 % of nDCG@10",
                    source="Table 1",
                    threshold_by="project" if verdict == "undecided" else "paper",
                    why="Too small a corpus." if verdict == "fails" else "",
                    profile=self.profile,
                    verdict=verdict,
                    value=0.95 - 0.1 * method if measured else None,
                    threshold=0.93 if measured else None,
                    relation=">=" if measured else None,
                    interval=(0.9, 0.97) if measured else None,
                    numbers={f"method-{method}[dim=8]": 0.4} if measured else {},
                    reason=None if measured else "method-2[dim=8] has no result",
                )
            )
        catalog.references.append(
            ReferenceRow(task="beir/t0", label="As printed", metric="ndcg@10", value=0.61, source="A paper, Table 2")
        )
        catalog.theory.append(
            TheoryLine(
                task="beir/t0",
                label="a bound",
                x="bytes_per_item",
                points=[(8.0, 0.6), (64.0, 0.8), (512.0, 0.9)],
                source="A paper, Theorem 1",
            )
        )
