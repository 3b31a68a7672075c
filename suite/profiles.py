"""Profiles: how much a run may spend, and on which seeds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from suite.errors import SelectorError
from suite.selectors import nearest
from suite.yamlfile import read_list


class Profile(BaseModel):
    """One profile.

    Attributes:
        name: folder of its results.
        title: what listings print.
        effort: how much methods may spend on training.
        seeds: seeds of methods whose result depends on one; others run on the first.
        time_limit: seconds a cell may take.
        memory_limit: bytes a cell may take.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    effort: Literal["quick", "standard"]
    seeds: tuple[int, ...] = Field(min_length=1)
    time_limit: float = Field(gt=0)
    memory_limit: int = Field(gt=0)


@cache
def profiles() -> dict[str, Profile]:
    """All profiles by name."""
    return {p.name: p for p in read_list(Path(__file__).with_suffix(".yaml"), Profile)}


def profile(name: str) -> Profile:
    """One profile; SelectorError with the nearest names if there is none."""
    if name not in profiles():
        raise SelectorError(f"no profile {name!r}; {nearest(name, profiles())}")
    return profiles()[name]
