"""``python -m benchmarks [PIECE …] [--repeats N] [--again]``: measure what is missing and write RESULTS.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.page import measured, page
from benchmarks.pieces import PIECES, SUITE
from benchmarks.plot import svg
from benchmarks.recording import Recorder
from suite.errors import WeighbridgeError
from suite.paths import cache_root
from suite.running.machine import machine

FOLDER = Path(__file__).parent


def main() -> None:
    """Without pieces, all; a run that was interrupted goes on, and after one that was not all begin anew."""
    pieces = {piece.name: piece for piece in PIECES}
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("pieces", nargs="*", metavar="PIECE", help=f"one of {', '.join(pieces)}; all if none is named")
    parser.add_argument("--repeats", type=int, help="repeats of each piece instead of its own number")
    parser.add_argument("--again", action="store_true", help="forget what was measured of these pieces")
    parser.add_argument("--report", action="store_true", help="measure nothing, write what is there")
    chosen = parser.parse_args()
    if unknown := [name for name in chosen.pieces if name not in pieces]:
        parser.error(f"no piece is called {', '.join(unknown)}; there are {', '.join(pieces)}")
    recorder = Recorder(cache_root() / "benchmarks")
    named = [pieces[name] for name in chosen.pieces] or list(PIECES)
    finished = not chosen.pieces and all(recorder.complete(piece) for piece in PIECES)
    for piece in [] if chosen.report else named:
        if chosen.again or finished:
            recorder.forget(piece)
        try:
            recorder.measure(piece, chosen.repeats or piece.repeats, lambda line: print(line, flush=True))
        except WeighbridgeError as error:
            sys.exit(f"{piece.name}: {error}")
    results = FOLDER / "RESULTS.md"
    by_hand = (FOLDER / "first_run.md").read_text()
    results.write_text(page(recorder, machine(), results.read_text(), by_hand))
    if measured(recorder, SUITE):
        (FOLDER / "results.svg").write_text(svg(recorder))
    print(f"Written: {results}")


if __name__ == "__main__":
    main()
