"""Tables as text, CSV, Markdown, LaTeX and JSON. A narrow terminal loses columns, never letters."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from cli.options import out, print_json, print_text

GAP = "  "


class Format(StrEnum):
    """How a table is printed."""

    TABLE = "table"
    CSV = "csv"
    MD = "md"
    LATEX = "latex"
    JSON = "json"


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: its name for programs.
        title: its head for people.
        show: text of a value; a value that is None is shown as "".
        right: whether it is aligned to the right, as numbers are.
        keep: how long it stays when room is short: the column with the smallest number goes first.
    """

    name: str
    title: str
    show: Callable[[Any], str] = str
    right: bool = False
    keep: int = 9


@dataclass
class Table:
    """Records under columns.

    Attributes:
        columns: the columns.
        records: values by the column's name.
        muted: positions of records that are shown grey, such as controls.
        best: positions of records that LaTeX prints bold.
        title: caption.
    """

    columns: Sequence[Column]
    records: list[dict[str, Any]]
    muted: frozenset[int] = frozenset()
    best: frozenset[int] = frozenset()
    title: str = ""
    _cells: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        """Write every value as text, once."""
        self._cells = {c.name: [_text(c, record) for record in self.records] for c in self.columns}

    def print(self, form: Format = Format.TABLE) -> None:
        """Print to stdout; a terminal's width decides how many columns there is room for."""
        if form is Format.JSON:
            print_json([{c.name: record.get(c.name) for c in self.columns} for record in self.records])
        elif form is Format.TABLE:
            for line in self.lines(out.width if out.is_terminal else None):
                out.print(line, soft_wrap=True)
        else:
            written = {Format.CSV: self.csv, Format.MD: self.markdown, Format.LATEX: self.latex}[form]()
            print_text(written.rstrip("\n"))

    def lines(self, width: int | None = None) -> list[Text]:
        """Head and records as lines no wider than `width` terminal cells, as far as dropping columns can do it."""
        shown = self._fitting(width)
        widths = {c.name: self._width(c) for c in shown}
        head = GAP.join(_aligned(c.title, widths[c.name], right=c.right) for c in shown)
        lines = [Text(head.rstrip(), style="bold")]
        for position in range(len(self.records)):
            cells = (_aligned(self._cells[c.name][position], widths[c.name], right=c.right) for c in shown)
            lines.append(Text(GAP.join(cells).rstrip(), style="dim" if position in self.muted else ""))
        return lines

    def _fitting(self, width: int | None) -> list[Column]:
        shown = [c for c in self.columns if not self.records or any(self._cells[c.name])]
        if width is not None:
            while len(shown) > 1 and sum(map(self._width, shown)) + len(GAP) * (len(shown) - 1) > width:
                least = min(c.keep for c in shown)
                shown.remove([c for c in shown if c.keep == least][-1])
        return shown

    def _width(self, column: Column) -> int:
        return max(map(cell_len, (column.title, *self._cells[column.name])))

    def csv(self) -> str:
        """Comma-separated values, numbers in full."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(c.name for c in self.columns)
        for record in self.records:
            writer.writerow("" if (value := record.get(c.name)) is None else value for c in self.columns)
        return stream.getvalue()

    def markdown(self) -> str:
        """A table of GitHub's Markdown."""
        shown = self._fitting(None)
        lines = [[_in_markdown(c.title) for c in shown], ["---:" if c.right else "---" for c in shown]]
        for position in range(len(self.records)):
            lines.append([_in_markdown(self._cells[c.name][position]) for c in shown])
        return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)

    def latex(self) -> str:
        r"""A tabular with booktabs' rules, to be put in a table environment; needs ``\usepackage{booktabs}``."""
        shown = self._fitting(None)
        rows = []
        for position in range(len(self.records)):
            cells = [_in_latex(self._cells[c.name][position]) for c in shown]
            if position in self.best:
                cells = [
                    rf"\textbf{{{cell}}}" if cell and c.keep > 8 else cell for c, cell in zip(shown, cells, strict=True)
                ]
            rows.append(" & ".join(cells) + r" \\")
        caption = [f"% {self.title}"] if self.title else []
        head = " & ".join(_in_latex(c.title) for c in shown) + r" \\"
        align = "".join("r" if c.right else "l" for c in shown)
        frame = [rf"\begin{{tabular}}{{{align}}}", r"\toprule", head, r"\midrule"]
        return "\n".join([*caption, *frame, *rows, r"\bottomrule", r"\end{tabular}"]) + "\n"


def listing(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table of texts; where room is short, its last columns go first."""
    columns = [Column(str(place), head, keep=len(heads) - place) for place, head in enumerate(heads)]
    return Table(columns, [{str(place): text for place, text in enumerate(row)} for row in rows])


def _text(column: Column, record: dict[str, Any]) -> str:
    value = record.get(column.name)
    return "" if value is None else " ".join(column.show(value).split())


def _aligned(text: str, width: int, *, right: bool) -> str:
    room = " " * (width - cell_len(text))
    return room + text if right else text + room


def _in_markdown(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
    "×": r"$\times$", "–": "--", "−": "$-$", "±": r"$\pm$", "≤": r"$\le$", "≥": r"$\ge$",
    "[": "{[}", "]": "{]}",
}  # fmt: skip


def _in_latex(text: str) -> str:
    return "".join(_LATEX.get(c, c) for c in text)
