"""`weighbridge cite`: BibTeX of the suite, of a method's paper, of a task's data."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Annotated

import typer

from cli.options import MethodsDir, load_catalogue, print_text
from suite.data import access, own
from suite.data.declaration import DataSpec
from suite.errors import SelectorError
from suite.method import Paper
from suite.selectors import nearest

_SPECIAL = re.compile(r"([&%$#_{}])")


def cite(
    names: Annotated[list[str] | None, typer.Argument(help="Methods and tasks; the suite alone if none.")] = None,
    methods_dir: MethodsDir = None,
) -> None:
    """Print BibTeX: of Weighbridge, and of what is named.

    weighbridge cite

    weighbridge cite muvera beir/scifact
    """
    scanned = load_catalogue(methods_dir)
    entries = [_suite()]
    for name in names or []:
        method = scanned.methods.get(name.partition("[")[0])
        if method is not None:
            if method.cls.paper is None:
                raise SelectorError(f"{name} has no paper of its own: cite Weighbridge, and the version you used")
            entries.append(_paper(method.cls.name, method.cls.paper))
        elif (task := own.task_name(name)) in scanned.tasks:
            entries += [_data(access.spec(data)) for data in scanned.tasks[task].task.datasets()]
        else:
            raise SelectorError(
                f"no method or task {name!r}; {nearest(name, [*scanned.methods, *scanned.tasks], 'ls methods|tasks')}"
            )
    print_text("\n\n".join(dict.fromkeys(entries)))


def _suite() -> str:
    return _entry(
        "software",
        "weighbridge",
        title="Weighbridge: a benchmark suite and leaderboard of compact representations",
        author="{The Weighbridge authors}",
        year="2026",
        version=version("weighbridge"),
    )


def _paper(name: str, paper: Paper) -> str:
    where = {"eprint": paper.arxiv, "archiveprefix": "arXiv"} if paper.arxiv else {"url": paper.url}
    authors = " and ".join(paper.authors)
    return _entry("misc", f"{name}{paper.year}", author=authors, title=paper.title, year=str(paper.year), **where)


def _data(spec: DataSpec) -> str:
    """A data set by its title and source: declarations hold no authors, so that these must be looked up there."""
    note = f"Licence: {spec.licence}" + (f"; SHA-256 of the decoded content: {spec.sha256}" if spec.sha256 else "")
    source = " or ".join(str(source) for source in spec.sources)
    return _entry("misc", f"data-{spec.name}", title=spec.title, howpublished=source, note=note)


def _entry(kind: str, key: str, **fields: str | None) -> str:
    lines = [f"  {name} = {{{_escaped(value)}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{re.sub('[^A-Za-z0-9:-]', '-', key)},", *lines, "}"])


def _escaped(text: str) -> str:
    """Text of a field; one in braces is kept as it is."""
    return text if text.startswith("{") else _SPECIAL.sub(r"\\\1", text)
