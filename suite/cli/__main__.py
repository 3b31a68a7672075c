"""``python -m suite.cli`` is the command `weighbridge`."""

from suite.cli.app import main

main()
