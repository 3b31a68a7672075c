"""The plane of bytes and what is kept, as one SVG file that needs nothing else."""

from __future__ import annotations

from html import escape
from math import log2

from suite.vectors.table import Line, Table

WIDTH, HEIGHT = 760, 460
LEFT, RIGHT, TOP, BOTTOM = 60, 150, 20, 50


def svg(table: Table) -> str:
    """Every compressor's bytes a document (logarithmic) against the main metric; the Pareto front is joined."""
    lines = [line for line in table.lines if line.reason is None]
    low, high = (round_(log2(max(1.0, line.bytes))) for round_, line in ((_down, _least(lines)), (_up, _most(lines))))
    high = max(high, low + 1)
    floor = min(line.scores[table.main][0] for line in lines)
    bottom = max(0.0, round(floor - 0.05, 1))
    top = max(1.0, max(line.scores[table.main][0] for line in lines)) if table.main.startswith("overlap") else None
    top = top or max(line.scores[table.main][2] for line in lines) * 1.02

    def x(line: Line) -> float:
        return LEFT + (log2(max(1.0, line.bytes)) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (value - bottom) / max(1e-9, top - bottom) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    for power in range(low, high + 1):
        at = LEFT + (power - low) / (high - low) * (WIDTH - LEFT - RIGHT)
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#e5e5e5"/>')
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{2**power}</text>')
    for step in range(6):
        value = bottom + (top - bottom) * step / 5
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#e5e5e5"/>'
        )
        parts.append(f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.2f}</text>')
    front = sorted((line for line in lines if line.pareto), key=lambda line: line.bytes)
    path = " ".join(f"{x(line):.1f},{y(line.scores[table.main][0]):.1f}" for line in front)
    parts.append(f'<polyline points="{path}" fill="none" stroke="#0b62a4" stroke-width="1.5"/>')
    for line in lines:
        mean, lower, upper = line.scores[table.main]
        colour = "#0b62a4" if line.pareto else "#999"
        parts.append(
            f'<line x1="{x(line):.1f}" x2="{x(line):.1f}" y1="{y(lower):.1f}" y2="{y(upper):.1f}" stroke="{colour}"/>'
            f'<circle cx="{x(line):.1f}" cy="{y(mean):.1f}" r="3.5" fill="{colour}"><title>{escape(line.compressor)}: '
            f"{line.bytes:g} bytes, {mean:.3f}</title></circle>"
        )
        if line.pareto:
            parts.append(f'<text x="{x(line) + 6:.1f}" y="{y(mean) + 11:.1f}">{escape(line.compressor)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 12}" text-anchor="middle">bytes a vector</text>')
    parts.append(f'<text x="14" y="{HEIGHT / 2}" transform="rotate(-90 14 {HEIGHT / 2})" text-anchor="middle">')
    parts.append(f"{escape(table.main)}</text></svg>")
    return "\n".join(parts) + "\n"


def _least(lines: list[Line]) -> Line:
    return min(lines, key=lambda line: line.bytes)


def _most(lines: list[Line]) -> Line:
    return max(lines, key=lambda line: line.bytes)


def _down(value: float) -> int:
    return int(value // 1)


def _up(value: float) -> int:
    return int(-(-value // 1))
