"""The workflow files: they parse, ask for no more rights than they need, and call commands that there are."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def steps(workflow: dict) -> list[dict]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_reads_only_and_calls_commands_that_exist(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in path.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = "\n".join(step.get("run", "") for step in steps(workflow))
    assert set(re.findall(r"\bmake ([a-z-]+)", commands)) <= targets
    for script in re.findall(r"bash (\S+)", commands):
        assert (ROOT / script).is_file()
    # What a contributor names must reach the shell as data, never as code.
    assert "${{" not in commands


def test_pull_requests_are_validated_and_main_is_published():
    by_name = {path.stem: yaml.safe_load(path.read_text()) for path in WORKFLOWS}
    assert "pull_request" in by_name["validate"][True]  # YAML reads the key `on` as a truth
    assert any("weighbridge validate" in step.get("run", "") for step in steps(by_name["validate"]))
    assert by_name["pages"][True]["push"]["branches"] == ["main"]
    assert by_name["pages"]["jobs"]["publish"]["permissions"] == {"pages": "write", "id-token": "write"}
    uses = [step["uses"].split("@")[0] for step in steps(by_name["pages"]) if "uses" in step]
    assert uses[-2:] == ["actions/upload-pages-artifact", "actions/deploy-pages"]


def test_the_step_that_validates_takes_changed_files_with_any_name(tmp_path):
    """The shell of the workflow itself, with a `weighbridge` that prints what it was given."""
    validate = yaml.safe_load((ROOT / ".github" / "workflows" / "validate.yml").read_text())
    script = next(step["run"] for step in steps(validate) if "weighbridge validate" in step.get("run", ""))

    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q", "-b", "main")
    (tmp_path / "Makefile").write_text("setup:\n\t@true\n")
    tool = tmp_path / ".venv" / "bin" / "weighbridge"
    tool.parent.mkdir(parents=True)
    tool.write_text('#!/bin/sh\nfor a in "$@"; do echo "[$a]"; done\n')
    tool.chmod(0o755)
    git("add", "Makefile")
    git("commit", "-qm", "base")
    base = git("rev-parse", "HEAD")
    names = ["results/standard/f/t/plain,x=1.s0.json", "results/standard/f/t/two words; $(touch owned).s0.json"]
    for name in [*names, "results/standard/f/t/plain,x=1.s0.abc.npz", "methods/text/mine.py"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")

    def run() -> str:
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script],
            cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "BASE": base}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout

    assert "brings no results" in run()
    git("add", "results", "methods")
    git("commit", "-qm", "more")
    assert [line for line in run().splitlines() if line.startswith("[results/")] == [f"[{name}]" for name in names]
    assert not (tmp_path / "owned").exists()
