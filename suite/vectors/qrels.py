"""Files of judgements: BEIR's tab-separated ones with or without a head, and TREC's four columns."""

from __future__ import annotations

from pathlib import Path

from suite import files
from suite.data.judgements import Judgements, is_number, unquoted
from suite.errors import WeighbridgeError


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Grades by query id and document id.

    Args:
        path: lines of ``query document grade`` (tabs or blanks), or of TREC's ``query iteration document grade``. A
            first line whose last cell is no number is a head.

    Raises:
        WeighbridgeError: no such file, a line of another form, or a pair that is judged in two ways.
    """
    try:
        text = bytes(files.read(path, links=True)).decode("utf-8-sig")
    except FileNotFoundError:
        raise WeighbridgeError(f"{path}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise WeighbridgeError(f"{path}: cannot be read as text in UTF-8: {error}") from None
    judgements = Judgements()
    for number, line in enumerate(text.split("\n"), 1):
        cells = line.rstrip("\r").split("\t") if "\t" in line else line.split()
        if not line.strip() or (number == 1 and not is_number(cells[-1])):
            continue
        if len(cells) not in (3, 4):
            raise WeighbridgeError(f"{path}: line {number} is not 'query document grade': {line[:60]!r}")
        query, document, grade = (unquoted(cells[place]) for place in (0, -2, -1))
        judgements.add(f"{path}: line {number}", query, document, grade)
    if not judgements.qrels:
        raise WeighbridgeError(f"{path}: there are no judgements")
    return judgements.qrels
