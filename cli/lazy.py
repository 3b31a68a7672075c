"""Commands that are imported when they are asked for: one does not pay for the others."""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group


class Interrupted(Exception):
    """Ctrl-C or a request to end, as an error: of a KeyboardInterrupt typer would make a silent exit."""


class LazyGroup(TyperGroup):
    """A group whose commands are named by place, ``module:attribute``: a function, or a group of its own."""

    places: ClassVar[dict[str, str]] = {}

    def __init__(self, **attributes: Any) -> None:
        """Know the names, from which the nearest one is suggested for a mistyped one."""
        super().__init__(**attributes)
        names: dict[str, Any] = dict.fromkeys(self.places)
        self.commands = names

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            raise Interrupted(str(interrupt)) from interrupt

    def list_commands(self, ctx: Any) -> list[str]:
        """Names, in the order of declaration."""
        return list(self.places)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import a command; None if there is none of this name."""
        if cmd_name not in self.places:
            return None
        module, _, attribute = self.places[cmd_name].partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            group = get_group(found)
            group.name = cmd_name
            return group
        alone = typer.Typer(rich_markup_mode="rich", add_completion=False)
        alone.command(cmd_name)(found)
        return get_command(alone)
