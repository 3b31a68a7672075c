"""The command `weighbridge`: every sub-command in a module of its own, errors in one place."""

from __future__ import annotations

import sys
from typing import ClassVar

import typer
from pydantic import ValidationError
from rich.console import Console

from cli.lazy import LazyGroup
from suite.errors import MachineError, WeighbridgeError


class Commands(LazyGroup):
    """All commands."""

    places: ClassVar[dict[str, str]] = {
        "ls": "cli.listing:app",
        "data": "cli.data:app",
        "export": "cli.exchange:exports",
        "import": "cli.exchange:imports",
        "describe": "cli.listing:describe",
        "run": "cli.running:run",
        "compare": "cli.judging:compare",
        "claims": "cli.judging:claims",
        "rescore": "cli.rescoring:rescore",
        "site": "cli.site:site",
        "new-method": "cli.authoring:new_method",
        "check": "cli.authoring:check",
        "validate": "cli.contributing:validate",
    }


app = typer.Typer(
    name="weighbridge",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Weigh compact representations: what they still know, and what they cost.\n\n"
    "[bold]weighbridge run[/] runs the quick profile, [bold]weighbridge site[/] builds the leaderboard, "
    "[bold]weighbridge new-method NAME[/] starts a method of your own.",
)


@app.callback()
def _root() -> None:
    pass


def main() -> None:
    """Run the command line; what a user can act on is printed as one line, not as a traceback."""
    try:
        app()
    except WeighbridgeError as error:
        Console(stderr=True).print(f"[bold red]error:[/] {_escaped(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1 if isinstance(error, MachineError) else 2)
    except ValidationError as error:
        Console(stderr=True).print(f"[bold red]error:[/] {_escaped(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        Console(stderr=True).print("\nInterrupted. What had ended is stored; run the same command again to go on.")
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
