"""The Wikipedia sample inside gensim's test data: 106 articles, read by section.

`load_sections` follows the protocol of TREC CAR (Dietz et al., TREC 2017): a query is an article's title followed by
a heading path, and the paragraphs of exactly that section are relevant. The lead of an article has no heading, so it
is neither query nor corpus. gensim strips the markup and keeps headings and captions; list items, sections that hold
no prose (references, external links …) and paragraphs shorter than `min_chars` are left out.

Articles are numbered in the order of the dump. The option `articles` keeps all, the even or the odd ones, so that what
trains on one half can be judged on the other; `every` keeps each n-th of the dump, from the first.
"""

from __future__ import annotations

import bz2
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from suite.data.types import PairSet, RetrievalSet, TextSet

Half = Literal["all", "even", "odd"]

HEADING = re.compile(r"(={2,6})\s*(.*?)\s*\1")
EMPHASIS = re.compile(r"'{2,}")
LIST_MARKS = "*#:;"
NO_PROSE = frozenset(
    {
        "bibliography", "citations", "external links", "filmography", "footnotes", "further reading", "gallery",
        "notes", "notes and references", "publications", "reference literature", "references", "see also",
        "selected bibliography", "sources", "works cited",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Paragraph:
    """One line of prose with the title of its article and the headings above it, outermost first."""

    title: str
    headings: tuple[str, ...]
    text: str

    @property
    def query(self) -> str:
        """Title and heading path, the query of TREC CAR."""
        return " ".join((self.title, *self.headings))


def load_sections(path: Path, min_chars: int = 150, articles: Half = "all", every: int = 1) -> RetrievalSet:
    """Sections as queries, their paragraphs as relevant documents.

    Args:
        path: the bzip2 dump.
        min_chars: length from which a paragraph is kept.
        articles: which half of the articles to keep.
        every: keep each n-th article of the dump.
    """
    paragraphs = _paragraphs(path, min_chars, articles, every)
    ids = [f"p{row}" for row in range(len(paragraphs))]
    sections: dict[str, dict[str, int]] = {}
    for document, paragraph in zip(ids, paragraphs, strict=True):
        sections.setdefault(paragraph.query, {})[document] = 1
    query_ids = [f"s{row}" for row in range(len(sections))]
    qrels = dict(zip(query_ids, sections.values(), strict=True))
    return RetrievalSet(ids, [p.text for p in paragraphs], query_ids, list(sections), qrels)


def load_paragraphs(path: Path, min_chars: int = 150, articles: Half = "all", every: int = 1) -> TextSet:
    """The same paragraphs without queries: generic text to fit on."""
    return TextSet([paragraph.text for paragraph in _paragraphs(path, min_chars, articles, every)])


def load_pairs(path: Path, min_chars: int = 150, articles: Half = "odd", every: int = 1) -> PairSet:
    """Title and heading path beside each paragraph of the section, all of similarity 1: pairs to train on."""
    paragraphs = _paragraphs(path, min_chars, articles, every)
    return PairSet([p.query for p in paragraphs], [p.text for p in paragraphs], np.ones(len(paragraphs)))


def load_text(path: Path, articles: Half = "all") -> str:
    """Title and text of the articles without markup, headings and lists included, one blank line between blocks."""
    return "\n\n".join(
        block for title, text in _choose(_articles(path), articles, 1) for block in (title, *filter(None, _lines(text)))
    )


def _choose(articles: list[tuple[str, str]], half: Half, every: int) -> list[tuple[str, str]]:
    parities = {"all": (0, 1), "even": (0,), "odd": (1,)}[half]
    return [article for row, article in enumerate(articles) if row % 2 in parities and row % every == 0]


def _paragraphs(path: Path, min_chars: int, half: Half, every: int) -> list[Paragraph]:
    return [
        Paragraph(title, headings, line)
        for title, text in _choose(_articles(path), half, every)
        for headings, line in _sections(text)
        if len(line) >= min_chars and line[0] not in LIST_MARKS
    ]


def _sections(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Lines of prose below a heading, with all headings above them."""
    above: list[tuple[int, str]] = []
    for line in _lines(text):
        if heading := HEADING.fullmatch(line):
            level = len(heading[1])
            above = [(depth, name) for depth, name in above if depth < level] + [(level, heading[2])]
        elif above and not any(name.lower() in NO_PROSE for _, name in above):
            yield tuple(name for _, name in above), line


def _lines(text: str) -> Iterator[str]:
    return (" ".join(line.split()) for line in EMPHASIS.sub("", text).split("\n"))


@lru_cache(maxsize=1)
def _articles(path: Path) -> list[tuple[str, str]]:
    """Title and text without markup of every article in the order of the dump, without redirects and project pages."""
    from gensim.corpora.wikicorpus import extract_pages, filter_wiki

    with bz2.open(path) as dump:
        return [
            (title, filter_wiki(text))
            for title, text, _ in extract_pages(dump, filter_namespaces=("0",))
            if not text.lower().startswith("#redirect") and not title.startswith("Wikipedia:")
        ]
