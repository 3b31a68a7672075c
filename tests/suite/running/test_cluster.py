"""Cells on a Ray cluster: the same rows as on this machine, on two nodes of which one is killed in the middle."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from suite.errors import WeighbridgeError
from suite.results.schema import Status
from suite.running import cluster
from suite.running.cluster import ClusterResources, RayWorkers
from tests.suite.engine.project import Project, make_project
from tests.suite.engine.test_faults import BAD, limited

pytest.importorskip("ray", reason="the extra `ray` is not installed")

SLOW = """
    def encode(self, items, role):
        folder = {marks!r}
        if len(items) > 2:
            open(folder + f"/{{self.name}}-{{os.getpid()}}", "w").close()
            time.sleep({seconds})
        return Dense(np.ones((len(items), 2), np.float32) + np.arange(len(items))[:, None])
"""


def slow_methods(project: Project, count: int, marks: Path, seconds: float) -> None:
    """Methods that leave a mark when they start, and then take their time."""
    for path in (project.root / "methods" / "text").glob("le*.py"):
        path.unlink()
    for i in range(count):
        project.method(f"slow-{i}", SLOW.format(marks=str(marks), seconds=seconds))


def comparable(row: dict) -> dict:
    """A row without what depends on the clock."""
    kept = {name: row[name] for name in ("key", "status", "scores", "seed", "variant", "items_sha256", "main_metric")}
    return kept | {"bytes": row["costs"]["bytes_per_item"], "code": row["provenance"]["code_hash"]}


# -- without a cluster ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:9", "there is no Ray head at 127.0.0.1:9"),
        ("ray://127.0.0.1:9", "there is no Ray head at ray://127.0.0.1:9"),
        ("nonsense", "--address takes host:port"),
        ("127.0.0.1:99999", "there is no Ray head"),
    ],
)
def test_a_head_that_is_not_there_is_said_before_ray_looks_for_it(monkeypatch, address, message):
    import ray

    monkeypatch.setattr(ray, "init", lambda *_, **__: pytest.fail("Ray tries for a minute"))
    with pytest.raises(WeighbridgeError, match=message), RayWorkers(ClusterResources(address), 1, []):
        pass


def test_the_command_says_what_is_missing(tmp_path):
    project = make_project(tmp_path)
    project.method("absent", "    def encode(self, items, role):\n        return None", requires=("no_such_package",))
    done = project.run("run", "--executor", "ray", "--address", "127.0.0.1:9", code=2)
    assert "there is no Ray head at 127.0.0.1:9 (Connection refused): start one with `ray start --head`" in done.stderr
    assert not project.rows()  # no skipped one either: with thousands of them the line would come minutes later
    assert "add --executor ray" in project.run("run", "--address", "127.0.0.1:9", code=2).stderr
    project.run("run", "-m", "letters")
    assert len(project.rows()) == 2


def test_an_origin_in_the_project_travels_without_its_place(monkeypatch, tmp_path):
    from suite.discovery import Origin

    monkeypatch.setenv("WEIGHBRIDGE_ROOT", str(tmp_path))
    here = Origin("methods.text.x", "X", str(tmp_path / "methods"))
    sent = cluster._portable(here)
    assert str(tmp_path) not in sent.root
    monkeypatch.setenv("WEIGHBRIDGE_ROOT", str(tmp_path / "elsewhere"))
    assert cluster._at_home(sent).root == str(tmp_path / "elsewhere" / "methods")
    own = Origin("x", "X", "/some/shared/folder")
    assert cluster._at_home(cluster._portable(own)) == own


# -- on one ---------------------------------------------------------------------------------------------


def test_ray_on_this_machine_stores_the_rows_that_a_local_run_stores(tmp_path):
    project = make_project(tmp_path)
    project.run("run", "-m", "letters")
    local = {key: comparable(row) for key, row in project.rows().items()}
    project.run("run", "-m", "letters", "--executor", "ray", "--memory", "0.5", "--overwrite", "always")
    rows = project.rows()
    assert {key: comparable(row) for key, row in rows.items()} == local
    assert all(row["provenance"]["machine"]["cpu"] for row in rows.values())


@pytest.fixture(scope="module")
def two_nodes():
    """A cluster of two nodes on this machine, one slot each."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "memory": 2**30, "object_store_memory": 2**27}
    started = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
    second = started.add_node(**node)
    started.wait_for_nodes()
    yield started, second
    started.shutdown()


ON_CLUSTER = ("run", "--executor", "ray", "--memory", "0.25")


@pytest.mark.slow
def test_methods_that_misbehave_end_on_a_cluster_as_they_do_locally(two_nodes, tmp_path):
    started, _ = two_nodes
    project = make_project(tmp_path)
    for name in ("raises", "hangs", "hog", "killed", "exits", "skips"):
        project.method(name, BAD[name])
    project.write("tasks/pairs.yaml", limited(seconds=20))
    project.run(*ON_CLUSTER, "--address", started.address, code=1)
    rows = {name: row["status"] for (name, _, _), row in project.rows().items()}
    assert {name: rows[name] for name in ("raises", "hangs", "hog", "killed", "exits", "skips")} == {
        "raises": "failed", "hangs": "timeout", "hog": "out_of_memory", "killed": "failed", "exits": "failed",
        "skips": "skipped",
    }  # fmt: skip
    assert rows["letters[dim=4]"] == "ok"


