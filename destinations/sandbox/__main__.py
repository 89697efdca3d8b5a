"""`python -m destinations.sandbox`: the former name of `python -m pinterest_sandbox`."""

from __future__ import annotations

import sys

from pinterest_sandbox.command_line import main

if __name__ == "__main__":
    sys.exit(main())
