"""`bin/chaos`: faults all over the system, and whether every event survived it."""

from __future__ import annotations

import argparse
import faulthandler
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.chaos_run import run_chaos
from tests.chaos.servers import ServerMissing


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bin/chaos",
        description="Injects faults everywhere for a while, waits for the queue to drain, and "
        "checks "
        "that every event that got a 200 ended in the right place. Exit status 1 if not.",
    )
    parser.add_argument("--seed", type=int, default=1, help="which run (default %(default)s)")
    parser.add_argument("--minutes", type=float, default=2, help="default %(default)s")
    parser.add_argument(
        "--rate", type=float, default=200, metavar="N", help="events/s (default %(default)s)"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is still ended
    faulthandler.register(signal.SIGUSR1)
    log = Path(tempfile.gettempdir()) / f"capi-relay-chaos-{options.seed}.log"
    try:
        report = run_chaos(
            seed=options.seed,
            seconds=options.minutes * 60,
            events_per_second=options.rate,
            log=log,
            say=lambda line: print(line, flush=True),
        )
    except ServerMissing as missing:
        print(missing, file=sys.stderr)
        return 2
    print(report.as_text())
    if report.violations:
        print(f"Process logs: {log}")
        return 1
    log.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
