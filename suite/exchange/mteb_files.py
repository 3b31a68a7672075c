"""mteb's result files, written and read without mteb: ``results/<model>/<revision>/<Task>.json``.

What is written loads with mteb's own `ResultCache`. Reading survives what public files hold: bare NaN, schemas from
before mteb 1.11 (scores below the split, distances as nested objects), percentages, and revisions such as ``external``.
Cards of models state percentages: a file in which any score is above 1 holds nothing but percentages.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from statistics import fmean
from typing import Any

from suite import files
from suite.data.declaration import DataSpec, HubSource
from suite.errors import WeighbridgeError
from suite.results.catalog import ReferenceRow
from suite.results.layout import component
from suite.results.metrics import EXPORTED_COSTS
from suite.results.schema import CellResult, Status
from suite.results.store import Row
from suite.task import Task

FORMAT_VERSION = "2.26.24"
"""Version of mteb whose format is written."""

ORGANISATION = "weighbridge"
_LARGEST_FILE = 20 * 2**20
_LONGEST_NAME = 120
_NO_COMMIT = ("external", "no_revision_available", "no_revision_specified")
_OLD_NAMES = {"cos_sim": "cosine", "dot": "dot", "euclidean": "euclidean", "manhattan": "manhattan", "max": "max"}
_SHARE = re.compile(
    r"main_score|(ndcg|map|mrr|recall|precision|hit_rate)_at_\d+|(\w+_)?(spearman|pearson|accuracy|f1|ap)"
)
_KEYS_OF_FILE = {
    *("mteb_dataset_name", "dataset_revision", "mteb_version", "task_name", "evaluation_time", "kg_co2_emissions"),
    *("date", "evaluation_phases", "scores"),
}


# -- writing --------------------------------------------------------------------------------------------


def export(
    rows: Iterable[Row], tasks: Mapping[str, Task[Any]], data: Mapping[str, DataSpec], folder: Path
) -> list[Path]:
    """Write the rows of tasks that mteb has too, one file a (variant, task); seeds are averaged.

    Args:
        rows: stored rows of one profile.
        tasks: tasks by name.
        data: declarations of data sets by name.
        folder: a cache folder of mteb; files go to its ``results``.

    Returns:
        The files, in order of their names.

    Raises:
        WeighbridgeError: two variants would share a name, or a file cannot be written.
    """
    groups: dict[tuple[str, str, str], list[CellResult]] = defaultdict(list)
    for row in rows:
        result = row.result
        task = tasks.get(result.task)
        if result.status is Status.OK and task is not None and task.spec.mteb:
            groups[result.label, result.provenance.code_hash, result.task].append(result)
    taken: dict[str, str] = {}
    written: dict[Path, dict[str, Any]] = {}
    for (label, code, name), results in groups.items():
        model = model_name(label)
        if taken.setdefault(model, label) != label:
            raise WeighbridgeError(f"{label} and {taken[model]} would both be called {model}: export one of them")
        place = folder / "results" / model.replace("/", "__") / component(code[:40] or _NO_COMMIT[1])
        task = tasks[name]
        written[place / f"{task.spec.mteb}.json"] = _file(results, task, data[task.spec.data])
        written[place / "model_meta.json"] = _meta(model, code[:40] or None)
    try:
        for path, content in written.items():
            files.make_folder(path.parent)
            files.write(path, f"{json.dumps(content, indent=2, allow_nan=False)}\n".encode())
    except OSError as error:
        raise files.unwritable(folder, error) from None
    return sorted(written)


def model_name(label: str) -> str:
    """A model's name for mteb: ``muvera[dim=2560,reps=20]`` is ``weighbridge/muvera-dim=2560-reps=20``."""
    return f"{ORGANISATION}/{re.sub(r'[^A-Za-z0-9_.=]+', '-', label).strip('-')}"


