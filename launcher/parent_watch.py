"""Runs a command that ends when its parent ends, even if that was killed with SIGKILL.

``python parent_watch.py PARENT_PID COMMAND ...``: asks Linux for a SIGTERM at the parent's death,
then becomes the command. Elsewhere (macOS) there is no such promise: there only an orderly end of
the parent ends the command. Needs nothing but the standard library, so that it starts at once.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("The parent process ended before the command could start.")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
