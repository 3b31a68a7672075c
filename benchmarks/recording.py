"""What was measured, kept part by part, so that an interrupted run goes on where it was."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.fresh import Numbers
from suite.running.machine import git_revision


@dataclass(frozen=True)
class Piece:
    """Things that are measured side by side.

    Attributes:
        name: what it is called on the command line.
        parts: what measures each side; a repeat measures all, one after another.
        repeats: how often.
        skip: a reason why it cannot be measured here, or None.
    """

    name: str
    parts: Mapping[str, Callable[[], Numbers]]
    repeats: int = 3
    skip: Callable[[], str | None] = field(default=lambda: None)


@dataclass(frozen=True)
class Recorded:
    """The measurements of a piece: a list of repeats, each part → numbers."""

    repeats: list[dict[str, Numbers]]

    def values(self, part: str, number: str = "seconds") -> list[float]:
        """One number of a part, in each repeat that has it."""
        return [repeat[part][number] for repeat in self.repeats if number in repeat.get(part, {})]

    def ratios(self, numerator: tuple[str, str], denominator: tuple[str, str]) -> list[float]:
        """Quotients of two numbers, each a (part, number), within each repeat."""
        (a, x), (b, y) = numerator, denominator
        return [
            repeat[a][x] / repeat[b][y] for repeat in self.repeats if x in repeat.get(a, {}) and y in repeat.get(b, {})
        ]


class Recorder:
    """Files of measurements in a folder, one a piece."""

    def __init__(self, folder: Path) -> None:
        """Keep measurements in `folder`."""
        self.folder = folder

    def read(self, piece: Piece) -> Recorded:
        """What is there."""
        try:
            return Recorded(json.loads(self._file(piece).read_text()))
        except FileNotFoundError:
            return Recorded([])

    def forget(self, piece: Piece) -> None:
        """Throw its measurements away."""
        self._file(piece).unlink(missing_ok=True)

    def complete(self, piece: Piece) -> bool:
        """Whether no part is missing, or the piece cannot be measured here."""
        repeats = self.read(piece).repeats[: piece.repeats]
        done = len(repeats) == piece.repeats and all(set(piece.parts) <= set(repeat) for repeat in repeats)
        return done or piece.skip() is not None

    def measure(self, piece: Piece, repeats: int, say: Callable[[str], None]) -> None:
        """Measure the parts that are missing of the first `repeats` repeats, and keep each at once."""
        if reason := piece.skip():
            say(f"{piece.name}: skipped: {reason}")
            return
        recorded = self.read(piece).repeats
        for number in range(repeats):
            if number == len(recorded):
                recorded.append({})
            for part, function in piece.parts.items():
                if part in recorded[number]:
                    continue
                load, start = os.getloadavg()[0], time.time()
                numbers = function()
                context = {
                    "load_before": load,
                    "load_after": os.getloadavg()[0],
                    "started": start,
                    "real_time": float(os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR)),
                }
                recorded[number][part] = numbers | context
                self._write(piece, recorded)
                say(f"{piece.name} {number + 1}/{repeats} {part}: {time.time() - start:.1f} s")

    def context(self, pieces: list[Piece]) -> dict[str, str]:
        """Load of the machine, time and priority of measuring over all pieces; the code that writes the page."""
        repeats = [(piece.name, list(repeat.values())) for piece in pieces for repeat in self.read(piece).repeats]
        parts = [part for _, repeat in repeats for part in repeat]
        loads = [part["load_before"] for part in parts]
        days = sorted({time.strftime("%Y-%m-%d", time.gmtime(part["started"])) for part in parts})
        return {
            "load": f"{min(loads):.1f} to {max(loads):.1f}, median {median(loads):.1f}" if loads else "not measured",
            "days": ", ".join(days),
            "first": self._minutes(min((part["started"] for part in parts), default=0)),
            "last": self._minutes(max((part["started"] for part in parts), default=0)),
            "gap": self._longest_gap(repeats),
            "ahead": f"{sum(part.get('real_time', 0) > 0 for part in parts)} of {len(parts)}",
            "revision": (git_revision() or "unknown")[:12],
        }

    @staticmethod
    def _minutes(seconds: float) -> str:
        return time.strftime("%H:%M", time.gmtime(seconds))

    @staticmethod
    def _longest_gap(repeats: list[tuple[str, list[Numbers]]]) -> str:
        """The piece one of whose repeats has its first and its last part furthest apart, with the minutes."""
        spans = [
            (max(part["started"] for part in parts) - min(part["started"] for part in parts), name)
            for name, parts in repeats
            if parts
        ]
        seconds, name = max(spans, default=(0.0, "none"))
        return f"{seconds / 60:.0f} minutes ({name})"

    def _file(self, piece: Piece) -> Path:
        return self.folder / f"{piece.name}.json"

    def _write(self, piece: Piece, recorded: list[dict[str, Numbers]]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self._file(piece).with_suffix(".tmp")
        temporary.write_text(json.dumps(recorded, indent=1))
        temporary.replace(self._file(piece))
