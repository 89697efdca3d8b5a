"""The sandbox as a program: its options, its start message, its shutdown."""

from __future__ import annotations

import argparse
import gc
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any

from . import faults
from .faults import FaultRefused
from .sandbox import MAX_BODY_BYTES, Sandbox


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `manage.py pinterest_sandbox` and `python -m pinterest_sandbox`."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port", type=int, default=8100, help="0 chooses a free port (%(default)s)"
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[=ARG]",
        help="inject a fault, e.g. poison=ID, status=500:0.3, latency=0.05; may be repeated",
    )
    parser.add_argument(
        "--token",
        action="append",
        default=[],
        help="accept only this token; may be repeated (default: any that doesn't start with bad)",
    )
    parser.add_argument(
        "--account",
        action="append",
        default=[],
        metavar="ID",
        help="allow only this ad account; may be repeated (default: any, but 403… and 404… are "
        "refused)",
    )
    parser.add_argument(
        "--ledger",
        type=Path,
        metavar="FILE",
        help="store the ledger in this file, so that it survives restarts",
    )
    parser.add_argument("--seed", type=int, help="make random faults repeatable")
    parser.add_argument(
        "--keep-conversions",
        type=int,
        default=50_000,
        metavar="N",
        help="how many conversions to store in full (%(default)s)",
    )
    parser.add_argument(
        "--max-body-bytes",
        type=int,
        default=MAX_BODY_BYTES,
        metavar="N",
        help="larger request bodies get a 413 (%(default)s)",
    )


def run_sandbox(options: dict[str, Any]) -> int:
    """Serve until SIGINT or SIGTERM. Returns the exit code; must be called in the main thread."""
    try:
        sandbox = Sandbox(
            host=options["host"],
            port=options["port"],
            faults=options["fault"],
            tokens=options["token"],
            accounts=options["account"],
            ledger_file=options["ledger"],
            seed=options["seed"],
            keep_conversions=options["keep_conversions"],
            max_body_bytes=options["max_body_bytes"],
        )
    except FaultRefused as refused:
        print(f"--fault: {refused}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"Can't use the ledger file: {error}", file=sys.stderr)
        return 1
    _spare_the_garbage_collector()
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        sandbox.start()
    except OSError as error:
        place = f"{options['host']}:{options['port']}"
        print(f"The Pinterest sandbox can't listen on {place}: {error}", file=sys.stderr)
        return 1
    print(f"Pinterest sandbox on {sandbox.url} (open it in a browser for instructions)", flush=True)
    stop.wait()
    sandbox.close()
    return 0


def _spare_the_garbage_collector() -> None:
    """Every request makes some ten thousand short-lived dicts and no cycle among them.

    With the default thresholds the collector takes about 40 % of the sandbox's CPU time.
    """
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m pinterest_sandbox",
        description="A stand-in for the Pinterest Conversions API, for trials and tests.",
        epilog=faults.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    return run_sandbox(vars(parser.parse_args(arguments)))
