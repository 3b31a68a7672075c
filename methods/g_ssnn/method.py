"""Graph-based symbolically synthesised neural networks: discrete features that come from a synthesised program.

A program of a small language builds a graph. The encoder's vector is cut into one chunk for each node and edge, chunks
get a code of their element's number and port, and a graph network passes them along the edges. Programs evolve: those
whose networks fit the training images best are kept, stitch abstracts what they share into new symbols, and a grammar
fitted on them proposes the next. The paper claims that the choice of program *modulates* generalisation from few
images; the authors' archived runs do not beat the baseline on average.

Here: ten classes from 128 training images instead of RAVEN's constant-colour rule, a convolutional encoder, width 64,
ten programs of which five are kept by training accuracy (ties by training loss), two rounds (the paper: 512, fifty,
twenty-five, five). Four ports and at most 16 elements a graph; networks are trained by Adam with batches of 8 for 16
epochs on a one-cycle schedule. A search stops after 12,000 states instead of 15 seconds, so that it repeats. The
program that answers is the best of the last ten by training accuracy. What programs do to generalisation is measured
on two sets of 400 further training images that nothing is trained on or selected by, with three networks a program;
``baseline``, the encoder with a linear head, is trained twelve times, and the network answers that fits best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import combinations, islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.g_ssnn.program_search import Compressed, Grammar, compress, discoveries
from methods.g_ssnn.programs import Graph, Term, expanded
from methods.kit.image.supervised_training import Recipe, draw, outputs, parameter_count, restore, train
from suite.accepts import Accepts
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import Dense, Representation

if TYPE_CHECKING:
    import torch


TRAINED, HELD_OUT = 128, 400
ALIKE = 0.02
"""Training accuracies that differ by no more than this count as equal."""
DIAGNOSIS = (
    "mean_accuracy", "lowest_accuracy", "highest_accuracy", "mean_training_accuracy", "anova_p", "modulation",
    "abstractions", "symbols_before", "symbols_after",
)  # fmt: skip


@dataclass(frozen=True)
class Scale:
    """How much is searched and trained.

    Attributes:
        population: programs.
        kept: of them, by training accuracy.
        rounds: of abstraction and exploration.
        networks: trained a program of the last population.
        baselines: networks without a program.
        epochs: of each training.
        states: that one search extends.
    """

    population: int
    kept: int
    rounds: int
    networks: int
    baselines: int
    epochs: int
    states: int


@dataclass(frozen=True)
class Individual:
    """A program, its graph, and the network trained with it; without a graph, the baseline.

    Attributes:
        program: in primitives.
        graph: what it builds.
        tensors: the network's state.
        fit: training accuracy.
        loss: mean cross-entropy of the training images.
    """

    program: Term
    graph: Graph | None
    tensors: Tensors
    fit: float = 0.0
    loss: float = 0.0


class GSSNN(Method):
    """Networks around synthesised graphs, and the encoder without one."""

    name = "g-ssnn"
    summary = (
        "A synthesised program builds a graph, whose nodes and edges give a network its discrete features; programs "
        "evolve with a library of what good ones share. Claims that programs modulate generalisation from few images."
    )
    modality = Modality.IMAGE
    readouts = ("classify",)
    paper = Paper("Symbolic Synthesis of Neural Networks", 2023, "2303.03340")
    tags = ("dense", "trained", "program synthesis", "few-shot")
    grid = {"arm": ("g-ssnn", "baseline")}
    controls = {"arm": ("baseline",)}
    seeded = True
    requires = ("torch", "scipy", "networkx", "stitch_core")
    accepts = Accepts(min_items=1000, max_items=60_000, max_pixels=1024)

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Evolve programs on 128 labelled images, and measure on others what they do; the best network, its graph."""
        scale = self.effort.pick(quick=Scale(4, 2, 1, 2, 2, 4, 4000), standard=Scale(10, 5, 2, 3, 12, 16, 12_000))
        drawn = draw(data, TRAINED + 2 * HELD_OUT, seed)
        cuts = np.cumsum([TRAINED, HELD_OUT])
        few, first, second = (
            replace(drawn, items=items, labels=labels)
            for items, labels in zip(np.split(drawn.items, cuts), np.split(drawn.labels, cuts), strict=True)
        )
        train_one = partial(trained, data=few, epochs=scale.epochs)
        if self.arm == "baseline":
            found = [train_one((), None, seed=seed * 1000 + i) for i in range(scale.baselines)]
            groups, shared = [found], Compressed((), {}, 0, 0)
        else:
            found, shared = evolved(train_one, scale, seed)
            groups = [
                [one, *(train_one(one.program, one.graph, seed=seed * 1000 + i) for i in range(1, scale.networks))]
                for one in found
            ]
        accuracies = np.array(
            [[[accuracy(one, held) for held in (first, second)] for one in group] for group in groups]
        )
        fits = np.array([[one.fit for one in group] for group in groups])
        best = max(found, key=fitness)
        numbers = diagnosis(accuracies, fits, shared)
        return {
            **best.tensors,
            "graph.nodes": np.array(best.graph.nodes if best.graph else (), np.int16),
            "graph.edges": np.array(rows(best.graph), np.int16).reshape(-1, 4),
            "diagnosis": np.array([numbers[name] for name in DIAGNOSIS], np.float32),
        }

    @cached_property
    def _trained(self) -> dict[tuple[int, ...], torch.nn.Module]:
        return {}

    def trained(self, shape: Sequence[int]) -> torch.nn.Module:
        """The network that answers, for images of `shape`."""
        shape = tuple(shape)
        if shape not in self._trained:
            tensors = {n: v for n, v in self.fitted.items() if n != "diagnosis" and not n.startswith("graph.")}
            nodes, edges = self.fitted["graph.nodes"].tolist(), self.fitted["graph.edges"].tolist()
            make = partial(network, shape, len(tensors["head.bias"]), nodes, edges)
            self._trained[shape] = restore(make, tensors)
            self.extra_costs |= dict(zip(DIAGNOSIS, self.fitted["diagnosis"].tolist(), strict=True))
            self.extra_costs |= {"parameters": parameter_count(self._trained[shape])}
            self.extra_costs |= {"nodes": len(nodes), "edges": len(edges)}
        return self._trained[shape]

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, 64) float32 features before the head, compared by cosine."""
        return Dense(outputs(self.trained(items.shape[1:]).features, items))

    def predict(self, items: Representation) -> NDArray[np.int64]:
        """(n,) classes of the head."""
        logits = items.features() @ self.fitted["head.weight"].T + self.fitted["head.bias"]
        return logits.argmax(axis=1)


def rows(graph: Graph | None) -> list[list[int]]:
    """[number, port, end, end] of each edge."""
    return [[edge.order, edge.port, edge.a, edge.b] for edge in graph.edges] if graph else []


def network(shape: tuple[int, ...], classes: int, nodes: list[int], edges: list[list[int]]) -> torch.nn.Module:
    """The untrained network around a graph; the baseline where there is none."""
    from methods.g_ssnn.networks import Baseline, GraphNetwork

    return GraphNetwork(shape, classes, nodes, edges) if nodes else Baseline(shape, classes)


def trained(program: Term, graph: Graph | None, data: FitData, epochs: int, seed: int) -> Individual:
    """Train the network of a program."""
    nodes = list(graph.nodes) if graph else []
    make = partial(network, data.items.shape[1:], data.classes, nodes, rows(graph))
    recipe = Recipe(epochs, batch=8, rate=3e-3, weight_decay=0.0)
    made = Individual(program, graph, train(make, data, recipe, seed))
    logits = answered(made, data)
    spread = np.logaddexp.reduce(logits, axis=1) - logits[np.arange(len(logits)), data.labels]
    return replace(made, fit=float((logits.argmax(1) == data.labels).mean()), loss=float(spread.mean()))


def answered(one: Individual, data: FitData) -> NDArray[np.float32]:
    """(n, classes) logits."""
    nodes = list(one.graph.nodes) if one.graph else []
    make = partial(network, data.items.shape[1:], data.classes, nodes, rows(one.graph))
    return outputs(restore(make, one.tensors), data.items)


def accuracy(one: Individual, data: FitData) -> float:
    """Share of images classified right."""
    return float((answered(one, data).argmax(1) == data.labels).mean())


def fitness(one: Individual) -> tuple[float, float]:
    """Training accuracy, and of those that are equal, the lower training loss."""
    return one.fit, -one.loss


def evolved(train_one: Any, scale: Scale, seed: int) -> tuple[list[Individual], Compressed]:
    """The last population, and what stitch made of the programs that were kept last."""
    rng = np.random.default_rng(seed)
    grammar, known = Grammar.fitted((), {}), []
    population: list[Individual] = []
    shared = Compressed((), {}, 0, 0)
    for turn in range(scale.rounds + 1):
        if turn:
            population = sorted(population, key=fitness, reverse=True)[: scale.kept]
            shared = compress([one.program for one in population])
            grammar = Grammar.fitted(shared.programs, shared.library)
        wanted = scale.population - len(population)
        # Which of the most probable new graphs are tried is what differs between seeds.
        offered = list(islice(discoveries(grammar, known, scale.states), wanted + wanted // 2))
        for i in rng.permutation(len(offered))[:wanted]:
            program, graph = offered[i]
            known.append(graph)
            population.append(train_one(expanded(program, grammar.library), graph, seed=seed * 1000))
    return population, shared


def diagnosis(accuracies: NDArray[np.float64], fits: NDArray[np.float64], shared: Compressed) -> dict[str, float]:
    """What is counted of a population.

    Args:
        accuracies: (programs, networks, 2) accuracy on both sets of held-out images.
        fits: (programs, networks) training accuracy.
        shared: of the kept programs.

    Returns:
        By the names of `DIAGNOSIS`. Accuracies are of the first set, of means over a program's networks. `anova_p` is
        1 for one program. `modulation` is the largest difference that two programs of equal mean training accuracy
        show, with one sign, on both sets: the smaller of the two.
    """
    from scipy.stats import f_oneway

    means, mean_fits = accuracies.mean(1), fits.mean(1)
    alike = [(i, j) for i, j in combinations(range(len(means)), 2) if abs(mean_fits[i] - mean_fits[j]) <= ALIKE + 1e-9]
    differences = np.array([means[i] - means[j] for i, j in alike]).reshape(-1, 2)
    agreeing = np.where(differences.prod(1) > 0, np.abs(differences).min(1), 0.0)
    return {
        "mean_accuracy": means[:, 0].mean(),
        "lowest_accuracy": means[:, 0].min(),
        "highest_accuracy": means[:, 0].max(),
        "mean_training_accuracy": mean_fits.mean(),
        "anova_p": float(np.nan_to_num(f_oneway(*accuracies[:, :, 0]).pvalue, nan=1.0)) if len(means) > 1 else 1.0,
        "modulation": float(agreeing.max(initial=0.0)),
        "abstractions": len(shared.library),
        "symbols_before": shared.before,
        "symbols_after": shared.after,
    }
