"""Recall-intensive documents of the JRT paper (Arora et al., arXiv:2407.05483): FDA, SWDE and SQuAD completion.

A row has a document (`text`), an attribute (`key`) and its value. The document is cut off before the attribute is asked
for, the question is the attribute with a colon, and the answer is the value, which must occur in what a model goes on
to write. Prompts are those of the paper's own evaluation: once, ``D Q``; twice, ``Information about K. D D Q`` (JRT
prompting). SQuAD completion asks with the sentence to be completed; twice, the question and its passage come first.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from suite.data.types import Passage, RecallSet
from suite.errors import DeclarationError
from tasks.data import hub

NO_TOKENS = np.empty(0, np.int32)
SUMMARY = "Summary of information above..."


def load_attributes(path: Path, split: str = "validation") -> RecallSet:
    """Documents with an attribute to be named: FDA and SWDE."""
    once, twice, questions, answers = [], [], [], []
    for row in _rows(path, split, ("text", "key", "value")):
        document = cut(row["text"], row["key"])
        key = row["key"][0].upper() + row["key"][1:]
        once.append(document)
        twice.append(f"Information about {key}. {document}\n{document}")
        questions.append(f" {key}:")
        answers.append(row["value"])
    return _recall_set(path, once, twice, questions, answers)


def load_completions(path: Path, split: str = "validation") -> RecallSet:
    """Passages with a sentence to be completed: SQuAD completion."""
    once, twice, questions, answers = [], [], [], []
    for row in _rows(path, split, ("text", "context", "question", "value")):
        text = row["text"].strip()
        # The last line is the sentence to be completed: it is the question, whatever has been read before.
        document, newline, sentence = text.rpartition("\n")
        if not newline:
            document, _, sentence = text.rpartition(". ")
        once.append(document)
        twice.append(f"{row['question']} {row['context'].split('Question:')[0]}\n{document}")
        questions.append(f"\n{sentence}" if newline else f". {sentence}")
        answers.append(row["value"])
    return _recall_set(path, once, twice, questions, answers)


def cut(text: str, key: str) -> str:
    """The document before its summary and before the attribute is asked for, ending in a full stop."""
    document = text.split(SUMMARY)[0]
    question = f"{key}:".lower()
    while document.lower().endswith(question):
        document = document[: -len(question)]
    return document.strip().strip(".").strip() + "."


def _rows(path: Path, split: str, columns: tuple[str, ...]) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    for row in hub.rows(path, None, split):
        if missing := [name for name in columns if not row.get(name)]:
            raise DeclarationError(f"{path}: a row without {', '.join(missing)}; it has {', '.join(row)}")
        rows.append(row)
    return rows


def _recall_set(path: Path, once: list[str], twice: list[str], questions: list[str], answers: list[str]) -> RecallSet:
    if not once:
        raise DeclarationError(f"{path}: holds no documents")
    texts = {"once": once, "twice": twice}
    return RecallSet(
        contexts={name: [Passage(NO_TOKENS, text) for text in documents] for name, documents in texts.items()},
        questions=[Passage(NO_TOKENS, text) for text in questions],
        answers=[Passage(NO_TOKENS, text) for text in answers],
        groups=[str(row) for row in range(len(once))],
        floors=np.zeros(len(once)),
    )
