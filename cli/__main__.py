"""``python -m cli`` is the command `weighbridge`."""

from cli.app import main

main()
