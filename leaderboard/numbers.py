"""Numbers as pages print them: 184 kB, 56.9, +1.1 [−0.4, +2.6], p < 0.001. `static/numbers.js` prints the same."""

from __future__ import annotations

from leaderboard.text import formatted, number
from suite.results.catalog import MetricCard

_UNITS = ("B", "kB", "MB", "GB", "TB")


def size(value: object) -> str:
    """Bytes with a decimal unit and two or three significant digits."""
    plain = number(value)
    if plain is None or plain < 0:
        return "—"
    place = 0
    while plain >= 999.5 and place < len(_UNITS) - 1:
        plain, place = plain / 1000, place + 1
    if plain >= 1e6:
        return f"{plain:.3g} {_UNITS[place]}"
    whole = plain >= 99.95 or (place == 0 and (plain >= 10 or plain.is_integer()))
    return f"{plain:.0f} {_UNITS[place]}" if whole else f"{plain:.1f} {_UNITS[place]}"


def is_share(card: MetricCard) -> bool:
    """Whether it is a share or a correlation, which is printed × 100 with one decimal."""
    return card.better == "higher" and card.unit == "" and card.format in (".3f", "+.3f", ".1%")


def score(card: MetricCard, value: object, *, signed: bool = False) -> str:
    """A score or a cost in its metric's form; with a plus before what is above zero where `signed`."""
    plain = number(value)
    if plain is not None and is_share(card):
        text = formatted(100 * plain, ",.1f")
    elif card.unit == "B":
        text = size(abs(plain)) if plain is not None and signed else size(value)
        text = f"−{text}" if signed and plain is not None and plain < 0 else text
    else:
        text = formatted(value, card.format.removeprefix("+"))
    positive = plain is not None and plain > 0 and any(digit in text for digit in "123456789")
    return f"+{text}" if positive and (signed or card.format.startswith("+")) else text


def interval(card: MetricCard, ends: tuple[float, float] | None, *, signed: bool = False) -> str:
    """An interval in brackets; nothing where there is none."""
    return "" if ends is None else f"[{score(card, ends[0], signed=signed)}, {score(card, ends[1], signed=signed)}]"


def smaller(value: object) -> str:
    """How many times smaller."""
    plain = number(value)
    if plain is None:
        return "—"
    if plain < 0.95:
        return f"{plain:.2g} ×"
    return f"{plain:,.0f} ×" if plain >= 9.95 else f"{plain:.1f} ×"


def percent(value: object) -> str:
    """Per cent with one decimal, without its sign."""
    return formatted(value, ",.1f")


def p_value(value: object) -> str:
    """A p-value of three decimals."""
    plain = number(value)
    if plain is None:
        return "—"
    return "< 0.001" if plain < 0.001 else f"{plain:.3f}"
