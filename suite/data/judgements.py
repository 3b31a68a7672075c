"""Judgements of relevance, wherever they are from: what a grade is, and what happens to a pair that is judged twice."""

from __future__ import annotations

import re
from typing import Any

from suite.errors import DeclarationError
from suite.guarded import shortened

_WHOLE = re.compile(r"[+-]?\d+(\.0*)?", re.ASCII)
LARGEST_GRADE = 2**31 - 1
_LONGEST = 1000


def grade_of(value: Any) -> int:
    """A whole grade: 2, 2.0, "2" or "2.0". ValueError for a fraction, a truth value, or anything else."""
    grade = None
    if isinstance(value, float) and value.is_integer():
        grade = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        grade = value
    elif isinstance(value, str) and len(value) < _LONGEST and _WHOLE.fullmatch(text := value.strip()):
        grade = int(text.partition(".")[0])
    if grade is None or abs(grade) > LARGEST_GRADE:
        raise ValueError(f"grade {shortened(repr(value))} is not a whole number")
    return grade


def unquoted(cell: str) -> str:
    """A cell without the double quotes around all of it; one written twice inside stands for itself."""
    return cell[1:-1].replace('""', '"') if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell


def is_number(text: str) -> bool:
    """Whether a cell holds a number of any kind."""
    try:
        float(text)
    except ValueError:
        return False
    return True


class Judgements:
    """Collects grades. A pair may be judged twice alike; two different grades are refused: nobody knows which is right.

    Attributes:
        qrels: query id → document id → grade, in the order in which they came.
    """

    def __init__(self) -> None:
        """Start without judgements."""
        self.qrels: dict[str, dict[str, int]] = {}

    def add(self, where: str, query: str, document: str, value: Any) -> None:
        """Take one judgement.

        Raises:
            DeclarationError: the grade is not a whole number, or contradicts an earlier one; begins with `where`.
        """
        try:
            grade = grade_of(value)
        except ValueError as error:
            raise DeclarationError(f"{where}: {error}") from None
        known = self.qrels.setdefault(query, {}).setdefault(document, grade)
        if known != grade:
            raise DeclarationError(
                f"{where}: document {document!r} has grade {grade} for query {query!r}, and {known} before: keep one"
            )
