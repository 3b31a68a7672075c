"""The command as a module, `python -m cli`, and what the script `weighbridge` starts."""

import sys


def main() -> None:
    """Start; whoever presses Ctrl-C while Python still imports sees one line, too."""
    try:
        from cli.app import main as command

        command()
    except KeyboardInterrupt:
        sys.exit("Interrupted.")


if __name__ == "__main__":
    main()