@pytest.mark.slow
def test_what_no_node_can_run_is_refused(two_nodes, tmp_path):
    started, _ = two_nodes
    project = make_project(tmp_path)
    asked = ("--executor", "ray", "--address", started.address)
    refused = project.run("run", *asked, "--memory", "64", code=2).stderr
    assert "no node of the cluster can run a cell: it asks for 1 CPU, 0 GPU and 64.0 GiB" in refused
    assert "1 GPU" in project.run("run", *asked, "--memory", "0.2", "--gpus", "1", code=2).stderr
    assert not project.rows()


SHARED_PASS = """
    def encode(self, items, role):
        from suite.features import store
        store.ITEMS_A_PART = 1
        def make(part, allocate):
            if len(part) == 1:  # with the store switched off, to time a query, there are no parts
                open({marks!r} + f"/{{part.start}}-{{os.environ['RAY_RAYLET_PID']}}", "w").close()
                time.sleep(0.5)
            allocate("values", (1, 2), np.float32)[...] = part.start
        made = store.FeatureStore().in_parts({{"pass": 1}}, {parts}, make)["values"]
        return Dense(made[:1] + np.arange(len(items), dtype=np.float32)[:, None] + 1)


class Weights:
    name = "backbone"
    sha256 = "ab" * 32
    def missing(self): return None
    def size(self): return 1


Bad.pretrained = (Weights(),)
"""


@pytest.mark.slow
def test_an_idle_node_helps_with_a_pass_and_is_lost_in_it(two_nodes, tmp_path):
    started, _ = two_nodes
    third = started.add_node(num_cpus=1, memory=2**30, object_store_memory=2**27)
    started.wait_for_nodes()
    marks = tmp_path / "marks"
    marks.mkdir()
    project = make_project(tmp_path / "project")
    for path in (project.root / "methods" / "text").glob("le*.py"):
        path.unlink()
    project.method("shared", SHARED_PASS.format(marks=str(marks), parts=60))
    command = project.command(*ON_CLUSTER, "--address", started.address)
    environment = project.environment(WEIGHBRIDGE_CACHE=str(tmp_path / "cache"))
    running = subprocess.Popen(
        command, cwd=project.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )

    def made() -> list[list[str]]:
        return [mark.name.split("-") for mark in marks.iterdir()]

    try:
        deadline = time.monotonic() + 120
        while len({node for _, node in made()}) < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len({node for _, node in made()}) == 3, "one row, and all three nodes at work on its pass"
        started.remove_node(third, allow_graceful=False)
        out, err = running.communicate(timeout=240)
    finally:
        running.kill()
    assert running.returncode == 0, out + err
    (row,) = project.rows().values()
    assert row["status"] == Status.OK
    parts = [part for part, _ in made()]
    assert {int(part) for part in parts} == set(range(60))
    assert len(parts) <= 61, "what the others made is made once, and the part of the lost node twice"


@pytest.mark.slow
def test_cells_of_a_killed_node_are_run_elsewhere_and_stored_once(two_nodes, tmp_path):
    """Runs last: it takes the second node away."""
    started, second = two_nodes
    marks = tmp_path / "marks"
    marks.mkdir()
    project = make_project(tmp_path / "project")
    slow_methods(project, 6, marks, seconds=3)
    command = project.command(*ON_CLUSTER, "--address", started.address)
    running = subprocess.Popen(
        command, cwd=project.root, env=project.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 120
        while len(list(marks.iterdir())) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(list(marks.iterdir())) >= 2, "both nodes should be at work"
        started.remove_node(second, allow_graceful=False)
        out, err = running.communicate(timeout=240)
    finally:
        running.kill()
    assert running.returncode == 0, out + err
    rows = project.rows()
    assert {key[0]: row["status"] for key, row in rows.items()} == {f"slow-{i}": Status.OK for i in range(6)}
    starts = [path.name.rpartition("-")[0] for path in marks.iterdir()]
    assert len(starts) > 6, "a cell that was lost is started again"
    assert err.count("] ok slow-") == 6, "each cell ends once"
    files = list((project.root / "results" / "quick" / "pairs" / "toy").glob("*"))
    assert len([f for f in files if f.suffix == ".json"]) == len([f for f in files if f.suffix == ".npz"]) == 6
    assert not [f for f in files if f.suffix not in (".json", ".npz")]
    again = project.run("run", "--json")
    assert {row["status"] for row in json.loads(again.stdout)} == {"ok"}
    assert len(list(marks.iterdir())) == len(starts), "nothing is due any more"
