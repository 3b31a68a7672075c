"""The script `weighbridge`, and `python -m weighbridge`."""

from cli.__main__ import main

if __name__ == "__main__":
    main()
