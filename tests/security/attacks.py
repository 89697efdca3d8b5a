"""`python -m tests.security.attacks [--short] [--only N[,N…]]`: attack a started CAPI Relay, and
say what it came to.

Starts the whole product on this machine, on SQLite and files and, where they answer, on PostgreSQL
and Redis, and does to it what docs/security.md lists. Each row of the table is an attack: what was
measured, what is allowed, and whether it held. Exit status 1 when one did not. ``--short`` takes
one back end and fewer of everything, in less than a minute. Nothing leaves loopback.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import django

from tests import services
from tests.environment import use_test_settings

if TYPE_CHECKING:
    from tests.security.target import Row, Target

    Attack = Callable[[Target], Iterator[Row]]

WIDTHS = (66, 52, 44)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.security.attacks")
    parser.add_argument("--short", action="store_true", help="one back end, fewer of everything")
    parser.add_argument("--only", default="", help="numbers of attacks, with commas between")
    options = parser.parse_args()
    # For what the attacks take from the product: patterns, how bodies are stored.
    use_test_settings()
    django.setup()
    wanted = {int(number) for number in options.only.split(",") if number}
    back_ends = [("SQLite and files", "", "")]
    if (postgres := services.postgres_url()) and (redis := services.redis_url()):
        back_ends.append(("PostgreSQL and Redis", postgres, redis))
    else:
        print("Not attacked on PostgreSQL and Redis: they do not answer.")
    failed = 0
    for title, database_url, redis_url in back_ends[-1:] if options.short else back_ends:
        print(f"\n=== Attacks on {title} ===", flush=True)
        started = time.monotonic()
        rows = run(database_url, redis_url, wanted, is_short=options.short)
        count = sum(not row.held for row in rows)
        failed += count
        print(f"{len(rows)} rows, {count} did not hold, {time.monotonic() - started:.0f} s.")
    return 1 if failed else 0


def run(database_url: str, redis_url: str, wanted: set[int], *, is_short: bool) -> list[Row]:
    """Start the product, do each attack, print and return the rows."""
    from tests.security.target import Target
    from tests.stack import Stack

    lines: list[str] = []
    rows: list[Row] = []
    print_line("#", "attack", "measured", "bound", "held")
    with Stack(
        database_url=database_url, redis_url=redis_url, show=lambda _, line: lines.append(line)
    ) as stack:
        target = Target(stack, lines, is_short=is_short)
        for number, attack in attacks(on_sqlite=not database_url, is_short=is_short).items():
            if wanted and number not in wanted:
                continue
            for row in attempt(number, attack, target):
                print_line(
                    str(row.number),
                    row.attack,
                    row.measured,
                    row.bound,
                    "yes" if row.held else "NO",
                )
                rows.append(row)
    return rows


def attacks(*, on_sqlite: bool, is_short: bool) -> dict[int, Attack]:
    """By their numbers. 8 comes first: the retention goes by IDs, and so wants the oldest."""
    from tests.security import attacks_on_ingest as ingest
    from tests.security import attacks_on_pages as pages
    from tests.security import attacks_on_storage as storage

    every: dict[int, Attack] = {
        8: storage.outlived_bodies,
        1: ingest.silent_connections,
        2: ingest.costly_bodies,
        3: pages.lookups_in_addresses,
        4: pages.heavy_pages,
        5: pages.chosen_dedup_key,
        6: ingest.forged_addresses,
        7: storage.known_write_key,
        9: pages.search_by_email,
        10: storage.open_data_folder,
        11: ingest.floods,
        12: ingest.stolen_message_id,
        13: ingest.foreign_page,
        14: storage.full_disk,
        15: pages.small_leaks,
        16: ingest.poisoned_destination,
    }
    if is_short:
        del every[14]  # a stack on a disk of its own; bin/test has the same
    elif not on_sqlite:  # they start what is theirs, the same on every back end
        for number in (7, 10, 14):
            del every[number]
    return every


def attempt(number: int, attack: Attack, target: Target) -> Iterator[Row]:
    """The rows of an attack; one that says so when it could not be carried out."""
    from tests.security.target import Row

    try:
        yield from attack(target)
    except Exception as error:  # the others are still to be done, and this one did not hold
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        yield Row(number, attack.__name__, said, "to be carried out", held=False)


def print_line(number: str, attack: str, measured: str, bound: str, held: str) -> None:
    cells = (attack, measured, bound)
    padded = " | ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True))
    print(f"{number.rjust(2)} | {padded} | {held}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
