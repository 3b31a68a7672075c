"""One page of what was weighed: the sentence, the plane and the table, in a file that needs nothing else."""

from __future__ import annotations

from html import escape

from suite.vectors.plot import svg
from suite.vectors.table import Line, Table

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
body { color: #1a1a1a; background: #fff; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: #555; }
th, td { padding: .25rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #e5e5e5; }
th:first-child, td:first-child { text-align: left; }
tr.front { font-weight: 600; }
.wide { overflow-x: auto; }
svg { max-width: 100%; height: auto; }
"""


def page(table: Table, about: str) -> str:
    """The page.

    Args:
        table: what was weighed.
        about: documents, queries, dimensions and similarity, in a line.
    """
    names = list(table.lines[0].scores)
    heads = ("compressor", "bytes", "× smaller", *names, "% kept", "fitted bytes", "encode/s", "search ms", "fit s")
    done = sorted(
        (line for line in table.lines if line.reason is None), key=lambda line: (-line.bytes, line.compressor)
    )
    rows = "\n".join(_row(line, names) for line in done)
    left = "".join(f"<li><code>{escape(o.compressor)}</code>: {escape(o.reason)}</li>" for o in table.lines if o.reason)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Vectors on the scale</title><style>{STYLE}</style></head><body>
<h1>Vectors on the scale</h1>
<p>{escape(about)}</p>
<p><strong>{escape(table.sentence)}</strong></p>
{svg(table)}
<div class="wide"><table>
<caption>± is half the 95 % interval over queries; in bold what nothing is both smaller and better than.</caption>
<thead><tr>{"".join(f'<th scope="col">{escape(head)}</th>' for head in heads)}</tr></thead>
<tbody>
{rows}
</tbody></table></div>
{f"<h2>No result</h2><ul>{left}</ul>" if left else ""}
</body></html>
"""


def _row(line: Line, names: list[str]) -> str:
    scores = [f"{mean:.3f} ±{(high - low) / 2:.3f}" for mean, low, high in (line.scores[name] for name in names)]
    kept = f"{line.kept[0]:.1f} [{line.kept[1]:.1f}, {line.kept[2]:.1f}]" if line.kept else "–"
    speed = f"{line.encode_per_second:,.0f}" if line.encode_per_second else "–"
    cells = [f"{line.bytes:,.0f}", f"{line.smaller:.1f}", *scores, kept, f"{line.fitted_bytes:,}", speed]
    cells += [f"{line.search_ms:.2f}", f"{line.fit_seconds:.1f}"]
    front = ' class="front"' if line.pareto else ""
    return f"<tr{front}><td>{escape(line.compressor)}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
