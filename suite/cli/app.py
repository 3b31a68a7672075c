"""The command `weighbridge`: every sub-command in a module of its own, errors in one place."""

from __future__ import annotations

import sys

import typer
from pydantic import ValidationError
from rich.console import Console

from suite.cli import authoring, contributing, data, exchange, judging, listing, running, site
from suite.errors import WeighbridgeError

app = typer.Typer(
    name="weighbridge",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Weigh compact representations: what they still know, and what they cost.\n\n"
    "[bold]weighbridge run[/] runs the quick profile, [bold]weighbridge site[/] builds the leaderboard, "
    "[bold]weighbridge new-method NAME[/] starts a method of your own.",
)
app.add_typer(listing.app, name="ls")
app.add_typer(data.app, name="data")
app.add_typer(exchange.exports, name="export")
app.add_typer(exchange.imports, name="import")
app.command("describe")(listing.describe)
app.command("run")(running.run)
app.command("compare")(judging.compare)
app.command("claims")(judging.claims)
app.command("site")(site.site)
app.command("new-method")(authoring.new_method)
app.command("check")(authoring.check)
app.command("validate")(contributing.validate)


def main() -> None:
    """Run the command line; what a user can act on is printed as one line, not as a traceback."""
    try:
        app()
    except WeighbridgeError as error:
        Console(stderr=True).print(f"[bold red]error:[/] {_escaped(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2)
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
