"""Untrusted text and numbers made fit to print: nothing executes, nothing breaks the page, nothing is lost silently."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

LONGEST_TEXT = 300
"""Characters of a name or note that a page prints; the rest is in the downloads."""

_CONTROL = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\n\t"} | {0x7F: 0x2421}
_BIDI = {code: f"[U+{code:04X}]" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)}
_VISIBLE: dict[int, int | str] = {**_CONTROL, **_BIDI, **{code: f"[U+{code:04X}]" for code in range(0x80, 0xA0)}}
_SURROGATE = re.compile("[\ud800-\udfff]")
_PLAIN_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_FORMAT = re.compile(r",?\.\d[feg%]|,?d|")
_IN_SCRIPT = {c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}
_LARGEST = 1e15


def clean(text: object, longest: int | None = LONGEST_TEXT) -> str:
    """Text with control and direction characters made visible, lone surrogates named, and a bounded length."""
    plain = str(text)
    if plain.isascii() and plain.isprintable() and (longest is None or len(plain) <= longest):
        return plain
    cut = len(plain) - longest if longest is not None and len(plain) > longest else 0
    plain = (plain[:longest] if cut else plain).translate(_VISIBLE)
    plain = _SURROGATE.sub(lambda match: f"[U+{ord(match[0]):04X}]", plain)
    return f"{plain}… ({cut:,} more characters)" if cut else plain


@lru_cache(maxsize=1 << 16)
def slug(name: str) -> str:
    """A file name for any text, the same on case-insensitive file systems; plain lower-case names stay as they are."""
    if _PLAIN_SLUG.fullmatch(name) and not name.startswith("index"):
        return name
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower())[:60].strip("-") or "x"
    return f"{readable}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def number(value: object) -> float | None:
    """A finite float, or None for everything else."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        plain = float(value)
    except OverflowError:
        return None
    return plain if math.isfinite(plain) else None


def formatted(value: object, form: str = ".3f") -> str:
    """A number as a metric's declaration prints it; an em dash for none, a power of ten for what would not fit."""
    plain = number(value)
    if plain is None:
        return "—"
    if abs(plain) >= _LARGEST:
        return f"{plain:.3g}"
    if not _FORMAT.fullmatch(form):
        form = ".3f"
    text = format(round(plain) if form.endswith("d") else plain, form)
    if text.startswith("-") and not any(digit in text for digit in "123456789"):
        text = text[1:]
    return text.replace("-", "−")


def compact(value: object, digits: int = 6) -> float | int | None:
    """A number with `digits` significant digits, short in JSON."""
    plain = value if type(value) is float and math.isfinite(value) else number(value)
    if plain is None:
        return None
    if plain.is_integer() and abs(plain) < _LARGEST:
        return int(plain)
    return float(f"{plain:.{digits}g}")


def script_json(value: Any) -> str:
    """JSON that is safe inside a script element and inside a script file, in any browser."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    if not text.isascii():
        text = _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    for character, escape in _IN_SCRIPT.items():
        text = text.replace(character, escape)
    return text


def params_text(params: Mapping[str, object]) -> str:
    """A variant's parameters, as its selector writes them."""
    return ",".join(f"{key}={value}" for key, value in params.items())


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 cell``, ``2 cells``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
