"""Starts gdp_desktop from a checkout: `python main.py --help`."""

import sys

from gdp_desktop.commands import main

if __name__ == "__main__":
    sys.exit(main())
