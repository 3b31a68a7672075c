"""Names as people write them: "MUVERA · rerank · 10,240 d" for ``muvera[arm=rerank,dim=10240]``."""

from __future__ import annotations

import re
from functools import lru_cache

from leaderboard.text import clean
from suite.results.catalog import TaskCard

SHORT = 22
"""Characters of a task's short title."""

_WRITTEN = """
MiniLM BM25 TF-IDF PCA PQ OPQ RQ ITQ LSH RaBitQ int8 int4 fp8 MUVERA CRISP MONA WordLlama EfficientNet Lite0 MaxSim BERT
SmolLM2 CompactifAI CURA CRATE KARL cMIM CFCD DOLG FALCON TruthPrInt LIMIT 2D gzip bzip2 xz zstd brotli PNG JPEG XL LS
WebP Matryoshka Bloom 9e
"""
_WORDS = {word.lower(): word for word in _WRITTEN.split()} | {"tfidf": "TF-IDF"}
_JOINED = {"lq-lora": "LQ-LoRA", "g-ssnn": "G-SSNN", "d-simplex": "D-Simplex"}
_BARE = ("arm", "precision", "layout", "kind", "mode", "head", "stored")
"""Parameters whose values speak for themselves."""

_PARTS = re.compile(r"\+(?![^\[]*\])")
_PART = re.compile(r"([^\[\]]+)(?:\[(.*)\])?", re.DOTALL)


@lru_cache(maxsize=1 << 16)
def configuration(label: str) -> str:
    """The name of a configuration; a label that is no selector stays as it is."""
    parts = [_part(part) for part in _PARTS.split(label)]
    return clean(" + ".join(parts) if all(parts) else label, 120)


@lru_cache(maxsize=1 << 14)
def method(name: str) -> str:
    """The name of a method."""
    return clean(" + ".join(_method(part) for part in name.split("+")), 80)


def task(card: TaskCard) -> str:
    """A task's short title: the declared one, or the title, up to its first comma where it is too long."""
    if card.short or len(card.title) <= SHORT:
        return clean(card.short or card.title, SHORT)
    head = card.title.partition(",")[0]
    if len(head) > SHORT:
        head = head[: SHORT - 1].rpartition(" ")[0].rstrip(" ,;:") or head[: SHORT - 1]
        head += "…"
    return clean(head, SHORT)


def _part(text: str) -> str:
    found = _PART.fullmatch(text)
    if found is None:
        return ""
    pairs = (pair.partition("=") for pair in (found[2] or "").split(",") if pair)
    return " · ".join((_method(found[1]), *(_parameter(key, value) for key, _, value in pairs)))


def _method(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9.-]+", name):
        return name
    for joined, written in _JOINED.items():
        if name == joined or name.startswith(f"{joined}-"):
            return " ".join((written, *(_WORDS.get(word, word) for word in name[len(joined) :].split("-") if word)))
    words = [_WORDS.get(word, word) for word in name.split("-")]
    first = words[0]
    if first == name.split("-")[0] and first not in _WORDS.values():
        words[0] = first[:1].upper() + first[1:]
    return " ".join(words)


def _parameter(key: str, value: str) -> str:
    if value in ("True", "False"):
        return key if value == "True" else f"no {key}"
    if key in ("dim", "d") and value.isdigit():
        return f"{int(value):,} d"
    if key == "bits" and value.isdigit():
        return f"{int(value):,} bit" + ("s" if value != "1" else "")
    if key in _BARE and not re.fullmatch(r"[\d.]+", value):
        return value
    return f"{key} {int(value):,}" if value.isdigit() else f"{key} {value}"
