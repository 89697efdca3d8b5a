"""`python -m pinterest_sandbox`: the sandbox without Django."""

from __future__ import annotations

import sys

from .command_line import main

if __name__ == "__main__":
    sys.exit(main())
