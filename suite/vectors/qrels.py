"""Files of judgements: BEIR's tab-separated ones with a head, and TREC's four columns."""

from __future__ import annotations

from pathlib import Path

from suite.errors import WeighbridgeError


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Grades by query id and document id.

    Args:
        path: lines of ``query document grade`` (tabs or blanks; a head is skipped), or of TREC's
            ``query iteration document grade``.

    Raises:
        WeighbridgeError: no such file, or a line of another form.
    """
    if not path.is_file():
        raise WeighbridgeError(f"{path}: there is no such file")
    grades: dict[str, dict[str, int]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        parts = line.split("\t") if "\t" in line else line.split()
        if not parts:
            continue
        if len(parts) not in (3, 4) or not parts[-1].strip().lstrip("-").isdecimal():
            if number == 1:
                continue
            raise WeighbridgeError(f"{path}: line {number} is not 'query document grade': {line[:60]!r}")
        grades.setdefault(parts[0], {})[parts[-2]] = int(parts[-1])
    if not grades:
        raise WeighbridgeError(f"{path}: there are no judgements")
    return grades
