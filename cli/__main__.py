"""The command as a module, `python -m cli`, and what the script `weighbridge` starts."""

import signal
import sys
from contextlib import suppress


def main() -> None:
    """Start; whoever asks the command to end sees one line, while Python still imports, too."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # before and after what follows, it ends without a traceback
    from suite.interrupts import interruptible

    with interruptible(to_the_end=True):
        try:
            from cli.app import main as command

            command()
        except KeyboardInterrupt:
            with suppress(OSError, AttributeError):
                sys.stderr.write("\nInterrupted.\n")
            sys.exit(130)
        except MemoryError:
            sys.exit("error: there is too little memory to start")


if __name__ == "__main__":
    main()
