"""YAML files read into pydantic models, with errors that name file, entry, field and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from suite.errors import DeclarationError

M = TypeVar("M", bound=BaseModel)


def read_yaml(file: Path) -> Any:
    """Parse a file; a syntax error names the line."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(file.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - both are safe loaders
    except yaml.YAMLError as error:
        raise DeclarationError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from None


def read_list(file: Path, model: type[M], entries: Any = None) -> list[M]:
    """Validate a file's list of entries (or the `entries` given) against `model`."""
    if entries is None:
        entries = read_yaml(file)
    if not isinstance(entries, list):
        raise DeclarationError(f"{file}: expected a list of entries, found {type(entries).__name__}")
    return [_entry(file, model, entry, number) for number, entry in enumerate(entries, 1)]


def _entry(file: Path, model: type[M], entry: Any, number: int) -> M:
    try:
        return model.model_validate(entry)
    except ValidationError as error:
        name = entry.get("name", number) if isinstance(entry, dict) else number
        problems = "; ".join(_problem(model, detail) for detail in error.errors())
        raise DeclarationError(f"{file}: entry {name!r}: {problems}") from None


def _problem(model: type[BaseModel], detail: Any) -> str:
    field = ".".join(str(part) for part in detail["loc"]) or "entry"
    if detail["type"] == "extra_forbidden":
        return f"unknown field {field!r}; allowed: {', '.join(model.model_fields)}"
    return f"field {field!r}: {detail['msg']} (found {str(detail.get('input'))[:60]!r})"