def _file(results: Sequence[CellResult], task: Task[Any], data: DataSpec) -> dict[str, Any]:
    means = {
        name: fmean(r.scores[name] for r in results) for name in task.metrics if all(name in r.scores for r in results)
    }
    scores: dict[str, Any] = {_theirs(name): value for name, value in means.items()}
    scores["main_score"] = means[task.metrics[0]]
    for cost in EXPORTED_COSTS:
        values = [getattr(r.costs, cost) for r in results]
        if all(value is not None for value in values):
            scores[cost] = fmean(values)
    scores |= {"seeds": len(results), "hf_subset": data.options.get("subset") or "default", "languages": ["eng-Latn"]}
    revisions = [source.revision for source in data.sources if isinstance(source, HubSource)]
    return {
        "dataset_revision": revisions[0] if revisions else "no_revision_available",
        "task_name": task.spec.mteb,
        "mteb_version": FORMAT_VERSION,
        "scores": {data.options.get("split", "test"): [scores]},
        "evaluation_time": fmean(r.provenance.seconds for r in results),
        "kg_co2_emissions": None,
    }


def _meta(model: str, revision: str | None) -> dict[str, Any]:
    unknown = (
        *("loader", "release_date", "n_parameters", "memory_usage_mb", "max_tokens", "embed_dim", "license"),
        *("open_weights", "public_training_code", "public_training_data", "similarity_fn_name", "use_instructions"),
        "training_datasets",
    )
    return dict.fromkeys(unknown) | {
        "name": model,
        "revision": revision,
        "languages": ["eng-Latn"],
        "framework": [],
        "modalities": ["text"],
    }


def _theirs(metric: str) -> str:
    return metric.replace("@", "_at_")


# -- reading --------------------------------------------------------------------------------------------


@dataclass
class Imported:
    """What an import found.

    Attributes:
        rows: reported numbers, one per (model, task, metric).
        files: how many result files of known tasks were read.
        problems: files that could not be used, and why.
    """

    rows: list[ReferenceRow] = field(default_factory=list)
    files: int = 0
    problems: list[str] = field(default_factory=list)


def read_checkout(
    folder: Path, tasks: Iterable[Task[Any]], data: Mapping[str, DataSpec], models: str | None = None
) -> Imported:
    """Read reported numbers out of a checkout of the public results, or of any cache of mteb.

    Args:
        folder: the checkout, or its ``results``.
        tasks: tasks; those with mteb's name are looked for.
        data: declarations of data sets by name.
        models: glob of the models' names; all if None.

    Raises:
        WeighbridgeError: the folder is not laid out like results of mteb.
    """
    root = next((p for p in (folder / "remote" / "results", folder / "results", folder) if p.is_dir()), None)
    if root is None:
        raise WeighbridgeError(f"{folder} is not a folder")
    wanted: dict[str, list[Task[Any]]] = defaultdict(list)
    for task in tasks:
        if task.spec.mteb:
            wanted[task.spec.mteb].append(task)
    imported = Imported()
    best: dict[tuple[str, str, str], tuple[int, ReferenceRow]] = {}
    seen = False
    for path, model, revision in _result_files(root):
        seen = True
        if path.stem not in wanted or (models and not fnmatchcase(model, models)):
            continue
        try:
            content = _content(path)
        except ValueError as error:
            imported.problems.append(f"{'/'.join(map(_clean, path.relative_to(root).parts))}: {error}")
            continue
        imported.files += 1
        percent = _is_percent(content)
        for task in wanted[path.stem]:
            for metric, value in _values(content, task, data[task.spec.data], percent):
                rank = _NO_COMMIT.index(revision) + 1 if revision in _NO_COMMIT else 0
                row = _row(task, model, revision, metric, value, content)
                key = (task.name, model, metric)
                if key not in best or rank < best[key][0]:
                    best[key] = (rank, row)
    if not seen:
        raise WeighbridgeError(
            f"{folder} holds no results of mteb: expected files such as results/<model>/<revision>/<Task>.json"
        )
    imported.rows = [row for _, row in best.values()]
    return imported


