"""The command `weighbridge`: every sub-command in a module of its own, errors in one place."""

from __future__ import annotations

from typing import Annotated, ClassVar

import typer

from cli import streams
from cli.lazy import Interrupted, LazyGroup
from suite.errors import MachineError, WeighbridgeError

INTERRUPTED = 130
"""Exit code of a command that was asked to end."""


class Commands(LazyGroup):
    """All commands."""

    places: ClassVar[dict[str, str]] = {
        "run": "cli.running:run",
        "show": "cli.showing:show",
        "why": "cli.why:why",
        "compare": "cli.comparing:compare",
        "recommend": "cli.recommending:recommend",
        "plot": "cli.plotting:plot",
        "claims": "cli.judging:claims",
        "rescore": "cli.rescoring:rescore",
        "site": "cli.site:site",
        "vectors": "cli.vectors:vectors",
        "ls": "cli.listing:app",
        "describe": "cli.listing:describe",
        "data": "cli.data:app",
        "new-method": "cli.authoring:new_method",
        "check": "cli.authoring:check",
        "export": "cli.exchange:exports",
        "import": "cli.exchange:imports",
        "validate": "cli.contributing:validate",
        "cite": "cli.citing:cite",
    }


app = typer.Typer(
    name="weighbridge",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Weigh compact representations: what they still know, and what they cost.\n\n"
    "[bold]weighbridge vectors FILE[/] weighs compressors on your own vectors, "
    "[bold]weighbridge run[/] measures the quick profile, [bold]weighbridge show[/] prints what is stored, "
    "[bold]weighbridge site[/] builds the leaderboard, [bold]weighbridge new-method NAME[/] starts a method of your "
    "own.\n\n"
    "What runs, runs the profile quick unless -p says otherwise. What reads results reads the first of quick, standard "
    "and full that holds what is asked for.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"weighbridge {version('weighbridge')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; what a user can act on is printed as one line, not as a traceback."""
    from pydantic import ValidationError

    streams.prepare()
    try:
        app()
    except (WeighbridgeError, ValidationError) as error:
        streams.stop(1 if isinstance(error, MachineError) else 2, f"error: {error}")
    except (Interrupted, KeyboardInterrupt) as stopped:
        done = str(stopped) or "What had ended is stored; the same command goes on"
        streams.stop(INTERRUPTED, f"\nInterrupted. {done}.")
    except OSError as error:
        streams.stop(1, None if isinstance(error, BrokenPipeError) else f"error: {streams.described(error)}")
    except SystemExit as ended:
        # typer makes a silent exit of an interruption outside of a command's own code
        streams.stop(ended.code, "\nInterrupted." if ended.code == INTERRUPTED else None)
