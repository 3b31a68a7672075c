"""How a wheel is built: everything else is declared in pyproject.toml."""

from pathlib import Path
from shutil import rmtree

from setuptools import setup
from setuptools.command.build_py import build_py

INSIDE = ("cli", "suite", "methods", "tasks", "leaderboard")


class OnePackage(build_py):
    """Puts the project's folders into the package `weighbridge`, where a wheel is built and not where one edits."""

    def run(self):
        """Copy files, then move the folders."""
        super().run()
        if not self.editable_mode:
            for name in INSIDE:
                target = Path(self.build_lib) / "weighbridge" / name
                rmtree(target, ignore_errors=True)
                (Path(self.build_lib) / name).rename(target)


setup(cmdclass={"build_py": OnePackage})