def _result_files(root: Path) -> Iterator[tuple[Path, str, str]]:
    """Path, model and revision of every result file, in order; links are passed over."""
    for model in _folders(root):
        name = _clean(model.name.replace("__", "/"))
        for revision in _folders(model):
            for entry in sorted(os.scandir(revision), key=lambda e: e.name):
                if (
                    entry.name.endswith(".json")
                    and entry.name != "model_meta.json"
                    and entry.is_file(follow_symlinks=False)
                ):
                    yield Path(entry.path), name, _clean(revision.name)


def _folders(folder: Path) -> list[Path]:
    return sorted(Path(entry.path) for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))


def _clean(name: str) -> str:
    """A name that may be shown: no control characters, not long."""
    return "".join(c for c in name if c.isprintable()).encode("utf-8", "replace").decode()[:_LONGEST_NAME]


def _content(path: Path) -> dict[str, Any]:
    """The object that a file holds; ValueError in one line if it holds none."""
    try:
        content = json.loads(files.read(path, _LARGEST_FILE))
    except files.NotAFile as error:
        raise ValueError(str(error)) from None
    except (OSError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot be read: {type(error).__name__}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(content, dict):
        raise ValueError("not an object")
    return content


def _values(content: Mapping[str, Any], task: Task[Any], data: DataSpec, percent: bool) -> Iterator[tuple[str, float]]:
    """The task's own main metric, and the one it is judged by here, as a file reports them."""
    scores = _scores(content, str(data.options.get("split", "test")), data.options.get("subset") or "default")
    for metric in dict.fromkeys((task.metrics[0], task.main_metric)):
        names = (f"cosine_{metric}", metric) if metric in ("spearman", "pearson") else (_theirs(metric),)
        main = ("main_score",) if metric == task.metrics[0] else ()
        for name in (*names, *main):
            value = _number(scores.get(name))
            if value is not None and abs(value := value / 100 if percent else value) <= 1:
                yield metric, value
                break


def _is_percent(content: Mapping[str, Any]) -> bool:
    """Whether a file states percentages: none of its scores can be above 1, so that one above it tells of all."""
    waiting: list[Any] = [value for key, value in content.items() if key not in _KEYS_OF_FILE or key == "scores"]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            for name, inner in value.items():
                if _SHARE.fullmatch(name) and (number := _number(inner)) is not None and 1.001 < abs(number) <= 100:
                    return True
                waiting += [inner] if isinstance(inner, dict | list) else []
    return False


def _number(value: Any) -> float | None:
    """A finite number; None for anything else, and for integers that no float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _scores(content: Mapping[str, Any], split: str, subset: str) -> dict[str, Any]:
    """Scores of one split and subset in today's names; empty where the file has none."""
    if isinstance(content.get("scores"), dict):
        entries = content["scores"].get(split)
        entries = [e for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []
        # A file with one entry has one subset, whatever it is called.
        chosen = [e for e in entries if e.get("hf_subset", "default") == subset] or (
            entries if len(entries) == 1 else []
        )
        return dict(chosen[0]) if chosen else {}
    old = content.get(split) if split not in _KEYS_OF_FILE else None
    if not isinstance(old, dict):
        return {}
    inner = old.get(subset, old.get("en") if subset == "default" else None)
    old = inner if isinstance(inner, dict) else old
    flat: dict[str, Any] = {}
    for name, value in old.items():
        if isinstance(value, dict):
            flat |= {f"{_OLD_NAMES.get(name, name)}_{key}": number for key, number in value.items()}
        else:
            flat[name] = value
    return flat


def _row(
    task: Task[Any], model: str, revision: str, metric: str, value: float, content: Mapping[str, Any]
) -> ReferenceRow:
    version = _clean(str(content.get("mteb_version") or "of unknown version"))
    unstated = "the model's card" if revision == "external" else "revision not stated"
    where = unstated if revision in _NO_COMMIT else f"revision {revision[:12]}"
    return ReferenceRow(
        task=task.name, label=f"{model} (reported)", metric=metric, value=value, source=f"mteb {version}, {where}"
    )
